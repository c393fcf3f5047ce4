// The relay: from its first write to its end a transaction runs at the primary, and the client
// talks to the primary through this backend, message by message.
//
// So every answer is the primary's own: rows, formats, notices, errors, COPY, cursors, DDL that the
// next statement sees. The local transaction ends where the relay begins, holding no lock and no
// snapshot that replay could wait for. docs/decisions/005 gives the reasons.
#pragma once

#include "core/position.h"
#include "pg/pg.h"

namespace aurora_global::extension {

// Simple protocol: the client's query text from the byte `location` on runs at the primary, all
// statements of it. Does not return: the stack unwinds by an error that nobody sees.
[[noreturn]] void relay_query(const char* source, int location);

// Extended protocol: `portal` runs at the primary, at most `max_rows` rows of it (0: all), and what
// the client sends until the transaction ends. Returns in a transaction of its own, with a snapshot
// if `restore_snapshot`.
void relay_portal(Portal portal, long max_rows, bool restore_snapshot);

// Asks the primary for its position now: one round trip. Raises 08xxx.
Position primary_position();

// DISCARD here: what of it the session at the primary has, too.
void discard_at_primary(DiscardMode target);

// A relay has ended in this Execute: what else the portal has to run ran at the primary.
bool relayed_in_this_execute();

// A session that may forward has run its first statement: its connection is opened ahead.
void expect_relay();

// Hooks on what goes to the client. Once per process, before the first relay.
void install_relay();

}  // namespace aurora_global::extension
