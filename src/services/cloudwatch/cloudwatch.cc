#include "services/cloudwatch/cloudwatch.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "base/json.h"
#include "net/log.h"
#include "services/call.h"

namespace aurora_global::services::cloudwatch {
namespace {

using database::Statement;
using nlohmann::json;

constexpr std::size_t kDataMax = 1000;
constexpr std::size_t kValuesMax = 150;
constexpr std::size_t kDimensionsMax = 30;
constexpr std::size_t kPointsMax = 1440;
constexpr std::size_t kQueriesMax = 500;
constexpr std::size_t kListMax = 500;
constexpr std::int64_t kDatapointsMax = 100'800;
constexpr std::chrono::hours kAheadMax{2};

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS metric(id INTEGER PRIMARY KEY, name_space TEXT NOT NULL,"
    " name TEXT NOT NULL, dimensions TEXT NOT NULL, UNIQUE(name_space, name, dimensions));"
    "CREATE TABLE IF NOT EXISTS value(id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " metric INTEGER NOT NULL, at INTEGER NOT NULL, unit TEXT NOT NULL, value REAL NOT NULL,"
    " count REAL NOT NULL);"
    "CREATE INDEX IF NOT EXISTS value_metric ON value(metric, at);"
    "CREATE INDEX IF NOT EXISTS value_at ON value(at);";
constexpr std::size_t kBatchValuesMax = 5000;
constexpr std::int64_t kTrimEveryValues = kValuesKept / 20;
constexpr Duration kTrimEvery = std::chrono::minutes(1);
constexpr Duration kLookEvery = std::chrono::seconds(1);
constexpr Duration kEvaluateEvery = std::chrono::seconds(5);

std::int64_t milliseconds(WallTime at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

Result<std::int64_t> last_value(sqlite3* raw) {
  Statement last(raw, "SELECT max(id) FROM value");
  TRY_VOID(last.step());
  return last.number(0);
}

// Two statements, so that each goes by its index.
Result<void> trim(sqlite3* raw, std::optional<WallTime> now) {
  Statement over(raw, "DELETE FROM value WHERE id <= (SELECT max(id) FROM value) - ?");
  over.bind(1, std::int64_t{kValuesKept});
  TRY_VOID(over.step());
  if (!now) return ok();
  Statement old(raw, "DELETE FROM value WHERE at < ?");
  old.bind(1, milliseconds(*now - kRetention));
  TRY_VOID(old.step());
  return ok();
}

// Trims when enough values have come since the last time, or for `now`, by age, too.
Result<void> insert_all(sqlite3* raw, const std::vector<MetricDatum>& data,
                        std::optional<WallTime> now) {
  return database::in_transaction(raw, [&]() -> Result<void> {
    TRY(const std::int64_t before, last_value(raw));
    for (const MetricDatum& datum : data) {
      const std::string dimensions = dimensions_text(datum.dimensions);
      Statement metric(raw,
                       "INSERT OR IGNORE INTO metric(name_space, name, dimensions) "
                       "VALUES (?, ?, ?)");
      metric.bind(1, datum.name_space);
      metric.bind(2, datum.name);
      metric.bind(3, dimensions);
      TRY_VOID(metric.step());
      Statement insert(raw,
                       "INSERT INTO value(metric, at, unit, value, count) SELECT id, ?, ?, ?, ? "
                       "FROM metric WHERE name_space = ? AND name = ? AND dimensions = ?");
      for (std::size_t i = 0; i < datum.values.size(); ++i) {
        insert.bind(1, milliseconds(datum.at));
        insert.bind(2, datum.unit);
        insert.bind(3, datum.values[i]);
        insert.bind(4, i < datum.counts.size() ? datum.counts[i] : 1.0);
        insert.bind(5, datum.name_space);
        insert.bind(6, datum.name);
        insert.bind(7, dimensions);
        TRY_VOID(insert.step());
        insert.reset();
      }
    }
    TRY(const std::int64_t after, last_value(raw));
    const bool due = before / kTrimEveryValues != after / kTrimEveryValues;
    return due || now ? trim(raw, now) : ok();
  });
}

// ---- reading requests

std::vector<double> read_numbers(Members& members, const std::string& name) {
  std::vector<double> numbers;
  for (const json& one : members.list(name)) {
    if (!one.is_number()) members.problem(name + " must be a list of numbers");
    numbers.push_back(one.is_number() ? one.get<double>() : 0);
  }
  if (numbers.size() > kValuesMax) members.problem(name + " has at most 150 members");
  return numbers;
}

Result<MetricDatum> read_datum(const std::string& name_space, json object) {
  if (!object.is_object()) {
    return make_error(ErrorKind::invalid, "MetricData must be a list of objects",
                      "InvalidParameterValue");
  }
  Members members(std::move(object));
  MetricDatum datum;
  datum.name_space = name_space;
  datum.name = members.required("MetricName");
  datum.dimensions = read_dimensions(members);
  datum.unit = members.text("Unit", "None");
  datum.at = members.time("Timestamp").value_or(SystemClock().wall_now());
  members.ignore({"StorageResolution"});
  datum.values = read_numbers(members, "Values");
  datum.counts = read_numbers(members, "Counts");
  if (const auto one = members.real("Value")) {
    if (!datum.values.empty()) members.problem("Value and Values exclude each other");
    datum.values = {*one};
  }
  if (members.has("StatisticValues")) {
    members.problem("StatisticValues are not supported here; send Value or Values",
                    "InvalidParameterCombination");
    members.ignore({"StatisticValues"});
  }
  if (datum.values.empty()) members.problem("MetricData needs Value or Values", "MissingParameter");
  if (const auto problem = problem_of(datum, SystemClock().wall_now()); !problem.empty()) {
    members.problem(problem);
  }
  TRY_VOID(members.finish());
  return datum;
}

// Which values, in which periods.
struct Wanted {
  std::string name_space, name, dimensions, unit;
  WallTime from{}, to{};
  std::int64_t period = 60;
};

void read_range(Members& members, Wanted& wanted) {
  const auto from = members.time("StartTime");
  const auto to = members.time("EndTime");
  if (!from || !to) members.problem("StartTime and EndTime are required", "MissingParameter");
  wanted.from = from.value_or(WallTime{});
  wanted.to = to.value_or(WallTime{});
  if (from && to && *from >= *to) members.problem("StartTime must lie before EndTime");
}

void read_period(Members& members, Wanted& wanted) {
  wanted.period = members.number("Period", 1, 86400 * 15).value_or(60);
  const bool high_resolution = wanted.period == 1 || wanted.period == 5 || wanted.period == 10 ||
                               wanted.period == 20 || wanted.period == 30;
  if (!high_resolution && wanted.period % 60 != 0) {
    members.problem("Period must be 1, 5, 10, 20, 30 or a multiple of 60");
  }
}

// Period start in milliseconds and unit -> its values, sorted. Units are never mixed.
using Found = std::map<std::pair<std::int64_t, std::string>, Sample>;

// As AWS: periods begin at multiples of their length, a range at a whole minute, or at a whole
// period where that is shorter.
std::int64_t begin_of(const Wanted& wanted) {
  const std::int64_t from = milliseconds(wanted.from);
  return from - from % (std::min<std::int64_t>(wanted.period, 60) * 1000);
}

Result<Found> select_values(sqlite3* raw, const Wanted& wanted) {
  Found found;
  Statement select(raw,
                   "SELECT v.at, v.value, v.count, v.unit FROM value v JOIN metric m ON v.metric = "
                   "m.id WHERE m.name_space = ? AND m.name = ? AND m.dimensions = ? AND v.at >= ? "
                   "AND v.at < ? ORDER BY v.value");
  select.bind(1, wanted.name_space);
  select.bind(2, wanted.name);
  select.bind(3, wanted.dimensions);
  select.bind(4, begin_of(wanted));
  select.bind(5, milliseconds(wanted.to));
  const std::int64_t width = wanted.period * 1000;
  for (;;) {
    TRY(const bool more, select.step());
    if (!more) return found;
    const std::string unit = select.text(3);
    if (!wanted.unit.empty() && unit != wanted.unit) continue;
    const std::int64_t at = select.number(0);
    found[{at - at % width, unit}].emplace_back(select.real(1), select.real(2));
  }
}

json seconds(std::int64_t milliseconds) { return static_cast<double>(milliseconds) / 1000; }

// ---- operations

Answer put_metric_data(Context& context, Members members) {
  const std::string name_space = members.required("Namespace");
  std::vector<json> given = members.list("MetricData");
  if (given.empty()) {
    members.problem("The parameter MetricData is required.", "MissingParameter");
  }
  if (name_space.rfind("AWS/", 0) == 0) members.problem("Namespace must not begin with AWS/");
  if (given.size() > kDataMax) members.problem("MetricData has at most 1000 members");
  CO_TRY_VOID(members.finish());
  std::vector<MetricDatum> data;
  for (json& one : given) {
    CO_TRY(MetricDatum datum, read_datum(name_space, std::move(one)));
    data.push_back(std::move(datum));
  }
  auto job = [data = std::move(data)](sqlite3* raw) { return insert_all(raw, data, std::nullopt); };
  CO_TRY_VOID(co_await context.database.work<void>(std::move(job)));
  co_return json::object();
}

Answer get_metric_statistics(Context& context, Members members) {
  Wanted wanted;
  wanted.name_space = members.required("Namespace");
  wanted.name = members.required("MetricName");
  wanted.dimensions = dimensions_text(read_dimensions(members));
  wanted.unit = members.text("Unit");
  read_range(members, wanted);
  read_period(members, wanted);
  const auto plain = members.texts("Statistics");
  const auto extended = members.texts("ExtendedStatistics");
  if (plain.empty() && extended.empty()) {
    members.problem("Statistics or ExtendedStatistics is required", "MissingParameter");
  }
  for (const auto* names : {&plain, &extended}) {
    for (const std::string& name : *names) {
      if (!is_statistic(name)) members.problem("There is no statistic " + name);
    }
  }
  const auto span = std::chrono::duration_cast<std::chrono::seconds>(wanted.to - wanted.from);
  if (span.count() / wanted.period > static_cast<std::int64_t>(kPointsMax)) {
    members.problem("This asks for more than 1440 data points; choose a longer Period",
                    "InvalidParameterCombination");
  }
  CO_TRY_VOID(members.finish());
  auto job = [wanted](sqlite3* raw) { return select_values(raw, wanted); };
  CO_TRY(const Found found, co_await context.database.work<Found>(std::move(job)));
  json points = json::array();
  for (const auto& [period, sample] : found) {
    json point = {{"Timestamp", seconds(period.first)}, {"Unit", period.second}};
    for (const std::string& name : plain) point[name] = *statistic(sample, name);
    for (const std::string& name : extended) {
      point["ExtendedStatistics"][name] = *statistic(sample, name);
    }
    points.push_back(std::move(point));
  }
  co_return json{{"Label", wanted.name}, {"Datapoints", points}};
}

// One member of MetricDataQueries.
struct DataQuery {
  Wanted wanted;
  std::string id, label, stat;
  bool returned = true;
};

Result<DataQuery> read_data_query(json object, const Wanted& range) {
  DataQuery query;
  query.wanted = range;
  json stat_object = json::object();
  if (object.is_object() && object.contains("MetricStat")) stat_object = object["MetricStat"];
  json metric_object = json::object();
  if (stat_object.is_object() && stat_object.contains("Metric")) {
    metric_object = stat_object["Metric"];
  }
  Members outer(object.is_object() ? std::move(object) : json::object());
  query.id = outer.required("Id");
  query.label = outer.text("Label");
  query.returned = outer.flag("ReturnData", true);
  outer.ignore({"MetricStat", "Period", "AccountId"});
  if (outer.has("Expression")) {
    outer.problem("Metric math is not supported here; ask with MetricStat", "ValidationError");
    outer.ignore({"Expression"});
  }
  TRY_VOID(outer.finish());
  Members stat(stat_object.is_object() ? std::move(stat_object) : json::object());
  query.stat = stat.required("Stat");
  if (!is_statistic(query.stat)) stat.problem("There is no statistic " + query.stat);
  read_period(stat, query.wanted);
  query.wanted.unit = stat.text("Unit");
  stat.ignore({"Metric"});
  TRY_VOID(stat.finish());
  Members metric(metric_object.is_object() ? std::move(metric_object) : json::object());
  query.wanted.name_space = metric.required("Namespace");
  query.wanted.name = metric.required("MetricName");
  query.wanted.dimensions = dimensions_text(read_dimensions(metric));
  TRY_VOID(metric.finish());
  if (query.label.empty()) query.label = query.wanted.name;
  return query;
}

// As AWS: the names of results must tell them apart.
Result<std::vector<DataQuery>> read_data_queries(std::vector<json> given, const Wanted& range) {
  std::vector<DataQuery> queries;
  std::set<std::string> ids;
  for (json& one : given) {
    TRY(DataQuery query, read_data_query(std::move(one), range));
    const auto named = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
    const bool shaped = query.id[0] >= 'a' && query.id[0] <= 'z' &&
                        std::all_of(query.id.begin(), query.id.end(), named);
    if (!shaped || !ids.insert(query.id).second) {
      return make_error(ErrorKind::invalid,
                        "MetricDataQueries: every Id is unique, begins with a lower-case letter, "
                        "and is of letters, digits and underscores",
                        "ValidationError");
    }
    queries.push_back(std::move(query));
  }
  return queries;
}

// Of all points of all queries, in the order of the answer: which go into this page.
struct PointsPage {
  std::int64_t skipped;  // Given by earlier pages; counted down.
  std::int64_t room;     // Counted down, too.
  bool full = false;     // There are more.
};

// The result of one query, or null if earlier pages gave all of it.
json result_of(const DataQuery& query, const Found& found, bool descending, PointsPage& page) {
  json times = json::array();
  json values = json::array();
  bool given = false;
  const auto add = [&](const Found::value_type& one) {
    if (page.skipped > 0) {
      --page.skipped;
      given = true;
    } else if (page.room > 0) {
      --page.room;
      times.push_back(seconds(one.first.first));
      values.push_back(*statistic(one.second, query.stat));
    } else {
      page.full = true;
    }
  };
  if (descending) std::for_each(found.rbegin(), found.rend(), add);
  if (!descending) std::for_each(found.begin(), found.end(), add);
  if (times.empty() && (given || page.full)) return nullptr;
  return {{"Id", query.id},
          {"Label", query.label},
          {"Timestamps", std::move(times)},
          {"Values", std::move(values)},
          {"StatusCode", page.full ? "PartialData" : "Complete"}};
}

Answer get_metric_data(Context& context, Members members) {
  Wanted range;
  read_range(members, range);
  const bool descending = members.text("ScanBy", "TimestampDescending") != "TimestampAscending";
  std::vector<json> given = members.list("MetricDataQueries");
  const auto most = members.number("MaxDatapoints", 1, kDatapointsMax).value_or(kDatapointsMax);
  // A token is how many points came before.
  const auto skipped = members.page_token("NextToken", "", "InvalidNextToken").value_or(0);
  if (given.empty()) members.problem("MetricDataQueries is required", "MissingParameter");
  if (given.size() > kQueriesMax) members.problem("MetricDataQueries has at most 500 members");
  CO_TRY_VOID(members.finish());
  CO_TRY(const auto queries, read_data_queries(std::move(given), range));
  json answer = {{"MetricDataResults", json::array()}, {"Messages", json::array()}};
  PointsPage page{skipped, most};
  for (const DataQuery& query : queries) {
    if (!query.returned) continue;
    auto job = [wanted = query.wanted](sqlite3* raw) { return select_values(raw, wanted); };
    CO_TRY(const Found found, co_await context.database.work<Found>(std::move(job)));
    json result = result_of(query, found, descending, page);
    if (!result.is_null()) answer["MetricDataResults"].push_back(std::move(result));
    if (page.full) break;
  }
  if (page.full) answer["NextToken"] = std::to_string(skipped + most);
  co_return answer;
}

Answer list_metrics(Context& context, Members members) {
  const std::string name_space = members.text("Namespace");
  const std::string name = members.text("MetricName");
  std::vector<json> filters = members.list("Dimensions");
  const std::int64_t shown = members.page_token("NextToken").value_or(0);
  CO_TRY_VOID(members.finish());
  std::vector<std::pair<std::string, std::string>> wanted;
  for (const json& one : filters) {
    wanted.emplace_back(one.value("Name", ""), one.value("Value", ""));
  }
  auto job = [=](sqlite3* raw) -> Result<json> {
    json metrics = json::array();
    Statement select(raw,
                     "SELECT id, name_space, name, dimensions FROM metric WHERE id > ? "
                     "ORDER BY id");
    select.bind(1, shown);
    std::int64_t last = 0;
    for (;;) {
      TRY(const bool more, select.step());
      if (!more) return json{{"Metrics", metrics}};
      if (metrics.size() >= kListMax) {
        return json{{"Metrics", metrics}, {"NextToken", std::to_string(last)}};
      }
      last = select.number(0);
      if (!name_space.empty() && select.text(1) != name_space) continue;
      if (!name.empty() && select.text(2) != name) continue;
      json dimensions = json::array();
      std::size_t matching = 0;
      for (const json& pair : parse_json(select.text(3))) {
        dimensions.push_back({{"Name", pair.at(0)}, {"Value", pair.at(1)}});
        for (const auto& [key, value] : wanted) {
          if (pair.at(0) == key && (value.empty() || pair.at(1) == value)) ++matching;
        }
      }
      if (matching < wanted.size()) continue;
      metrics.push_back({{"Namespace", select.text(1)},
                         {"MetricName", select.text(2)},
                         {"Dimensions", dimensions}});
    }
  };
  co_return co_await context.database.work<json>(std::move(job));
}

constexpr std::pair<std::string_view, Operation> kOperations[] = {
    {"PutMetricData", put_metric_data},
    {"GetMetricStatistics", get_metric_statistics},
    {"GetMetricData", get_metric_data},
    {"ListMetrics", list_metrics},
    {"PutMetricAlarm", put_metric_alarm},
    {"DescribeAlarms", describe_alarms},
    {"DeleteAlarms", delete_alarms},
    {"DescribeAlarmHistory", describe_alarm_history},
    {"SetAlarmState", set_alarm_state},
    {"EnableAlarmActions", enable_alarm_actions},
    {"DisableAlarmActions", disable_alarm_actions},
    {"PutDashboard", put_dashboard},
    {"GetDashboard", get_dashboard},
    {"ListDashboards", list_dashboards},
    {"DeleteDashboards", delete_dashboards},
    {"ListTagsForResource", list_tags_for_resource},
    {"TagResource", tag_resource},
    {"UntagResource", untag_resource},
};

}  // namespace

std::string dimensions_text(std::vector<std::pair<std::string, std::string>> dimensions) {
  std::sort(dimensions.begin(), dimensions.end());
  json all = json::array();
  for (const auto& [name, value] : dimensions) all.push_back({name, value});
  return all.dump();
}

std::vector<std::pair<std::string, std::string>> read_dimensions(Members& members) {
  std::vector<std::pair<std::string, std::string>> dimensions;
  for (json& one : members.list("Dimensions")) {
    Members dimension(one.is_object() ? std::move(one) : json::object());
    const std::string name = dimension.required("Name");
    const std::string value = dimension.text("Value");
    const auto fine = dimension.finish();
    if (fine.has_error()) members.problem("Dimensions: " + fine.error().message);
    dimensions.emplace_back(name, value);
  }
  if (dimensions.size() > kDimensionsMax) members.problem("A metric has at most 30 dimensions");
  return dimensions;
}

std::vector<std::string_view> action_names() { return names_in(kOperations); }

Result<std::unique_ptr<CloudWatch>> CloudWatch::open(net::TaskGroup& tasks,
                                                     const region::Facts& facts,
                                                     const std::filesystem::path& file) {
  const std::string schema = std::string(kSchema) + kAlarmSchema;
  TRY(auto database,
      database::Database::open(file, database::Durability::relaxed, 1, schema.c_str()));
  return std::unique_ptr<CloudWatch>(new CloudWatch(tasks, facts, std::move(database)));
}

void CloudWatch::start() { tasks_.spawn("evaluate alarms", watch_alarms()); }

net::Task<void> CloudWatch::watch_alarms() {
  while (!tasks_.stopping()) {
    const auto evaluated = co_await evaluate_alarms(context_, SystemClock().wall_now());
    if (evaluated.has_error()) log::warn("evaluate alarms: {}", evaluated.error().message);
    co_await net::sleep_for(kEvaluateEvery);
  }
}

std::string problem_of(const MetricDatum& datum, WallTime now) {
  const double most = std::ldexp(1, 360);  // What AWS takes.
  if (!datum.counts.empty() && datum.counts.size() != datum.values.size()) {
    return "Values and Counts must have the same length";
  }
  for (const double value : datum.values) {
    if (!(value >= -most && value <= most)) return "Values must lie from -2^360 to 2^360";
  }
  for (const double count : datum.counts) {
    if (!(count > 0 && count <= most)) return "Counts must be greater than 0, and at most 2^360";
  }
  // Compared in this way round, because a distance could overflow.
  if (datum.at < now - kRetention || datum.at > now + kAheadMax) {
    return "Timestamp must lie within the last 15 days and the next 2 hours";
  }
  return "";
}

void CloudWatch::put_metrics(std::vector<MetricDatum> data) {
  const WallTime now = SystemClock().wall_now();
  for (MetricDatum& datum : data) {
    if (datum.values.empty() || !problem_of(datum, now).empty()) continue;
    if (waiting_values_ >= kWaitingValuesMax) {
      dropped_ += datum.values.size();
      continue;
    }
    waiting_values_ += datum.values.size();
    waiting_.push_back(std::move(datum));
  }
  if (waiting_.empty() || std::exchange(writing_, true)) return;
  tasks_.spawn("store metrics", write());
}

net::Task<void> CloudWatch::room_for_metrics() {
  while (waiting_values_ >= kRoomValues && !tasks_.stopping()) {
    co_await written_.wait_for(kLookEvery);
  }
}

net::Task<void> CloudWatch::drain(Deadline deadline) {
  while (writing_ && !deadline.passed()) co_await written_.wait(deadline);
}

net::Task<void> CloudWatch::write() {
  while (!waiting_.empty()) {
    // Not all at once, so that who reads in between need not wait long.
    std::vector<MetricDatum> batch;
    std::size_t values = 0;
    for (; !waiting_.empty() && values < kBatchValuesMax; waiting_.pop_front()) {
      values += waiting_.front().values.size();
      batch.push_back(std::move(waiting_.front()));
    }
    waiting_values_ -= values;
    if (const auto lost = std::exchange(dropped_, 0); lost > 0) {
      log::warn("{} values of metrics were not kept: more came than could be stored", lost);
    }
    const bool due = clock_.now() - trimmed_at_ >= kTrimEvery;
    if (due) trimmed_at_ = clock_.now();
    const auto now = due ? std::optional(age_.now()) : std::nullopt;
    auto job = [batch = std::move(batch), now](sqlite3* raw) {
      return insert_all(raw, batch, now);
    };
    const auto stored = co_await database_->work<void>(std::move(job));
    if (stored.has_error()) log::warn("store metrics: {}", stored.error().message);
    written_.notify();
  }
  writing_ = false;
  written_.notify();
}

net::Task<Result<json>> CloudWatch::call(std::string operation, json input) {
  return run_in_table("monitoring", kOperations, std::move(operation), std::move(input), context_);
}

net::Task<net::HttpResponse> CloudWatch::serve(net::HttpRequest request) {
  co_return co_await serve_table("monitoring", kOperations, std::move(request), context_);
}

}  // namespace aurora_global::services::cloudwatch
