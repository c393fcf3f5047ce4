// What the operations of CloudWatch work with, and those that stand in files of their own.
#pragma once

#include <nlohmann/json.hpp>

#include "database/database.h"
#include "region/region.h"
#include "services/cloudwatch/statistics.h"
#include "services/json_protocol.h"

namespace aurora_global::services::cloudwatch {

struct Context {
  database::Database& database;
  const region::Facts& facts;
};

// One metric, as it is asked for.
struct MetricKey {
  std::string name_space, name;
  std::string dimensions;  // As dimensions_text() has them.
};
// Dimensions as one text, in the order of their names: the same set is the same metric.
std::string dimensions_text(std::vector<std::pair<std::string, std::string>> dimensions);
std::vector<std::pair<std::string, std::string>> read_dimensions(Members& members);

inline double seconds_of(WallTime at) {
  return static_cast<double>(at.time_since_epoch().count()) / 1e6;
}

inline constexpr const char* kAlarmSchema =
    "CREATE TABLE IF NOT EXISTS alarm(name TEXT PRIMARY KEY, document TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS alarm_history(id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " alarm TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, summary TEXT NOT NULL,"
    " data TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS alarm_history_alarm ON alarm_history(alarm, id);"
    "CREATE TABLE IF NOT EXISTS dashboard(name TEXT PRIMARY KEY, body TEXT NOT NULL,"
    " modified INTEGER NOT NULL);";

using Answer = net::Task<Result<nlohmann::json>>;
using Operation = Answer (*)(Context&, Members);

Answer put_metric_alarm(Context& context, Members members);
Answer describe_alarms(Context& context, Members members);
Answer describe_alarm_history(Context& context, Members members);
Answer delete_alarms(Context& context, Members members);
Answer set_alarm_state(Context& context, Members members);
Answer enable_alarm_actions(Context& context, Members members);
Answer disable_alarm_actions(Context& context, Members members);
Answer list_tags_for_resource(Context& context, Members members);
Answer tag_resource(Context& context, Members members);
Answer untag_resource(Context& context, Members members);

Answer put_dashboard(Context& context, Members members);
Answer get_dashboard(Context& context, Members members);
Answer list_dashboards(Context& context, Members members);
Answer delete_dashboards(Context& context, Members members);

// Looks at all alarms and stores what state they are in now.
net::Task<Result<void>> evaluate_alarms(Context& context, WallTime now);

}  // namespace aurora_global::services::cloudwatch
