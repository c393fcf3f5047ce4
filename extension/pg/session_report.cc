#include "pg/session_report.h"

#include "pg/classify.h"
#include "pg/consistency.h"
#include "pg/isolation.h"
#include "pg/local_cursors.h"
#include "pg/parse_context.h"
#include "pg/remote.h"
#include "pg/session.h"
#include "pg/unnamed_statement.h"

extern "C" {
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "libpq/auth.h"
#include "libpq/pqformat.h"
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
enum class Listen { unchanged, yes, no };
Listen listen_pending = Listen::unchanged;  // Once the transaction has committed.
bool looked_at = false;     // Nothing since has run that could change what is reported.
std::uint64_t changes = 0;  // Statements that prepare, listen, or undo it.
std::uint64_t unnamed = 0;  // Of that the report tells.
int report_counter = 0;
config_generic* reported = nullptr;
char* state_text = nullptr;
char* user_text = nullptr;

std::uint64_t digest_text(std::uint64_t digest, const char* text) {
  return hash_bytes_extended(reinterpret_cast<const unsigned char*>(text),
                             static_cast<int>(strlen(text)), digest);
}

std::uint64_t digest_number(std::uint64_t digest, std::uint64_t number) {
  return hash_bytes_extended(reinterpret_cast<const unsigned char*>(&number), sizeof number,
                             digest);
}

// What ALTER ROLE and ALTER DATABASE say when the session begins, and what was SET since.
struct Settings {
  std::uint64_t of_login = 0;
  std::uint64_t of_session = 0;
};

Settings look_at_settings() {
  Settings found;
  config_generic** variables = get_guc_variables();
  for (int i = 0; i < GetNumConfigOptions(); ++i) {
    config_generic* gen = variables[i];
    const bool is_set = gen->source == PGC_S_SESSION;
    if (!is_set && !has_login_value(gen) && !is_placeholder(gen)) continue;
    if (!moves(rule_of(gen))) continue;
    std::uint64_t& digest = is_set || is_placeholder(gen) ? found.of_session : found.of_login;
    const char* value = GetConfigOption(gen->name, true, false);
    digest = digest_text(digest, gen->name);
    digest = digest_text(digest, value == nullptr ? "" : value);
  }
  return found;
}

Oid temporary_schema() {
  Oid temp = InvalidOid;
  Oid toast = InvalidOid;
  GetTempNamespaceState(&temp, &toast);
  return temp;
}

// What it has between two transactions: the local one, and that of its side at the primary.
const char* state_between(bool transactions) {
  static char text[192];
  text[0] = '\0';
  const auto add = [&](bool is, const char* what) {
    if (!is) return;
    if (text[0] != '\0') strlcat(text, ",", sizeof text);
    strlcat(text, what, sizeof text);
  };
  const Settings settings = look_at_settings();
  std::uint64_t digest = digest_number(settings.of_session, changes);
  const std::uint32_t there = pins_at_primary() & ~std::uint32_t{pin_sequences};
  const int locks = transactions ? session_locks() : 0;
  const Oid temporary = temporary_schema();
  add(settings.of_session != 0, "settings");
  add(prepared, "prepared");
  add(listening || (there & pin_listening) != 0, "listening");
  add(OidIsValid(temporary) || (there & pin_temporary) != 0, "temporary");
  add(locks > 0 || (there & pin_locks) != 0, "locks");
  add((there & pin_cursors) != 0 || (transactions && has_open_portals()), "cursors");
  unnamed = unnamed_of_other_settings();
  add(unnamed != 0, "unnamed");
  if (text[0] == '\0') {
    strlcpy(text, "clean", sizeof text);
    digest = changes == 0 ? 0 : digest_number(0, changes);  // Of what it had, a copy may be kept.
  } else {
    digest = digest_number(digest, static_cast<std::uint64_t>(locks));
    digest = digest_number(digest, temporary);
    if (there != 0) digest = digest_number(digest, there);
    if (unnamed != 0) digest = digest_number(digest, unnamed);
  }
  if (settings.of_login != 0) digest = digest_number(digest, settings.of_login);
  const auto append = [&](const char* format, auto value) {
    const std::size_t length = strlen(text);
    snprintf(text + length, sizeof text - length, format, value);
  };
  if (digest != 0) append("#%016llx", static_cast<unsigned long long>(digest));
  const char* written = RecoveryInProgress() ? consistency_token() : "";
  if (written[0] != '\0') append("@%s", written);
  return text;
}

// Called before ReadyForQuery, outside of any transaction but that of a cursor.
const char* show_state() { return state_between(!IsTransactionState()); }

const char* show_user() {
  static char text[16];
  snprintf(text, sizeof text, "%u", GetAuthenticatedUserId());
  return text;
}

bool only_bounds_a_transaction(const Node* statement) {
  if (!IsA(statement, TransactionStmt)) return false;
  switch (reinterpret_cast<const TransactionStmt*>(statement)->kind) {
    case TRANS_STMT_BEGIN:
    case TRANS_STMT_START:
    case TRANS_STMT_COMMIT:
    case TRANS_STMT_ROLLBACK: return true;
    default: return false;
  }
}

void on_transaction(XactEvent event, void*) {
  if (event == XACT_EVENT_COMMIT && listen_pending != Listen::unchanged) {
    listening = listen_pending == Listen::yes;
  }
  if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT) listen_pending = Listen::unchanged;
  if (!reporting || looked_at || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)) return;
  looked_at = true;
  // A new value each time: the parameter is looked at again, and sent if what it shows has changed.
  char value[16];
  snprintf(value, sizeof value, "%d", ++report_counter);
  SetConfigOption(kSessionStateParameter, value, PGC_INTERNAL, PGC_S_OVERRIDE);
}

