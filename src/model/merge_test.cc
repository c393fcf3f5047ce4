// Goal: all regions that have heard the same copies hold the same one, in whatever order they heard
// them, and nothing newer is ever replaced by something older.
#include "model/merge.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace aurora_global::model {
namespace {

const RegionId kEast{"us-east-1"};
const RegionId kWest{"us-west-2"};
const RegionId kEurope{"eu-west-1"};

GlobalCluster copy(std::uint64_t epoch, const RegionId& region, const std::string& id,
                   std::uint64_t version) {
  GlobalCluster global;
  global.writer_region = region;
  global.epoch = Epoch{epoch};
  global.decision = {region, id};
  global.version = version;
  for (const RegionId& member : {kEast, kWest, kEurope}) {
    global.members.push_back({member, "", false, true});
  }
  return global;
}

std::vector<GlobalCluster> copies() {
  std::vector<GlobalCluster> all;
  for (const std::uint64_t epoch : {1u, 2u, 3u}) {
    for (const RegionId& region : {kEast, kWest}) {
      for (const char* id : {"", "a", "b"}) {
        for (const std::uint64_t version : {1u, 4u}) {
          all.push_back(copy(epoch, region, id, version));
        }
      }
    }
  }
  return all;
}

TEST(MergeOfGlobals, EveryPairEndsAlikeOnBothSides) {
  for (const GlobalCluster& a : copies()) {
    for (const GlobalCluster& b : copies()) {
      const GlobalCluster& at_a = merge(&a, b) == Merge::take_theirs ? b : a;
      const GlobalCluster& at_b = merge(&b, a) == Merge::take_theirs ? a : b;
      EXPECT_EQ(order_of(at_a, at_b), std::strong_ordering::equal);
      EXPECT_GE(at_a.epoch, std::max(a.epoch, b.epoch));
      if (std::is_eq(order_of(a, b))) {
        EXPECT_EQ(merge(&a, b), Merge::keep_ours);
      }
    }
  }
}

TEST(MergeOfGlobals, ANewerEpochBeatsAnyDecisionAndAnyVersion) {
  const GlobalCluster older = copy(1, kWest, "z", 99), newer = copy(2, kEast, "", 1);
  EXPECT_EQ(merge(&older, newer), Merge::take_theirs);
  EXPECT_EQ(merge(&newer, older), Merge::keep_ours);
  EXPECT_FALSE(is_split(older, newer));
}

TEST(MergeOfGlobals, AVersionCountsWithinOneDecisionOnly) {
  const GlobalCluster east = copy(2, kEast, "a", 99), west = copy(2, kWest, "b", 1);
  EXPECT_EQ(merge(&east, west), Merge::take_theirs);
  EXPECT_EQ(merge(&west, east), Merge::keep_ours);
  EXPECT_TRUE(is_split(east, west));
  EXPECT_FALSE(is_split(west, copy(2, kWest, "b", 7)));
}

TEST(MergeOfGlobals, ACopyThatNobodyHasIsTaken) {
  EXPECT_EQ(merge(nullptr, copy(1, kEast, "", 1)), Merge::take_theirs);
}

constexpr Step kSteps[] = {Step::validate, Step::prepare, Step::fence,   Step::catch_up,
                           Step::commit,   Step::promote, Step::release, Step::abort,
                           Step::done,     Step::aborted};

Operation operation(const std::string& id, std::uint64_t epoch, const RegionId& to, Step step,
                    int started = 1) {
  Operation one;
  one.id = id;
  one.global_cluster = "g";
  one.to = to;
  one.epoch = Epoch{epoch};
  one.step = step;
  one.started = WallTime(std::chrono::seconds(started));
  return one;
}

TEST(MergeOfOperations, OneOperationNeverGoesBackByWhatIsHeardOfIt) {
  for (const Step ours : kSteps) {
    for (const Step theirs : kSteps) {
      const Operation present = operation("a", 2, kWest, ours);
      const Operation heard = operation("a", 2, kWest, theirs);
      const bool taken = merge(&present, heard, kEast) == Merge::take_theirs;
      EXPECT_EQ(taken, progress(theirs) > progress(ours)) << name_of(ours) << name_of(theirs);
    }
  }
}

TEST(MergeOfOperations, TheCoordinatorIsToldByNobody) {
  for (const Step ours : kSteps) {
    for (const Step theirs : kSteps) {
      const Operation present = operation("a", 2, kWest, ours);
      EXPECT_EQ(merge(&present, operation("a", 2, kWest, theirs), kWest), Merge::keep_ours);
      EXPECT_EQ(merge(nullptr, operation("a", 2, kWest, theirs), kWest), Merge::keep_ours);
    }
  }
}

TEST(MergeOfOperations, EveryPairOfTwoOperationsEndsAlikeAtAThird) {
  for (const std::uint64_t epoch : {2u, 3u}) {
    for (const int started : {1, 2}) {
      for (const Step step : kSteps) {
        const Operation a = operation("a", 2, kWest, step);
        const Operation b = operation("b", epoch, kEurope, Step::fence, started);
        const bool b_at_a = merge(&a, b, kEast) == Merge::take_theirs;
        const bool a_at_b = merge(&b, a, kEast) == Merge::take_theirs;
        EXPECT_NE(b_at_a, a_at_b);
        EXPECT_TRUE(b_at_a);  // By epoch, by start, or by id.
      }
    }
  }
}

TEST(MergeOfOperations, OneOfOursThatRunsIsNotForgotten) {
  for (const Step step : kSteps) {
    const Operation ours = operation("a", 2, kEast, step);
    const Operation theirs = operation("b", 3, kWest, Step::fence, 2);
    const Merge expected = ours.running() ? Merge::keep_ours : Merge::take_theirs;
    EXPECT_EQ(merge(&ours, theirs, kEast), expected) << name_of(step);
  }
}

TEST(MergeOfOperations, IsSupersededByANewerEpochAndByAnotherDecisionOfItsOwn) {
  const Operation to_west = operation("a", 2, kWest, Step::promote);
  EXPECT_FALSE(is_superseded(to_west, copy(1, kEast, "", 1)));
  EXPECT_FALSE(is_superseded(to_west, copy(2, kWest, "a", 1)));
  EXPECT_TRUE(is_superseded(to_west, copy(2, kEurope, "b", 1)));
  EXPECT_TRUE(is_superseded(to_west, copy(3, kEast, "c", 1)));
}

TEST(MergeOfOperations, IsSupersededWhenItsTargetHasLeft) {
  GlobalCluster global = copy(1, kEast, "", 1);
  const Operation to_west = operation("a", 2, kWest, Step::prepare);
  EXPECT_FALSE(is_superseded(to_west, global));
  std::erase_if(global.members, [](const auto& member) { return member.region == kWest; });
  EXPECT_TRUE(is_superseded(to_west, global));
}

}  // namespace
}  // namespace aurora_global::model
