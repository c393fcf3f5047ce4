// Goal: documents of the embedded metric format become metrics; everything else stays a log line.
#include "services/lambda/embedded_metrics.h"

#include <gtest/gtest.h>

namespace aurora_global::services::lambda {
namespace {

TEST(EmbeddedMetrics, OneMetricPerDimensionSetAndName) {
  const auto data = embedded_metrics(
      R"({"_aws":{"Timestamp":1700000000123,"CloudWatchMetrics":[{"Namespace":"N",
         "Dimensions":[["F"],["F","R"]],"Metrics":[{"Name":"A","Unit":"Count"},{"Name":"B"}]}]},
         "F":"f","R":"r","A":[1,2.5],"B":7})");
  ASSERT_EQ(data.size(), 4u);
  EXPECT_EQ(data[0].name_space, "N");
  EXPECT_EQ(data[0].name, "A");
  EXPECT_EQ(data[0].unit, "Count");
  EXPECT_EQ(data[0].values, (std::vector<double>{1, 2.5}));
  EXPECT_EQ(data[0].dimensions.size(), 1u);
  EXPECT_EQ(data[0].at.time_since_epoch(), std::chrono::milliseconds(1700000000123));
  EXPECT_EQ(data[3].name, "B");
  EXPECT_EQ(data[3].unit, "None");
  EXPECT_EQ(data[3].dimensions.size(), 2u);
}

TEST(EmbeddedMetrics, WhatBreaksTheSpecificationIsALogLine) {
  const std::string document =
      R"({"_aws":{"Timestamp":T,"CloudWatchMetrics":[{"Namespace":"N","Metrics":[{"Name":"A"}]}]},)"
      R"("A":1})";
  for (const char* time : {"-1", "9223372036854775807", "18446744073709551615", "1e300"}) {
    std::string line = document;
    line.replace(line.find(":T,") + 1, 1, time);
    EXPECT_TRUE(embedded_metrics(line).empty()) << line;
  }
  for (const char* line :
       {"", "hello", "{\"_aws\"", R"({"_aws":1})", R"({"_aws":{"Timestamp":"x"}})",
        R"({"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["F"]],
            "Metrics":[{"Name":"A"}]}]},"A":1})",
        R"({"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"N",
            "Metrics":[{"Name":"A"}]}]},"A":"text"})"}) {
    EXPECT_TRUE(embedded_metrics(line).empty()) << line;
  }
}

TEST(EmbeddedMetrics, NoDimensionSetIsTheMetricWithoutDimensions) {
  for (const char* dimensions : {"", R"("Dimensions":[],)", R"("Dimensions":[[]],)"}) {
    const auto data = embedded_metrics(
        std::string(R"({"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"N",)") +
        dimensions + R"("Metrics":[{"Name":"m"}]}]},"m":1})");
    ASSERT_EQ(data.size(), 1u) << dimensions;
    EXPECT_TRUE(data[0].dimensions.empty());
  }
}

}  // namespace
}  // namespace aurora_global::services::lambda
