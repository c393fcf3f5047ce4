#include "pg/counters.h"

extern "C" {
#include "storage/shmem.h"
}

namespace aurora_global::extension {
namespace {

struct Shared {
  pg_atomic_uint64 counters[kAllCounters];
};

Shared* shared = nullptr;
shmem_request_hook_type next_shmem_request = nullptr;
shmem_startup_hook_type next_shmem_startup = nullptr;

void on_shmem_request() {
  if (next_shmem_request != nullptr) next_shmem_request();
  RequestAddinShmemSpace(sizeof(Shared));
}

void on_shmem_startup() {
  if (next_shmem_startup != nullptr) next_shmem_startup();
  bool found = false;
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  shared = static_cast<Shared*>(ShmemInitStruct("aurora_global", sizeof(Shared), &found));
  if (!found) {
    for (pg_atomic_uint64& one : shared->counters) pg_atomic_init_u64(&one, 0);
  }
  LWLockRelease(AddinShmemInitLock);
}

}  // namespace

void count(Counter counter, std::int64_t by) {
  pg_atomic_fetch_add_u64(&shared->counters[counter], by);
}

std::uint64_t counted(Counter counter) { return pg_atomic_read_u64(&shared->counters[counter]); }

void install_counters() {
  next_shmem_request = shmem_request_hook;
  shmem_request_hook = on_shmem_request;
  next_shmem_startup = shmem_startup_hook;
  shmem_startup_hook = on_shmem_startup;
}

}  // namespace aurora_global::extension
