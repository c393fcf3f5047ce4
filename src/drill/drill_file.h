// A drill file: the load, the steps, what is expected. Reference: docs/reference/drill.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "load/load.h"

namespace aurora_global::drill {

using namespace load;  // A drill is a load and what is done meanwhile.

inline constexpr std::size_t kDrillFileBytesMax = 256 * 1024;
inline constexpr int kDrillRepeatMax = 1000;
inline constexpr std::size_t kDrillLoadsMax = 8;
// Of via = "lambda": two invocations at a time, each with 20 to 2,000 operations per second.
inline constexpr double kLambdaRateMin = 40;
inline constexpr double kLambdaRateMax = 4000;
inline constexpr int kLambdaConcurrencyMax = 200;
inline constexpr Duration kStepLimit = std::chrono::seconds(120);
inline constexpr Duration kStepLimitOnAws = std::chrono::seconds(1800);

// Where a drill runs: on a platform of this machine, or on AWS, which is reached by its APIs alone.
enum class Target { local, aws };
std::string_view name_of(Target target);

enum class Act {
  switchover,
  failover,
  kill_instance,
  kill_region,
  kill_daemon,
  kill_router,
  kill_link,
  start_link,
  start_region,
  partition,
  heal,
  link,
  wait_healthy,
};
std::string_view name_of(Act act);
// Needs LocalFaults.
bool is_local(Act act);

// One [[step]]. Regions may be "primary" or "secondary" (the first member that is not the primary),
// resolved when the step begins; start-region's default is the region that was killed last.
struct DrillStep {
  Act act = Act::switchover;
  std::optional<Duration> at;  // After the load began, and not before the step above has ended.
  std::optional<std::uint64_t> after_writes;  // Acknowledged since the load began.
  RegionId to;                                // switchover, failover
  RegionId region;                            // kill-*, start-region, partition: leaving region
  int instance = 1;
  int repeat = 1;  // switchover: there and back
  std::uint64_t min_writes_between = 100;
  std::string partition = "both";  // both | out
  std::optional<double> latency_ms, jitter_ms, bandwidth_mbit_s;
  Duration limit = kStepLimit;  // For the step to have its effect. On AWS: kStepLimitOnAws.
  int line = 0;
};

struct Expectations {
  std::optional<double> max_write_unavailability_ms;
  std::optional<std::uint64_t> failed_operations;
  std::optional<std::uint64_t> retries;
  std::optional<std::uint64_t> reconnects;
  std::optional<std::uint64_t> lost_writes;
  std::optional<std::uint64_t> min_lost_writes;  // For negative controls.
  std::optional<double> min_success_rate;        // 0 ... 1
  std::optional<std::uint64_t> min_acknowledged_writes;
  std::optional<std::uint64_t> stale_reads;
  std::optional<bool> healthy_at_end;
};

// What the load runs over: connections of the drill, or invocations of the CRUD functions.
enum class Via { connections, lambda };

// A [load], or one of several [[load]].
struct LoadPlan {
  std::string endpoint = "global-writer";  // global-writer | cluster | reader | write-forwarding
  std::string conninfo;                    // libpq's; overrides endpoint and client_region.
  bool follows = false;    // client_region = "follow": the clients go where the writer goes.
  RegionId client_region;  // Empty: the primary, or the survivor of a kill-region.
  Via via = Via::connections;
  LoadOptions options;
  int workers_end = kWorkersOfARunMax;  // Its worker numbers: from options.first_worker to here.

  bool reads_elsewhere() const { return endpoint == "reader" || endpoint == "write-forwarding"; }
  bool has_amount() const {
    return options.operations || options.acknowledged_writes || options.duration;
  }
};

struct DrillFile {
  std::string name;  // Of the file, without folders and ".toml".
  std::string description;
  Target target = Target::local;
  std::vector<std::string> notes;  // What the target made of the file, one sentence each.
  std::vector<LoadPlan> loads = {LoadPlan{}};  // At least one.
  Duration tail = std::chrono::seconds(2);     // The loads go on this long after the last step.
  std::vector<DrillStep> steps;
  Expectations expect;
};

// `overrides`: "key=value" of every [load], in TOML ("concurrency=16"). With Target::aws every load
// runs via lambda, and steps that only a platform on this machine can take are refused. Fails with
// `invalid`: file, line, what is wrong, what would be right.
Result<DrillFile> parse_drill(std::string_view text, std::string name,
                              const std::vector<std::string>& overrides = {},
                              Target target = Target::local);
Result<DrillFile> load_drill(const std::string& path,
                             const std::vector<std::string>& overrides = {},
                             Target target = Target::local);

// Names every step of the file that needs a platform on this machine.
Result<void> refuse_faults(const DrillFile& file);

}  // namespace aurora_global::drill
