#include "pg/primary.h"

#include "core/position.h"
#include "pg/options.h"
#include "pg/session.h"

extern "C" {
#include "access/xlogdefs.h"
#include "catalog/namespace.h"
#include "libpq/auth.h"
#include "port/atomics.h"
#include "storage/shmem.h"
#include "storage/sinval.h"
#include "utils/acl.h"
}

namespace aurora_global::extension {
namespace {

struct Shared {
  pg_atomic_uint32 sessions;  // Forwarded sessions that are connected.
};
Shared* shared = nullptr;

ClientAuthentication_hook_type next_authentication = nullptr;
shmem_request_hook_type next_shmem_request = nullptr;
shmem_startup_hook_type next_shmem_startup = nullptr;

bool forwarded_session = false;
bool catalog_change_pending = false;
XLogRecPtr catalog_changed = InvalidXLogRecPtr;
int commit_counter = 0;
char* commit_text = nullptr;
char* settings_text = nullptr;

// Called outside of any transaction, before ReadyForQuery.
const char* show_commit() {
  static char text[128];
  static Settings* now = new Settings;
  static Settings* outside = new Settings;
  if (RecoveryInProgress()) return "";
  capture_settings(*now, *outside);
  Oid temp = InvalidOid;
  Oid toast = InvalidOid;
  GetTempNamespaceState(&temp, &toast);
  Position position;
  position.commit = XactLastCommitEnd;
  position.catalog = catalog_changed;
  position.timeline = GetWALInsertionTimeLine();
  position.settings = digest(*outside);
  position.temporary_objects = OidIsValid(temp);
  strlcpy(text, encode(position).c_str(), sizeof text);
  return text;
}

const char* show_settings() {
  static std::string* text = new std::string;
  static Settings* now = new Settings;
  static Settings* outside = new Settings;
  capture_settings(*now, *outside);
  *text = encode(*outside);
  return text->c_str();
}

void on_transaction(XactEvent event, void*) {
  if (!forwarded_session) return;
  if (IsTransactionState()) note_login();
  if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE) {
    SharedInvalidationMessage* messages = nullptr;
    bool relcache_init_file = false;
    catalog_change_pending =
        xactGetCommittedInvalidationMessages(&messages, &relcache_init_file) > 0;
  }
  if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE) {
    if (catalog_change_pending) catalog_changed = XactLastCommitEnd;
    catalog_change_pending = false;
    // A new value each time: the parameter is reported, and shows then what is true then.
    char value[16];
    snprintf(value, sizeof value, "%d", ++commit_counter);
    SetConfigOption(kCommitParameter, value, PGC_INTERNAL, PGC_S_OVERRIDE);
  }
}

void leave(int, Datum) {
  if (forwarded_session) pg_atomic_fetch_sub_u32(&shared->sessions, 1);
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
  const uint32 before = pg_atomic_fetch_add_u32(&shared->sessions, 1);
  forwarded_session = true;
  before_shmem_exit(leave, 0);
  const int limit = Max(1, MaxConnections * options.max_forwarding_connections_percent / 100);
  if (before >= static_cast<uint32>(limit)) {
    ereport(FATAL, errcode(ERRCODE_TOO_MANY_CONNECTIONS),
            errmsg("too many forwarded sessions: %d of at most %d", limit, limit),
            errhint("apg_write_forward.max_forwarding_connections_percent limits them."));
  }
  DefineCustomStringVariable(
      kCommitParameter, "What the session has committed.", nullptr, &commit_text, "", PGC_INTERNAL,
      GUC_REPORT | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr, nullptr, show_commit);
  DefineCustomStringVariable(kSettingsParameter, "The session's settings.", nullptr, &settings_text,
                             "", PGC_INTERNAL, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr,
                             nullptr, show_settings);
}

void on_authentication(Port* port, int status) {
  if (next_authentication != nullptr) next_authentication(port, status);
  const char* asked = port->cmdline_options;
  if (status != STATUS_OK || asked == nullptr) return;
  if (strstr(asked, "aurora_global.forwarded_from") != nullptr) admit();
}

void on_shmem_request() {
  if (next_shmem_request != nullptr) next_shmem_request();
  RequestAddinShmemSpace(sizeof(Shared));
}

void on_shmem_startup() {
  if (next_shmem_startup != nullptr) next_shmem_startup();
  bool found = false;
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  shared = static_cast<Shared*>(ShmemInitStruct("aurora_global", sizeof(Shared), &found));
  if (!found) pg_atomic_init_u32(&shared->sessions, 0);
  LWLockRelease(AddinShmemInitLock);
}

}  // namespace

void install_primary() {
  next_authentication = ClientAuthentication_hook;
  ClientAuthentication_hook = on_authentication;
  next_shmem_request = shmem_request_hook;
  shmem_request_hook = on_shmem_request;
  next_shmem_startup = shmem_startup_hook;
  shmem_startup_hook = on_shmem_startup;
  RegisterXactCallback(on_transaction, nullptr);
}

}  // namespace aurora_global::extension
