#include "pg/primary.h"

#include "core/position.h"
#include "pg/counters.h"
#include "pg/local_cursors.h"
#include "pg/options.h"
#include "pg/session.h"
#include "pg/session_report.h"
#include "pg/unused_sessions.h"

extern "C" {
#include "access/xlogdefs.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "libpq/auth.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/sinval.h"
#include "utils/acl.h"
#include "utils/timeout.h"
}

namespace aurora_global::extension {
namespace {

ClientAuthentication_hook_type next_authentication = nullptr;

bool forwarded_session = false;
bool catalog_change_pending = false;
XLogRecPtr catalog_changed = InvalidXLogRecPtr;
bool used_sequence = false;
int commit_counter = 0;
char* commit_text = nullptr;
char* cancel_key_text = nullptr;

// What the last transaction that used a sequence left behind is in no table that an extension sees,
// but who changes a sequence holds this lock on it until the end.
bool changes_sequence() {
  constexpr int kBitsPerSlot = 3;
  constexpr std::uint64_t kRowExclusive = 4;  // As lock.c has it.
  static_assert(RowExclusiveLock == 3);
  for (int i = 0; i < FP_LOCK_SLOTS_PER_BACKEND; ++i) {
    if ((MyProc->fpLockBits >> (kBitsPerSlot * i) & kRowExclusive) == 0) continue;
    if (get_rel_relkind(MyProc->fpRelId[i]) == RELKIND_SEQUENCE) return true;
  }
  for (int i = 0; i < NUM_LOCK_PARTITIONS; ++i) {
    const SHM_QUEUE* locks = &MyProc->myProcLocks[i];
    for (const SHM_QUEUE* at = locks->next; at != nullptr && at != locks; at = at->next) {
      const auto* held = reinterpret_cast<const PROCLOCK*>(reinterpret_cast<const char*>(at) -
                                                           offsetof(PROCLOCK, procLink));
      const LOCKTAG& tag = held->tag.myLock->tag;
      if (tag.locktag_type != LOCKTAG_RELATION || tag.locktag_field1 != MyDatabaseId) continue;
      if ((held->holdMask & LOCKBIT_ON(RowExclusiveLock)) == 0) continue;
      if (get_rel_relkind(tag.locktag_field2) == RELKIND_SEQUENCE) return true;
    }
  }
  return false;
}

std::uint32_t pins_now() {
  std::uint32_t pins = 0;
  Oid temp = InvalidOid;
  Oid toast = InvalidOid;
  GetTempNamespaceState(&temp, &toast);
  if (OidIsValid(temp)) pins |= pin_temporary;
  if (listens()) pins |= pin_listening;
  if (used_sequence) pins |= pin_sequences;
  if (IsTransactionState()) return pins;
  if (has_open_portals()) pins |= pin_cursors;
  if (session_locks() > 0) pins |= pin_locks;
  return pins;
}

// What it holds would be gone with the session: it is not ended for idleness. PostgreSQL has
// started its clock already.
void keep_or_let_end(std::uint32_t pins) {
  static int limit_ms = 0;
  if (pins != 0) {
    limit_ms = Max(limit_ms, IdleSessionTimeout);
    IdleSessionTimeout = 0;
    disable_timeout(IDLE_SESSION_TIMEOUT, false);
  } else if (limit_ms > 0) {
    IdleSessionTimeout = limit_ms;
    limit_ms = 0;
  }
}

// Called outside of any transaction, before ReadyForQuery.
const char* show_commit() {
  static char text[128];
  static auto* settings = new SettingItems;
  if (RecoveryInProgress()) return "";
  capture_settings(Carrier::forwarding, *settings);
  Position position;
  position.commit = XactLastCommitEnd;
  position.catalog = catalog_changed;
  position.timeline = GetWALInsertionTimeLine();
  position.epoch = static_cast<std::uint32_t>(options.epoch);
  position.settings = digest(*settings);
  position.login = GetAuthenticatedUserId();
  position.pins = pins_now();
  keep_or_let_end(position.pins);
  strlcpy(text, encode(position).c_str(), sizeof text);
  return text;
}

// The standby and this server no longer agree on who the primary is: what is under way must not be
// acknowledged.
void refuse_other_epoch() {
  if (options.epoch == 0 || options.forwarded_epoch == 0) return;
  if (options.epoch == options.forwarded_epoch) return;
  ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
          errmsg("the transaction was forwarded in epoch %d, and this server is in epoch %d",
                 options.forwarded_epoch, options.epoch),
          errhint("The primary has changed. Try it again."));
}

void on_transaction(XactEvent event, void*) {
  if (!forwarded_session) return;
  if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE) {
    refuse_other_epoch();
    used_sequence = used_sequence || changes_sequence();
    SharedInvalidationMessage* messages = nullptr;
    bool relcache_init_file = false;
    catalog_change_pending =
        xactGetCommittedInvalidationMessages(&messages, &relcache_init_file) > 0;
  }
  const bool committed = event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE;
  if (committed || event == XACT_EVENT_ABORT) {
    if (committed && catalog_change_pending) catalog_changed = XactLastCommitEnd;
    catalog_change_pending = false;
    // A new value each time: the parameter is reported, and shows then what is true then.
    char value[16];
    snprintf(value, sizeof value, "%d", ++commit_counter);
    SetConfigOption(kCommitParameter, value, PGC_INTERNAL, PGC_S_OVERRIDE);
  }
}

