// Prepared statements that are made here as they were made elsewhere.
#pragma once

#include "core/session_image.h"
#include "pg/pg.h"

namespace aurora_global::extension {

// The statement's text; of an SQL PREPARE that came with other statements in one string only
// itself.
const char* statement_text_of(const PreparedStatement* statement);

// Makes `item`, in the place of what had its name. One that PostgreSQL does not parse any more (its
// table is gone) is made all the same: whoever executes it gets PostgreSQL's own error, as where it
// was made. So is one whose result has changed since. Inside a transaction.
void make_statement(const StatementItem& item);

}  // namespace aurora_global::extension
