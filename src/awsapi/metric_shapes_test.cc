#include "awsapi/metric_shapes.h"

#include <gtest/gtest.h>

namespace aurora_global::awsapi {
namespace {

TEST(MetricShapes, AsksForWholeMinutesOfOneMetric) {
  const WallTime from{std::chrono::seconds(1'700'000'040)};
  const Form form = metric_form({"AWS/RDS",
                                 "AuroraGlobalDBRPOLag",
                                 {{"DBClusterIdentifier", "c2"}},
                                 from,
                                 from + std::chrono::hours(24)});
  EXPECT_EQ(form.at("Action"), "GetMetricStatistics");
  EXPECT_EQ(form.at("Dimensions.member.1.Name"), "DBClusterIdentifier");
  EXPECT_EQ(form.at("Dimensions.member.1.Value"), "c2");
  EXPECT_EQ(form.at("Period"), "120");  // 1,440 points of a minute would be too many.
  EXPECT_EQ(form.at("StartTime"), "2023-11-14T22:14:00.000Z");
}

TEST(MetricShapes, SeveralDataPointsAreOneAnswerAndNoneIsNotZero) {
  const std::string begin =
      "<GetMetricStatisticsResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">"
      "<GetMetricStatisticsResult><Label>x</Label><Datapoints>";
  const std::string end = "</Datapoints></GetMetricStatisticsResult></GetMetricStatisticsResponse>";
  const auto point = [](const char* count, const char* sum, const char* min, const char* max) {
    return std::string("<member><SampleCount>") + count + "</SampleCount><Sum>" + sum +
           "</Sum><Minimum>" + min + "</Minimum><Maximum>" + max +
           "</Maximum><Unit>Milliseconds</Unit></member>";
  };
  const auto two = parse_metric_statistics(
      200, begin + point("2", "10", "4", "6") + point("1", "0.5", "0.5", "0.5") + end);
  ASSERT_TRUE(two.has_value()) << two.error().message;
  ASSERT_TRUE(two->has_value());
  EXPECT_EQ((*two)->samples, 3);
  EXPECT_DOUBLE_EQ((*two)->average(), 3.5);
  EXPECT_EQ((*two)->minimum, 0.5);
  EXPECT_EQ((*two)->maximum, 6);
  EXPECT_EQ((*two)->unit, "Milliseconds");
  const auto none = parse_metric_statistics(200, begin + end);
  ASSERT_TRUE(none.has_value());
  EXPECT_FALSE(none->has_value());
}

TEST(MetricShapes, ARefusalKeepsItsCode) {
  const auto throttled =
      parse_metric_statistics(400, error_document("Throttling", "Rate exceeded", "1"));
  ASSERT_TRUE(throttled.has_error());
  EXPECT_EQ(throttled.error().kind, ErrorKind::exhausted);
  EXPECT_EQ(throttled.error().code, "Throttling");
  EXPECT_EQ(parse_metric_statistics(400, "<html>").error().kind, ErrorKind::corrupt);
}

}  // namespace
}  // namespace aurora_global::awsapi
