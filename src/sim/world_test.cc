// Goal: a move keeps every rule, whichever of its writes to a disk fails and whatever becomes of
// each of its requests; and what the simulator has found once stays mended.
// Method: a move is run once to count its steps, and then once per step with that one spoilt.
#include "sim/world.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <functional>

namespace aurora_global::sim {
namespace {

using namespace std::chrono_literals;

Step step(Duration at, Act act, int region, Duration lasts = {}) {
  Step one;
  one.at = at;
  one.act = act;
  one.region = region;
  one.other = region;
  one.lasts = lasts;
  return one;
}

class EveryStep : public testing::TestWithParam<Act> {
 protected:
  static void SetUpTestSuite() {
    spdlog::set_level(spdlog::level::off);
    beginning_ = new Beginning(make_beginning(3));
  }
  static void TearDownTestSuite() { delete beginning_; }

  Plan plan() const {
    Plan plan;
    plan.seed = 1;
    plan.regions = 3;
    plan.planned_only = GetParam() == Act::switchover;
    plan.way = 2ms;
    plan.steps = {step(50ms, GetParam(), 1)};
    return plan;
  }
  Outcome clean() const {
    Outcome outcome = run(plan(), *beginning_, false);
    EXPECT_EQ(outcome.violation, "");
    EXPECT_EQ(outcome.counts.rules.switchovers + outcome.counts.rules.failovers, 1u);
    return outcome;
  }

