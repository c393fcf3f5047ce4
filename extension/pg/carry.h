// A session's image, taken and restored by commands that need nothing in the database:
//
//   SHOW aurora_global.session             what stands in the way of moving the session ("" if
//                                          nothing does), then the image in pieces, a row each
//   SHOW aurora_global.session_settings    the settings alone, in one row
//   SET aurora_global.session = 'PIECE'    each piece in order; the last one restores the session
//   SET aurora_global.session = 'none'     as one that nobody has touched and no ALTER ROLE
//                                          concerns
//   SET aurora_global.session = 'unnamed'  the unnamed statement of the restored session follows,
//                                          in the same transaction
//   SET aurora_global.session = 'after TOKEN'  one that has written up to there: what it reads
//                                          has that
//
// An image is sealed with a key that only servers of this cluster have: it proves that what it
// says was so in a session of the same user in the same database, so that what the user could not
// SET by hand may be restored. docs/decisions/016 has the argument.
#pragma once

#include "core/session_image.h"
#include "pg/pg.h"

namespace aurora_global::extension {

inline constexpr char kSessionSetting[] = "aurora_global.session";
inline constexpr char kSessionSettingsSetting[] = "aurora_global.session_settings";

// The statement is one of these commands.
bool is_carry_statement(const Node* statement);
// Runs it. Raises 55000 inside a transaction block, 42501 for an image that is not genuine, not of
// this user or not of this database, else what the item that cannot be restored says.
void run_carry_statement(Node* statement, DestReceiver* receiver, QueryCompletion* completion);

// The SQL that restores `image`, sealed, in one piece.
std::string restoring_sql(const SessionImage& image);
// For images of this session: who and where.
void fill_identity(SessionImage& image);
// Adds a prepared statement as it was made here.
void add_statement(PreparedStatement* statement, SessionImage& image);
// The image in a row of SHOW; raises 42501 if it is not genuine. `fresh`: taken within the hour.
const SessionImage& unsealed(std::string_view hex, bool* fresh);

// Defines the settings. Once, when the library is loaded.
void install_carry();

}  // namespace aurora_global::extension
