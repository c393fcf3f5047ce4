// Goal: every statistic is what CloudWatch's documentation says, by hand-computed values.
#include "services/cloudwatch/statistics.h"

#include <gtest/gtest.h>

namespace aurora_global::services::cloudwatch {
namespace {

TEST(Statistics, CountsWeighValues) {
  const Sample sample = {{1, 3}, {2, 1}, {10, 1}};
  EXPECT_EQ(statistic(sample, "SampleCount"), 5);
  EXPECT_EQ(statistic(sample, "Sum"), 15);
  EXPECT_EQ(statistic(sample, "Average"), 3);
  EXPECT_EQ(statistic(sample, "Minimum"), 1);
  EXPECT_EQ(statistic(sample, "Maximum"), 10);
}

TEST(Statistics, PercentilesAreNearestRanks) {
  Sample sample;
  for (int i = 1; i <= 100; ++i) sample.emplace_back(i, 1);
  EXPECT_EQ(statistic(sample, "p50"), 50);
  EXPECT_EQ(statistic(sample, "p99"), 99);
  EXPECT_EQ(statistic(sample, "p99.9"), 100);
  EXPECT_EQ(statistic(sample, "p0"), 1);
  EXPECT_EQ(statistic(sample, "p100"), 100);
  EXPECT_EQ(statistic({{7, 1}}, "p90"), 7);
}

TEST(Statistics, OtherNamesAreNone) {
  for (const char* name : {"", "p", "p101", "p-1", "pp5", "average", "p50x", "tm99"}) {
    EXPECT_FALSE(is_statistic(name)) << name;
  }
}

}  // namespace
}  // namespace aurora_global::services::cloudwatch
