// The region daemon's core: knows what this region is, makes it so, and answers for it.
//
// One object, one thread, split over files by concern:
//   controller.cc            start, stop, knowledge, gossip
//   controller_api.cc        the Region interface: what may be created, changed, deleted
//   controller_keep.cc       the keeper: instances brought to their duty, again and again
//   controller_move.cc       the coordinator: runs an Operation along the model's table
//   controller_peers.cc      what other regions may ask of this one
//   controller_secrets.cc    secrets, the keys that seal them, the passwords they hold
//
// Everything that must survive a crash goes through the Store before it is acted on.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/rng.h"
#include "model/duty.h"
#include "model/operation.h"
#include "net/http.h"
#include "region/codec.h"
#include "region/config.h"
#include "region/forwarding_view.h"
#include "region/key_ring.h"
#include "region/outside.h"
#include "region/region.h"

namespace aurora_global::region {

// A promise to another region: this one does not write until `epoch` is known to be void.
struct Fence {
  std::string operation_id;
  std::string global_cluster;
  Epoch epoch;
  Lsn final_lsn;  // Where our WAL ends; zero until PostgreSQL is down.
};

// A secret as it lies on disk.
struct SealedSecret {
  std::uint64_t version = 0;
  std::string about;   // By the vault.
  std::string values;  // By a key of the ring, in base64.
  std::map<std::string, std::string> keys;
};

// What a peer last said of its head instance.
struct PeerView {
  Instant heard{};
  bool heard_ever = false;
  bool running = false;
  std::string engine_version;
  std::string cluster_identifier;
  std::vector<std::string> instance_identifiers;
  InstanceState head;
};

class Controller final : public Region {
 public:
  // `config` must outlive the controller.
  static Result<std::unique_ptr<Controller>> open(const RegionConfig& config, Outside outside);
  ~Controller() override;

  // The handler that calls passed on by other regions are given to (the same that serves the API
  // address).
  void set_api_handler(net::HttpHandler handler) { api_handler_ = std::move(handler); }
  // Listens for peers, starts gossip, keeper and an operation that was under way.
  Result<void> start();
  // Ends all tasks. PostgreSQL goes on running: only stop_instances() ends it.
  net::Task<void> stop();
  net::Task<Result<void>> stop_instances(Deadline deadline);

  const Facts& facts() const override { return facts_; }
  std::optional<std::string> secret_key(std::string_view access_key_id) const override;

  net::Task<Result<model::GlobalCluster>> create_global_cluster(CreateGlobalCluster) override;
  net::Task<Result<model::GlobalCluster>> modify_global_cluster(ModifyGlobalCluster) override;
  net::Task<Result<model::GlobalCluster>> delete_global_cluster(std::string identifier) override;
  net::Task<Result<model::GlobalCluster>> remove_from_global_cluster(
      std::string identifier, std::string cluster_arn) override;
  net::Task<Result<model::GlobalCluster>> move_writer(std::string identifier,
                                                      std::string target_arn, MoveKind kind,
                                                      model::Drain drain) override;
  std::vector<model::GlobalCluster> global_clusters() const override;

  net::Task<Result<model::DbCluster>> create_db_cluster(CreateDbCluster) override;
  net::Task<Result<model::DbCluster>> modify_db_cluster(ModifyDbCluster) override;
  net::Task<Result<model::DbCluster>> delete_db_cluster(std::string identifier) override;
  std::vector<model::DbCluster> db_clusters() const override;

  net::Task<Result<model::DbInstance>> create_db_instance(CreateDbInstance) override;
  net::Task<Result<model::DbInstance>> modify_db_instance(ModifyDbInstance) override;
  net::Task<Result<model::DbInstance>> delete_db_instance(std::string identifier) override;

  net::Task<Result<std::vector<model::Event>>> events(WallTime from, WallTime to) override;
  KeyRing& keys() override { return key_ring_; }
  std::vector<std::string> secret_names() const override;
  Result<std::string> about_secret(const std::string& name) const override;
  Result<std::string> secret_values(const std::string& name) const override;
  net::Task<Result<void>> put_secret(std::string name, Secret secret) override;
  net::Task<Result<void>> change_password(std::string role, std::string password) override;
  net::Task<Result<RawResponse>> pass_on(RegionId region, RawRequest request) override;
  net::Task<Result<std::string>> status_json() override;

