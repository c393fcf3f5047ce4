#include "pg/block.h"

#include "pg/isolation.h"
#include "pg/options.h"

extern "C" {
#include "utils/guc_tables.h"
}

namespace aurora_global::extension {

Block block;

namespace {

char* option_text(DefElem* option) {
  auto* constant = reinterpret_cast<A_Const*>(option->arg);
  return IsA(constant, A_Const) && IsA(&constant->val, String) ? strVal(&constant->val) : nullptr;
}

bool option_true(DefElem* option) {
  auto* constant = reinterpret_cast<A_Const*>(option->arg);
  return IsA(constant, A_Const) && IsA(&constant->val, Integer) && intVal(&constant->val) != 0;
}

// Reads transaction modes and leaves only those that a standby accepts.
List* note_modes(List* modes, bool* read_only, bool* serializable) {
  List* kept = NIL;
  ListCell* cell;
  foreach (cell, modes) {
    auto* option = static_cast<DefElem*>(lfirst(cell));
    if (strcmp(option->defname, "transaction_read_only") == 0) {
      *read_only = option_true(option);
      if (!*read_only) continue;
    }
    if (strcmp(option->defname, "transaction_isolation") == 0) {
      const char* level = option_text(option);
      *serializable = level != nullptr && pg_strcasecmp(level, "serializable") == 0;
      if (*serializable) {
        auto* replaced = static_cast<DefElem*>(copyObjectImpl(option));
        reinterpret_cast<A_Const*>(replaced->arg)->val.sval.sval = pstrdup("repeatable read");
        kept = lappend(kept, replaced);
        continue;
      }
    }
    kept = lappend(kept, option);
  }
  return kept;
}

// Not the names: they are read only for levels that were set.
void close_block() {
  block.open = block.read_only = block.serializable = block.lost = block.holds = false;
}

void forget(XactEvent event, void*) {
  switch (event) {
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE: close_block(); break;
    default: break;
  }
}

GucBoolCheckHook check_read_only = nullptr;
config_bool* read_only_setting = nullptr;

// A standby refuses "off"; here the transaction is then one that may be forwarded, and stays
// read-only as far as this server is concerned.
bool check_transaction_read_only(bool* value, void** extra, GucSource source) {
  const bool forwards = source == PGC_S_SESSION && IsTransactionState() && forwarding_possible();
  if (!forwards) return check_read_only(value, extra, source);
  if (!*value) {
    // As PostgreSQL has it for a primary.
    if (declared_read_only() && (GetCurrentTransactionNestLevel() > 1 || FirstSnapshotSet)) {
      GUC_check_errcode(ERRCODE_ACTIVE_SQL_TRANSACTION);
      GUC_check_errmsg("transaction read-write mode must be set before any query");
      return false;
    }
    *value = true;
    if (block.open) block.read_only = false;
  } else if (block.open) {
    block.read_only = true;
  }
  return true;
}

const char* show_transaction_read_only() {
  const bool shown = forwarding_possible() ? declared_read_only() : XactReadOnly;
  return shown ? "on" : "off";
}

void take_over_read_only() {
  config_generic** variables = get_guc_variables();
  for (int i = 0; i < GetNumConfigOptions(); ++i) {
    if (strcmp(variables[i]->name, "transaction_read_only") != 0) continue;
    read_only_setting = reinterpret_cast<config_bool*>(variables[i]);
    check_read_only = read_only_setting->check_hook;
    read_only_setting->check_hook = check_transaction_read_only;
    read_only_setting->show_hook = show_transaction_read_only;
  }
}

}  // namespace

void note_transaction_statement(TransactionStmt* statement) {
  switch (statement->kind) {
    case TRANS_STMT_BEGIN:
    case TRANS_STMT_START: {
      if (block.open) return;
      close_block();
      block.open = true;
      block.read_only = DefaultXactReadOnly;
      block.serializable = serializable_by_default();
      statement->options = note_modes(statement->options, &block.read_only, &block.serializable);
      return;
    }
    case TRANS_STMT_SAVEPOINT: {
      const int level = GetCurrentTransactionNestLevel() + 1;
      if (level >= kSavepointsMax) {
        ereport(
            ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
            errmsg("a forwarding session takes at most %d nested savepoints", kSavepointsMax - 2));
      }
      strlcpy(block.savepoints[level], statement->savepoint_name, NAMEDATALEN);
      return;
    }
    default: return;
  }
}

void note_set_transaction(VariableSetStmt* statement) {
  if (statement->kind != VAR_SET_MULTI || strcmp(statement->name, "TRANSACTION") != 0) return;
  bool read_only = block.read_only;
  bool serializable = block.serializable;
  statement->args = note_modes(statement->args, &read_only, &serializable);
  block.read_only = read_only;
  block.serializable = serializable;
}

void refuse_in_lost_block(const Node* statement) {
  if (!block.lost) return;
  if (statement != nullptr && IsA(statement, TransactionStmt)) {
    const auto kind = reinterpret_cast<const TransactionStmt*>(statement)->kind;
    if (kind == TRANS_STMT_ROLLBACK) return;
  }
  ereport(
      ERROR, errcode(ERRCODE_IN_FAILED_SQL_TRANSACTION),
      errmsg("current transaction is aborted, commands ignored until end of transaction block"));
}

void note_declared_cursor(const DeclareCursorStmt* statement) {
  if (block.open && (statement->options & CURSOR_OPT_HOLD) != 0) block.holds = true;
}

bool declared_read_only() { return block.open ? block.read_only : DefaultXactReadOnly; }

void install_block() {
  take_over_read_only();
  RegisterXactCallback(forget, nullptr);
}

}  // namespace aurora_global::extension
