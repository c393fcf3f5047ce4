#include "pg/fence.h"

#include "pg/classify.h"

extern "C" {
#include <signal.h>
#include <unistd.h>

#include "port/atomics.h"
#include "replication/message.h"
#include "storage/fd.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
}

namespace aurora_global::extension {
namespace {

// So that the fence outlives a postmaster that starts its server again after the crash of a
// backend. Whoever starts a server anew removes it first.
constexpr char kFile[] = "aurora_global.fence";
constexpr char kFreshFile[] = "aurora_global.fence.new";
constexpr char kTranche[] = "aurora_global_fence";
constexpr char kRecordPrefix[] = "aurora_global.fence";
constexpr long kPollUs = 50;
constexpr int kTerminationLimitMs = 5000;

// A cache line each: a backend writes its own twice per transaction.
struct Slot {
  pg_atomic_uint32 filled;
  char padding[PG_CACHE_LINE_SIZE - sizeof(pg_atomic_uint32)];
};

struct Shared {
  pg_atomic_uint64 epoch;             // 0: no fence.
  pg_atomic_uint64 position;          // Of that fence, once it is known.
  Slot slots[FLEXIBLE_ARRAY_MEMBER];  // By pgprocno.
};

Shared* shared = nullptr;
LWLock* lock = nullptr;  // For changes of the fence and its file.
shmem_request_hook_type next_shmem_request = nullptr;
shmem_startup_hook_type next_shmem_startup = nullptr;

int statements = 0;       // That write, one inside the other.
bool fastpath = false;    // A function call of the protocol has run in this transaction.
bool committing = false;  // Between the last look at the fence and the end of the commit.
bool forced_read_only = false;

Size shared_size() {
  return add_size(offsetof(Shared, slots), mul_size(sizeof(Slot), static_cast<Size>(MaxBackends)));
}

bool is_up() { return pg_atomic_read_u64(&shared->epoch) != 0; }

Slot& own_slot() { return shared->slots[MyProc->pgprocno]; }

void empty_slot() {
  pg_memory_barrier();
  pg_atomic_write_u32(&own_slot().filled, 0);
}

void on_exit(int, Datum) { empty_slot(); }

// The exchange is a full barrier: the fence is looked at after it.
void fill_slot() {
  static bool registered = false;
  if (!registered) {
    // After the callback that aborts the transaction of a backend that is terminated.
    on_shmem_exit(on_exit, 0);
    registered = true;
  }
  pg_atomic_exchange_u32(&own_slot().filled, 1);
}

void settle_slot() {
  if (statements == 0 && !fastpath && !committing) empty_slot();
}

[[noreturn]] void refuse() {
  const auto epoch = static_cast<unsigned long long>(fenced_epoch());
  if (TransactionIdIsValid(GetTopTransactionIdIfAny())) {
    ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
            errmsg("this server was fenced for epoch %llu during the transaction: the primary "
                   "moves to another Region",
                   epoch),
            errhint("Try it again."));
  }
  ereport(
      ERROR, errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
      errmsg("this server is fenced for epoch %llu: the primary moves to another Region", epoch),
      errhint("Reads go on here. The endpoints lead to the new primary soon."));
  pg_unreachable();
}

// PostgreSQL's own checks refuse then what only turns out to write while it runs: nextval().
void force_read_only() {
  if (XactReadOnly) return;
  XactReadOnly = true;
  forced_read_only = true;
}

// The fence may be lifted within a transaction that saw it.
void release_read_only() {
  if (!forced_read_only) return;
  forced_read_only = false;
  XactReadOnly = false;
}

void on_transaction(XactEvent event, void*) {
  switch (event) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE:
      committing = true;
      fill_slot();
      if (!is_up()) break;
      // PREPARE TRANSACTION takes its transaction id only after this.
      if (event == XACT_EVENT_PRE_PREPARE || TransactionIdIsValid(GetTopTransactionIdIfAny())) {
        refuse();
      }
      break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE:
      committing = fastpath = forced_read_only = false;
      settle_slot();
      break;
    default: break;
  }
}

// ---- the file

