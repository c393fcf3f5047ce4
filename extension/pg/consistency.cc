#include "pg/consistency.h"

#include <algorithm>
#include <iterator>

#include "pg/counters.h"
#include "pg/lexing.h"
#include "pg/message.h"
#include "pg/options.h"
#include "pg/relay.h"
#include "pg/remote.h"
#include "pg/session.h"

extern "C" {
#include "libpq/auth.h"
#include "replication/walreceiver.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/inval.h"
}

namespace aurora_global::extension {
namespace {

constexpr long kFirstPollUs = 100;
constexpr int kFirstPolls = 20;
constexpr long kPollMs = 1;
constexpr int kPollsBetweenLooks = 20;

struct Target {
  XLogRecPtr position = InvalidXLogRecPtr;
  TimeLineID timeline = 0;
};

Target committed;                          // What this session has written.
XLogRecPtr confirmed = InvalidXLogRecPtr;  // Replay was seen to have this.
XLogRecPtr by_token = InvalidXLogRecPtr;   // Another session has written up to here.
std::optional<Read> ahead;
ClientAuthentication_hook_type next_authentication = nullptr;

bool replayed(const Target& target) {
  TimeLineID timeline = 0;
  const XLogRecPtr position = GetXLogReplayRecPtr(&timeline);
  return !RecoveryInProgress() || (timeline >= target.timeline && position >= target.position);
}

// Replay waits for a lock that this backend holds, so waiting for replay would never end.
bool blocks_replay() {
  LockData* locks = GetLockStatusData();
  for (int i = 0; i < locks->nelements; ++i) {
    const LockInstanceData& mine = locks->locks[i];
    if (mine.pid != MyProcPid || mine.holdMask == 0) continue;
    for (int j = 0; j < locks->nelements; ++j) {
      const LockInstanceData& other = locks->locks[j];
      if (other.waitLockMode == NoLock || other.pid == MyProcPid) continue;
      if (memcmp(&other.locktag, &mine.locktag, sizeof(LOCKTAG)) == 0) return true;
    }
  }
  return false;
}

void pause(int polls) {
  if (polls < kFirstPolls) {
    pg_usleep(kFirstPollUs);
  } else {
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kPollMs, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
  }
  CHECK_FOR_INTERRUPTS();
}

// False if waiting blocks replay, or lasts too long.
bool await(const Target& target, bool holding_locks) {
  const TimestampTz start = GetCurrentTimestamp();
  for (int polls = 0; !replayed(target); ++polls) {
    if (holding_locks && polls > 0 && polls % kPollsBetweenLooks == 0 && blocks_replay()) {
      return false;
    }
    if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(), options.consistency_timeout_ms)) {
      return false;
    }
    pause(polls);
  }
  return true;
}

bool too_stale() {
  if (options.max_staleness_ms == 0) return false;
  const TimestampTz last = GetLatestXTime();
  if (GetXLogReplayRecPtr(nullptr) == GetWalRcvFlushRecPtr(nullptr, nullptr)) return link_silent();
  return last == 0 ||
         TimestampDifferenceExceeds(last, GetCurrentTimestamp(), options.max_staleness_ms);
}

// ---- before a statement is parsed

// Its first word, behind comments and parentheses.
bool may_read(const char* text) {
  for (;;) {
    text += strspn(text, " \t\r\n\f\v(");
    if (strncmp(text, "--", 2) == 0) {
      text += strcspn(text, "\n");
    } else if (strncmp(text, "/*", 2) == 0) {
      const char* end = strstr(text + 2, "*/");
      if (end == nullptr) return false;
      text = end + 2;
    } else {
      break;
    }
  }
  constexpr const char* kReading[] = {"select",  "with", "values",  "table",
                                      "explain", "copy", "execute", "declare"};
  return std::any_of(std::begin(kReading), std::end(kReading), [&](const char* word) {
    return pg_strncasecmp(text, word, strlen(word)) == 0;
  });
}

// What the session itself has made is awaited where it is made (await_catalog).
bool others_matter() {
  return options.consistency_mode == mode_global ||
         (options.consistency_mode == mode_session && by_token > confirmed);
}

