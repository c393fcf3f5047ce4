// What a drill does to a platform on this machine beside calling its APIs: kill, start, cut.
//
// The command line implements it over process ids and control sockets; on AWS there is none, and a
// drill file with such a step is refused before it starts.
#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "net/task.h"

namespace aurora_global::drill {

// A change of the peering link; see docs/reference/control.md, request "set". Empty regions: all.
struct LinkChange {
  std::optional<double> latency_ms;
  std::optional<double> jitter_ms;
  std::optional<double> bandwidth_mbit_s;
  std::string partition;  // "" (no change) | none | both | out
  RegionId from;
  RegionId to;
};

// Every kill is SIGKILL. A call returns when its effect was seen: the processes are gone and
// nothing answers in their place (kill), they answer (start), the link says that it is so (set).
// Errors: `not_found` for a region, instance or process that is not there, so that nothing was
// killed; `conflict` when somebody else's process answers in its place.
class LocalFaults {
 public:
  virtual ~LocalFaults() = default;

  // Supervisor, daemon, router and every PostgreSQL process of the region.
  virtual net::Task<Result<void>> kill_region(RegionId region) = 0;
  // Starts the supervisor, which starts the rest.
  virtual net::Task<Result<void>> start_region(RegionId region) = 0;
  // The postmaster and its children of the region's n-th instance (1: the head).
  virtual net::Task<Result<void>> kill_instance(RegionId region, int number) = 0;
  virtual net::Task<Result<void>> kill_daemon(RegionId region) = 0;
  virtual net::Task<Result<void>> kill_router(RegionId region) = 0;
  virtual net::Task<Result<void>> kill_link() = 0;
  virtual net::Task<Result<void>> start_link() = 0;
  virtual net::Task<Result<void>> set_link(LinkChange change) = 0;
};

}  // namespace aurora_global::drill
