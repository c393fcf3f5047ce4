// Sessions that a standby has opened ahead, at the primary: nobody works in them, but PostgreSQL
// counts them where a database has to be free of sessions (DROP, RENAME, a template of CREATE). So
// they are ended before; the standby opens others when somebody needs them.
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

// This session is a forwarded one that has just been admitted.
void note_unused_session();
// It runs its first statement.
void note_used_session();
// Before a utility statement runs.
void end_unused_sessions(const Node* statement);

// Registers callbacks. Once, when the library is loaded.
void install_unused_sessions();

}  // namespace aurora_global::extension
