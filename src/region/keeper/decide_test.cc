// Goal: whatever is found, no server is opened or left open that may not write, and each way ends
// in an instance that is what it should be.
#include "region/keeper/decide.h"

#include <gtest/gtest.h>

#include <vector>

namespace aurora_global::region {
namespace {

using model::Duty;

std::vector<HeadFacts> all_facts() {
  std::vector<HeadFacts> all;
  for (const Duty duty : {Duty::primary, Duty::standby, Duty::fenced, Duty::waiting_for_epoch}) {
    for (unsigned bits = 0; bits < 128; ++bits) {
      const auto bit = [&](unsigned n) { return (bits >> n & 1) != 0; };
      all.push_back({duty, bit(0), bit(1), bit(2), bit(3), bit(4), bit(5), bit(6)});
    }
  }
  return all;
}

bool opens(Action action) {
  return action == Action::init || action == Action::start_primary || action == Action::promote ||
         action == Action::start_for_promotion;
}

TEST(Decide, OnlyAPrimaryIsOpened) {
  for (const HeadFacts& facts : all_facts()) {
    if (opens(decide(facts))) {
      EXPECT_EQ(facts.duty, Duty::primary) << name_of(decide(facts));
    }
  }
}

TEST(Decide, AnOpenServerThatMayNotWriteIsStopped) {
  for (const HeadFacts& facts : all_facts()) {
    const bool open = facts.running && !facts.standby_directory;
    if (!open || facts.duty == Duty::primary) continue;
    const Action action = decide(facts);
    if (facts.duty == Duty::standby) {
      EXPECT_EQ(action, Action::stop_at_once);
    } else {
      EXPECT_EQ(action, facts.engine_fenced ? Action::leave : Action::stop);
    }
  }
}

// What an action does to the facts, when it succeeds.
HeadFacts after(Action action, HeadFacts facts) {
  switch (action) {
    case Action::init:
    case Action::seed:
    case Action::keep_and_seed:
      facts.has_data = true;
      facts.running = false;
      facts.standby_directory = action != Action::init;
      facts.lost_epoch = false;
      break;
    case Action::start_primary:
    case Action::start_for_promotion:
    case Action::start_standby: facts.running = true; break;
    case Action::promote: facts.standby_directory = false; break;
    case Action::stop:
    case Action::stop_at_once: facts.running = false; break;
    case Action::rejoin: facts.running = facts.standby_directory = true; break;
    case Action::mend: facts.stalled = false; break;
    case Action::rest:
    case Action::leave:
    case Action::no_source: break;
  }
  return facts;
}

TEST(Decide, EachWayEndsInTheDuty) {
  for (HeadFacts facts : all_facts()) {
    if (facts.running && !facts.has_data) continue;
    int steps = 0;
    for (Action action = decide(facts);
         action != Action::rest && action != Action::leave && action != Action::no_source;
         action = decide(facts)) {
      facts = after(action, facts);
      ASSERT_LT(++steps, 6) << name_of(action);
    }
    if (decide(facts) != Action::rest) continue;
    EXPECT_TRUE(facts.running);
    EXPECT_EQ(facts.standby_directory, facts.duty == Duty::standby);
  }
}

TEST(Decide, WritesThatNobodyElseHasAreSetAside) {
  HeadFacts facts{Duty::standby, true, false, false, true};
  EXPECT_EQ(decide(facts), Action::rejoin);
  facts.lost_epoch = true;
  EXPECT_EQ(decide(facts), Action::keep_and_seed);
}

TEST(Decide, AReaderFollowsItsHead) {
  EXPECT_EQ(decide(ReaderFacts{false, true, true, true}), Action::leave);
  EXPECT_EQ(decide(ReaderFacts{true, false, false, false}), Action::seed);
  EXPECT_EQ(decide(ReaderFacts{true, true, false, false}), Action::start_standby);
  EXPECT_EQ(decide(ReaderFacts{true, true, true, true}), Action::mend);
  EXPECT_EQ(decide(ReaderFacts{true, true, true, false}), Action::rest);
}

}  // namespace
}  // namespace aurora_global::region
