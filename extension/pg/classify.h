// Which statements run at the primary.
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

// Calls a function that may write: volatile and not known to be harmless. Sees through views.
bool calls_primary_function(Query* query);

// Reads or writes an UNLOGGED table, which a standby has no contents of and does not even plan for.
bool uses_unlogged(Query* query);

// A function call of the protocol (libpq's PQfn) that changes the database.
bool fastpath_writes(Oid function);

// The query writes, locks rows, or calls a function that may.
bool writes(Query* query);
bool writes(List* queries);

// A mark in a plan that survives copying and plan caching.
void mark(PlannedStmt* plan);
bool marked(const PlannedStmt* plan);

// The plan writes, locks rows, or is marked.
bool writes(const PlannedStmt* plan);

enum class Where { here, primary };

// Where a utility statement runs.
Where place_of(Node* statement);

// One of PostgreSQL's own functions, and not volatile. Inside a transaction.
bool is_harmless(Oid function);

}  // namespace aurora_global::extension