 private:
  using Json = nlohmann::json;
  template <typename T>
  using Task = net::Task<T>;

  Controller(const RegionConfig& config, Outside outside);

  // --- knowledge (controller.cc)
  Result<void> load();
  // Stores these as they are in memory now.
  Task<Result<void>> save_global(std::string identifier);
  Task<Result<void>> save_cluster();
  Task<Result<void>> save_operation(std::string global_cluster);
  Task<Result<void>> save_fence();
  void note_event(std::string message, std::vector<std::string> categories,
                  std::string instance = "");
  // The global cluster this region's DB cluster belongs to, or nullptr.
  model::GlobalCluster* own_global();
  const model::GlobalCluster* own_global() const;
  model::Duty duty() const;
  bool epoch_confirmed() const;
  // The running operation of a global cluster, or nullptr.
  const model::Operation* running_operation(const std::string& global_cluster) const;
  // The copy that DescribeGlobalClusters shows: with status, failover state, synchronization.
  model::GlobalCluster described(const model::GlobalCluster& global) const;
  model::DbCluster described(const model::DbCluster& cluster) const;
  Json head_json() const;
  Json forwarding_json() const;
  Json gossip_message() const;
  // Takes over what is newer in a peer's message. Wakes the keeper.
  Task<void> learn(Json message);
  Task<void> learn_global(model::GlobalCluster theirs);
  Task<void> learn_operation(model::Operation theirs);
  Task<void> gossip_with(RegionId peer);
  Task<void> gossip_now();
  Task<Result<Json>> call_peer(RegionId region, std::string what, Json request, Deadline deadline);

  // --- keeper (controller_keep.cc)
  Task<void> keep();
  Task<void> keep_once();
  Task<Result<void>> keep_head(model::Duty duty);
  Task<Result<void>> bring_up_primary(Instance& head);
  Task<Result<void>> bring_up_standby(Instance& head);
  Task<Result<void>> rejoin(Instance& head, WalSource source);
  Task<Result<bool>> ends_at_the_fork(Instance& head);
  Task<Result<void>> mend_standby(Instance& head, WalSource source);
  Task<Result<void>> keep_reader(Instance& reader);
  Task<Result<void>> keep_slots(Instance& head);
  Task<void> keep_statuses();
  Task<void> keep_one(Instance& instance, model::Duty duty);
  Instance* head() const;
  Instance* instance_in_slot(int slot) const;
  void sync_instances();
  std::optional<WalSource> source_for_head() const;
  WalSource source_for_reader(const Instance& reader);
  Forwarding forwarding_for(const Instance& instance) const;
  void set_instance_status(const std::string& identifier, std::string status);
  Task<void> publish_topology();
  Json topology() const;
  Task<Result<void>> router(Json order, Deadline deadline);
  Json backend_of(const Instance& instance) const;
  Json backend_in(const RegionId& region) const;
  std::vector<RegionId> members_of(const model::Operation& operation) const;
  Task<Result<void>> prepare_own_sessions(model::Operation operation, Deadline deadline);
  Task<Result<void>> prepare_sessions(model::Operation operation, Deadline deadline);
  Task<Result<void>> hold_endpoints(model::Operation operation);
  Task<Result<void>> hold_bystanders(model::Operation operation);
  Task<void> release_forgotten_hold(std::string operation_id);
  Task<void> release_endpoints();

  // --- coordinator (controller_move.cc)
  Task<Result<model::GlobalCluster>> accept_move(std::string identifier, MoveKind kind,
                                                 model::Drain drain);
  Task<Result<void>> why_not_switch_over(const model::GlobalCluster& global);
  Task<void> run_operation(std::string global_cluster, bool restarted);
  Task<Result<void>> attempt(std::string global_cluster, Deadline deadline);
  Task<Result<void>> do_prepare(model::Operation operation, Deadline deadline);
  Task<Result<void>> do_fence(std::string global_cluster, Deadline deadline);
  Task<Result<void>> do_catch_up(model::Operation operation, Deadline deadline);
  Task<Result<void>> do_commit(std::string global_cluster);
  Task<Result<void>> do_promote(model::Operation operation, Deadline deadline);
  Task<void> retire_old_region(model::Operation operation);
  Task<Result<void>> do_release(model::Operation operation, Deadline deadline);
  Task<Result<void>> do_abort(model::Operation operation, Deadline deadline);
  void operation_ended(const model::Operation& operation);

