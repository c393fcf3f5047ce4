// When an alarm is in which state. Pure.
//
// Source: CloudWatch's user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat
// missing data", whose tables are the tests.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aurora_global::services::cloudwatch {

enum class AlarmState { ok, alarm, insufficient_data };
// "OK", "ALARM", "INSUFFICIENT_DATA".
std::string_view name_of(AlarmState state);
std::optional<AlarmState> alarm_state_named(std::string_view name);

enum class MissingData { missing, ignore, breaching, not_breaching };
// "missing", "ignore", "breaching", "notBreaching".
std::optional<MissingData> missing_data_named(std::string_view name);

struct AlarmRule {
  std::string comparison;  // Of the four that compare with one threshold.
  double threshold = 0;
  int periods = 1;     // EvaluationPeriods.
  int datapoints = 1;  // DatapointsToAlarm.
  MissingData missing = MissingData::missing;
};

bool is_comparison(std::string_view name);
bool breaches(const AlarmRule& rule, double value);
// How many periods are looked at, so that some may be missing.
int range_of(const AlarmRule& rule);

struct Verdict {
  AlarmState state = AlarmState::insufficient_data;
  std::string reason;
};
// `points`: of the last range_of() periods, oldest first. `now`: the state that it is in.
Verdict judge(const AlarmRule& rule, const std::vector<std::optional<double>>& points,
              AlarmState now);

}  // namespace aurora_global::services::cloudwatch
