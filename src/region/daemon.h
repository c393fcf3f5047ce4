// The region daemon's core, wired: every role is made here, and each is given what it may touch.
//
//   truth            what this region holds to be true; the only writer of it
//   peers            client, server and gossip: what the regions say to each other
//   moves            coordinator (the target), giver (the old region), bystander
//   keeper           brings the instances to their duty
//   router_orders    where the endpoints lead, and when sessions wait
//   provisioning, secrets, status
#pragma once

#include <memory>

#include "net/http.h"
#include "region/config.h"
#include "region/key_ring.h"
#include "region/outside.h"

namespace aurora_global::region {

class Daemon final : public Region {
 public:
  // `config` and what `outside` refers to outlive it. Fails with `corrupt` for state that is none.
  static Result<std::unique_ptr<Daemon>> open(const RegionConfig& config, Outside outside);
  ~Daemon() override;

  // The handler that calls passed on by other regions are given to (the same that serves the API
  // address).
  void set_api_handler(net::HttpHandler handler);
  // Listens for peers, starts gossip, keeper and an operation that was under way.
  Result<void> start();
  // Ends all tasks. PostgreSQL goes on running: only stop_instances() ends it.
  net::Task<void> stop();
  net::Task<Result<void>> stop_instances(Deadline deadline);

  const Facts& facts() const override;
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
  net::Task<Result<model::DbInstance>> reboot_db_instance(std::string identifier) override;
  std::vector<model::DbGroup> db_groups(model::GroupKind kind) const override;
  net::Task<Result<void>> update_db_group(model::GroupKind kind, std::string name,
                                          GroupEdit edit) override;

  net::Task<Result<std::vector<model::Event>>> events(WallTime from, WallTime to) override;
  KeyRing& keys() override;
  std::vector<std::string> secret_names() const override;
  Result<std::string> about_secret(const std::string& name) const override;
  Result<std::string> secret_values(const std::string& name) const override;
  net::Task<Result<void>> update_secret(std::string name, SecretEdit edit) override;
  net::Task<Result<void>> update_about_secret(std::string name, SecretEdit edit) override;
  net::Task<Result<void>> rotate_secret(std::string name, std::string version_id) override;
  net::Task<Result<RawResponse>> pass_on(RegionId region, RawRequest request) override;
  std::vector<InstanceHealth> instance_health() const override;
  net::Task<Result<model::RegionStatus>> status() override;

  // For those who watch from inside one process: the simulator and its checkers.
  const class Truth& truth() const;
  const class Instances& instances() const;

 private:
  struct Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace aurora_global::region