void write_file(std::uint64_t epoch) {
  FILE* file = AllocateFile(kFreshFile, PG_BINARY_W);
  // It need not outlive the machine: then nobody starts this server before asking who is primary.
  if (file == nullptr || fprintf(file, "%llu\n", static_cast<unsigned long long>(epoch)) < 0 ||
      FreeFile(file) != 0 || rename(kFreshFile, kFile) != 0) {
    ereport(ERROR, errcode_for_file_access(), errmsg("could not write file \"%s\": %m", kFile));
  }
}

std::uint64_t read_file() {
  FILE* file = AllocateFile(kFile, PG_BINARY_R);
  if (file == nullptr && errno == ENOENT) return 0;
  unsigned long long epoch = 0;
  if (file == nullptr || fscanf(file, "%20llu", &epoch) != 1 || epoch == 0) {
    ereport(FATAL, errcode_for_file_access(), errmsg("could not read file \"%s\"", kFile),
            errhint("Its presence means that this server must not write. Remove it if another "
                    "server has not become the primary."));
  }
  FreeFile(file);
  return epoch;
}

void on_shmem_request() {
  if (next_shmem_request != nullptr) next_shmem_request();
  RequestAddinShmemSpace(shared_size());
  RequestNamedLWLockTranche(kTranche, 1);
}

void on_shmem_startup() {
  if (next_shmem_startup != nullptr) next_shmem_startup();
  bool found = false;
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  shared = static_cast<Shared*>(ShmemInitStruct("aurora_global fence", shared_size(), &found));
  lock = &GetNamedLWLockTranche(kTranche)->lock;
  if (!found) {
    // Who looks at a stopped server in single-user mode tells no client of anything.
    pg_atomic_init_u64(&shared->epoch, IsPostmasterEnvironment ? read_file() : 0);
    pg_atomic_init_u64(&shared->position, 0);
    for (int i = 0; i < MaxBackends; ++i) pg_atomic_init_u32(&shared->slots[i].filled, 0);
  }
  LWLockRelease(AddinShmemInitLock);
}

// ---- raising it

// Autovacuum tells nobody of what it writes, but its WAL would make this server need a rewind.
void end_autovacuum() {
  for (int i = 0; i < MaxBackends; ++i) {
    const PGPROC* process = GetPGProcByNumber(i);
    const int pid = process->pid;
    if (pid != 0 && (process->statusFlags & PROC_IS_AUTOVACUUM) != 0) kill(pid, SIGTERM);
  }
}

void raise_flag(std::uint64_t epoch) {
  LWLockAcquire(lock, LW_EXCLUSIVE);
  const std::uint64_t present = fenced_epoch();
  if (present > epoch) {
    ereport(
        ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
        errmsg("this server is fenced for epoch %llu, which is newer than %llu",
               static_cast<unsigned long long>(present), static_cast<unsigned long long>(epoch)));
  }
  if (present != epoch) {
    write_file(epoch);
    pg_atomic_write_u64(&shared->position, 0);
    pg_atomic_exchange_u64(&shared->epoch, epoch);
  }
  LWLockRelease(lock);
  pg_memory_barrier();
}

bool is_filled(int i) { return pg_atomic_read_u32(&shared->slots[i].filled) != 0; }

int filled_slots(const bool* seen_empty) {
  int count = 0;
  for (int i = 0; i < MaxBackends; ++i) count += !seen_empty[i] && is_filled(i) ? 1 : 0;
  return count;
}

// Until each slot was seen empty once: what fills one now sees the fence. False: not in time.
bool await_slots(bool* seen_empty, int limit_ms) {
  const TimestampTz start = GetCurrentTimestamp();
  for (;;) {
    bool all = true;
    for (int i = 0; i < MaxBackends; ++i) {
      seen_empty[i] = seen_empty[i] || i == MyProc->pgprocno || !is_filled(i);
      all = all && seen_empty[i];
    }
    if (all) return true;
    if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(), limit_ms)) return false;
    CHECK_FOR_INTERRUPTS();
    pg_usleep(kPollUs);
  }
}

