// Simulated time: one queue of what happens next, for all processes of a run.
//
// Everything that happens is a Job with a point in time. Kernel takes the earliest one, moves the
// time there and calls it; nothing runs beside anything else, so a run is decided by its seed.
// A process is a Loop: its jobs wait while it is stopped, and are dropped, with every coroutine
// where it stands, when it is killed.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "base/rng.h"
#include "net/virtual_loop.h"

namespace aurora_global::sim {

// Nanoseconds since the start of the run.
using Time = Duration;

class Loop;

class Kernel {
 public:
  explicit Kernel(std::uint64_t seed) : rng_(seed) {}
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  ~Kernel();

  Time now() const { return now_; }
  Rng& rng() { return rng_; }
  bool chance(double probability) { return rng_.unit() < probability; }
  // Uniform in [low, high].
  Duration between(Duration low, Duration high);

  // The world's own events: a packet arrives, a disk has written, a fault begins.
  void at(Time when, net::Job job) { add(when, nullptr, std::move(job)); }
  void after(Duration pause, net::Job job) { at(now_ + pause, std::move(job)); }

  // Runs until nothing is left before `end`, or somebody has called halt().
  void run_until(Time end);
  void halt() { halted_ = true; }
  bool halted() const { return halted_; }
  std::uint64_t steps() const { return steps_; }

 private:
  friend class Loop;
  struct Slot {
    net::Job job;
    Loop* loop = nullptr;
    std::uint32_t generation = 0;
    bool used = false;
  };
  struct Entry {
    Time at;
    std::uint64_t order;
    std::uint32_t slot;
    std::uint32_t generation;
    bool operator>(const Entry& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  std::uint64_t add(Time when, Loop* loop, net::Job job);
  net::Job take(std::uint32_t slot);
  net::Job revoke(std::uint64_t number);
  void run_one(Entry entry);

  Time now_{};
  Rng rng_;
  bool halted_ = false;
  std::uint64_t steps_ = 0;
  std::uint64_t order_ = 0;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
};

// What the clocks of one machine show. They drift, and the wall clock jumps.
class MachineClock final : public Clock {
 public:
  explicit MachineClock(const Kernel& kernel) : kernel_(kernel) {}
  Instant now() const override { return Instant(kBoot + scaled(kernel_.now())); }
  WallTime wall_now() const override {
    const auto since = scaled(kernel_.now()) + wall_offset_;
    return kEpoch + std::chrono::duration_cast<std::chrono::microseconds>(since);
  }
  // When this clock shows `at`.
  Time time_of(Instant at) const;
  // From now on it gains so many millionths.
  void drift(int parts_per_million);
  void jump_wall(Duration by) { wall_offset_ += by; }

 private:
  static constexpr Duration kBoot = std::chrono::hours(1);
  static constexpr WallTime kEpoch{std::chrono::seconds(1'800'000'000)};
  Duration scaled(Time time) const;

  const Kernel& kernel_;
  int ppm_ = 0;
  Time since_{};      // When the present rate began,
  Duration shown_{};  // and what was shown then.
  Duration wall_offset_{};
};

// One incarnation of a process.
class Loop final : public net::VirtualLoop {
 public:
  Loop(Kernel& kernel, const MachineClock& clock) : kernel_(kernel), clock_(clock) {}
  ~Loop() override { kill(); }

  void post(net::Job job) override;
  std::uint64_t call_at(Instant at, net::Job job) override;
  net::Job revoke(std::uint64_t number) override { return kernel_.revoke(number); }
  const Clock& clock() const override { return clock_; }

  // SIGSTOP and SIGCONT.
  void stop() { stopped_ = true; }
  void go_on();
  bool stopped() const { return stopped_; }
  // SIGKILL. What its frames refer to must still be there.
  void kill();
  bool killed() const { return killed_; }
  // Calls `then` before the step after the next `steps`: between any two waits of the process.
  // 0: never.
  void after_steps(int steps, std::function<void()> then) {
    steps_left_ = steps;
    then_ = std::move(then);
  }

 private:
  friend class Kernel;
  Kernel& kernel_;
  const MachineClock& clock_;
  bool stopped_ = false;
  bool killed_ = false;
  int steps_left_ = 0;
  std::function<void()> then_;
  std::deque<net::Job> waiting_;  // While it is stopped.
  std::vector<net::Job> dropped_;
};

}  // namespace aurora_global::sim
