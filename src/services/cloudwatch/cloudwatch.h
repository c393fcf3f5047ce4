// CloudWatch metrics: PutMetricData, GetMetricStatistics, GetMetricData, ListMetrics, in the Query
// protocol (the AWS CLI up to 2.2x) and JSON 1.0 (current SDKs). API 2010-08-01.
//
// Values are kept as they came, so every statistic and percentile is exact.
#pragma once

#include "database/database.h"
#include "net/http.h"
#include "services/sinks.h"

namespace aurora_global::services::cloudwatch {

inline constexpr std::chrono::hours kRetention{15 * 24};
inline constexpr int kValuesKept = 2'000'000;

std::vector<std::string_view> action_names();

class CloudWatch final : public MetricSink {
 public:
  // `tasks` outlives the service.
  static Result<std::unique_ptr<CloudWatch>> open(net::TaskGroup& tasks,
                                                  const std::filesystem::path& file);

  void put_metrics(std::vector<MetricDatum> data) override;
  net::Task<net::HttpResponse> serve(net::HttpRequest request);

 private:
  CloudWatch(net::TaskGroup& tasks, std::unique_ptr<database::Database> database)
      : tasks_(tasks), database_(std::move(database)) {}
  net::Task<void> store(std::vector<MetricDatum> data);

  net::TaskGroup& tasks_;
  std::unique_ptr<database::Database> database_;
};

}  // namespace aurora_global::services::cloudwatch
