// What CloudWatch says of a run: the functions' own metrics, and the replication lag.
#pragma once

#include "drill/platform.h"
#include "drill/report.h"

namespace aurora_global::drill {

// A function as the load used it.
struct FunctionUse {
  RegionId region;
  std::string name;
  std::string endpoint_type;
  std::uint64_t invocations = 0;  // Whose log is known. Each has published its metrics,
  std::uint64_t operations = 0;   // and the latency of each operation.
};

// A region that was a secondary at the beginning or at the end of the run.
struct Secondary {
  RegionId region;
  std::string cluster;
  double samples = 1;  // Of its lag, at least; 0 where it has just become one.
};

// The four metrics of each function, and the lag of the secondaries, over the whole minutes that
// the run touches. Asks again until everything has arrived, but no longer than `limit`; what is not
// there then stays absent.
net::Task<CloudWatchReport> read_cloudwatch(Platform& platform, std::vector<FunctionUse> functions,
                                            std::vector<Secondary> secondaries, WallTime began,
                                            WallTime ended, Duration limit, Progress& progress);

}  // namespace aurora_global::drill
