#include "base/clock.h"

#include <cstdio>
#include <ctime>

namespace aurora_global {
namespace {

// constinit: no guard is tested at each use.
constinit thread_local const Clock* simulated = nullptr;

}  // namespace

const Clock& clock_of_thread() {
  static const SystemClock system;
  return simulated == nullptr ? system : *simulated;
}

ClockOfThread::ClockOfThread(const Clock& clock) : before_(simulated) { simulated = &clock; }

ClockOfThread::~ClockOfThread() { simulated = before_; }

Instant SystemClock::now() const { return std::chrono::steady_clock::now(); }

WallTime SystemClock::wall_now() const {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::string iso8601(WallTime time) {
  const auto since = time.time_since_epoch();
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(since).count();
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(since).count() - seconds * 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[96];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                static_cast<int>(millis));
  return text;
}

}  // namespace aurora_global
