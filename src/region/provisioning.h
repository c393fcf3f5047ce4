// Global clusters, the DB cluster and its instances: what may be created, changed and deleted, by
// Aurora's rules. The list of a global cluster's members is its writer's region's to change.
#pragma once

#include "region/peers/gossip.h"

namespace aurora_global::region {

class Provisioner final : public Provisioning {
 public:
  using RemoveTree = std::function<net::Task<Result<void>>(std::filesystem::path directory)>;

  Provisioner(Core& core, Truth& truth, Gossip& gossip, RemoveTree remove_tree,
              std::function<void()> changed)
      : core_(core),
        truth_(truth),
        gossip_(gossip),
        remove_tree_(std::move(remove_tree)),
        changed_(std::move(changed)) {}

  void serve(PeerServer& server);

  net::Task<Result<model::GlobalCluster>> create_global_cluster(CreateGlobalCluster) override;
  net::Task<Result<model::GlobalCluster>> modify_global_cluster(ModifyGlobalCluster) override;
  net::Task<Result<model::GlobalCluster>> delete_global_cluster(std::string identifier) override;
  net::Task<Result<model::GlobalCluster>> remove_from_global_cluster(
      std::string identifier, std::string cluster_arn) override;
  std::vector<model::GlobalCluster> global_clusters() const override;

  net::Task<Result<model::DbCluster>> create_db_cluster(CreateDbCluster) override;
  net::Task<Result<model::DbCluster>> modify_db_cluster(ModifyDbCluster) override;
  net::Task<Result<model::DbCluster>> delete_db_cluster(std::string identifier) override;
  std::vector<model::DbCluster> db_clusters() const override;

  net::Task<Result<model::DbInstance>> create_db_instance(CreateDbInstance) override;
  net::Task<Result<model::DbInstance>> modify_db_instance(ModifyDbInstance) override;
  net::Task<Result<model::DbInstance>> delete_db_instance(std::string identifier) override;
  net::Task<Result<model::DbInstance>> reboot_db_instance(std::string identifier) override;

  // How the password of a role is changed; the master's verifier is remembered.
  using SetPassword =
      std::function<net::Task<Result<void>>(std::string role, std::string verifier)>;
  // What is told that a new cluster has given a role a password.
  using ForgetPassword = std::function<net::Task<Result<void>>(std::string role)>;
  void set_password_by(SetPassword set, ForgetPassword forget) {
    set_password_ = std::move(set);
    forget_password_ = std::move(forget);
  }

 private:
  net::Task<Result<messages::Joined>> join(messages::Join request);
  net::Task<Result<messages::Changed>> change(messages::ChangeGlobal request);
  net::Task<Result<model::GlobalCluster>> ask_owner(RegionId owner, messages::ChangeGlobal request);
  model::GlobalCluster shown(const std::string& identifier) const;
  Result<void> check(const CreateDbCluster& request, const std::string& identifier) const;
  model::DbCluster planned(const CreateDbCluster& request, std::string identifier) const;
  net::Task<Result<void>> join_as_secondary(model::DbCluster cluster, RegionId owner);
  net::Task<Result<void>> begin_as_primary(model::DbCluster cluster, std::string verifier);
  model::Decision new_decision() const { return {core_.here(), core_.random.hex(8)}; }

  Core& core_;
  Truth& truth_;
  Gossip& gossip_;
  RemoveTree remove_tree_;
  std::function<void()> changed_;
  SetPassword set_password_;
  ForgetPassword forget_password_;
};

}  // namespace aurora_global::region
