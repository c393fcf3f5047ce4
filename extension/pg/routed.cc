#include "pg/routed.h"

extern "C" {
#include <arpa/inet.h>

#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/acl.h"
}

namespace aurora_global::extension {
namespace {

constexpr int kEndpointMax = 32;

struct Client {
  char address[INET6_ADDRSTRLEN];
  int port;
  char endpoint[kEndpointMax];
};

struct Slot {
  pg_atomic_uint32 pid;  // 0: no routed session. Set after the client, so that one is read whole.
  Client client;
};

Slot* slots = nullptr;  // By pgprocno.
shmem_request_hook_type next_shmem_request = nullptr;
shmem_startup_hook_type next_shmem_startup = nullptr;

Size slots_size() { return mul_size(sizeof(Slot), static_cast<Size>(MaxBackends)); }

void on_shmem_request() {
  if (next_shmem_request != nullptr) next_shmem_request();
  RequestAddinShmemSpace(slots_size());
}

void on_shmem_startup() {
  if (next_shmem_startup != nullptr) next_shmem_startup();
  bool found = false;
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  slots = static_cast<Slot*>(ShmemInitStruct("aurora_global clients", slots_size(), &found));
  if (!found) {
    for (int i = 0; i < MaxBackends; ++i) pg_atomic_init_u32(&slots[i].pid, 0);
  }
  LWLockRelease(AddinShmemInitLock);
}

bool is_address(const char* text) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

bool parse(const char* text, Client* client) {
  const char* slash = strrchr(text, '/');
  if (slash == nullptr || slash[1] == '\0' || strlen(slash + 1) >= kEndpointMax) return false;
  const char* colon = slash;
  while (colon > text && *colon != ':') --colon;
  const std::size_t length = static_cast<std::size_t>(colon - text);
  if (*colon != ':' || length >= sizeof client->address) return false;
  char* end = nullptr;
  const long port = strtol(colon + 1, &end, 10);
  if (end != slash || port < 1 || port > 65535) return false;
  memcpy(client->address, text, length);
  client->address[length] = '\0';
  client->port = static_cast<int>(port);
  strlcpy(client->endpoint, slash + 1, sizeof client->endpoint);
  return is_address(client->address);
}

void forget(int, Datum slot) { pg_atomic_write_u32(&slots[DatumGetInt32(slot)].pid, 0); }

// Addresses are shown as pg_stat_activity shows them.
bool may_see(Oid role) {
  return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
         has_privs_of_role(GetUserId(), role);
}

// False: it has ended, or is another one by now.
bool read_slot(int i, std::uint32_t* pid, Client* client) {
  *pid = pg_atomic_read_u32(&slots[i].pid);
  if (*pid == 0) return false;
  pg_read_barrier();
  *client = slots[i].client;
  pg_read_barrier();
  return pg_atomic_read_u32(&slots[i].pid) == *pid;
}

}  // namespace

bool check_client(char** value, void**, GucSource) {
  Client client;
  if (**value == '\0' || parse(*value, &client)) return true;
  GUC_check_errdetail("It is ADDRESS:PORT/ENDPOINT.");
  return false;
}

// Parallel workers get their leader's parameters, and are no sessions.
void assign_client(const char* value, void*) {
  if (slots == nullptr || MyProc == nullptr || MyProcPort == nullptr || IsParallelWorker()) return;
  if (value == nullptr || *value == '\0') return;
  Slot& slot = slots[MyProc->pgprocno];
  if (!parse(value, &slot.client)) return;
  on_shmem_exit(forget, Int32GetDatum(MyProc->pgprocno));
  pg_write_barrier();
  pg_atomic_write_u32(&slot.pid, static_cast<std::uint32_t>(MyProcPid));
}

void list_clients(FunctionCallInfo fcinfo) {
  InitMaterializedSRF(fcinfo, 0);
  auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  for (int i = 0; i < MaxBackends; ++i) {
    std::uint32_t pid = 0;
    Client client;
    if (!read_slot(i, &pid, &client)) continue;
    const bool hidden = !may_see(GetPGProcByNumber(i)->roleId);
    Datum values[] = {Int32GetDatum(static_cast<int>(pid)), CStringGetTextDatum(client.address),
                      Int32GetDatum(client.port), CStringGetTextDatum(client.endpoint)};
    bool nulls[] = {false, hidden, hidden, false};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  }
}

void install_routed() {
  next_shmem_request = shmem_request_hook;
  shmem_request_hook = on_shmem_request;
  next_shmem_startup = shmem_startup_hook;
  shmem_startup_hook = on_shmem_startup;
}

}  // namespace aurora_global::extension
