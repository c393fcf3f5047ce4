// Goal: bytes arrive when the settings say, in order, whatever the jitter.
#include "link/pair.h"

#include <gtest/gtest.h>

namespace aurora_global::link {
namespace {

using namespace std::chrono_literals;

TEST(Pair, AddsItsLatency) {
  Pair pair("a", "b", {.latency_ms = 31}, 1);
  const Instant now{};
  EXPECT_EQ(pair.arrival(now, 100, now) - now, 31ms);
  EXPECT_FALSE(pair.transparent());
  EXPECT_TRUE(Pair("a", "b", {}, 1).transparent());
  EXPECT_FALSE(Pair("a", "b", {.blocked = true}, 1).transparent());
}

TEST(Pair, JitterStaysInItsRangeAndKeepsTheOrderOfAConnection) {
  Pair pair("a", "b", {.latency_ms = 10, .jitter_ms = 5}, 7);
  Instant now{};
  Instant last = now;
  bool varied = false;
  for (int i = 0; i < 1000; ++i) {
    const Instant free = pair.arrival(now, 1, now);
    EXPECT_GE(free - now, 10ms);
    EXPECT_LE(free - now, 15ms);
    varied = varied || free - now > 11ms;
    const Instant ordered = pair.arrival(now, 1, last);
    EXPECT_GE(ordered, last);
    last = ordered;
    now += 10us;
  }
  EXPECT_TRUE(varied);
}

TEST(Pair, AllConnectionsShareTheBandwidth) {
  Pair pair("a", "b", {.bandwidth_mbit_s = 8}, 1);  // 1 byte per microsecond.
  const Instant now{};
  EXPECT_EQ(pair.arrival(now, 1000, now) - now, 1ms);
  EXPECT_EQ(pair.arrival(now, 1000, now) - now, 2ms);
  EXPECT_EQ(pair.arrival(now + 10ms, 1000, now) - now, 11ms);
}

}  // namespace
}  // namespace aurora_global::link
