#include "services/cloudwatch/alarms.h"

#include <algorithm>

#include "base/json.h"

namespace aurora_global::services::cloudwatch {
namespace {

using database::Statement;
using nlohmann::json;

constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kWeek = 7 * kDay;
constexpr std::size_t kActionsMax = 5;
constexpr std::size_t kTagsMax = 50;

// What the one query in Metrics asks for, in the members of an alarm without it.
Result<Watched> read_query(const json& query) {
  const auto refuse = [](std::string message) {
    return make_error(ErrorKind::invalid, std::move(message), "ValidationError");
  };
  if (query.contains("Expression")) {
    return refuse("Metrics: metric math (Expression) is not supported here; watch a MetricStat");
  }
  const json stat = query.value("MetricStat", json());
  if (!stat.is_object()) return refuse("Metrics: MetricStat is missing");
  const json& metric = stat.at("Metric");
  Members members(metric);
  Watched watched;
  watched.metric.name_space = members.required("Namespace");
  watched.metric.name = members.required("MetricName");
  watched.metric.dimensions = dimensions_text(read_dimensions(members));
  TRY_VOID(members.finish());
  watched.unit = stat.value("Unit", "");
  watched.statistic = stat.at("Stat").get<std::string>();
  watched.period = stat.at("Period").get<std::int64_t>();
  return watched;
}

Result<Watched> read_watched(const json& config) {
  if (config.contains("Metrics")) {
    const json& queries = config.at("Metrics");
    std::vector<json> returned;
    for (const json& one : queries) {
      if (one.contains("Expression")) return read_query(one);
      if (one.value("ReturnData", true)) returned.push_back(one);
    }
    if (returned.size() != 1) {
      return make_error(ErrorKind::invalid,
                        "Exactly one element of the metrics list should return data.",
                        "ValidationError");
    }
    return read_query(returned[0]);
  }
  Members members(config);
  Watched watched;
  watched.metric.name_space = members.required("Namespace");
  watched.metric.name = members.required("MetricName");
  watched.metric.dimensions = dimensions_text(read_dimensions(members));
  watched.unit = members.text("Unit");
  watched.statistic = members.text("Statistic", members.text("ExtendedStatistic"));
  if (config.contains("Statistic") == config.contains("ExtendedStatistic")) {
    members.problem("Exactly one of Statistic and ExtendedStatistic is required",
                    "InvalidParameterCombination");
  }
  watched.period = members.number("Period", 1, kWeek).value_or(0);
  if (watched.period == 0) members.problem("Period is required", "MissingParameter");
  members.ignore({});
  if (const auto problem = members.first_problem()) return *problem;
  return watched;
}

Result<void> check_period(std::int64_t period, std::int64_t periods) {
  const bool short_one = period == 1 || period == 5 || period == 10 || period == 20 || period == 30;
  if (period <= 0 || (!short_one && period % 60 != 0)) {
    return make_error(ErrorKind::invalid, "Period must be 1, 5, 10, 20, 30 or a multiple of 60",
                      "ValidationError");
  }
  const std::int64_t most = period >= 3600 ? kWeek : kDay;
  if (periods > most / period) {
    return make_error(ErrorKind::invalid,
                      "Metrics cannot be checked across more than " +
                          std::string(most == kDay ? "a day" : "seven days") +
                          " (EvaluationPeriods * Period must be <= " + std::to_string(most) + ")",
                      "ValidationError");
  }
  return ok();
}

}  // namespace

AlarmRule rule_of(const json& config) {
  AlarmRule rule;
  rule.comparison = config.value("ComparisonOperator", "");
  rule.threshold = config.value("Threshold", 0.0);
  rule.periods = config.value("EvaluationPeriods", 1);
  rule.datapoints = config.value("DatapointsToAlarm", rule.periods);
  rule.missing =
      missing_data_named(config.value("TreatMissingData", "missing")).value_or(rule.missing);
  return rule;
}

Watched watched_by(const json& config) {
  const auto watched = read_watched(config);
  return watched.has_value() ? *watched : Watched{};
}

Result<json> read_alarm(Members members) {
  json config = members.all();
  const std::string comparison = members.required("ComparisonOperator");
  const auto periods = members.number("EvaluationPeriods", 1, kDay);
  const auto datapoints = members.number("DatapointsToAlarm", 1, kDay);
  if (!periods) members.problem("EvaluationPeriods is required", "MissingParameter");
  if (!members.real("Threshold")) members.problem("Threshold is required", "MissingParameter");
  if (datapoints && periods && *datapoints > *periods) {
    members.problem("DatapointsToAlarm must not be above EvaluationPeriods", "ValidationError");
  }
  if (!missing_data_named(members.text("TreatMissingData", "missing"))) {
    members.problem("TreatMissingData is missing, ignore, breaching or notBreaching",
                    "ValidationError");
  }
  for (const char* list : {"OKActions", "AlarmActions", "InsufficientDataActions"}) {
    if (members.texts(list).size() > kActionsMax) {
      members.problem(std::string(list) + " has at most 5 members", "ValidationError");
    }
  }
  if (members.list("Tags").size() > kTagsMax) members.problem("An alarm has at most 50 tags");
  const bool single = members.has("MetricName") || members.has("Namespace");
  if (members.has("Metrics") && single) {
    members.problem("MetricName and Metrics exclude each other", "InvalidParameterCombination");
  }
  // Read above, or by read_watched() and rule_of().
  members.ignore({"AlarmName", "AlarmDescription", "ActionsEnabled", "MetricName", "Namespace",
                  "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit", "Metrics"});
  TRY_VOID(members.finish());
  if (!is_comparison(comparison)) {
    return make_error(ErrorKind::invalid,
                      "ComparisonOperator " + comparison +
                          " is of anomaly detection, which is not supported here",
                      "ValidationError");
  }
  TRY(const Watched watched, read_watched(config));
  if (!is_statistic(watched.statistic)) {
    return make_error(ErrorKind::invalid, "There is no statistic " + watched.statistic,
                      "ValidationError");
  }
  TRY_VOID(check_period(watched.period, *periods));
  if (!config.contains("ActionsEnabled")) config["ActionsEnabled"] = true;
  return config;
}

bool set_state(json& alarm, AlarmState state, const std::string& reason, WallTime now) {
  const bool differs = alarm.value("StateValue", "") != name_of(state);
  if (!differs && alarm.value("StateReason", "") == reason) return false;
  alarm["StateValue"] = name_of(state);
  alarm["StateReason"] = reason;
  alarm["StateUpdatedTimestamp"] = seconds_of(now);
  if (differs) alarm["StateTransitionedTimestamp"] = seconds_of(now);
  return differs;
}

HistoryItem change_of_state(const json& alarm, const std::string& before, WallTime now) {
  const std::string after = alarm.value("StateValue", "");
  return {alarm.at("AlarmName").get<std::string>(),
          now,
          "StateUpdate",
          "Alarm updated from " + before + " to " + after,
          {{"version", "1.0"},
           {"oldState", {{"stateValue", before}}},
           {"newState", {{"stateValue", after}, {"stateReason", alarm.value("StateReason", "")}}}}};
}

// ---- the database

Result<std::vector<json>> stored_alarms(sqlite3* raw) {
  std::vector<json> all;
  Statement select(raw, "SELECT document FROM alarm ORDER BY name");
  for (;;) {
    TRY(const bool more, select.step());
    if (!more) return all;
    json alarm = parse_json(select.text(0));
    if (alarm.is_object()) all.push_back(std::move(alarm));
  }
}

Result<std::optional<json>> stored_alarm(sqlite3* raw, const std::string& name) {
  Statement select(raw, "SELECT document FROM alarm WHERE name = ?");
  select.bind(1, name);
  TRY(const bool found, select.step());
  if (!found) return std::optional<json>();
  return std::optional<json>(parse_json(select.text(0)));
}

Result<void> store_alarm(sqlite3* raw, const json& alarm) {
  Statement put(raw, "INSERT OR REPLACE INTO alarm(name, document) VALUES (?, ?)");
  put.bind(1, alarm.at("AlarmName").get<std::string>());
  put.bind(2, alarm.dump(-1, ' ', false, json::error_handler_t::replace));
  TRY_VOID(put.step());
  return ok();
}

Result<void> add_history(sqlite3* raw, const HistoryItem& item) {
  Statement add(raw,
                "INSERT INTO alarm_history(alarm, at, kind, summary, data) VALUES (?, ?, ?, ?, ?)");
  add.bind(1, item.alarm);
  add.bind(2, static_cast<std::int64_t>(item.at.time_since_epoch().count()));
  add.bind(3, item.kind);
  add.bind(4, item.summary);
  add.bind(5, item.data.dump(-1, ' ', false, json::error_handler_t::replace));
  TRY_VOID(add.step());
  Statement trim(raw,
                 "DELETE FROM alarm_history WHERE id <= (SELECT max(id) FROM alarm_history) - ? "
                 "OR at < ?");
  trim.bind(1, std::int64_t{kHistoryMax});
  const WallTime oldest = item.at - std::chrono::days(14);
  trim.bind(2, static_cast<std::int64_t>(oldest.time_since_epoch().count()));
  TRY_VOID(trim.step());
  return ok();
}

}  // namespace aurora_global::services::cloudwatch
