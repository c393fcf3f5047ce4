#include "pg/isolation.h"

#include "pg/block.h"
#include "pg/options.h"

extern "C" {
#include "storage/proc.h"
#include "utils/guc_tables.h"
}

namespace aurora_global::extension {
namespace {

config_enum* by_default = nullptr;
config_enum* of_transaction = nullptr;
bool later = false;  // What the setting has now is a stand-in for serializable.

bool at_standby() { return MyProcPort != nullptr && RecoveryInProgress(); }

bool check_default(int* value, void** extra, GucSource) {
  if (*value != XACT_SERIALIZABLE || !at_standby()) return true;
  *extra = malloc(1);
  if (*extra == nullptr) return false;
  *value = XACT_REPEATABLE_READ;
  return true;
}

void assign_default(int, void* extra) { later = extra != nullptr; }

const char* show_default() {
  return later ? "serializable" : config_enum_lookup_by_value(by_default, *by_default->variable);
}

// What the transaction has SET, as the `extra` of the setting's value.
constexpr char kSerializable = 's';
constexpr char kOther = 'o';
char chosen = '\0';
LocalTransactionId chosen_in = InvalidLocalTransactionId;  // Of an ended one, it says nothing.
GucEnumCheckHook check_isolation = nullptr;

// The checks of PostgreSQL's own, against the level that the client knows.
bool check_transaction(int* value, void** extra, GucSource source) {
  if (!IsTransactionState() || !forwarding_possible()) return check_isolation(value, extra, source);
  const int present = transaction_is_serializable() ? XACT_SERIALIZABLE : XactIsoLevel;
  if (*value != present && (FirstSnapshotSet || IsSubTransaction())) {
    GUC_check_errcode(ERRCODE_ACTIVE_SQL_TRANSACTION);
    GUC_check_errmsg(
        FirstSnapshotSet
            ? "SET TRANSACTION ISOLATION LEVEL must be called before any query"
            : "SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction");
    return false;
  }
  *extra = malloc(1);
  if (*extra == nullptr) return false;
  *static_cast<char*>(*extra) = *value == XACT_SERIALIZABLE ? kSerializable : kOther;
  if (*value == XACT_SERIALIZABLE) *value = XACT_REPEATABLE_READ;
  return true;
}

void assign_transaction(int, void* extra) {
  chosen = extra == nullptr ? '\0' : *static_cast<char*>(extra);
  chosen_in = MyProc == nullptr ? InvalidLocalTransactionId : MyProc->lxid;
}

const char* show_transaction() {
  return transaction_is_serializable() ? "serializable"
                                       : config_enum_lookup_by_value(of_transaction, XactIsoLevel);
}

void on_transaction(XactEvent event, void*) {
  if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT) return;
  // The stand-in has done its work; what RESET and the end of blocks bring back is looked at here
  // again.
  if (later && !RecoveryInProgress()) *by_default->variable = XACT_SERIALIZABLE;
}

config_enum* find(const char* name) {
  config_generic** variables = get_guc_variables();
  for (int i = 0; i < GetNumConfigOptions(); ++i) {
    if (strcmp(variables[i]->name, name) != 0) continue;
    Assert(variables[i]->vartype == PGC_ENUM);
    return reinterpret_cast<config_enum*>(variables[i]);
  }
  elog(ERROR, "there is no setting %s", name);
  pg_unreachable();
}

}  // namespace

bool is_serializable_later(const config_generic* gen, const void* extra) {
  return gen == &by_default->gen && extra != nullptr;
}

bool serializable_by_default() { return later; }

bool transaction_is_serializable() {
  if (XactIsoLevel != XACT_REPEATABLE_READ || !at_standby()) {
    return XactIsoLevel == XACT_SERIALIZABLE;
  }
  const bool present = chosen_in != InvalidLocalTransactionId && chosen_in == MyProc->lxid;
  if (present && chosen != '\0') return chosen == kSerializable;
  return block.open ? block.serializable : later;
}

void settle_isolation() {
  if (!later || XactIsoLevel != XACT_REPEATABLE_READ || XactReadOnly) return;
  if (IsTransactionBlock() || RecoveryInProgress()) return;
  if (!FirstSnapshotSet) {
    XactIsoLevel = XACT_SERIALIZABLE;
    return;
  }
  ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
          errmsg("this server became the primary while the transaction began"),
          errhint("Try it again."));
}

void begin_isolation() {
  if (*by_default->variable != XACT_SERIALIZABLE || !at_standby()) return;
  set_config_option(by_default->gen.name, "serializable", PGC_SUSET, by_default->gen.source,
                    GUC_ACTION_SET, true, ERROR, false);
}

void install_isolation() {
  by_default = find("default_transaction_isolation");
  by_default->check_hook = check_default;
  by_default->assign_hook = assign_default;
  by_default->show_hook = show_default;
  of_transaction = find("transaction_isolation");
  check_isolation = of_transaction->check_hook;
  of_transaction->check_hook = check_transaction;
  of_transaction->assign_hook = assign_transaction;
  of_transaction->show_hook = show_transaction;
  RegisterXactCallback(on_transaction, nullptr);
}

}  // namespace aurora_global::extension
