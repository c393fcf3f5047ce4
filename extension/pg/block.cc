#include "pg/block.h"

#include "pg/isolation.h"
#include "pg/options.h"

extern "C" {
#include "storage/proc.h"
#include "utils/guc_tables.h"
}

namespace aurora_global::extension {

Block block;

namespace {

// Not the names, which are read only for levels that were set, nor the modes: a block that has
// failed may be chained.
void close_block() { block.open = block.chained = block.lost = block.holds = false; }

void forget(XactEvent event, void*) {
  switch (event) {
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE:
      if (block.chained) {
        block.chained = block.holds = false;
      } else {
        close_block();
      }
      break;
    default: break;
  }
}

// The next block has the modes of this one.
void chain() {
  block.read_only = declared_read_only();
  block.serializable = transaction_is_serializable();
  block.chained = block.open;
  if (IsAbortedTransactionBlockState()) block.open = true;
}

GucBoolCheckHook check_read_only = nullptr;
config_bool* read_only_setting = nullptr;

// What the transaction has SET, as the `extra` of the setting's value: so it is taken back with the
// savepoint.
constexpr char kReadOnly = 'r';
constexpr char kReadWrite = 'w';
char chosen = '\0';
LocalTransactionId chosen_in = InvalidLocalTransactionId;  // Of an ended one, it says nothing.
char chosen_before[kSavepointsMax];  // By nesting level: what a subtransaction ends with.

// A standby refuses "off"; here the transaction is then one that may be forwarded, and stays
// read-only as far as this server is concerned.
bool check_transaction_read_only(bool* value, void** extra, GucSource source) {
  const bool forwards = source == PGC_S_SESSION && IsTransactionState() && forwarding_possible();
  if (!forwards) return check_read_only(value, extra, source);
  if (!*value && declared_read_only()) {  // As PostgreSQL has it for a primary.
    const bool inside = GetCurrentTransactionNestLevel() > 1;
    if (inside || FirstSnapshotSet) {
      GUC_check_errcode(ERRCODE_ACTIVE_SQL_TRANSACTION);
      GUC_check_errmsg(inside
                           ? "cannot set transaction read-write mode inside a read-only transaction"
                           : "transaction read-write mode must be set before any query");
      return false;
    }
  }
  *extra = malloc(1);
  if (*extra == nullptr) return false;
  *static_cast<char*>(*extra) = *value ? kReadOnly : kReadWrite;
  *value = true;
  return true;
}

void assign_transaction_read_only(bool, void* extra) {
  chosen = extra == nullptr ? '\0' : *static_cast<char*>(extra);
  chosen_in = MyProc == nullptr ? InvalidLocalTransactionId : MyProc->lxid;
}

void on_subtransaction(SubXactEvent event, SubTransactionId, SubTransactionId, void*) {
  const int level = GetCurrentTransactionNestLevel();
  if (level >= kSavepointsMax) return;
  if (event == SUBXACT_EVENT_START_SUB) {
    if (chosen_in != MyProc->lxid) chosen = '\0';
    chosen_in = MyProc->lxid;
    chosen_before[level] = chosen;
  }
  if (event == SUBXACT_EVENT_COMMIT_SUB) chosen = chosen_before[level];
}

// A transaction without a block is what the default was when it began.
bool default_before = false;
LocalTransactionId default_changed_in = InvalidLocalTransactionId;

void assign_default_read_only(bool, void*) {
  if (MyProc == nullptr || !IsTransactionState() || default_changed_in == MyProc->lxid) return;
  default_before = DefaultXactReadOnly;
  default_changed_in = MyProc->lxid;
}

bool default_as_it_began() {
  const bool changed = default_changed_in != InvalidLocalTransactionId &&
                       default_changed_in == MyProc->lxid && IsTransactionState();
  return changed ? default_before : DefaultXactReadOnly;
}

const char* show_transaction_read_only() {
  const bool shown = forwarding_possible() ? declared_read_only() : XactReadOnly;
  return shown ? "on" : "off";
}

void take_over_read_only() {
  config_generic** variables = get_guc_variables();
  for (int i = 0; i < GetNumConfigOptions(); ++i) {
    if (strcmp(variables[i]->name, "default_transaction_read_only") == 0) {
      reinterpret_cast<config_bool*>(variables[i])->assign_hook = assign_default_read_only;
    }
    if (strcmp(variables[i]->name, "transaction_read_only") != 0) continue;
    read_only_setting = reinterpret_cast<config_bool*>(variables[i]);
    check_read_only = read_only_setting->check_hook;
    read_only_setting->check_hook = check_transaction_read_only;
    read_only_setting->assign_hook = assign_transaction_read_only;
    read_only_setting->show_hook = show_transaction_read_only;
  }
}

}  // namespace

void note_transaction_statement(const TransactionStmt* statement) {
  switch (statement->kind) {
    case TRANS_STMT_BEGIN:
    case TRANS_STMT_START: {
      if (block.open) return;
      close_block();
      block.open = true;
      block.read_only = DefaultXactReadOnly;
      block.serializable = serializable_by_default();
      return;
    }
    case TRANS_STMT_COMMIT:
    case TRANS_STMT_ROLLBACK:
      if (statement->chain) chain();
      return;
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
  if ((statement->options & CURSOR_OPT_HOLD) != 0) block.holds = true;
}

bool declared_read_only() {
  const bool present = chosen_in != InvalidLocalTransactionId && chosen_in == MyProc->lxid;
  if (present && chosen != '\0') return chosen == kReadOnly;
  return block.open ? block.read_only : default_as_it_began();
}

bool read_only_here_alone() {
  return declared_read_only() && !block.open && !default_as_it_began();
}

void install_block() {
  take_over_read_only();
  RegisterXactCallback(forget, nullptr);
  RegisterSubXactCallback(on_subtransaction, nullptr);
}

}  // namespace aurora_global::extension