void leave(int, Datum) {
  if (forwarded_session) count(writer_open_sessions, -1);
}

void refuse(int sqlstate, const char* message, const char* hint) {
  ereport(FATAL, errcode(sqlstate), errmsg("%s", message), errhint("%s", hint));
}

// The session's user is authenticated; nothing has run.
void admit() {
  if (RecoveryInProgress()) {
    refuse(ERRCODE_READ_ONLY_SQL_TRANSACTION, "a forwarded session needs the primary",
           "This server is a standby; forwarding goes one step only.");
  }
  const std::uint64_t before = counted(writer_open_sessions);
  count(writer_open_sessions);
  count(writer_total_sessions);
  forwarded_session = true;
  note_unused_session();
  before_shmem_exit(leave, 0);
  const int limit = Max(1, MaxConnections * options.max_forwarding_connections_percent / 100);
  if (before >= static_cast<std::uint64_t>(limit)) {
    ereport(FATAL, errcode(ERRCODE_TOO_MANY_CONNECTIONS),
            errmsg("too many forwarded sessions: %d of at most %d", limit, limit),
            errhint("apg_write_forward.max_forwarding_connections_percent limits them."));
  }
  DefineCustomStringVariable(
      kCommitParameter, "What the session has committed.", nullptr, &commit_text, "", PGC_INTERNAL,
      GUC_REPORT | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr, nullptr, show_commit);
  static char cancel_key[16];
  snprintf(cancel_key, sizeof cancel_key, "%d", MyCancelKey);
  DefineCustomStringVariable(kCancelKeyParameter, "What cancels this session's statements.",
                             nullptr, &cancel_key_text, cancel_key, PGC_INTERNAL,
                             GUC_REPORT | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr, nullptr,
                             nullptr);
}

void on_authentication(Port* port, int status) {
  if (next_authentication != nullptr) next_authentication(port, status);
  const char* asked = port->cmdline_options;
  if (status != STATUS_OK || asked == nullptr) return;
  if (strstr(asked, "aurora_global.forwarded_from") == nullptr) return;
  // A standby of another region comes with its certificate, one of this region by the socket that
  // the router of this region alone can reach besides.
  const bool by_certificate = port->hba != nullptr && port->hba->clientcert != clientCertOff;
  if (port->raddr.addr.ss_family != AF_UNIX && !by_certificate) return;
  note_base_settings();
  admit();
}

}  // namespace

bool is_forwarded_session() { return forwarded_session; }

std::uint32_t pins_of_forwarded_session() { return forwarded_session ? pins_now() : 0; }

void note_discard(DiscardMode target) {
  if (target == DISCARD_SEQUENCES || target == DISCARD_ALL) used_sequence = false;
}

void install_primary() {
  next_authentication = ClientAuthentication_hook;
  ClientAuthentication_hook = on_authentication;
  RegisterXactCallback(on_transaction, nullptr);
}

}  // namespace aurora_global::extension
