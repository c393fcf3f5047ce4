// The way to this region's router: its orders, typed (docs/reference/control.md, "Router").
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "model/operation.h"
#include "model/topology.h"
#include "net/task.h"

namespace aurora_global::region {

struct PrepareOrder {
  std::string endpoint;
  Epoch epoch;
  model::Backend backend;
  Duration limit{};
};

struct HoldOrder {
  std::string endpoint;
  Epoch epoch;
  model::Drain drain;
};

// How many sessions are held, and how many transactions were still open when their time was over.
struct Held {
  std::int64_t sessions = 0;
  std::int64_t open = 0;
};

class RouterLink {
 public:
  virtual ~RouterLink() = default;
  // Use this snapshot from now on. Fails with `superseded` if the router has a newer one.
  virtual net::Task<Result<void>> publish(model::Topology topology, Deadline deadline) = 0;
  // The version of the snapshot it uses; 0: none yet.
  virtual net::Task<Result<std::uint64_t>> version(Deadline deadline) = 0;
  virtual net::Task<Result<void>> prepare(PrepareOrder order, Deadline deadline) = 0;
  // Returns when the transactions under way have ended or their time is over.
  virtual net::Task<Result<Held>> hold(HoldOrder order, Deadline deadline) = 0;
  virtual net::Task<Result<void>> release(std::string endpoint, Deadline deadline) = 0;
  // All that it says of itself, as it says it.
  virtual net::Task<Result<nlohmann::json>> status(Deadline deadline) = 0;
  // Keeps the snapshot where a router that starts finds it.
  virtual net::Task<Result<void>> keep(model::Topology topology) = 0;
};

}  // namespace aurora_global::region
