// What a server counts of write forwarding, in shared memory since its start.
#pragma once

#include "pg/pg.h"

extern "C" {
#include "port/atomics.h"
}

namespace aurora_global::extension {

// In the order in which aurora_global_forwarding_status() returns them, up to kCounters. Times are
// microseconds.
enum Counter {
  writer_open_sessions,  // Forwarded sessions connected to this server, the primary.
  writer_total_sessions,
  writer_statements,      // Data-modifying statements that ran in them.
  replica_open_sessions,  // Sessions that this server, a standby, holds open at the primary.
  replica_total_sessions,
  replica_connect_us,
  replica_statements,  // Exchanges with the primary: a statement or a pipeline each.
  replica_statement_us,
  replica_commits,     // Forwarded transactions that ended well.
  replica_read_waits,  // Reads that waited for replay.
  replica_read_wait_us,
  replica_reads_forwarded,  // Reads that ran at the primary instead of waiting.
  replica_sessions_limit_errors,
  kCounters,
  // For aurora_global.reopen_every: transaction boundaries at which the primary's side was opened
  // again, and those at which it was not, by what it holds.
  reopened = kCounters,
  kept_temporary,
  kept_cursors,
  kept_locks,
  kept_sequences,
  kept_listening,
  kAllCounters
};

void count(Counter counter, std::int64_t by = 1);
std::uint64_t counted(Counter counter);

// Asks for the shared memory. Once, when the library is loaded.
void install_counters();

}  // namespace aurora_global::extension
