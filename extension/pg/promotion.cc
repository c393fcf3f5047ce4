#include "pg/promotion.h"

extern "C" {
#include <signal.h>
#include <unistd.h>

#include "storage/fd.h"
}

namespace aurora_global::extension {
namespace {

// Nothing that PostgreSQL 15 signals tells of either event, so they are looked for: as often as is
// cheap at first, for the wait is part of a write-unavailability window.
constexpr long kPollUs = 50;
constexpr long kLatePollUs = 1000;
constexpr int kEarlyMs = 2000;
constexpr int kLooksPerWake = 16;

template <typename Condition>
bool poll(const Condition& holds, int limit_ms) {
  const TimestampTz start = GetCurrentTimestamp();
  while (!holds()) {
    const TimestampTz now = GetCurrentTimestamp();
    if (TimestampDifferenceExceeds(start, now, limit_ms)) return false;
    CHECK_FOR_INTERRUPTS();
    pg_usleep(TimestampDifferenceExceeds(start, now, kEarlyMs) ? kLatePollUs : kPollUs);
  }
  return true;
}

}  // namespace

bool await_replay(XLogRecPtr position, int limit_ms) {
  return poll([&] { return GetXLogReplayRecPtr(nullptr) >= position; }, limit_ms);
}

bool promote(int limit_ms) {
  if (!RecoveryInProgress()) return true;
  FILE* file = AllocateFile(PROMOTE_SIGNAL_FILE, PG_BINARY_W);
  if (file == nullptr || FreeFile(file) != 0) {
    ereport(ERROR, errcode_for_file_access(),
            errmsg("could not write file \"%s\": %m", PROMOTE_SIGNAL_FILE));
  }
  if (kill(PostmasterPid, SIGUSR1) != 0) {
    unlink(PROMOTE_SIGNAL_FILE);
    ereport(ERROR, errmsg("could not signal the postmaster: %m"));
  }
  // The old server's end takes the stream away at this very moment. A startup process that had
  // begun to look for another one when the signal came sleeps wal_retrieve_retry_interval before it
  // looks at the signal.
  int looks = 0;
  return poll(
      [&looks] {
        if (++looks % kLooksPerWake == 0) WakeupRecovery();
        return !RecoveryInProgress();
      },
      limit_ms);
}

}  // namespace aurora_global::extension
