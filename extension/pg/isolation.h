// Sessions of a standby whose transactions are to be serializable by default.
//
// A hot standby knows no serializable transactions, and PostgreSQL refuses every statement of a
// session with that default. Here its transactions are REPEATABLE READ; where they are forwarded,
// or once this server is a primary, they are serializable.
#pragma once

#include "pg/pg.h"

struct config_generic;

namespace aurora_global::extension {

// `extra` of a value of `default_transaction_isolation` says so.
bool is_serializable_later(const config_generic* gen, const void* extra);
// The open transaction is serializable, or would be at a primary.
bool transaction_is_serializable();
// The session's default is serializable, while the server takes REPEATABLE READ for it.
bool serializable_by_default();
// A statement is parsed: if its transaction began after the promotion with what the standby took
// for serializable, it becomes that, or 40001 is raised where it is too late.
void settle_isolation();
// When the session's user is authenticated: what the server's files say.
void begin_isolation();

// Takes the setting over, registers callbacks. Once, when the library is loaded.
void install_isolation();

}  // namespace aurora_global::extension
