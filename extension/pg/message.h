// The client's message that PostgreSQL has in hand: what of it no hook tells.
//
// PostgreSQL reads each message into the first piece of memory that it takes from MessageContext
// after emptying it, so this file watches that context's allocations: the first one, and the first
// one for the parsing of a statement. Only those; then PostgreSQL's own function is back.
// Source: PostgreSQL 15, postgres.c (PostgresMain, exec_simple_query, exec_parse_message).
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

// The row limit of the Execute message for this portal; 0: none, or it is another message.
long execute_row_limit(const char* portal);

struct MessageCallbacks {
  // The client's next message is going to be read. Must not raise an error.
  void (*begins)();
  // Before anything of `text` is looked up, which is that of a Query or Parse message, and of some
  // Bind messages; not of a Parse message that is unnamed and has no parameters. Without a
  // snapshot, perhaps outside of a transaction. May raise an error.
  void (*before_parse)(const char* text);
};
// Begins to watch, in a session whose user is authenticated.
void watch_messages(const MessageCallbacks& callbacks);

}  // namespace aurora_global::extension
