#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "sim/world.h"

namespace aurora_global::sim {
namespace {

using namespace std::chrono_literals;

class Pair final : public Wire {
 public:
  Pair() : kernel(7), a(kernel, *this, RegionId{"a"}), b(kernel, *this, RegionId{"b"}) {
    a.init();
    a.start(std::nullopt, 10ms);
    kernel.run_until(1s);
  }
  Postgres* server_in(const RegionId& region) override { return region.name == "a" ? &a : &b; }
  bool passes(const RegionId&, const RegionId&) override { return open; }
  Duration latency(const RegionId&, const RegionId&) override { return 1ms; }
  void replicate() {
    ASSERT_TRUE(b.copy_from({RegionId{"a"}}));
    b.start(Postgres::Source{RegionId{"a"}}, 10ms);
    kernel.run_until(kernel.now() + 1s);
  }

  Kernel kernel;
  bool open = true;
  Postgres a, b;
};

TEST(ModelPostgres, AStandbyReceivesWhatItsSourceWrites) {
  Pair pair;
  pair.replicate();
  EXPECT_TRUE(pair.b.streaming());
  pair.a.write(1);
  pair.kernel.run_until(pair.kernel.now() + 1s);
  EXPECT_EQ(pair.b.data().wal.back().id, 1u);
  EXPECT_EQ(pair.b.replayed(), pair.b.data().wal.size());
}

TEST(ModelPostgres, APartitionEndsTheStreamAndItsEndBringsItBack) {
  Pair pair;
  pair.replicate();
  pair.open = false;
  pair.kernel.run_until(pair.kernel.now() + 1s);
  EXPECT_FALSE(pair.b.streaming());
  pair.a.write(1);
  pair.open = true;
  pair.kernel.run_until(pair.kernel.now() + 1s);
  EXPECT_EQ(pair.b.data().wal.back().id, 1u);
}

TEST(ModelPostgres, AFormerPrimaryThatWentPastTheForkFollowsOnlyAfterARewind) {
  Pair pair;
  pair.replicate();
  pair.open = false;
  pair.kernel.run_until(pair.kernel.now() + 1s);
  pair.a.write(1);
  pair.b.begin_promotion(10ms);
  pair.kernel.run_until(pair.kernel.now() + 1s);
  ASSERT_TRUE(pair.b.takes_writes());
  pair.b.write(2);
  pair.open = true;
  pair.a.crash();
  pair.a.start(Postgres::Source{RegionId{"b"}}, 10ms);
  pair.kernel.run_until(pair.kernel.now() + 5s);
  EXPECT_FALSE(pair.a.streaming());
  pair.a.crash();
  ASSERT_TRUE(pair.a.rewind_to({RegionId{"b"}}));
  pair.a.start(Postgres::Source{RegionId{"b"}}, 10ms);
  pair.kernel.run_until(pair.kernel.now() + 5s);
  EXPECT_TRUE(pair.a.streaming());
  EXPECT_EQ(pair.a.data().wal.back().chain, pair.b.data().wal.back().chain);
}

TEST(ModelPostgres, AFencedServerTakesNoWritesAndAStartForgetsTheFence) {
  Pair pair;
  pair.a.fence(Epoch{2});
  EXPECT_FALSE(pair.a.takes_writes());
  pair.a.crash();
  pair.a.start(std::nullopt, 10ms);
  pair.kernel.run_until(pair.kernel.now() + 1s);
  EXPECT_TRUE(pair.a.takes_writes());
}

TEST(Plan, IsMadeByItsSeed) {
  const Plan one = make_plan(5, 0), again = make_plan(5, 0), other = make_plan(6, 0);
  ASSERT_EQ(one.steps.size(), again.steps.size());
  for (std::size_t i = 0; i < one.steps.size(); ++i) {
    EXPECT_EQ(one.steps[i].text(), again.steps[i].text());
  }
  EXPECT_TRUE(one.steps.size() != other.steps.size() ||
              one.steps[0].text() != other.steps[0].text());
}

TEST(Simulation, ASeedReplaysExactly) {
  spdlog::set_level(spdlog::level::off);
  const Beginning beginning = make_beginning(3);
  const Plan plan = make_plan(11, 3);
  const Outcome one = run(plan, beginning, false);
  const Outcome again = run(plan, beginning, false);
  EXPECT_EQ(one.violation, again.violation);
  EXPECT_EQ(one.counts.steps, again.counts.steps);
  EXPECT_EQ(one.counts.writes, again.counts.writes);
}

// Each is what a daemon of another version, or a broken one, may say. None ends ours.
TEST(Simulation, NoSayingOfAPeerEndsADaemon) {
  spdlog::set_level(spdlog::level::off);
  const Beginning beginning = make_beginning(2);
  const char* const bodies[] = {
      "",
      "null",
      "[]",
      "{}",
      "{\"from\": 1}",
      "{\"operation\": 5}",
      "{\"operation\": {}}",
      "{\"operation\": {\"epoch\": -1, \"steps\": {}}}",
      "{\"operation\": {\"epoch\": 1e300, \"step\": \"of tomorrow\", \"kind\": \"unheard of\"}}",
      "{\"from\": \"us-west-2\", \"globals\": 7, \"operations\": \"x\", \"left\": [1]}",
      "{\"from\": \"us-west-2\", \"head\": [], \"secrets\": 1, \"instances\": {}}",
      "{\"from\": \"us-west-2\", \"globals\": [{\"members\": [3], \"epoch\": \"two\"}]}",
      "{\"global_cluster\": null, \"member\": [], \"timeline\": -3, \"action\": 1}",
      "{\"final_lsn\": \"x\", \"fork\": [], \"position\": {}, \"engine_version\": 1}"};
  for (const char* what :
       {"gossip", "inspect", "checkpoint", "join", "prepare-sessions", "hold", "fence", "unfence",
        "retire", "fork", "move", "change", "secret", "password", "pass-on", "no such thing"}) {
    std::vector<Saying> sayings;
    for (const char* body : bodies) sayings.push_back({false, what, body});
    converse(sayings, beginning);
  }
  std::vector<Saying> answers;
  for (const char* body : bodies) answers.push_back({true, "", body});
  converse(answers, beginning);
}

// The thin end to end: clients write, an operator asks for a switchover, nothing else happens.
TEST(Simulation, AQuietSwitchoverLosesNothing) {
  spdlog::set_level(spdlog::level::off);
  Plan plan;
  plan.seed = 1;
  plan.planned_only = true;
  plan.way = 1ms;
  plan.steps.push_back({1s, Act::switchover, 1, 1});
  const Outcome outcome = run(plan, make_beginning(2), false);
  EXPECT_EQ(outcome.violation, "");
  EXPECT_EQ(outcome.counts.switchovers, 1u);
  EXPECT_GT(outcome.counts.acknowledged, 500u);
  EXPECT_EQ(outcome.counts.lost_by_failover, 0u);
}

}  // namespace
}  // namespace aurora_global::sim
