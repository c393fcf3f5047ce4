// Goal: a move keeps every rule, whichever of its writes to a disk fails and whatever becomes of
// each of its requests; and what the simulator has found once stays mended.
// Method: a move is run once to count its steps, and then once per step with that one spoilt.
#include "sim/world.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

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

// A failover to a region whose data are just being rewound to another's: when the rewind fails, for
// its source is fenced, nothing may come of it but the old data. Once an empty database came.
TEST(Found, AFailoverToDataThatAreBeingReplaced) {
  spdlog::set_level(spdlog::level::off);
  const Beginning beginning = make_beginning(2);
  int moves = 0;
  for (int i = 0; i < 30; ++i) {
    Plan plan;
    plan.seed = 200 + static_cast<std::uint64_t>(i);
    plan.way = 500us;
    plan.steps = {step(1290ms, Act::isolate, 0, 730ms), step(1760ms, Act::failover, 1),
                  step(2100ms + i * 30ms, Act::failover, 0)};
    const Outcome outcome = run(plan, beginning, false);
    EXPECT_EQ(outcome.violation, "") << "moment " << i;
    moves += static_cast<int>(outcome.counts.rules.failovers);
  }
  EXPECT_GE(moves, 30);
}

}  // namespace
}  // namespace aurora_global::sim
