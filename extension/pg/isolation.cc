#include "pg/isolation.h"

#include "pg/block.h"

extern "C" {
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

const char* show_transaction() {
  const bool serializable = block.open ? block.serializable : later;
  return serializable && XactIsoLevel == XACT_REPEATABLE_READ && RecoveryInProgress()
             ? "serializable"
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
  of_transaction->show_hook = show_transaction;
  RegisterXactCallback(on_transaction, nullptr);
}

}  // namespace aurora_global::extension
