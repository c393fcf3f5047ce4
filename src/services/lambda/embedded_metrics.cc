#include "services/lambda/embedded_metrics.h"
#include "base/json.h"

#include <nlohmann/json.hpp>

namespace aurora_global::services::lambda {
namespace {

using nlohmann::json;

constexpr std::size_t kValuesMax = 100;  // Of one metric in one document.
constexpr std::size_t kMetricsMax = 100;
constexpr std::size_t kDataMax = 1000;  // Of one document: its metrics times its dimension sets.
// Milliseconds since 1970 that our clock can count (until the year 2255).
constexpr std::int64_t kTimestampMax = 9'000'000'000'000;

std::vector<double> values_of(const json& member) {
  std::vector<double> values;
  if (member.is_number()) values.push_back(member.get<double>());
  if (member.is_array() && member.size() <= kValuesMax) {
    for (const json& one : member) {
      if (!one.is_number()) return {};
      values.push_back(one.get<double>());
    }
  }
  return values;
}

void take_directive(const json& document, const json& directive, WallTime at,
                    std::vector<MetricDatum>& out) {
  json sets = directive.value("Dimensions", json::array());
  if (sets.empty()) sets = json::array({json::array()});  // The metric without dimensions.
  for (const json& set : sets) {
    std::vector<std::pair<std::string, std::string>> dimensions;
    for (const json& name : set) {
      const std::string key = name.get<std::string>();
      dimensions.emplace_back(key, document.at(key).get<std::string>());
    }
    std::size_t count = 0;
    for (const json& metric : directive.at("Metrics")) {
      const std::string name = metric.at("Name").get<std::string>();
      if (!document.contains(name) || ++count > kMetricsMax) continue;
      MetricDatum datum;
      datum.name_space = directive.at("Namespace").get<std::string>();
      datum.name = name;
      datum.unit = metric.value("Unit", "None");
      datum.dimensions = dimensions;
      datum.at = at;
      datum.values = values_of(document.at(name));
      if (!datum.values.empty() && out.size() < kDataMax) out.push_back(std::move(datum));
    }
  }
}

}  // namespace

std::vector<MetricDatum> embedded_metrics(std::string_view line) {
  if (line.find("\"_aws\"") == std::string_view::npos) return {};
  const json document = parse_json(line);
  if (!document.is_object() || !document.contains("_aws")) return {};
  std::vector<MetricDatum> out;
  try {
    const json& about = document.at("_aws");
    const json& told = about.at("Timestamp");
    if (!told.is_number() || !(told >= 0 && told <= kTimestampMax)) return {};
    const WallTime at(std::chrono::milliseconds(told.get<std::int64_t>()));
    for (const json& directive : about.at("CloudWatchMetrics")) {
      take_directive(document, directive, at, out);
    }
  } catch (const json::exception&) {
    return {};  // A document that breaks the specification is an ordinary log line.
  }
  return out;
}

}  // namespace aurora_global::services::lambda
