// Goal: alarms have the states that the tables of CloudWatch's user guide give them.
#include "services/cloudwatch/alarm_rule.h"

#include <gtest/gtest.h>

namespace aurora_global::services::cloudwatch {
namespace {

constexpr MissingData kTreatments[] = {MissingData::missing, MissingData::ignore,
                                       MissingData::breaching, MissingData::not_breaching};

// "0 - X": not breaching, missing, breaching.
std::vector<std::optional<double>> points_of(std::string_view row) {
  std::vector<std::optional<double>> points;
  for (const char c : row) {
    if (c == '-') points.emplace_back();
    if (c == '0') points.emplace_back(0.0);
    if (c == 'X') points.emplace_back(10.0);
  }
  return points;
}

struct Row {
  const char* points;
  const char* states[4];  // By treatment; "" for the state that it is in.
};

void expect_rows(const AlarmRule& base, std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    for (int i = 0; i < 4; ++i) {
      for (const AlarmState now :
           {AlarmState::ok, AlarmState::alarm, AlarmState::insufficient_data}) {
        AlarmRule rule = base;
        rule.missing = kTreatments[i];
        const Verdict verdict = judge(rule, points_of(row.points), now);
        const std::string_view expected = *row.states[i] == 0 ? name_of(now) : row.states[i];
        EXPECT_EQ(name_of(verdict.state), expected) << row.points << " treatment " << i;
        EXPECT_FALSE(verdict.reason.empty());
      }
    }
  }
}

TEST(AlarmRule, ThreeOutOfThree) {
  expect_rows({"GreaterThanThreshold", 5, 3, 3},
              {{"0-X-X", {"OK", "OK", "OK", "OK"}},
               {"0----", {"OK", "OK", "OK", "OK"}},
               {"-----", {"INSUFFICIENT_DATA", "", "ALARM", "OK"}},
               {"0XX-X", {"ALARM", "ALARM", "ALARM", "ALARM"}},
               {"--X--", {"ALARM", "", "ALARM", "OK"}}});
}

TEST(AlarmRule, TwoOutOfThree) {
  expect_rows({"GreaterThanThreshold", 5, 3, 2}, {{"0-X-X", {"ALARM", "ALARM", "ALARM", "ALARM"}},
                                                  {"00X0X", {"ALARM", "ALARM", "ALARM", "ALARM"}},
                                                  {"0-X--", {"OK", "OK", "ALARM", "OK"}},
                                                  {"----0", {"OK", "OK", "ALARM", "OK"}},
                                                  {"---X-", {"ALARM", "", "ALARM", "OK"}}});
}

TEST(AlarmRule, ComparesAsItsOperatorSays) {
  const auto holds = [](const char* comparison, double value) {
    return breaches({comparison, 5}, value);
  };
  EXPECT_TRUE(holds("GreaterThanOrEqualToThreshold", 5));
  EXPECT_FALSE(holds("GreaterThanThreshold", 5));
  EXPECT_TRUE(holds("GreaterThanThreshold", 5.1));
  EXPECT_TRUE(holds("LessThanOrEqualToThreshold", 5));
  EXPECT_FALSE(holds("LessThanThreshold", 5));
  EXPECT_TRUE(holds("LessThanThreshold", -1));
  EXPECT_FALSE(is_comparison("LessThanLowerThreshold"));
}

TEST(AlarmRule, SaysWhy) {
  const AlarmRule one = {"LessThanThreshold", 99, 1, 1};
  EXPECT_EQ(judge(one, points_of("--X"), AlarmState::ok).reason,
            "Threshold Crossed: 1 out of the last 1 datapoint [10.0] was less than the threshold "
            "(99.0).");
  EXPECT_EQ(judge(one, points_of("---"), AlarmState::ok).reason,
            "Insufficient Data: no datapoints were received for 1 period.");
}

}  // namespace
}  // namespace aurora_global::services::cloudwatch
