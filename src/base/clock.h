// Time comes from a Clock and nowhere else, so that tests and the simulator own it.
#pragma once

#include <chrono>
#include <string>

namespace aurora_global {

using Duration = std::chrono::nanoseconds;
// Monotonic; comparable within one machine.
using Instant = std::chrono::steady_clock::time_point;
// UTC wall clock, microseconds since 1970-01-01; comparable between machines as far as NTP goes.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual WallTime wall_now() const = 0;
};

// The machine's own clocks. Thread-safe.
class SystemClock final : public Clock {
 public:
  Instant now() const override;
  WallTime wall_now() const override;
};

// A clock that moves only when told to.
class ManualClock final : public Clock {
 public:
  Instant now() const override { return now_; }
  WallTime wall_now() const override { return wall_; }
  void advance(Duration by) {
    now_ += by;
    wall_ += std::chrono::duration_cast<std::chrono::microseconds>(by);
  }

 private:
  Instant now_{};
  WallTime wall_{std::chrono::seconds(1'700'000'000)};
};

// The clock of the loop that runs on this thread: the machine's, unless a simulated loop runs here.
const Clock& clock_of_thread();

// Who runs a simulated loop puts its clock in force around each of its handlers.
class ClockOfThread {
 public:
  explicit ClockOfThread(const Clock& clock);
  ~ClockOfThread();
  ClockOfThread(const ClockOfThread&) = delete;
  ClockOfThread& operator=(const ClockOfThread&) = delete;

 private:
  const Clock* before_;
};

// "2026-11-23T15:57:04.123Z", the form AWS uses in XML.
std::string iso8601(WallTime time);

// A point in time after which waiting is over, by the clock of the loop that runs on this thread.
class Deadline {
 public:
  explicit Deadline(Instant at) : at_(at) {}
  static Deadline in(Duration from_now) { return Deadline(clock_of_thread().now() + from_now); }

  Instant at() const { return at_; }
  // Never negative.
  Duration left(Instant now = clock_of_thread().now()) const {
    return at_ > now ? Duration(at_ - now) : Duration::zero();
  }
  bool passed(Instant now = clock_of_thread().now()) const { return now >= at_; }
  // The earlier of this and `from_now`: a part of the budget for one step.
  Deadline at_most(Duration from_now) const {
    const Deadline other = in(from_now);
    return other.at_ < at_ ? other : *this;
  }

 private:
  Instant at_;
};

}  // namespace aurora_global
