// PutMetricAlarm and its kin.
#include <algorithm>
#include <set>

#include "base/json.h"
#include "services/cloudwatch/alarms.h"

namespace aurora_global::services::cloudwatch {
namespace {

using database::Statement;
using nlohmann::json;

constexpr std::int64_t kAlarmPageMax = 100;

std::string alarm_arn(const Context& context, const std::string& name) {
  return "arn:aws:cloudwatch:" + context.facts.region.name + ":" + context.facts.account_id +
         ":alarm:" + name;
}

Error no_such_alarm(const std::string& name) {
  return make_error(ErrorKind::not_found, "There is no alarm " + name, "ResourceNotFound");
}

// As DescribeAlarms has it: without what the document has for itself.
json shown(const Context& context, json alarm) {
  alarm["AlarmArn"] = alarm_arn(context, alarm.at("AlarmName").get<std::string>());
  alarm.erase("Tags");
  return alarm;
}

net::Task<Result<void>> edit_alarm(Context& context, std::string name,
                                   std::function<void(json&, WallTime)> edit) {
  const WallTime now = SystemClock().wall_now();
  auto job = [name, edit = std::move(edit), now](sqlite3* raw) {
    return database::in_transaction(raw, [&]() -> Result<void> {
      TRY(std::optional<json> alarm, stored_alarm(raw, name));
      if (!alarm) return no_such_alarm(name);
      const std::string before = alarm->value("StateValue", "");
      edit(*alarm, now);
      TRY_VOID(store_alarm(raw, *alarm));
      if (alarm->value("StateValue", "") == before) return ok();
      return add_history(raw, change_of_state(*alarm, before, now));
    });
  };
  auto working = context.database.work<void>(std::move(job));
  co_return co_await std::move(working);
}

Answer switch_actions(Context& context, Members members, bool enabled) {
  const auto names = members.texts("AlarmNames");
  CO_TRY_VOID(members.finish());
  for (const std::string& name : names) {
    auto editing = edit_alarm(
        context, name, [enabled](json& alarm, WallTime) { alarm["ActionsEnabled"] = enabled; });
    const auto edited = co_await std::move(editing);
    // As AWS: a name that is no alarm's has no effect.
    if (edited.has_error() && edited.error().kind != ErrorKind::not_found) co_return edited.error();
  }
  co_return json::object();
}

// "arn:aws:cloudwatch:...:alarm:NAME" of this region; "" for any other.
std::string name_in(const Context& context, const std::string& arn) {
  const std::string prefix = alarm_arn(context, "");
  return arn.starts_with(prefix) ? arn.substr(prefix.size()) : "";
}

Error no_such_resource(const std::string& arn) {
  return make_error(ErrorKind::not_found, "There is no alarm " + arn, "ResourceNotFoundException");
}

}  // namespace

Answer put_metric_alarm(Context& context, Members members) {
  CO_TRY(json alarm, read_alarm(std::move(members)));
  const WallTime now = SystemClock().wall_now();
  alarm["AlarmConfigurationUpdatedTimestamp"] = seconds_of(now);
  auto job = [alarm = std::move(alarm), now](sqlite3* raw) mutable {
    return database::in_transaction(raw, [&]() -> Result<void> {
      const auto name = alarm.at("AlarmName").get<std::string>();
      TRY(const std::optional<json> present, stored_alarm(raw, name));
      TRY(const auto all, stored_alarms(raw));
      if (!present && all.size() >= kAlarmsMax) {
        return make_error(ErrorKind::exhausted,
                          "A region keeps at most " + std::to_string(kAlarmsMax) + " alarms",
                          "LimitExceeded");
      }
      if (present) {
        // Its state stays, and so do its tags: they are changed by TagResource.
        for (const char* member : {"StateValue", "StateReason", "StateReasonData",
                                   "StateUpdatedTimestamp", "StateTransitionedTimestamp"}) {
          if (present->contains(member)) alarm[member] = present->at(member);
        }
        alarm["Tags"] = present->value("Tags", json::array());
      } else {
        set_state(alarm, AlarmState::insufficient_data, "Unchecked: Initial alarm creation", now);
      }
      TRY_VOID(store_alarm(raw, alarm));
      const std::string what = present ? "updated" : "created";
      return add_history(raw, {name,
                               now,
                               "ConfigurationUpdate",
                               "Alarm \"" + name + "\" " + what,
                               {{"version", "1.0"}, {"type", present ? "Update" : "Create"}}});
    });
  };
  auto working = context.database.work<void>(std::move(job));
  CO_TRY_VOID(co_await std::move(working));
  co_return json::object();
}

Answer describe_alarms(Context& context, Members members) {
  const auto names = members.texts("AlarmNames");
  const std::string prefix = members.text("AlarmNamePrefix");
  const std::string state = members.text("StateValue");
  const std::string action = members.text("ActionPrefix");
  const auto types = members.texts("AlarmTypes");
  const auto size = static_cast<std::size_t>(
      members.number("MaxRecords", 1, kAlarmPageMax).value_or(kAlarmPageMax / 2));
  const auto from =
      static_cast<std::size_t>(members.page_token("NextToken", "", "InvalidNextToken").value_or(0));
  CO_TRY_VOID(members.finish());
  auto reading = context.database.work<std::vector<json>>(stored_alarms);
  CO_TRY(std::vector<json> all, co_await std::move(reading));
  const bool metrics =
      types.empty() || std::find(types.begin(), types.end(), "MetricAlarm") != types.end();
  std::erase_if(all, [&](const json& alarm) {
    const auto name = alarm.at("AlarmName").get<std::string>();
    const bool named = names.empty() || std::find(names.begin(), names.end(), name) != names.end();
    bool acts = action.empty();
    for (const char* list : {"OKActions", "AlarmActions", "InsufficientDataActions"}) {
      for (const json& one : alarm.value(list, json::array())) {
        acts = acts || one.get<std::string>().starts_with(action);
      }
    }
    return !metrics || !named || !acts || !name.starts_with(prefix) ||
           (!state.empty() && alarm.value("StateValue", "") != state);
  });
  json answer = {{"MetricAlarms", json::array()}, {"CompositeAlarms", json::array()}};
  const std::size_t to = std::min(from + size, all.size());
  for (std::size_t i = from; i < to; ++i) {
    answer["MetricAlarms"].push_back(shown(context, std::move(all[i])));
  }
  if (to < all.size()) answer["NextToken"] = std::to_string(to);
  co_return answer;
}

Answer describe_alarm_history(Context& context, Members members) {
  const std::string name = members.text("AlarmName");
  const std::string kind = members.text("HistoryItemType");
  const auto from = members.time("StartDate").value_or(WallTime{});
  const auto to = members.time("EndDate").value_or(WallTime::max());
  const bool descending = members.text("ScanBy", "TimestampDescending") != "TimestampAscending";
  const auto size = members.number("MaxRecords", 1, kAlarmPageMax).value_or(kAlarmPageMax);
  const auto skipped = members.page_token("NextToken", "", "InvalidNextToken").value_or(0);
  CO_TRY_VOID(members.finish());
  auto job = [=](sqlite3* raw) -> Result<json> {
    Statement select(raw, std::string("SELECT alarm, at, kind, summary, data FROM alarm_history "
                                      "WHERE (? = '' OR alarm = ?) AND (? = '' OR kind = ?) AND "
                                      "at >= ? AND at <= ? ORDER BY id ") +
                              (descending ? "DESC" : "ASC") + " LIMIT ? OFFSET ?");
    select.bind(1, name);
    select.bind(2, name);
    select.bind(3, kind);
    select.bind(4, kind);
    select.bind(5, static_cast<std::int64_t>(from.time_since_epoch().count()));
    select.bind(6, static_cast<std::int64_t>(to.time_since_epoch().count()));
    select.bind(7, size + 1);
    select.bind(8, skipped);
    json answer = {{"AlarmHistoryItems", json::array()}};
    for (;;) {
      TRY(const bool more, select.step());
      if (!more) return answer;
      if (answer["AlarmHistoryItems"].size() == static_cast<std::size_t>(size)) {
        answer["NextToken"] = std::to_string(skipped + size);
        return answer;
      }
      answer["AlarmHistoryItems"].push_back(
          {{"AlarmName", select.text(0)},
           {"AlarmType", "MetricAlarm"},
           {"Timestamp", static_cast<double>(select.number(1)) / 1e6},
           {"HistoryItemType", select.text(2)},
           {"HistorySummary", select.text(3)},
           {"HistoryData", select.text(4)}});
    }
  };
  auto working = context.database.work<json>(std::move(job));
  co_return co_await std::move(working);
}

// All of them or none.
Answer delete_alarms(Context& context, Members members) {
  const auto names = members.texts("AlarmNames");
  if (names.empty()) members.problem("AlarmNames is required", "MissingParameter");
  CO_TRY_VOID(members.finish());
  auto job = [names](sqlite3* raw) {
    return database::in_transaction(raw, [&]() -> Result<void> {
      for (const std::string& name : names) {
        TRY(const std::optional<json> present, stored_alarm(raw, name));
        if (!present) return no_such_alarm(name);
        Statement erase(raw, "DELETE FROM alarm WHERE name = ?");
        erase.bind(1, name);
        TRY_VOID(erase.step());
        TRY_VOID(add_history(raw, {name,
                                   SystemClock().wall_now(),
                                   "ConfigurationUpdate",
                                   "Alarm \"" + name + "\" deleted",
                                   {{"version", "1.0"}, {"type", "Delete"}}}));
      }
      return ok();
    });
  };
  auto working = context.database.work<void>(std::move(job));
  CO_TRY_VOID(co_await std::move(working));
  co_return json::object();
}

// Until the next evaluation.
Answer set_alarm_state(Context& context, Members members) {
  const std::string name = members.required("AlarmName");
  const std::string value = members.required("StateValue");
  const std::string reason = members.text("StateReason");
  const std::string data = members.text("StateReasonData");
  CO_TRY_VOID(members.finish());
  if (!data.empty() && parse_json(data).is_discarded()) {
    co_return make_error(ErrorKind::invalid, "StateReasonData is no JSON", "InvalidFormat");
  }
  const auto state = alarm_state_named(value);
  if (!state) {
    co_return make_error(ErrorKind::invalid, "StateValue is OK, ALARM or INSUFFICIENT_DATA",
                         "ValidationError");
  }
  auto editing = edit_alarm(context, name, [=](json& alarm, WallTime now) {
    set_state(alarm, *state, reason, now);
    if (!data.empty()) alarm["StateReasonData"] = data;
  });
  CO_TRY_VOID(co_await std::move(editing));
  co_return json::object();
}

Answer enable_alarm_actions(Context& context, Members members) {
  auto switching = switch_actions(context, std::move(members), true);
  co_return co_await std::move(switching);
}

Answer disable_alarm_actions(Context& context, Members members) {
  auto switching = switch_actions(context, std::move(members), false);
  co_return co_await std::move(switching);
}

Answer list_tags_for_resource(Context& context, Members members) {
  const std::string arn = members.required("ResourceARN");
  CO_TRY_VOID(members.finish());
  const std::string name = name_in(context, arn);
  auto job = [name](sqlite3* raw) { return stored_alarm(raw, name); };
  auto reading = context.database.work<std::optional<json>>(std::move(job));
  CO_TRY(const std::optional<json> alarm, co_await std::move(reading));
  if (!alarm) co_return no_such_resource(arn);
  co_return json{{"Tags", alarm->value("Tags", json::array())}};
}

// The alarm's tags without those that have one of `keys`, and `more` behind them.
Answer edit_tags(Context& context, std::string arn, std::set<std::string> keys,
                 std::vector<json> more) {
  auto edit = [keys = std::move(keys), more = std::move(more)](json& alarm, WallTime) {
    json all = json::array();
    for (const json& one : alarm.value("Tags", json::array())) {
      if (keys.count(one.at("Key").get<std::string>()) == 0) all.push_back(one);
    }
    for (const json& one : more) all.push_back(one);
    alarm["Tags"] = std::move(all);
  };
  auto editing = edit_alarm(context, name_in(context, arn), std::move(edit));
  const auto edited = co_await std::move(editing);
  if (edited.has_error() && edited.error().kind == ErrorKind::not_found) {
    co_return no_such_resource(arn);
  }
  if (edited.has_error()) co_return edited.error();
  co_return json::object();
}

Answer tag_resource(Context& context, Members members) {
  const std::string arn = members.required("ResourceARN");
  const auto tags = members.list("Tags");
  CO_TRY_VOID(members.finish());
  std::set<std::string> keys;
  for (const json& tag : tags) keys.insert(tag.at("Key").get<std::string>());
  auto editing = edit_tags(context, arn, std::move(keys), tags);
  co_return co_await std::move(editing);
}

Answer untag_resource(Context& context, Members members) {
  const std::string arn = members.required("ResourceARN");
  const auto keys = members.texts("TagKeys");
  CO_TRY_VOID(members.finish());
  auto editing = edit_tags(context, arn, {keys.begin(), keys.end()}, {});
  co_return co_await std::move(editing);
}

// ---- evaluation

namespace {

// The statistic of each of the last periods, oldest first. As AWS: the windows end at the last
// whole minute, or at the last whole period where that is shorter.
Result<std::vector<std::optional<double>>> points_of(sqlite3* raw, const Watched& watched,
                                                     int periods, WallTime now) {
  const auto now_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::int64_t step = std::min<std::int64_t>(watched.period, 60) * 1000;
  const std::int64_t width = watched.period * 1000;
  const std::int64_t to = now_ms - now_ms % step;
  const std::int64_t from = to - width * periods;
  std::vector<Sample> samples(static_cast<std::size_t>(periods));
  Statement select(raw,
                   "SELECT v.at, v.value, v.count FROM value v JOIN metric m ON v.metric = m.id "
                   "WHERE m.name_space = ? AND m.name = ? AND m.dimensions = ? AND v.at >= ? AND "
                   "v.at < ? AND (? = '' OR v.unit = ?) ORDER BY v.value");
  select.bind(1, watched.metric.name_space);
  select.bind(2, watched.metric.name);
  select.bind(3, watched.metric.dimensions);
  select.bind(4, from);
  select.bind(5, to);
  select.bind(6, watched.unit);
  select.bind(7, watched.unit);
  for (;;) {
    TRY(const bool more, select.step());
    if (!more) break;
    const auto index = static_cast<std::size_t>((select.number(0) - from) / width);
    samples[index].emplace_back(select.real(1), select.real(2));
  }
  std::vector<std::optional<double>> points;
  points.reserve(samples.size());
  for (const Sample& sample : samples) {
    points.push_back(sample.empty() ? std::nullopt : statistic(sample, watched.statistic));
  }
  return points;
}

Result<void> evaluate(sqlite3* raw, json& alarm, WallTime now) {
  const AlarmRule rule = rule_of(alarm);
  const std::string before = alarm.value("StateValue", "");
  TRY(const auto points, points_of(raw, watched_by(alarm), range_of(rule), now));
  const AlarmState state = alarm_state_named(before).value_or(AlarmState::insufficient_data);
  const Verdict verdict = judge(rule, points, state);
  // A state that is kept, keeps its reason.
  if (verdict.state == state && state != AlarmState::insufficient_data) return ok();
  if (verdict.state == state && alarm.value("StateReason", "") == verdict.reason) return ok();
  const bool differs = set_state(alarm, verdict.state, verdict.reason, now);
  TRY_VOID(store_alarm(raw, alarm));
  return differs ? add_history(raw, change_of_state(alarm, before, now)) : ok();
}

}  // namespace

net::Task<Result<void>> evaluate_alarms(Context& context, WallTime now) {
  auto job = [now](sqlite3* raw) {
    return database::in_transaction(raw, [&]() -> Result<void> {
      TRY(auto alarms, stored_alarms(raw));
      for (json& alarm : alarms) TRY_VOID(evaluate(raw, alarm, now));
      return ok();
    });
  };
  auto working = context.database.work<void>(std::move(job));
  co_return co_await std::move(working);
}

}  // namespace aurora_global::services::cloudwatch
