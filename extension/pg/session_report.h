// Whether a session is as it was after its login: what a router must know that moves sessions.
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

// A session that was started with aurora_global.report_session_state=on is told, with ReadyForQuery
// and whenever it changes, what of its state a fresh session would not have: the parameter
// `aurora_global.session_state` is "clean", or a list of settings, prepared, listening, temporary,
// locks, cursors, unnamed (a statement that was parsed under other settings
// than hold now), and a digest of what they stand for: "settings,prepared#0123456789abcdef".
// "clean" has a digest, too, where ALTER ROLE or ALTER DATABASE gave the session something: another
// session with another digest began otherwise. Who has read the state knows by it whether that has
// changed since. The first value comes with the first ReadyForQuery, so that who connects knows
// that it is told. Other sessions pay nothing.
// Behind `@` stands, at a standby, what the session has written through it: a consistency token
// that another standby has to be given (SET aurora_global.session = 'after TOKEN').
inline constexpr char kSessionStateParameter[] = "aurora_global.session_state";
// Told the same sessions once: the OID of the role that logged in. A role of the same name may be
// another one.
inline constexpr char kSessionUserParameter[] = "aurora_global.session_user";

// Takes notice of a utility statement that begins or `has_run`, at any depth, and of a function
// that is about to. Transactions without any that could change the session's state are not looked
// at.
void note_session_statement(const Node* statement, bool has_run);
void note_session_function(Oid function);
// And of what a relay has brought back, in the transaction that it leaves open.
void note_session_relay();
void note_session_prepared();
// And of an unnamed statement that was parsed.
void note_session_unnamed();
// The session was made another one: nothing of what it was is left; it listens.
void note_session_forgotten();
void note_session_listens();

// Before a ReadyForQuery that PostgreSQL does not send, between two transactions: the client is
// told, if it has to be.
void report_session_state();

// The session listens, as far as committed transactions have made it.
bool listens();
// How many advisory locks it holds: outside of a transaction, those of the session.
int session_locks();

// Hooks and callbacks. Once, when the library is loaded.
void install_session_report();

}  // namespace aurora_global::extension
