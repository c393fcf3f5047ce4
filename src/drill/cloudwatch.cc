#include "drill/cloudwatch.h"

#include <algorithm>

namespace aurora_global::drill {
namespace {

using namespace std::chrono_literals;

constexpr Duration kCallLimit = 10s;
constexpr Duration kPauseMin = 100ms;
constexpr Duration kPauseMax = 5s;
constexpr Duration kSaidEvery = 15s;
constexpr const char* kFunctionMetrics[] = {"OperationsDuringFailover", "SuccessRate", "Latency",
                                            "RetryCount"};
constexpr const char* kLagMetrics[] = {"AuroraGlobalDBReplicationLag", "AuroraGlobalDBRPOLag"};

// Loads may share a function.
std::vector<FunctionUse> merged(const std::vector<FunctionUse>& uses) {
  std::vector<FunctionUse> all;
  for (const FunctionUse& use : uses) {
    const auto same = std::find_if(all.begin(), all.end(), [&](const FunctionUse& other) {
      return other.region == use.region && other.name == use.name;
    });
    if (same == all.end()) {
      all.push_back(use);
    } else {
      same->invocations += use.invocations;
      same->operations += use.operations;
    }
  }
  return all;
}

CloudWatchReport wanted(const std::vector<FunctionUse>& functions,
                        const std::vector<Secondary>& secondaries, WallTime began, WallTime ended) {
  CloudWatchReport report;
  report.from = std::chrono::floor<std::chrono::minutes>(began);
  report.to = std::chrono::floor<std::chrono::minutes>(ended) + 1min;
  const auto add = [&](const RegionId& region, const char* name_space, const char* name,
                       std::map<std::string, std::string> dimensions, double samples) {
    report.metrics.push_back(
        {region, {name_space, name, std::move(dimensions), report.from, report.to}, samples});
  };
  for (const FunctionUse& use : functions) {
    for (const char* name : kFunctionMetrics) {
      add(use.region, "AuroraGlobalDB/Failover", name,
          {{"FunctionName", use.name},
           {"EndpointType", use.endpoint_type},
           {"Region", use.region.name}},
          static_cast<double>(std::string_view(name) == "Latency" ? use.operations
                                                                  : use.invocations));
    }
  }
  for (const Secondary& one : secondaries) {
    for (const char* name : kLagMetrics) {
      add(one.region, "AWS/RDS", name, {{"DBClusterIdentifier", one.cluster}}, one.samples);
    }
  }
  return report;
}

// Of one that need not be there, nothing is awaited.
bool has_arrived(const MetricReading& metric) {
  const double samples = metric.found ? metric.found->samples : 0;
  return samples >= metric.samples_expected;
}

// True when there is nothing left to wait for.
net::Task<bool> ask_once(Platform& platform, CloudWatchReport& report) {
  bool complete = true;
  for (MetricReading& metric : report.metrics) {
    if (metric.found && has_arrived(metric)) continue;
    const auto functions = platform.functions(metric.region);
    if (!functions) continue;
    auto found = co_await functions->aws->metric_statistics(metric.region, metric.query,
                                                            Deadline::in(kCallLimit));
    if (found.has_value()) {
      metric.found = std::move(*found);
      metric.error.clear();
    } else {
      metric.error = found.error().message;
    }
    const bool refused = found.has_error() && (found.error().kind == ErrorKind::denied ||
                                               found.error().kind == ErrorKind::invalid);
    if (!has_arrived(metric) && !refused) complete = false;
  }
  co_return complete;
}

}  // namespace

net::Task<CloudWatchReport> read_cloudwatch(Platform& platform, std::vector<FunctionUse> functions,
                                            std::vector<Secondary> secondaries, WallTime began,
                                            WallTime ended, Duration limit, Progress& progress) {
  CloudWatchReport report = wanted(merged(functions), secondaries, began, ended);
  const Deadline deadline = Deadline::in(limit);
  const Duration pause = std::clamp<Duration>(limit / 24, kPauseMin, kPauseMax);
  Deadline silent = Deadline::in(kSaidEvery);
  while (!co_await ask_once(platform, report) && !deadline.passed()) {
    if (silent.passed()) {
      const auto missing = std::count_if(report.metrics.begin(), report.metrics.end(),
                                         [](const auto& one) { return !has_arrived(one); });
      const auto left = std::chrono::duration_cast<std::chrono::seconds>(deadline.left());
      progress.say("  CloudWatch does not have " + std::to_string(missing) + " of " +
                   std::to_string(report.metrics.size()) + " metrics yet; waiting for at most " +
                   std::to_string(left.count()) + " s more");
      silent = Deadline::in(kSaidEvery);
    }
    co_await net::sleep_for(pause);
  }
  co_return report;
}

}  // namespace aurora_global::drill
