// Goal: a region never opens for writing on less than it must know.
#include "model/duty.h"

#include <gtest/gtest.h>

namespace aurora_global::model {
namespace {

const RegionId kHere{"us-east-1"};
const RegionId kThere{"us-west-2"};

GlobalCluster cluster(const RegionId& writer, std::uint64_t epoch, std::uint64_t version = 1) {
  GlobalCluster global;
  global.writer_region = writer;
  global.epoch = Epoch{epoch};
  global.version = version;
  return global;
}

TEST(Duty, AStandaloneClusterIsItsOwnPrimary) {
  EXPECT_EQ(duty_of({nullptr, kHere, std::nullopt, false}), Duty::primary);
}

TEST(Duty, EveryCombination) {
  for (const bool writer_here : {false, true}) {
    for (const std::uint64_t fence : {0u, 3u, 4u}) {  // 0: none; the known epoch is 3.
      for (const bool confirmed : {false, true}) {
        const GlobalCluster global = cluster(writer_here ? kHere : kThere, 3);
        DutyFacts facts{&global, kHere, std::nullopt, confirmed};
        if (fence != 0) facts.fenced_for = Epoch{fence};
        Duty expected = Duty::primary;
        if (!writer_here) {
          expected = Duty::standby;
        } else if (fence == 4) {
          expected = Duty::fenced;
        } else if (!confirmed) {
          expected = Duty::waiting_for_epoch;
        }
        EXPECT_EQ(duty_of(facts), expected)
            << "writer here " << writer_here << " fence " << fence << " confirmed " << confirmed;
      }
    }
  }
}

}  // namespace
}  // namespace aurora_global::model
