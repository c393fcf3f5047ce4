// What of a session moves with it to another server: read from one, restored on the other.
//
// What that is, and how it is restored, is the extension's affair (extension/pg/carry.h): here it
// is an image in pieces, which nobody reads. The commands are utility statements that need no
// function in the database; they go through the extended protocol under a reserved name, for they
// run in a client's session and must leave the unnamed statement alone.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "pgwire/message.h"

namespace aurora_global::router {

struct CarriedState {
  std::vector<std::string> pieces;  // Empty: those of a session that nobody has touched.
  // What cannot be carried, for people: "temporary objects"; empty if everything can.
  std::string obstacle;

  bool empty() const { return pieces.empty(); }
};

// The question, ended with one Sync; its answer are rows with one column each.
pgwire::Bytes ask_for_state();
// The question whether there is an unnamed statement; 26000: no.
pgwire::Bytes ask_for_unnamed();
// Fails with `corrupt`.
Result<CarriedState> parse_carried_state(const std::vector<pgwire::Row>& rows);

// Statements, each with its Sync, so that one that fails does not take others with it.
struct Batch {
  pgwire::Bytes bytes;
  std::vector<std::string> what;  // For each Sync, for people: "the session's state".
};

// Makes the session that it is sent to the one that was read, whatever it was before; a standby
// takes it, too. A state without pieces makes it one that nobody has touched and that no ALTER ROLE
// or ALTER DATABASE concerns.
Batch restore(const CarriedState& state);

// Sent ahead of the client's next message, unawaited: any transaction of the writer's. What a
// standby had to take for serializable is that from the next one on.
Batch arrive();

// The same, of the unnamed statement that a session had: parsed as it was there, and in silence, if
// the server has the extension. `parse` is the client's message.
void restore_unnamed(Batch& batch, pgwire::BytesView parse, bool extension);

// The same, for a session that has written up to `token` through another standby.
void read_after(Batch& batch, std::string_view token);

}  // namespace aurora_global::router
