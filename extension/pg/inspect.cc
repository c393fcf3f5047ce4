#include "pg/inspect.h"
#include "pg/holdoffs.h"

extern "C" {
#include "parser/parser.h"
}

namespace aurora_global::extension {
namespace {

// Without the notices of the lexer, which the text's own parsing gives.
List* parse_quietly(const char* text) {
  List* volatile parsed = NIL;
  const int client_level = client_min_messages;
  const int log_level = log_min_messages;
  client_min_messages = log_min_messages = ERROR;
  MemoryContext context = CurrentMemoryContext;
  const Holdoffs holdoffs;
  PG_TRY();
  { parsed = raw_parser(text, RAW_PARSE_DEFAULT); }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    FlushErrorState();
    holdoffs.put_back();
  }
  PG_END_TRY();
  client_min_messages = client_level;
  log_min_messages = log_level;
  return parsed;
}

void note_cursor(Inspection& found, char* name) {
  if (name == nullptr) return;  // CLOSE ALL.
  found.moved_cursor = name;
  found.cursors = lappend(found.cursors, name);
}

bool find_current_of(Node* node, void* context) {
  if (node == nullptr) return false;
  if (IsA(node, CurrentOfExpr)) {
    auto* found = static_cast<Inspection*>(context);
    found->cursors = lappend(found->cursors, reinterpret_cast<CurrentOfExpr*>(node)->cursor_name);
    return false;
  }
  // PostgreSQL 15 declares walkers without parameters.
  return raw_expression_tree_walker(node, reinterpret_cast<bool (*)()>(find_current_of), context);
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
    case T_DeallocateStmt: found.prepared = lappend(found.prepared, raw); break;
    case T_DiscardStmt:
      if (reinterpret_cast<DiscardStmt*>(statement)->target == DISCARD_ALL) {
        found.discards_all = found.closes_all = true;
        found.prepared = lappend(found.prepared, raw);
      }
      break;
    case T_DeclareCursorStmt:
      found.moved_cursor = reinterpret_cast<DeclareCursorStmt*>(statement)->portalname;
      found.declared =
          lappend(found.declared, reinterpret_cast<DeclareCursorStmt*>(statement)->portalname);
      break;
    case T_FetchStmt:
      note_cursor(found, reinterpret_cast<FetchStmt*>(statement)->portalname);
      break;
    case T_ClosePortalStmt:
      note_cursor(found, reinterpret_cast<ClosePortalStmt*>(statement)->portalname);
      if (reinterpret_cast<ClosePortalStmt*>(statement)->portalname == nullptr)
        found.closes_all = true;
      break;
    case T_UpdateStmt:
    case T_DeleteStmt: find_current_of(statement, &found); break;
    default: break;
  }
}

}  // namespace

Inspection inspect(const char* text) {
  Inspection found;
  ListCell* cell;
  foreach (cell, parse_quietly(text)) {
    auto* raw = static_cast<RawStmt*>(lfirst(cell));
    ++found.statements;
    look_at(raw, raw->stmt, found);
  }
  return found;
}

Inspection inspect(RawStmt* raw) {
  Inspection found;
  if (raw == nullptr) return found;
  found.statements = 1;
  look_at(raw, raw->stmt, found);
  return found;
}

}  // namespace aurora_global::extension