void on_authentication(Port* port, int status) {
  if (next_authentication != nullptr) next_authentication(port, status);
  const char* asked = port->cmdline_options;
  if (status != STATUS_OK) return;
  begin_isolation();
  if (asked == nullptr) return;
  if (strstr(asked, "aurora_global.report_session_state=on") == nullptr) return;
  note_base_settings();
  reporting = true;
  DefineCustomStringVariable(
      kSessionStateParameter, "What a fresh session would not have.", nullptr, &state_text, "",
      PGC_INTERNAL, GUC_REPORT | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr, nullptr, show_state);
  DefineCustomStringVariable(
      kSessionUserParameter, "The role that logged in, by its OID.", nullptr, &user_text, "",
      PGC_INTERNAL, GUC_REPORT | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr, nullptr, show_user);
  config_generic** variables = get_guc_variables();
  for (int i = 0; i < GetNumConfigOptions(); ++i) {
    if (strcmp(variables[i]->name, kSessionStateParameter) == 0) reported = variables[i];
  }
}

}  // namespace

void note_session_statement(const Node* statement, bool has_run) {
  if (!only_bounds_a_transaction(statement)) looked_at = false;
  if (!has_run) return;
  switch (nodeTag(statement)) {
    case T_PrepareStmt:
      note_session_prepared();
      note_parse_of(reinterpret_cast<const PrepareStmt*>(statement)->name);
      return;
    case T_DeallocateStmt:
      if (reinterpret_cast<const DeallocateStmt*>(statement)->name == nullptr) prepared = false;
      break;
    case T_ListenStmt: listen_pending = Listen::yes; break;
    // A savepoint may take UNLISTEN back, which is not told; LISTEN that is taken back does no
    // harm.
    case T_UnlistenStmt:
      if (!IsSubTransaction() &&
          reinterpret_cast<const UnlistenStmt*>(statement)->conditionname == nullptr) {
        listen_pending = Listen::no;
      }
      break;
    case T_DiscardStmt:
      if (reinterpret_cast<const DiscardStmt*>(statement)->target == DISCARD_ALL) {
        prepared = false;
        listen_pending = Listen::no;
      }
      break;
    default: return;
  }
  ++changes;
}

void note_session_function(Oid function) {
  if (looked_at && reporting && !is_harmless(function)) looked_at = false;
}

void note_session_relay() { looked_at = false; }

void note_session_forgotten() {
  ++changes;
  looked_at = prepared = false;
  listen_pending = Listen::no;
}

void note_session_listens() { listen_pending = Listen::yes; }

void note_session_unnamed() {
  if (unnamed != 0) looked_at = false;
}

void note_session_prepared() {
  ++changes;
  prepared = true;
}

bool listens() { return listening; }

void report_session_state() {
  if (!reporting) return;
  const char* text = state_between(true);
  char*& told = reported->last_reported;
  if (told != nullptr && strcmp(told, text) == 0) return;
  free(told);
  told = strdup(text);
  StringInfoData message;
  pq_beginmessage(&message, 'S');
  pq_sendstring(&message, kSessionStateParameter);
  pq_sendstring(&message, text);
  pq_endmessage(&message);
}

int session_locks() {
  int count = 0;
  for (int i = 0; i < NUM_LOCK_PARTITIONS; ++i) {
    const SHM_QUEUE* locks = &MyProc->myProcLocks[i];
    for (const SHM_QUEUE* at = locks->next; at != nullptr && at != locks; at = at->next) {
      const auto* held = reinterpret_cast<const PROCLOCK*>(reinterpret_cast<const char*>(at) -
                                                           offsetof(PROCLOCK, procLink));
      if (held->tag.myLock->tag.locktag_type == LOCKTAG_ADVISORY) ++count;
    }
  }
  return count;
}

void install_session_report() {
  next_authentication = ClientAuthentication_hook;
  ClientAuthentication_hook = on_authentication;
  RegisterXactCallback(on_transaction, nullptr);
}

}  // namespace aurora_global::extension
