// What this region's router is told: where the endpoints lead, and when sessions wait.
//
// A task of its own publishes the topology whenever it differs from what the router has. While the
// endpoints are held for an epoch, no older topology is published; and none whose writer has not
// been opened yet.
#pragma once

#include "region/core.h"
#include "region/router_link.h"

namespace aurora_global::region {

// Clients work on meanwhile, and a session that is not prepared is opened while its client waits.
inline constexpr Duration kPrepareSessionsLimit = std::chrono::seconds(15);

class RouterOrders {
 public:
  RouterOrders(Core& core, RouterLink& router);

  void start();
  // Something has changed: compare soon.
  void look() { wake_.notify(); }
  // Tells the router now, if there is something to tell.
  net::Task<void> publish();
  // The router opens and warms a session at the target for each that it has.
  net::Task<Result<void>> prepare(model::Operation operation, Deadline deadline);
  // Returns when the transactions under way have ended, or their time is over. With the policy
  // `abort` it fails with `conflict` when some have not. Fails with `superseded` if they were let
  // go meanwhile: the endpoints are not held then.
  net::Task<Result<void>> hold(model::Operation operation);
  // The endpoints are let go if they are held for that operation, or for nobody that is known.
  net::Task<void> release(std::string operation_id);
  // As release(), should nobody say anything more of the operation.
  void release_when_forgotten(const model::Operation& operation);

  model::Topology topology() const;
  net::Task<Result<nlohmann::json>> status() { return router_.status(Deadline::in(kStatusLimit)); }

 private:
  static constexpr Duration kStatusLimit = std::chrono::seconds(1);

  net::Task<void> keep();
  net::Task<void> forget_later(std::string operation_id, Duration held_at_most);
  net::Task<void> release_what_was_held_before();
  net::Task<void> let_go(std::string endpoint);
  std::optional<model::Backend> backend_in(const RegionId& region) const;
  std::vector<model::Backend> readers() const;
  void look_who_serves();
  bool writer_is_open(const model::GlobalCluster& global);

  Core& core_;
  RouterLink& router_;
  net::Event wake_;
  net::AsyncMutex publishing_;
  std::optional<model::Topology> published_;
  std::set<std::string> serving_;  // Instances.
  std::uint64_t version_ = 0;      // Of the last snapshot, ours or one that the router has.
  std::optional<Epoch> holding_for_;
  std::string held_by_;  // The operation that they are held for.
  // A decision whose operation is not known, and since when that is so.
  model::Decision doubted_;
  Instant doubted_since_{};
};

}  // namespace aurora_global::region
