// Everything a drill found out, as plain data, and the verdict on it. Pure.
#pragma once

#include "awsapi/metric_shapes.h"
#include "drill/drill_file.h"
#include "load/checker.h"
#include "load/metrics.h"

namespace aurora_global::drill {

// One step of the platform's own operation (fence, promote ...), in the load's time.
struct Phase {
  std::string name;
  Span span;
  std::string note;
};

// One step of the drill as it went. Microseconds since the load began.
struct StepRun {
  Act act = Act::switchover;
  std::string title;  // "switchover us-east-1 -> us-west-2"
  std::int64_t started = 0;
  std::int64_t accepted = -1;  // The API took it; -1: not a call, or never.
  std::int64_t ended = 0;      // Available again, and a write acknowledged after that.
  std::uint64_t refusals = 0;  // How often the API said "not now" before it accepted.
  std::string error;           // Empty: it worked.
  std::vector<Phase> phases;
  // Computed at the end.
  std::optional<Gap> window;  // Write-unavailability, over all connections.
  std::optional<Gap> worst_connection;

  bool moves_writer() const { return act == Act::switchover || act == Act::failover; }
};

struct Check {
  std::string name;
  std::string expected;
  std::string actual;
  bool held = false;
};

// One of the loads, judged by itself.
struct LoadResults {
  std::string endpoint;  // Its type, or "conninfo".
  std::string client_region;
  std::string run;
  int connections = 0;
  int first_worker = 0;
  std::optional<Verification> verification;
  // Computed by conclude().
  Summary total, before, during, after;
  std::optional<Gap> longest_gap, worst_window;

  std::string name() const { return endpoint + " from " + client_region; }
};

// One metric as CloudWatch has it; without `found` it has not arrived, which is not 0.
struct MetricReading {
  RegionId region;
  awsapi::MetricQuery query;
  double samples_expected = 0;
  std::optional<awsapi::MetricStatistics> found;
  std::string error;  // Why it could not be asked for; usually empty.
};

struct CloudWatchReport {
  WallTime from{}, to{};  // Whole minutes.
  std::vector<MetricReading> metrics;
};

struct Results {
  DrillFile file;
  std::string run;
  WallTime began{};
  std::vector<LoadResults> loads;
  std::int64_t length = 0;  // Of the load.
  std::vector<StepRun> steps;
  std::optional<bool> healthy;  // Asked at the end; nullopt: nobody could be asked.
  std::vector<std::string> problems;
  std::optional<CloudWatchReport> cloudwatch;  // nullopt: no load used functions.

  // Computed by conclude(), over all loads.
  std::optional<Verification> verification;  // nullopt: at least one could not be counted.
  Summary total, before, during, after;
  std::optional<Gap> longest_gap;   // Over the whole time.
  std::optional<Gap> worst_window;  // Of all steps; without steps, the longest gap.
  std::string explanation;          // Why operations take longer after a move; empty: they do not.
  std::vector<Check> checks;
  std::vector<std::string> failures;

  bool passed() const { return failures.empty(); }
};

// Computes the windows, the summaries, the checks and the failures. `parts`: the log of each load.
void conclude(Results& results, const History& history, const std::vector<const History*>& parts);

}  // namespace aurora_global::drill