  // --- requests of peers (controller_peers.cc)
  Task<PeerReply> serve_peer(RegionId from, PeerRequest request);
  Task<Result<Json>> dispatch_peer(std::string what, Json request);
  Task<Result<Json>> peer_join(Json request);
  Task<Result<Json>> peer_checkpoint();
  Task<Result<Json>> peer_inspect();
  Task<Result<Json>> peer_hold(Json request);
  Task<Result<Json>> peer_fence(Json request);
  Task<Result<void>> hold_and_store_fence(model::Operation operation, Deadline deadline);
  Task<Result<Lsn>> end_writes(model::Operation operation, Instance& instance);
  Task<Result<Lsn>> shut_down_for(model::Operation operation, Instance& instance);
  Task<void> lift_fence();
  Task<Result<Json>> peer_unfence(Json request);
  Task<Result<Json>> peer_retire(Json request);
  Task<Result<Json>> peer_fork(Json request);
  Task<Result<Json>> peer_move(Json request);
  Task<Result<Json>> peer_change(Json request);
  Task<Result<Json>> peer_pass_on(Json request);

  // --- secrets (controller_secrets.cc)
  Result<void> load_secret(const Store::Document& document);
  Task<void> keep_keys();
  Result<const SealedSecret*> sealed_secret(const std::string& name) const;
  Task<Result<void>> keep_secret(std::string name, std::uint64_t version, Secret secret);
  Task<void> learn_secrets(RegionId from, Json versions);
  Task<Result<Json>> peer_secret(Json request);
  Task<Result<void>> set_role_password(std::string role, std::string verifier);
  Task<Result<Json>> peer_password(Json request);

  Error fault(ErrorKind kind, std::string code, std::string message) const;
  WallTime now() const { return clock_.wall_now(); }

  boost::asio::any_io_executor executor_;
  const RegionConfig& config_;
  const Clock& clock_;
  Randomness& randomness_;
  Store& store_;
  const Vault& vault_;
  PeerTransport& transport_;
  RouterDoor& router_;
  MakeInstance make_instance_;
  KeyRing key_ring_;
  Facts facts_;
  std::map<std::string, std::string> keys_;
  net::HttpHandler api_handler_;

  // Knowledge; all but `peers_` is in the store.
  std::optional<model::DbCluster> cluster_;
  std::string master_verifier_;
  std::map<std::string, model::GlobalCluster> globals_;
  std::map<std::string, model::Operation> operations_;  // The last one of each global cluster.
  std::optional<Fence> fence_;
  std::set<std::string> left_;  // Global clusters this region was detached from by itself.
  std::map<std::string, SealedSecret> secrets_;
  std::map<std::string, std::uint64_t> refused_secrets_;  // Versions this region could not seal.
  std::map<RegionId, PeerView> peers_;
  bool adopted_as_primary_ = false;
  bool operator_confirmed_ = false;

  std::map<std::string, std::unique_ptr<Instance>> instances_;
  std::map<std::string, Instant> not_before_;  // Back-off of an instance after a failure.
  std::map<std::string, int> failures_;
  std::optional<Instant> head_silent_since_;  // Standby head without a stream.
  std::map<std::string, Instant> reader_silent_since_;
  std::map<std::string, std::int64_t> reader_lag_ms_;
  std::map<std::string, ForwardingView> forwarding_;  // Of the instances that run now.
  InstanceState head_state_;
  bool head_running_ = false;
  std::string published_topology_;

  net::Event wake_;
  net::TaskGroup tasks_;
  // Endpoints are held until this epoch; an older topology is not published meanwhile.
  std::optional<Epoch> holding_for_;
  std::string held_by_;  // The operation that they are held for.
};

}  // namespace aurora_global::region
