#include "pg/session_report.h"

#include "pg/local_cursors.h"

extern "C" {
#include "catalog/namespace.h"
#include "libpq/auth.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/guc_tables.h"
}

namespace aurora_global::extension {
namespace {

ClientAuthentication_hook_type next_authentication = nullptr;
bool reporting = false;
bool prepared = false;  // SQL's PREPARE; those of the protocol are seen by who relays it.
bool listening = false;
int report_counter = 0;
char* state_text = nullptr;

bool has_settings() {
  config_generic** variables = get_guc_variables();
  for (int i = 0; i < GetNumConfigOptions(); ++i) {
    if (variables[i]->source == PGC_S_SESSION) return true;
  }
  return false;
}

// Outside of a transaction only advisory locks of the session are left.
bool has_locks() {
  for (int i = 0; i < NUM_LOCK_PARTITIONS; ++i) {
    if (!SHMQueueEmpty(&MyProc->myProcLocks[i])) return true;
  }
  return false;
}

bool has_temporary_objects() {
  Oid temp = InvalidOid;
  Oid toast = InvalidOid;
  GetTempNamespaceState(&temp, &toast);
  return OidIsValid(temp);
}

// Called outside of any transaction, before ReadyForQuery.
const char* show_state() {
  static char text[96];
  text[0] = '\0';
  const auto add = [&](bool is, const char* what) {
    if (!is) return;
    if (text[0] != '\0') strlcat(text, ",", sizeof text);
    strlcat(text, what, sizeof text);
  };
  add(has_settings(), "settings");
  add(prepared, "prepared");
  add(listening, "listening");
  add(has_temporary_objects(), "temporary");
  add(!IsTransactionState() && has_locks(), "locks");
  add(!IsTransactionState() && has_open_portals(), "cursors");
  return text[0] == '\0' ? "clean" : text;
}

void on_transaction(XactEvent event, void*) {
  if (!reporting || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)) return;
  // A new value each time: the parameter is looked at again, and sent if what it shows has changed.
  char value[16];
  snprintf(value, sizeof value, "%d", ++report_counter);
  SetConfigOption(kSessionStateParameter, value, PGC_INTERNAL, PGC_S_OVERRIDE);
}

void on_authentication(Port* port, int status) {
  if (next_authentication != nullptr) next_authentication(port, status);
  const char* asked = port->cmdline_options;
  if (status != STATUS_OK || asked == nullptr) return;
  if (strstr(asked, "aurora_global.report_session_state=on") == nullptr) return;
  reporting = true;
  DefineCustomStringVariable(
      kSessionStateParameter, "What a fresh session would not have.", nullptr, &state_text, "",
      PGC_INTERNAL, GUC_REPORT | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr, nullptr, show_state);
}

}  // namespace

void note_session_statement(const Node* statement) {
  switch (nodeTag(statement)) {
    case T_PrepareStmt: prepared = true; break;
    case T_DeallocateStmt:
      if (reinterpret_cast<const DeallocateStmt*>(statement)->name == nullptr) prepared = false;
      break;
    case T_ListenStmt: listening = true; break;
    case T_UnlistenStmt:
      if (reinterpret_cast<const UnlistenStmt*>(statement)->conditionname == nullptr) {
        listening = false;
      }
      break;
    case T_DiscardStmt:
      if (reinterpret_cast<const DiscardStmt*>(statement)->target == DISCARD_ALL) {
        prepared = listening = false;
      }
      break;
    default: break;
  }
}

void install_session_report() {
  next_authentication = ClientAuthentication_hook;
  ClientAuthentication_hook = on_authentication;
  RegisterXactCallback(on_transaction, nullptr);
}

}  // namespace aurora_global::extension