void terminate_writers(const bool* seen_empty) {
  for (int i = 0; i < MaxBackends; ++i) {
    const int pid = GetPGProcByNumber(i)->pid;
    if (!seen_empty[i] && is_filled(i) && pid != 0) kill(pid, SIGTERM);
  }
}

void drain(int drain_ms, bool terminate) {
  auto* seen_empty = static_cast<bool*>(palloc0(static_cast<Size>(MaxBackends) * sizeof(bool)));
  if (await_slots(seen_empty, drain_ms)) return;
  if (!terminate) {
    ereport(ERROR, errcode(ERRCODE_OBJECT_IN_USE),
            errmsg("%d sessions still write after %d ms", filled_slots(seen_empty), drain_ms));
  }
  terminate_writers(seen_empty);
  if (await_slots(seen_empty, kTerminationLimitMs)) return;
  ereport(ERROR, errcode(ERRCODE_OBJECT_IN_USE),
          errmsg("%d sessions that write do not end", filled_slots(seen_empty)));
}

}  // namespace

bool enter_write(Writes how) {
  fill_slot();
  if (!is_up()) {
    release_read_only();
    ++statements;
    return true;
  }
  if (how == Writes::certainly) {
    settle_slot();
    refuse();
  }
  force_read_only();
  settle_slot();
  return false;
}

void leave_write() {
  --statements;
  settle_slot();
}

void note_fastpath_write() {
  fastpath = true;
  fill_slot();
  note_read();
}

void note_read() {
  if (is_up()) {
    force_read_only();
  } else {
    release_read_only();
  }
}

void refuse_if_fenced() {
  if (is_up()) refuse();
}

bool utility_writes(Node* statement) {
  switch (nodeTag(statement)) {
    // What they run has its own plan, and is looked at there.
    case T_ExplainStmt:
    case T_DeclareCursorStmt:
    case T_ExecuteStmt:
    case T_ListenStmt: return false;
    default: return place_of(statement) == Where::primary;
  }
}

XLogRecPtr raise_fence(std::int64_t epoch, int drain_ms, bool terminate) {
  if (RecoveryInProgress()) {
    ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
            errmsg("a standby is not fenced: it does not write"));
  }
  const auto wanted = static_cast<std::uint64_t>(epoch);
  raise_flag(wanted);
  const XLogRecPtr known = pg_atomic_read_u64(&shared->position);
  if (known != InvalidXLogRecPtr) return known;
  end_autovacuum();
  drain(drain_ms, terminate);
  // Every write that a client can know of lies before this record.
  char text[32];
  const int size = snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(wanted));
  const XLogRecPtr position =
      LogLogicalMessage(kRecordPrefix, text, static_cast<size_t>(size), false);
  XLogFlush(position);
  LWLockAcquire(lock, LW_EXCLUSIVE);
  const bool still = fenced_epoch() == wanted;
  if (still) pg_atomic_write_u64(&shared->position, position);
  LWLockRelease(lock);
  if (!still) {
    ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
            errmsg("the fence was changed by another session meanwhile"));
  }
  return position;
}

void lift_fence(std::int64_t epoch) {
  LWLockAcquire(lock, LW_EXCLUSIVE);
  const std::uint64_t present = fenced_epoch();
  if (present != 0 && present != static_cast<std::uint64_t>(epoch)) {
    ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
            errmsg("this server is fenced for epoch %llu, not %lld",
                   static_cast<unsigned long long>(present), static_cast<long long>(epoch)));
  }
  if (unlink(kFile) != 0 && errno != ENOENT) {
    ereport(ERROR, errcode_for_file_access(), errmsg("could not remove file \"%s\": %m", kFile));
  }
  pg_atomic_write_u64(&shared->position, 0);
  pg_atomic_exchange_u64(&shared->epoch, 0);
  LWLockRelease(lock);
}

std::uint64_t fenced_epoch() { return pg_atomic_read_u64(&shared->epoch); }

void install_fence() {
  next_shmem_request = shmem_request_hook;
  shmem_request_hook = on_shmem_request;
  next_shmem_startup = shmem_startup_hook;
  shmem_startup_hook = on_shmem_startup;
  RegisterXactCallback(on_transaction, nullptr);
}

}  // namespace aurora_global::extension
