#include "pg/inspect.h"

#include "pg/classify.h"

extern "C" {
#include "parser/parser.h"
}

namespace aurora_global::extension {
namespace {

List* parse_quietly(const char* text) {
  List* volatile parsed = NIL;
  MemoryContext context = CurrentMemoryContext;
  PG_TRY();
  {
    parsed = raw_parser(text, RAW_PARSE_DEFAULT);
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    FlushErrorState();
  }
  PG_END_TRY();
  return parsed;
}

void look_at(RawStmt* raw, Node* statement, Inspection& found) {
  switch (nodeTag(statement)) {
    case T_TransactionStmt:
      switch (reinterpret_cast<TransactionStmt*>(statement)->kind) {
        case TRANS_STMT_COMMIT:
        case TRANS_STMT_COMMIT_PREPARED:
        case TRANS_STMT_PREPARE: found.commits = true; break;
        default: break;
      }
      break;
    case T_ExecuteStmt:
      found.executed = lappend(found.executed, reinterpret_cast<ExecuteStmt*>(statement)->name);
      break;
    case T_ExplainStmt:
      look_at(raw, reinterpret_cast<ExplainStmt*>(statement)->query, found);
      break;
    case T_CreateTableAsStmt:
      look_at(raw, reinterpret_cast<CreateTableAsStmt*>(statement)->query, found);
      break;
    case T_PrepareStmt:
    case T_DeallocateStmt:
    case T_DiscardStmt: found.prepared = lappend(found.prepared, raw); break;
    case T_ListenStmt: {
      const char* why = nullptr;
      if (place_of(statement, &why) == Where::refused) found.refused = why;
      break;
    }
    default: break;
  }
}

}  // namespace

Inspection inspect(const char* text) {
  Inspection found;
  ListCell* cell;
  foreach (cell, parse_quietly(text)) {
    auto* raw = static_cast<RawStmt*>(lfirst(cell));
    look_at(raw, raw->stmt, found);
  }
  return found;
}

}  // namespace aurora_global::extension
