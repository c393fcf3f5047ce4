#include "awsapi/metric_shapes.h"

#include <algorithm>

#include "awsapi/query_answer.h"

namespace aurora_global::awsapi {
namespace {

// CloudWatch gives at most 1,440 data points.
constexpr std::int64_t kPointsWanted = 1000;

}  // namespace

Form metric_form(const MetricQuery& query) {
  Form form = {{"Action", "GetMetricStatistics"},  {"Version", std::string(kCloudWatchVersion)},
               {"Namespace", query.name_space},    {"MetricName", query.name},
               {"StartTime", iso8601(query.from)}, {"EndTime", iso8601(query.to)}};
  const auto length = std::chrono::ceil<std::chrono::minutes>(query.to - query.from).count();
  form["Period"] = std::to_string(60 * (length / kPointsWanted + 1));
  int number = 0;
  for (const auto& [name, value] : query.dimensions) {
    const std::string member = "Dimensions.member." + std::to_string(++number);
    form[member + ".Name"] = name;
    form[member + ".Value"] = value;
  }
  number = 0;
  for (const char* statistic : {"SampleCount", "Sum", "Minimum", "Maximum"}) {
    form["Statistics.member." + std::to_string(++number)] = statistic;
  }
  return form;
}

Result<std::optional<MetricStatistics>> parse_metric_statistics(int status, std::string_view body) {
  pugi::xml_document document;
  TRY(const pugi::xml_node result, result_of(document, status, body));
  std::optional<MetricStatistics> all;
  for (const auto& point : result.child("Datapoints").children("member")) {
    const auto number = [&](const char* name) { return point.child(name).text().as_double(); };
    const double samples = number("SampleCount");
    if (samples <= 0) continue;
    if (!all) all = MetricStatistics{"", 0, 0, number("Minimum"), number("Maximum")};
    all->unit = text_of(point, "Unit");
    all->samples += samples;
    all->sum += number("Sum");
    all->minimum = std::min(all->minimum, number("Minimum"));
    all->maximum = std::max(all->maximum, number("Maximum"));
  }
  return all;
}

}  // namespace aurora_global::awsapi
