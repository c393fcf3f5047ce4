#include "net/virtual_loop.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <vector>

#include "net/backoff.h"
#include "net/run_blocking.h"
#include "net/task.h"
#include "net/testing/run.h"

namespace aurora_global::net {
namespace {

using namespace std::chrono_literals;

// The smallest loop there is: what is due runs, then time jumps to the next timer.
class SmallLoop final : public VirtualLoop {
 public:
  ~SmallLoop() override { drop(); }

  void post(Job job) override {
    if (!ended_) ready_.push_back(std::move(job));
  }
  std::uint64_t call_at(Instant at, Job job) override {
    timers_.emplace(std::pair(std::max(at, clock_.now()), ++last_), std::move(job));
    return last_;
  }
  Job revoke(std::uint64_t number) override {
    for (auto it = timers_.begin(); it != timers_.end(); ++it) {
      if (it->first.second != number) continue;
      Job job = std::move(it->second);
      timers_.erase(it);
      return job;
    }
    return Job();
  }
  const Clock& clock() const override { return clock_; }

  bool step() {
    const ClockOfThread in_force(clock_);
    if (ready_.empty()) {
      if (timers_.empty()) return false;
      clock_.advance(timers_.begin()->first.first - clock_.now());
      ready_.push_back(std::move(timers_.begin()->second));
      timers_.erase(timers_.begin());
    }
    Job job = std::move(ready_.front());
    ready_.pop_front();
    job();
    return true;
  }
  void run() {
    while (step()) {
    }
  }
  // As a process that is killed: nothing runs any more.
  void drop() {
    ended_ = true;
    while (!ready_.empty() || !timers_.empty()) {
      auto ready = std::move(ready_);
      auto timers = std::move(timers_);
      ready_.clear();
      timers_.clear();
    }
  }

 private:
  ManualClock clock_;
  std::uint64_t last_ = 0;
  bool ended_ = false;
  std::deque<Job> ready_;
  std::map<std::pair<Instant, std::uint64_t>, Job> timers_;
};

Task<void> sleep_twice(std::vector<Instant>& at, const Clock& clock) {
  co_await sleep_for(1h);
  at.push_back(clock.now());
  co_await sleep_for(2h);
  at.push_back(clock.now());
}

TEST(VirtualLoop, PausesTakeTimeOfTheLoopOnly) {
  SmallLoop loop;
  TaskGroup tasks(loop.executor());
  std::vector<Instant> at;
  tasks.spawn("sleeper", sleep_twice(at, loop.clock()));
  loop.run();
  EXPECT_EQ(at, (std::vector<Instant>{Instant(1h), Instant(3h)}));
  EXPECT_EQ(tasks.size(), 0u);
}

Task<void> await_event(Event& event, Duration limit, std::vector<bool>& told) {
  told.push_back(co_await event.wait_for(limit));
}

TEST(VirtualLoop, AnEventWakesBeforeItsDeadlineAndNotAfter) {
  SmallLoop loop;
  Event event(loop.executor());
  TaskGroup tasks(loop.executor());
  std::vector<bool> told;
  tasks.spawn("waits", await_event(event, 10s, told));
  loop.step();
  loop.step();
  event.notify();
  loop.run();
  EXPECT_LT(loop.clock().now(), Instant(10s));
  tasks.spawn("waits in vain", await_event(event, 10s, told));
  loop.run();
  EXPECT_EQ(told, (std::vector<bool>{true, false}));
}

Task<void> notes_its_end(bool& ended, bool& dropped) {
  struct Frame {
    bool& gone;
    ~Frame() { gone = true; }
  } frame{dropped};
  co_await sleep_for(1h);
  ended = true;
}

TEST(VirtualLoop, AStoppedGroupEndsItsTasks) {
  SmallLoop loop;
  TaskGroup tasks(loop.executor());
  bool ended = false, dropped = false;
  tasks.spawn("sleeper", notes_its_end(ended, dropped));
  while (loop.clock().now() == Instant() && tasks.size() == 1) {
    if (!loop.step()) break;
    tasks.stop();
  }
  loop.run();
  EXPECT_TRUE(dropped);
  EXPECT_LT(loop.clock().now(), Instant(1h));
  EXPECT_EQ(tasks.size(), 0u);
}

TEST(VirtualLoop, ATaskOfAKilledLoopIsDroppedWhereItWaits) {
  bool ended = false, dropped = false;
  SmallLoop loop;
  TaskGroup tasks(loop.executor());
  tasks.spawn("sleeper", notes_its_end(ended, dropped));
  loop.step();
  loop.step();
  loop.drop();
  EXPECT_TRUE(dropped);
  EXPECT_FALSE(ended);
  EXPECT_EQ(tasks.size(), 0u);
}

TEST(RunBlocking, RunsBesideTheLoop) {
  testing::run([](TaskGroup&) -> Task<void> {
    const auto loop_thread = std::this_thread::get_id();
    const auto job = [] { return std::this_thread::get_id(); };
    const auto worker = co_await run_blocking(job);
    EXPECT_TRUE(worker != loop_thread);
    EXPECT_TRUE(std::this_thread::get_id() == loop_thread);
  });
}

TEST(Backoff, DoublesUpToItsMost) {
  Backoff backoff(250ms, 1s);
  EXPECT_EQ(backoff.next(), 250ms);
  EXPECT_EQ(backoff.next(), 500ms);
  EXPECT_EQ(backoff.next(), 1s);
  EXPECT_EQ(backoff.next(), 1s);
  backoff.reset();
  EXPECT_EQ(backoff.next(), 250ms);
}

}  // namespace
}  // namespace aurora_global::net
