// A region without PostgreSQL: keeps what it is told, remembers what it was asked, refuses on
// demand.
#pragma once

#include <algorithm>

#include "base/check.h"
#include "region/key_ring.h"
#include "region/region.h"

namespace aurora_global::services::testing {

class FakeRegion final : public region::Region {
 public:
  static constexpr const char* kKey = "AKIDTEST";
  static constexpr const char* kSecret = "secret";

  // What the next calls fail with.
  std::optional<Error> refusal;
  std::vector<model::GlobalCluster> globals;
  std::vector<model::DbCluster> clusters;
  std::vector<model::Event> all_events;
  region::RawResponse answer_from_afar;

  // What was asked, in order: "move_writer my-global arn lossless".
  std::vector<std::string> asked;
  model::Drain drained;  // As the last move asked.
  std::optional<region::CreateDbCluster> created;
  std::optional<region::ModifyDbCluster> modified;
  std::optional<region::RawRequest> passed_on;
  RegionId passed_to;

  std::map<std::pair<model::GroupKind, std::string>, model::DbGroup> groups;

  std::map<std::string, region::Secret> secrets;
  // What reading or writing the values of a secret fails with.
  std::optional<Error> key_refusal;
  region::KeyRing* key_ring = nullptr;  // For tests that ask for keys.

  FakeRegion() {
    facts_ = {RegionId{"us-east-1"},
              "123456789012",
              "15.18",
              "127.0.1.10",
              {RegionId{"us-east-1"}, RegionId{"us-west-2"}, RegionId{"eu-west-1"}}};
    model::GlobalCluster global;
    global.identifier = "my-global";
    global.engine_version = "15.18";
    global.writer_region = RegionId{"us-east-1"};
    global.tags = {{"team", "a<b&c"}};
    for (const char* name : {"us-east-1", "us-west-2"}) {
      const RegionId id{name};
      global.members.push_back({id, model::cluster_arn(id, facts_.account_id, "c"), false, true});
    }
    globals.push_back(global);
    model::DbCluster cluster;
    cluster.identifier = "c";
    cluster.arn = global.members[0].cluster_arn;
    cluster.resource_id = "cluster-0";
    cluster.status = "available";
    cluster.writer = true;
    cluster.master_username = "postgres";
    cluster.global_cluster_identifier = "my-global";
    cluster.read_replica_arns = {global.members[1].cluster_arn};
    add_instances(cluster, 2);
    clusters.push_back(cluster);
  }

  void add_instances(model::DbCluster& cluster, int count) const {
    for (int i = 1; i <= count; ++i) {
      model::DbInstance instance;
      instance.identifier = cluster.identifier + "-" + std::to_string(i);
      instance.cluster_identifier = cluster.identifier;
      instance.instance_class = "db.serverless";
      instance.status = "available";
      instance.address = "127.0.1." + std::to_string(20 + i);
      instance.slot = i;
      cluster.instances.push_back(instance);
    }
  }

  const region::Facts& facts() const override { return facts_; }
  std::optional<std::string> secret_key(std::string_view access_key_id) const override {
    if (access_key_id != kKey) return std::nullopt;
    return kSecret;
  }

  net::Task<Result<model::GlobalCluster>> create_global_cluster(
      region::CreateGlobalCluster request) override {
    asked.push_back("create_global_cluster " + request.identifier);
    model::GlobalCluster global;
    global.identifier = request.identifier;
    global.tags = request.tags;
    if (!refusal) globals.push_back(global);
    co_return answer(global);
  }
  net::Task<Result<model::GlobalCluster>> modify_global_cluster(
      region::ModifyGlobalCluster request) override {
    asked.push_back("modify_global_cluster " + request.identifier);
    co_return answer(globals.front());
  }
  net::Task<Result<model::GlobalCluster>> delete_global_cluster(std::string identifier) override {
    asked.push_back("delete_global_cluster " + identifier);
    co_return answer(globals.front());
  }
  net::Task<Result<model::GlobalCluster>> remove_from_global_cluster(
      std::string identifier, std::string cluster_arn) override {
    asked.push_back("remove_from_global_cluster " + identifier + " " + cluster_arn);
    co_return answer(globals.front());
  }
  net::Task<Result<model::GlobalCluster>> move_writer(std::string identifier,
                                                      std::string target_arn, region::MoveKind kind,
                                                      model::Drain drain) override {
    const bool lossless = kind == region::MoveKind::lossless;
    asked.push_back("move_writer " + identifier + " " + target_arn +
                    (lossless ? " lossless" : " data_loss_allowed"));
    drained = drain;
    co_return answer(globals.front());
  }
  std::vector<model::GlobalCluster> global_clusters() const override { return globals; }

