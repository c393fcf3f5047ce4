#include "pg/unused_sessions.h"

extern "C" {
#include <signal.h>

#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/acl.h"
}

namespace aurora_global::extension {
namespace {

pg_atomic_uint32* unused = nullptr;  // Their process ids, by pgprocno; 0: none.
bool noted = false;
shmem_request_hook_type next_shmem_request = nullptr;
shmem_startup_hook_type next_shmem_startup = nullptr;

Size size() { return mul_size(sizeof(pg_atomic_uint32), static_cast<Size>(MaxBackends)); }

void on_shmem_request() {
  if (next_shmem_request != nullptr) next_shmem_request();
  RequestAddinShmemSpace(size());
}

void on_shmem_startup() {
  if (next_shmem_startup != nullptr) next_shmem_startup();
  bool found = false;
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  unused = static_cast<pg_atomic_uint32*>(
      ShmemInitStruct("aurora_global unused sessions", size(), &found));
  for (int i = 0; !found && i < MaxBackends; ++i) pg_atomic_init_u32(&unused[i], 0);
  LWLockRelease(AddinShmemInitLock);
}

void forget(int, Datum slot) { pg_atomic_write_u32(&unused[DatumGetInt32(slot)], 0); }

// The one that has to be free; null: the statement wants none for itself.
const char* database_of(const Node* statement) {
  switch (nodeTag(statement)) {
    case T_DropdbStmt: return reinterpret_cast<const DropdbStmt*>(statement)->dbname;
    case T_AlterDatabaseStmt: return reinterpret_cast<const AlterDatabaseStmt*>(statement)->dbname;
    case T_RenameStmt: {
      const auto* rename = reinterpret_cast<const RenameStmt*>(statement);
      return rename->renameType == OBJECT_DATABASE ? rename->subname : nullptr;
    }
    case T_CreatedbStmt: {
      ListCell* cell;
      foreach (cell, reinterpret_cast<const CreatedbStmt*>(statement)->options) {
        auto* option = static_cast<DefElem*>(lfirst(cell));
        if (strcmp(option->defname, "template") == 0 && option->arg != nullptr) {
          return defGetString(option);
        }
      }
      return "template1";
    }
    default: return nullptr;
  }
}

}  // namespace

void note_unused_session() {
  noted = true;
  on_shmem_exit(forget, Int32GetDatum(MyProc->pgprocno));
  pg_atomic_write_u32(&unused[MyProc->pgprocno], static_cast<std::uint32_t>(MyProcPid));
}

void note_used_session() {
  if (!noted) return;
  noted = false;
  pg_atomic_write_u32(&unused[MyProc->pgprocno], 0);
}

void end_unused_sessions(const Node* statement) {
  const char* name = database_of(statement);
  if (name == nullptr || RecoveryInProgress()) return;
  const Oid database = get_database_oid(name, true);
  // Whoever may not do it to the database does not do it to its sessions.
  const bool may = IsA(statement, CreatedbStmt)
                       ? superuser() || have_createdb_privilege()
                       : superuser() || pg_database_ownercheck(database, GetUserId());
  if (!OidIsValid(database) || !may) return;
  for (int i = 0; OidIsValid(database) && i < MaxBackends; ++i) {
    const auto pid = static_cast<pid_t>(pg_atomic_read_u32(&unused[i]));
    const PGPROC* session = GetPGProcByNumber(i);
    if (pid != 0 && session->pid == pid && session->databaseId == database) kill(pid, SIGTERM);
  }
}

void install_unused_sessions() {
  next_shmem_request = shmem_request_hook;
  shmem_request_hook = on_shmem_request;
  next_shmem_startup = shmem_startup_hook;
  shmem_startup_hook = on_shmem_startup;
}

}  // namespace aurora_global::extension
