// Goal: no two regions, and no two epochs of one, begin the same timeline, and what PostgreSQL
// finds in pg_wal makes it begin the one that was chosen.
#include "region/instance/timelines.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <fstream>
#include <set>

#include "region/instance/postgres_files.h"

namespace aurora_global::region {
namespace {

namespace fs = std::filesystem;

TEST(TimelineFor, EveryEpochOfEveryRegionHasItsOwn) {
  for (std::uint32_t regions = 1; regions <= 5; ++regions) {
    std::set<std::uint32_t> begun;
    std::uint32_t newest = 1;
    for (std::uint64_t epoch = 2; epoch < 50; ++epoch) {
      const std::uint32_t before = newest;
      for (std::uint32_t rank = 0; rank < regions; ++rank) {
        // Whoever decides this epoch has heard of the one before, or of nothing since the
        // beginning.
        const std::uint32_t timeline = timeline_for(Epoch{epoch}, before, {regions, rank});
        EXPECT_TRUE(begun.insert(timeline).second) << timeline;
        EXPECT_EQ(timeline_for(Epoch{epoch}, 1, {regions, rank}), timeline);
        EXPECT_GT(timeline, before);
        newest = std::max(newest, timeline);
      }
    }
  }
}

TEST(TimelineFor, ARegionsOwnShareHoldsWithoutTheHelpOfEpochs) {
  for (std::uint32_t rank = 0; rank < 3; ++rank) {
    for (std::uint32_t known = 1; known < 100; ++known) {
      for (const std::uint64_t epoch : {0ull, 2ull, 1'000'000ull, ~0ull}) {
        const std::uint32_t timeline = timeline_for(Epoch{epoch}, known, {3, rank});
        EXPECT_EQ(timeline % 3, (rank + 1) % 3);
        EXPECT_GT(timeline, known);
        EXPECT_LE(timeline, known + 300);
      }
    }
  }
}

TEST(TimelineFor, TwoRegionsThatTakeTurnsLeaveFewOut) {
  std::uint32_t known = 1;
  for (std::uint64_t epoch = 2; epoch < 100; ++epoch) {
    const std::uint32_t timeline = timeline_for(Epoch{epoch}, known, {2, epoch % 2 == 0 ? 1u : 0u});
    EXPECT_LE(timeline, known + 3);
    known = timeline;
  }
}

TEST(TimelineShare, IsByTheNamesOfAllRegions) {
  RegionConfig config;
  config.region = RegionId{"us-east-1"};
  config.peers.push_back({RegionId{"us-west-2"}, "", "", ""});
  config.peers.push_back({RegionId{"eu-west-1"}, "", "", ""});
  EXPECT_EQ(share_of(config).regions, 3u);
  EXPECT_EQ(share_of(config).rank, 1u);
}

class Histories : public ::testing::Test {
 protected:
  void SetUp() override {
    char dir[] = "/tmp/ag-timelines-XXXXXX";
    ASSERT_NE(mkdtemp(dir), nullptr);
    data_ = dir;
    fs::create_directories(data_ / "pg_wal");
    fs::create_directories(data_ / "global");
    control(2);
    wal(2);
    history(2, "1\t0/300\tno reason\n");
  }
  void TearDown() override { fs::remove_all(data_); }

  // `recovers`: what an end-of-recovery record is of, until a checkpoint.
  void control(std::uint32_t timeline, std::uint32_t recovers = 0) {
    std::array<char, 512> raw{};
    const std::uint32_t version = 1300;
    std::memcpy(raw.data() + 8, &version, sizeof version);
    std::memcpy(raw.data() + 48, &timeline, sizeof timeline);
    std::memcpy(raw.data() + 144, &recovers, sizeof recovers);
    std::ofstream(data_ / "global" / "pg_control", std::ios::binary).write(raw.data(), raw.size());
  }
  void wal(std::uint32_t timeline) {
    char name[32];
    snprintf(name, sizeof name, "%08X0000000000000005", timeline);
    std::ofstream(data_ / "pg_wal" / name) << "wal";
  }
  fs::path file(std::uint32_t timeline) const {
    char name[32];
    snprintf(name, sizeof name, "%08X.history", timeline);
    return data_ / "pg_wal" / name;
  }
  void history(std::uint32_t timeline, const std::string& text) const {
    std::ofstream(file(timeline)) << text;
  }
  void reserve_below(std::uint32_t next) const {
    const net::SystemUser us{"", geteuid(), getegid()};
    const auto done = reserve_timelines_below(data_, next, us);
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }
  void drop() const { ASSERT_TRUE(drop_unused_histories(data_).has_value()); }
  bool has(std::uint32_t timeline) const { return fs::exists(file(timeline)); }

  fs::path data_;
};

TEST_F(Histories, TheForkIsInTheNewest) {
  history(10, "1\t0/300\tno reason\n\n2\t16/B374D848\tno reason\n");
  std::ofstream(data_ / "pg_wal" / "0000000B.history.tmp") << "10\t0/1\t\n";
  EXPECT_EQ(fork_of(data_, 1)->value, 0x300u);
  EXPECT_EQ(fork_of(data_, 2)->text(), "16/B374D848");
  EXPECT_EQ(fork_of(data_, 3).error().kind, ErrorKind::not_found);
}

TEST_F(Histories, WhatIsReservedIsNobodysHistory) {
  reserve_below(6);
  EXPECT_TRUE(has(3) && has(4) && has(5));
  EXPECT_FALSE(has(6));
  EXPECT_EQ(*last_timeline(data_), 2u);
  EXPECT_EQ(fork_of(data_, 1)->value, 0x300u);
  reserve_below(6);
  history(6, "1\t0/300\tno reason\n2\t0/400\tno reason\n");
  EXPECT_EQ(*last_timeline(data_), 6u);
  EXPECT_EQ(fork_of(data_, 2)->value, 0x400u);
}

TEST_F(Histories, OfAPromotionThatDidNotHappenNothingStays) {
  reserve_below(6);
  drop();
  EXPECT_TRUE(has(2));
  EXPECT_FALSE(has(3) || has(4) || has(5));
}

TEST_F(Histories, BelowATimelineThatIsFollowedTheyStay) {
  reserve_below(4);
  history(4, "1\t0/300\tno reason\n2\t0/400\tno reason\n");
  wal(4);
  drop();
  EXPECT_TRUE(has(3) && has(4));
}

TEST_F(Histories, OneWithoutWalIsFetchedAgain) {
  reserve_below(4);
  history(4, "1\t0/300\tno reason\n2\t0/400\tno reason\n");
  drop();
  EXPECT_FALSE(has(3) || has(4));
  EXPECT_TRUE(has(2));
}

TEST_F(Histories, APromotionThatBrokeOffIsSeen) {
  EXPECT_FALSE(promotion_broke_off(data_));
  reserve_below(4);
  EXPECT_FALSE(promotion_broke_off(data_));
  wal(4);
  EXPECT_TRUE(promotion_broke_off(data_));
  drop();
  EXPECT_FALSE(has(3));
  reserve_below(4);
  // PostgreSQL writes the history before it goes on to the new timeline.
  history(4, "1\t0/300\tno reason\n2\t0/400\tno reason\n");
  EXPECT_TRUE(promotion_broke_off(data_));
  control(2, 4);
  EXPECT_FALSE(promotion_broke_off(data_));
  control(4);
  EXPECT_FALSE(promotion_broke_off(data_));
}

}  // namespace
}  // namespace aurora_global::region
