// The metrics that Aurora publishes of a DB cluster and its instances, from the region's status.
#pragma once

#include <map>
#include "model/region_status.h"

#include "services/sinks.h"

namespace aurora_global::services {

// Remembers the last look, since a throughput is what was added between two. Pure.
class RegionMetrics {
 public:
  std::vector<MetricDatum> take(const model::RegionStatus& status, WallTime now);

 private:
  using Counters = std::map<std::string, std::int64_t>;
  struct Look {
    WallTime at{};
    Counters counters;
  };
  // By instance; kept for one that does not answer now, whose next throughput spans the pause.
  std::map<std::string, Look> last_;
};

}  // namespace aurora_global::services
