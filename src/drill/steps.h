// Performs the steps of a drill, one after the other, while the load runs.
#pragma once

#include <deque>
#include <functional>

#include "drill/faults.h"
#include "drill/platform.h"
#include "drill/report.h"

namespace aurora_global::drill {

// What the steps share with the runner.
struct Stage {
  const DrillFile& file;
  Platform& platform;
  LocalFaults* faults;
  const History& history;
  Progress& progress;
  RegionId client_region;
  bool load_ended = false;
  std::string doing;         // For the live line.
  std::deque<StepRun> runs;  // A deque: a run stays where it is while others are added.
  RegionId killed;           // The region that was killed last.
  std::function<void(const RegionId& writer)> moved;  // Called after each move. May be empty.
};

inline constexpr Duration kCalledOffAfter = std::chrono::seconds(30);

// A move of whose steps nobody tells, seen by the global cluster alone. Pure.
class UnreportedMove {
 public:
  // The old writer still leads. True once it has done so for kCalledOffAfter after a time in which
  // something moved; before that the move may not even have become visible.
  bool called_off(const Situation& situation, Instant now);

 private:
  bool has_moved_ = false;
  std::optional<Instant> at_rest_since_;
};

// A region by name, or "primary", "secondary", as things are now.
RegionId resolve(const RegionId& region, const Situation& situation);

// True when the cluster is available and every secondary replicates.
net::Task<bool> wait_healthy(Platform& platform, Deadline deadline);

// Ends after the last step, or after the first that failed.
net::Task<void> perform_all(Stage& stage);

}  // namespace aurora_global::drill
