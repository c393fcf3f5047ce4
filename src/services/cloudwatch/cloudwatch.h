// CloudWatch: metrics, alarms on them, and dashboards, in the Query protocol (the AWS CLI up to
// 2.2x) and JSON 1.0 (current SDKs). API 2010-08-01.
//
// Values are kept as they came, so every statistic and percentile is exact.
#pragma once

#include <deque>

#include "base/aging_clock.h"
#include "database/database.h"
#include "net/http.h"
#include "services/cloudwatch/operations.h"
#include "services/sinks.h"

namespace aurora_global::services::cloudwatch {

inline constexpr std::chrono::hours kRetention{15 * 24};
inline constexpr int kValuesKept = 2'000'000;
// Of values that wait to be stored: over the first nobody should send more, over the second they
// are dropped, and the daemon's log says how many.
inline constexpr std::size_t kRoomValues = 50'000;
inline constexpr std::size_t kWaitingValuesMax = 200'000;

std::vector<std::string_view> action_names();

// Why CloudWatch takes no such datum, whichever way it comes; empty: it does.
std::string problem_of(const MetricDatum& datum, WallTime now);

class CloudWatch final : public MetricSink {
 public:
  // `tasks` and `facts` outlive the service.
  static Result<std::unique_ptr<CloudWatch>> open(net::TaskGroup& tasks, const region::Facts& facts,
                                                  const std::filesystem::path& file);
  // Begins to evaluate alarms.
  void start();

  // A datum with a problem is dropped.
  void put_metrics(std::vector<MetricDatum> data) override;
  net::Task<void> room_for_metrics() override;
  // Returns when nothing waits any more, or at the deadline.
  net::Task<void> drain(Deadline deadline);
  net::Task<net::HttpResponse> serve(net::HttpRequest request);
  // As ServiceCaller has it; `input` has passed the model.
  net::Task<Result<nlohmann::json>> call(std::string operation, nlohmann::json input);

 private:
  CloudWatch(net::TaskGroup& tasks, const region::Facts& facts,
             std::unique_ptr<database::Database> database)
      : tasks_(tasks),
        database_(std::move(database)),
        context_{*database_, facts},
        written_(tasks.executor()) {}
  net::Task<void> write();
  net::Task<void> watch_alarms();

  net::TaskGroup& tasks_;
  std::unique_ptr<database::Database> database_;
  Context context_;
  std::deque<MetricDatum> waiting_;
  std::size_t waiting_values_ = 0;
  std::uint64_t dropped_ = 0;
  bool writing_ = false;
  Instant trimmed_at_{};
  SystemClock clock_;
  AgingClock age_{clock_};
  net::Event written_;  // A batch is stored.
};

}  // namespace aurora_global::services::cloudwatch