void forget_when_unread() {
  if (ahead && !pq_buffer_has_data()) ahead.reset();
}

void wait_before_parse(const char* text) {
  note_lexing();
  if (ahead || !forwarding_possible() || !others_matter() || !may_read(text)) return;
  if (IsAbortedTransactionBlockState()) return;
  if (IsTransactionState() && IsolationUsesXactSnapshot()) return;
  pgstat_report_activity(STATE_RUNNING, text);
  InvalidateCatalogSnapshot();
  bool waited = false;
  const Read where = await_consistency(&waited);
  if (IsTransactionState()) AcceptInvalidationMessages();
  ahead = where;
}

void on_authentication(Port* port, int status) {
  if (next_authentication != nullptr) next_authentication(port, status);
  if (status == STATUS_OK && RecoveryInProgress()) {
    watch_messages({forget_when_unread, wait_before_parse});
  }
}

}  // namespace

std::optional<Read> waited_ahead() { return ahead; }

void note_executed() { ahead.reset(); }

void note_committed(const Position& position) {
  // Positions are comparable on one timeline only.
  if (position.timeline != committed.timeline) {
    committed = {InvalidXLogRecPtr, position.timeline};
    confirmed = by_token = InvalidXLogRecPtr;
  }
  if (position.commit > committed.position) committed.position = position.commit;
}

const char* consistency_token() {
  static char text[48];
  const bool here = !RecoveryInProgress();
  const XLogRecPtr position = here ? XactLastCommitEnd : committed.position;
  const TimeLineID timeline = here ? GetWALInsertionTimeLine() : committed.timeline;
  text[0] = '\0';
  if (position != InvalidXLogRecPtr) {
    snprintf(text, sizeof text, "%u:%X/%X", timeline, static_cast<unsigned>(position >> 32),
             static_cast<unsigned>(position));
  }
  return text;
}

bool token_is_valid(const char* token) {
  unsigned timeline = 0;
  unsigned high = 0;
  unsigned low = 0;
  int end = 0;
  return sscanf(token, "%10u:%8X/%8X%n", &timeline, &high, &low, &end) == 3 && token[end] == '\0';
}

void take_token(const char* token) {
  unsigned timeline = 0;
  unsigned high = 0;
  unsigned low = 0;
  sscanf(token, "%10u:%8X/%8X", &timeline, &high, &low);
  // An older timeline's end is in every newer one, unless it was lost with a failover.
  if (timeline < committed.timeline) return;
  Position position;
  position.timeline = timeline;
  position.commit = static_cast<XLogRecPtr>(high) << 32 | low;
  note_committed(position);
  if (timeline == committed.timeline) by_token = Max(by_token, position.commit);
}

void await_catalog(const Position& position) {
  const Target target{position.catalog, position.timeline};
  if (target.position == InvalidXLogRecPtr || target.position <= confirmed) return;
  if (await(target, false)) confirmed = target.position;
}

bool wait_needed() {
  switch (options.consistency_mode) {
    case mode_global: return true;
    case mode_session: return committed.position > confirmed;
    default: return options.max_staleness_ms > 0;
  }
}

Read await_consistency(bool* waited) {
  *waited = false;
  if (options.consistency_mode == mode_eventual) return too_stale() ? Read::primary : Read::here;
  Target target = committed;
  if (options.consistency_mode == mode_global) {
    const Position now = primary_position();
    target = {now.commit, now.timeline};
  }
  if (target.position <= confirmed) {
    return too_stale() ? Read::primary : Read::here;
  }
  *waited = true;
  const TimestampTz start = GetCurrentTimestamp();
  const bool came = await(target, true);
  count(replica_read_waits);
  count(replica_read_wait_us, GetCurrentTimestamp() - start);
  if (!came) return Read::primary;
  confirmed = Max(confirmed, target.position);
  return too_stale() ? Read::primary : Read::here;
}

void install_consistency() {
  next_authentication = ClientAuthentication_hook;
  ClientAuthentication_hook = on_authentication;
}

}  // namespace aurora_global::extension