  static Beginning* beginning_;
};

Beginning* EveryStep::beginning_ = nullptr;

TEST_P(EveryStep, APutThatFails) {
  const std::uint64_t puts = clean().counts.puts_since_begin;
  ASSERT_GE(puts, 4u);
  for (std::uint64_t i = 1; i <= puts; ++i) {
    SCOPED_TRACE(testing::Message() << "put " << i << " of " << puts);
    Plan failing = plan();
    failing.failing_put = i;
    const Outcome outcome = run(failing, *beginning_, false);
    EXPECT_EQ(outcome.violation, "");
    EXPECT_EQ(outcome.counts.transactions_failed, 1u);
  }
}

TEST_P(EveryStep, ACallThatIsLostLateOrDoubled) {
  const std::uint64_t calls = clean().counts.calls_since_begin;
  ASSERT_GE(calls, 1u);
  for (std::uint64_t i = 1; i <= calls; ++i) {
    for (int how = 0; how < kSpoils; ++how) {
      SCOPED_TRACE(testing::Message() << "call " << i << " of " << calls << ", spoilt as " << how);
      Plan spoilt = plan();
      spoilt.spoilt_call = i;
      spoilt.spoil = static_cast<Spoil>(how);
      EXPECT_EQ(run(spoilt, *beginning_, false).violation, "");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Moves, EveryStep, testing::Values(Act::switchover, Act::failover),
                         [](const auto& info) { return std::string(name_of(info.param)); });

// Plans that differ in one moment, which `steps` is given; each has to keep every rule. Returns
// what happened in all of them.
Counts at_moments(int regions, int moments, const std::function<std::vector<Step>(int)>& steps) {
  spdlog::set_level(spdlog::level::off);
  const Beginning beginning = make_beginning(regions);
  Counts all;
  for (int i = 0; i < moments; ++i) {
    Plan plan;
    plan.seed = 200 + static_cast<std::uint64_t>(i);
    plan.regions = regions;
    plan.way = 500us;
    plan.steps = steps(i);
    const Outcome outcome = run(plan, beginning, false);
    EXPECT_EQ(outcome.violation, "") << "moment " << i;
    all.add(outcome.counts);
  }
  return all;
}

// A failover to a region whose data are just being rewound to another's: when the rewind fails, for
// its source is fenced, nothing may come of it but the old data. Once an empty database came.
TEST(Found, AFailoverToDataThatAreBeingReplaced) {
  const Counts all = at_moments(2, 30, [](int i) -> std::vector<Step> {
    return {step(1290ms, Act::isolate, 0, 730ms), step(1760ms, Act::failover, 1),
            step(2100ms + i * 30ms, Act::failover, 0)};
  });
  EXPECT_GE(all.rules.failovers, 30u);
}

// The daemon is killed while a rewind is under way, and an operator makes the region the primary:
// no server may open what is half another's.
TEST(Found, AFailoverToHalfARewind) {
  const Counts all = at_moments(2, 60, [](int i) -> std::vector<Step> {
    return {step(1290ms, Act::isolate, 0, 730ms), step(1760ms, Act::failover, 1),
            step(2400ms + i * 50ms, Act::kill_daemon, 0, 20ms),
            step(2410ms + i * 50ms, Act::isolate, 0, 2000ms),
            step(2450ms + i * 50ms, Act::failover, 0)};
  });
  EXPECT_GE(all.rules.failovers, 60u);
}

// One of two switchovers gives way to the other. Its router was sent to the other's target before
// that was open, for it knew of its own operation only.
TEST(Found, TwoSwitchoversAtOnce) {
  const Counts all = at_moments(3, 40, [](int i) -> std::vector<Step> {
    return {step(50ms, Act::switchover, 1), step(50ms + i * 1ms, Act::switchover, 2)};
  });
  EXPECT_GE(all.rules.switchovers, 40u);
}

// A daemon that starts while the writer opens elsewhere has the new epoch on its disk, and does not
// know of the operation that it is of.
TEST(Found, ARegionThatStartsWhileTheWriterOpens) {
  const Counts all = at_moments(3, 40, [](int i) -> std::vector<Step> {
    return {step(0ms, Act::slow_promotion, 1, 1500ms), step(50ms, Act::switchover, 1),
            step(100ms + i * 10ms, Act::kill_daemon, 2, 50ms)};
  });
  EXPECT_GE(all.rules.switchovers, 40u);
}

// A region joins while the writer moves: the new writer did not know of it, and it was a member for
// nobody but itself, or thrown out and given an empty database.
TEST(Found, ARegionThatJoinsWhileTheWriterMoves) {
  for (const Act move : {Act::switchover, Act::failover}) {
    const Counts all = at_moments(3, 40, [&](int i) -> std::vector<Step> {
      return {step(50ms, Act::remove_region, 2), step(600ms, Act::add_region, 0),
              step(600ms + i * 25ms, move, 1)};
    });
    EXPECT_EQ(all.added, 40u) << name_of(move);
  }
}

// Two failovers one after the other, the second to a region that has heard of neither: the one
// between has what the first primary wrote, on an older timeline than its own last one, and gives
// that up, too, when it returns. It was kept nowhere.
TEST(Found, AChainOfFailovers) {
  const Counts all = at_moments(3, 20, [](int i) -> std::vector<Step> {
    return {step(50ms, Act::isolate, 2, 3000ms), step(1000ms, Act::kill_machine, 0, 8s),
            step(1050ms, Act::failover, 1), step(2900ms, Act::kill_machine, 1, 3s),
            step(3200ms + i * 20ms, Act::failover, 2)};
  });
  EXPECT_GE(all.rules.failovers, 40u);
}

// An operator takes the target of a switchover out of the global cluster before the old region has
// heard of the switchover. It was made the writer of a cluster that it is no member of.
TEST(Found, ATargetThatLeavesTheGlobalCluster) {
  const Counts all = at_moments(3, 40, [](int i) -> std::vector<Step> {
    return {step(50ms, Act::switchover, 2), step(50ms + i * 10ms, Act::remove_region, 2)};
  });
  EXPECT_GE(all.rules.switchovers, 1u);
  EXPECT_LT(all.rules.switchovers, 40u);
}

// A failover back to a region that was just fenced: its server is opened where it stopped and
// leaves no timeline, so what it had is not what was last seen of it.
TEST(Found, AFailoverToTheRegionThatIsLeft) {
  const Counts all = at_moments(2, 40, [](int i) -> std::vector<Step> {
    return {step(0ms, Act::slow_promotion, 1, 3s), step(50ms, Act::switchover, 1),
            step(150ms + i * 20ms, Act::failover, 0)};
  });
  EXPECT_GE(all.rules.failovers, 30u);
}

// A daemon takes over a server that is open, in a partition in which another region was failed over
// to. When that server ends, what it was is no reason any more to open it.
TEST(Found, AnAdoptedServerThatEndsIsNotOpenedAgainUnasked) {
  const Counts all = at_moments(3, 20, [](int i) -> std::vector<Step> {
    return {step(50ms, Act::isolate, 0, 3s), step(60ms, Act::failover, 2),
            step(70ms + i * 20ms, Act::kill_daemon, 0, 500ms),
            step(1200ms, Act::crash_postgres, 0)};
  });
  EXPECT_EQ(all.rules.failovers, 20u);
}

}  // namespace
}  // namespace aurora_global::sim
