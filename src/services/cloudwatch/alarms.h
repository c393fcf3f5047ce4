// Alarms as they are stored: what PutMetricAlarm was given, and the state they are in.
#pragma once

#include "services/cloudwatch/alarm_rule.h"
#include "services/cloudwatch/operations.h"

namespace aurora_global::services::cloudwatch {

inline constexpr std::size_t kAlarmsMax = 500;
inline constexpr int kHistoryMax = 10'000;  // Items, of all alarms; kept for 14 days as on AWS.

// The metric that an alarm looks at.
struct Watched {
  MetricKey metric;
  std::string unit;  // Empty: any.
  std::string statistic;
  std::int64_t period = 60;
};

// `config`: the members of PutMetricAlarm, checked by read_alarm().
AlarmRule rule_of(const nlohmann::json& config);
Watched watched_by(const nlohmann::json& config);
// Reads and checks the members of PutMetricAlarm. Fails for what is not served here, by its name.
Result<nlohmann::json> read_alarm(Members members);

struct HistoryItem {
  std::string alarm;
  WallTime at{};
  std::string kind;  // ConfigurationUpdate, StateUpdate, Action.
  std::string summary;
  nlohmann::json data = nlohmann::json::object();
};

// On the database's thread.
Result<std::vector<nlohmann::json>> stored_alarms(sqlite3* raw);
Result<std::optional<nlohmann::json>> stored_alarm(sqlite3* raw, const std::string& name);
Result<void> store_alarm(sqlite3* raw, const nlohmann::json& alarm);
Result<void> add_history(sqlite3* raw, const HistoryItem& item);
// Puts an alarm into a state; true: it was in another one.
bool set_state(nlohmann::json& alarm, AlarmState state, const std::string& reason, WallTime now);
HistoryItem change_of_state(const nlohmann::json& alarm, const std::string& before, WallTime now);

}  // namespace aurora_global::services::cloudwatch