  net::Task<Result<model::DbCluster>> create_db_cluster(region::CreateDbCluster request) override {
    asked.push_back("create_db_cluster " + request.identifier);
    created = std::move(request);
    co_return answer(clusters.front());
  }
  net::Task<Result<model::DbCluster>> modify_db_cluster(region::ModifyDbCluster request) override {
    asked.push_back("modify_db_cluster " + request.identifier);
    modified = std::move(request);
    co_return answer(clusters.front());
  }
  net::Task<Result<model::DbCluster>> delete_db_cluster(std::string identifier) override {
    asked.push_back("delete_db_cluster " + identifier);
    co_return answer(clusters.front());
  }
  std::vector<model::DbCluster> db_clusters() const override { return clusters; }

  net::Task<Result<model::DbInstance>> create_db_instance(
      region::CreateDbInstance request) override {
    asked.push_back("create_db_instance " + request.identifier);
    co_return answer(clusters.front().instances.front());
  }
  net::Task<Result<model::DbInstance>> modify_db_instance(
      region::ModifyDbInstance request) override {
    asked.push_back("modify_db_instance " + request.identifier);
    co_return answer(clusters.front().instances.front());
  }
  net::Task<Result<model::DbInstance>> delete_db_instance(std::string identifier) override {
    asked.push_back("delete_db_instance " + identifier);
    co_return answer(clusters.front().instances.front());
  }

  net::Task<Result<model::DbInstance>> reboot_db_instance(std::string identifier) override {
    asked.push_back("reboot_db_instance " + identifier);
    co_return answer(clusters.front().instances.front());
  }
  std::vector<model::DbGroup> db_groups(model::GroupKind kind) const override {
    std::vector<model::DbGroup> all;
    for (const auto& [name, group] : groups) {
      if (name.first == kind) all.push_back(group);
    }
    return all;
  }
  net::Task<Result<void>> update_db_group(model::GroupKind kind, std::string name,
                                          region::GroupEdit edit) override {
    const auto present = groups.find({kind, name});
    std::optional<model::DbGroup> before;
    if (present != groups.end()) before = present->second;
    CO_TRY(std::optional<model::DbGroup> after, edit(std::move(before)));
    groups.erase({kind, name});
    if (after) groups[{kind, name}] = std::move(*after);
    co_return ok();
  }

  net::Task<Result<std::vector<model::Event>>> events(WallTime from, WallTime to) override {
    std::vector<model::Event> found;
    std::copy_if(all_events.begin(), all_events.end(), std::back_inserter(found),
                 [&](const model::Event& event) { return event.date >= from && event.date < to; });
    co_return answer(std::move(found));
  }
  std::vector<std::string> secret_names() const override {
    std::vector<std::string> names;
    for (const auto& [name, text] : secrets) names.push_back(name);
    return names;
  }
  region::KeyRing& keys() override {
    CHECK(key_ring != nullptr);
    return *key_ring;
  }
  Result<std::string> about_secret(const std::string& name) const override {
    const auto found = secrets.find(name);
    if (found != secrets.end()) return found->second.about;
    return make_error(ErrorKind::not_found, "no secret", "ResourceNotFoundException");
  }
  Result<std::string> secret_values(const std::string& name) const override {
    if (key_refusal) return *key_refusal;
    return secrets.at(name).values;
  }
  net::Task<Result<void>> update_secret(std::string name, region::SecretEdit edit) override {
    const auto present = secrets.find(name);
    std::optional<region::Secret> before;
    if (present != secrets.end()) before = present->second;
    CO_TRY(std::optional<region::Secret> after, edit(std::move(before)));
    if (!after) co_return ok();
    if (key_refusal) co_return *key_refusal;
    secrets[name] = std::move(*after);
    co_return ok();
  }
  net::Task<Result<void>> update_about_secret(std::string name, region::SecretEdit edit) override {
    region::Secret& secret = secrets.at(name);
    CO_TRY(std::optional<region::Secret> after,
           edit(region::Secret{secret.about, "{}", secret.keys}));
    if (after) secret.about = std::move(after->about);
    co_return ok();
  }
  net::Task<Result<void>> rotate_secret(std::string name, std::string version_id) override {
    asked.push_back("rotate_secret " + name + " " + version_id);
    if (refusal) co_return *refusal;
    co_return ok();
  }
  net::Task<Result<region::RawResponse>> pass_on(RegionId region,
                                                 region::RawRequest request) override {
    passed_to = std::move(region);
    passed_on = std::move(request);
    co_return answer(answer_from_afar);
  }
  std::vector<region::InstanceHealth> instance_health() const override { return {}; }
  net::Task<Result<model::RegionStatus>> status() override {
    model::RegionStatus status;
    status.region = facts_.region;
    co_return answer(std::move(status));
  }

 private:
  template <typename T>
  Result<T> answer(T value) const {
    if (refusal) return *refusal;
    return value;
  }

  region::Facts facts_;
};

}  // namespace aurora_global::services::testing
