// CloudWatch's GetMetricStatistics in the Query protocol, as a client speaks it. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "awsapi/query.h"
#include "base/clock.h"

namespace aurora_global::awsapi {

inline constexpr std::string_view kCloudWatchVersion = "2010-08-01";

// One metric from `from` (inclusive) to `to`.
struct MetricQuery {
  std::string name_space, name;
  std::map<std::string, std::string> dimensions;
  WallTime from{}, to{};
};

// Of all values in the time asked for.
struct MetricStatistics {
  std::string unit;
  double samples = 0, sum = 0, minimum = 0, maximum = 0;

  double average() const { return sum / samples; }
};

Form metric_form(const MetricQuery& query);
// nullopt: CloudWatch has no value of that time. Fails as the answers of RDS do.
Result<std::optional<MetricStatistics>> parse_metric_statistics(int status, std::string_view body);

}  // namespace aurora_global::awsapi
