// Cursors and portals that were opened on the standby before the transaction's first write: a relay
// runs them here, between the answers of the primary.
#pragma once

#include "pg/inspect.h"
#include "pg/pg.h"

namespace aurora_global::extension {

// Cursors or portals of this session stand open. PostgreSQL's own function for it leaves a scan of
// the hash table behind.
bool has_open_portals();

// A statement runs in it.
void note_portal_runs(Portal portal);

// Whether a relay that begins must keep the local transaction for open portals. Raises 0A000 for a
// cursor WITH HOLD that this transaction declared: it would not outlive it.
bool keep_for_local_cursors();

// The portal of this name, if it stands here.
Portal local_cursor(const char* name);

// Replay cannot wait for them: their transaction ends, and the primary's does not. Whoever uses one
// is told why.
void lose_local_cursors(const char* why);
bool lost_cursors();
// The name is one of those; `why` then. nullptr: it is not.
const char* lost_cursor(const char* name);
const char* lost_cursor_in(const Inspection& found);

// They are gone, with the transaction that they belong to.
void forget_local_cursors();
// The transaction has ended; those WITH HOLD of earlier ones stand.
void keep_held_cursors();
bool cursors_stand_here();
// CLOSE ALL, of those that stand here.
void close_local_cursors();

// The text is a single FETCH, MOVE or CLOSE of a cursor that stands here.
bool is_for_local_cursor(const Inspection& found);

// Raises 0A000 if the text mixes a cursor that stands here with statements for the primary.
void refuse_local_cursors(const Inspection& found);

// What follows answers the client itself. False: the error has gone to the client, and the block
// must fail.

// A query text of which is_for_local_cursor() holds, up to its CommandComplete.
bool run_query_here(const char* text);
// What runs is for a relay that is under way.
bool serves_relay();
// Bind of a statement with such a text: a portal that stands here, too.
bool bind_here(const char* portal, const char* text, std::string_view formats);
bool execute_here(Portal portal, long max_rows);
bool describe_here(Portal portal);
bool describe_statement_here(const char* text);
bool close_here(Portal portal);
// Sends the client the error of refuse_local_cursors(), if it raises one.
bool check_local_cursors(const Inspection& found);

}  // namespace aurora_global::extension
