// The DB cluster.
#include <algorithm>

#include "net/log.h"
#include "pgclient/connection.h"
#include "region/described.h"
#include "region/provisioning.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kMemberAskLimit = 5s;
constexpr std::size_t kPasswordMin = 8;

Error no_such_cluster(const std::string& identifier) {
  return make_error(ErrorKind::not_found, "DBCluster " + identifier + " not found.",
                    "DBClusterNotFoundFault");
}

std::string host_of(const std::string& address) { return address.substr(0, address.rfind(':')); }

Result<OwnCluster> own_in(const State& now, const std::string& identifier) {
  if (!now.cluster || now.cluster->facts.identifier != identifier) {
    return no_such_cluster(identifier);
  }
  return *now.cluster;
}

}  // namespace

std::vector<model::DbCluster> Provisioner::db_clusters() const {
  const model::DbCluster* own = core_.truth.cluster();
  if (own == nullptr) return {};
  return {described(core_, *own)};
}

Result<void> Provisioner::check(const CreateDbCluster& request,
                                const std::string& identifier) const {
  if (const model::DbCluster* own = core_.truth.cluster()) {
    if (own->identifier == identifier) {
      return make_error(ErrorKind::conflict, "DB Cluster already exists: " + identifier,
                        "DBClusterAlreadyExistsFault");
    }
    return make_error(ErrorKind::exhausted,
                      "A region of this platform holds one DB cluster, and " + own->identifier +
                          " is there; delete it first",
                      "DBClusterQuotaExceededFault");
  }
  const std::string& global_name = request.global_cluster_identifier;
  const model::GlobalCluster* global = core_.truth.global(global_name);
  if (!global_name.empty() && global == nullptr) {
    return make_error(ErrorKind::not_found, "Global cluster " + global_name + " not found",
                      "GlobalClusterNotFoundFault");
  }
  const bool secondary = global != nullptr && !global->writer_region.empty();
  if (secondary && (!request.master_username.empty() || !request.master_password.empty() ||
                    !request.database_name.empty())) {
    return make_error(ErrorKind::invalid,
                      "Cannot specify user name, password or database name for a cluster that is a "
                      "secondary of a global cluster",
                      "InvalidParameterCombination");
  }
  if (!secondary &&
      (request.master_username.empty() || request.master_password.size() < kPasswordMin)) {
    return make_error(ErrorKind::invalid,
                      "MasterUsername and a MasterUserPassword of at least 8 characters are needed",
                      "InvalidParameterValue");
  }
  return ok();
}

model::DbCluster Provisioner::planned(const CreateDbCluster& request,
                                      std::string identifier) const {
  model::DbCluster cluster;
  cluster.identifier = std::move(identifier);
  cluster.arn = model::cluster_arn(core_.here(), core_.config.account_id, cluster.identifier);
  cluster.resource_id = "cluster-" + core_.random.hex(13);
  cluster.engine_version = core_.facts.engine_version;
  cluster.database_name = request.database_name;
  cluster.master_username = request.master_username;
  cluster.global_cluster_identifier = request.global_cluster_identifier;
  cluster.endpoint = host_of(core_.config.cluster);
  cluster.reader_endpoint = host_of(core_.config.reader);
  cluster.storage_encrypted = request.storage_encrypted;
  cluster.kms_key_id = request.kms_key_id;
  cluster.deletion_protection = request.deletion_protection;
  cluster.global_write_forwarding = request.global_write_forwarding;
  cluster.local_write_forwarding = request.local_write_forwarding;
  cluster.backup_retention_days = request.backup_retention_days;
  cluster.min_capacity = request.min_capacity.value_or(cluster.min_capacity);
  cluster.max_capacity = request.max_capacity.value_or(cluster.max_capacity);
  cluster.parameter_group = request.parameter_group;
  cluster.subnet_group = request.subnet_group;
  cluster.security_groups = request.security_groups;
  cluster.log_exports = request.log_exports;
  cluster.created = core_.clock.wall_now();
  cluster.tags = request.tags;
  return cluster;
}

net::Task<Result<void>> Provisioner::join_as_secondary(model::DbCluster cluster, RegionId owner) {
  messages::Join request;
  request.global_cluster = cluster.global_cluster_identifier;
  request.member = {core_.here(), cluster.arn, cluster.global_write_forwarding, false,
                    cluster.resource_id};
  CO_TRY(auto joined,
         co_await core_.peers.ask(owner, std::move(request), Deadline::in(kMemberAskLimit)));
  if (joined.engine_version != core_.facts.engine_version) {
    co_return make_error(ErrorKind::invalid,
                         "PostgreSQL " + core_.facts.engine_version + " here, " +
                             joined.engine_version + " in " + owner.name +
                             ": a global cluster needs the same version everywhere",
                         "InvalidParameterCombination");
  }
  CO_TRY_VOID(co_await gossip_.learn_global(std::move(joined.global)));
  cluster.database_name = joined.database_name;
  cluster.master_username = joined.master_username;
  const auto decide = [&](const State& now) -> Result<Change> {
    if (now.cluster) return no_such_cluster("another one was created meanwhile:");
    // A failover that has begun before may go on without the new member.
    const auto known = now.globals.find(cluster.global_cluster_identifier);
    const model::GlobalMember* member =
        known == now.globals.end() ? nullptr : known->second.member_in(core_.here());
    if (member == nullptr || member->resource_id != cluster.resource_id) {
      return make_error(ErrorKind::conflict,
                        "The primary of global cluster " + cluster.global_cluster_identifier +
                            " has moved meanwhile; create the DB cluster again",
                        "InvalidGlobalClusterStateFault");
    }
    Change change;
    change.left = now.left;
    change.left->erase(cluster.global_cluster_identifier);
    change.cluster = OwnCluster{cluster, ""};
    return change;
  };
  co_return co_await truth_.commit(decide);
}

net::Task<Result<void>> Provisioner::begin_as_primary(model::DbCluster cluster,
                                                      std::string verifier) {
  const auto decide = [&](const State& now) -> Result<Change> {
    if (now.cluster) {
      return make_error(ErrorKind::conflict,
                        "DB Cluster already exists: " + now.cluster->facts.identifier,
                        "DBClusterAlreadyExistsFault");
    }
    Change change;
    const auto found = now.globals.find(cluster.global_cluster_identifier);
    if (found != now.globals.end()) {
      model::GlobalCluster global = found->second;
      if (!global.writer_region.empty()) {
        return make_error(ErrorKind::conflict,
                          "Global cluster " + global.identifier + " has a primary by now",
                          "InvalidGlobalClusterStateFault");
      }
      if (cluster.database_name.empty()) cluster.database_name = global.database_name;
      global.database_name = cluster.database_name;
      global.writer_region = core_.here();
      global.epoch = global.epoch.next();
      global.decision = new_decision();
      global.members.push_back(
          {core_.here(), cluster.arn, cluster.global_write_forwarding, false, cluster.resource_id});
      ++global.version;
      change.globals.push_back(std::move(global));
      change.evidence = EpochEvidence::Word::decided;
    }
    change.left = now.left;
    change.left->erase(cluster.global_cluster_identifier);
    change.cluster = OwnCluster{cluster, verifier};
    return change;
  };
  co_return co_await truth_.commit(decide);
}

net::Task<Result<model::DbCluster>> Provisioner::create_db_cluster(CreateDbCluster request) {
  CO_TRY(const std::string identifier,
         model::checked_identifier("DBClusterIdentifier", request.identifier));
  CO_TRY_VOID(check(request, identifier));
  // Of a cluster that was deleted when its volume could not be: never the next one's.
  if (core_.truth.cluster() == nullptr) CO_TRY_VOID(co_await remove_tree_(core_.volume()));
  const model::GlobalCluster* global = core_.truth.global(request.global_cluster_identifier);
  const RegionId owner = global == nullptr ? RegionId{} : global->writer_region;
  model::DbCluster cluster = planned(request, identifier);
  if (owner.empty()) {
    const std::string verifier = pgclient::scram_verifier(request.master_password);
    const std::string user = cluster.master_username;
    CO_TRY_VOID(co_await begin_as_primary(std::move(cluster), verifier));
    // A secret that an earlier cluster's password was rotated in has nothing to say of this one's.
    const auto forgotten = co_await forget_password_(user);
    if (forgotten.has_error()) log::error("forget old passwords: {}", forgotten.error().message);
  } else {
    CO_TRY_VOID(co_await join_as_secondary(std::move(cluster), owner));
  }
  core_.events.note("DB cluster created", {"creation"});
  gossip_.tell();
  changed_();
  co_return described(core_, *core_.truth.cluster());
}

net::Task<Result<model::DbCluster>> Provisioner::modify_db_cluster(ModifyDbCluster request) {
  CO_TRY(const OwnCluster seen, own_in(core_.truth.now(), request.identifier));
  if (request.master_password) {
    if (request.master_password->size() < kPasswordMin) {
      co_return make_error(ErrorKind::invalid, "MasterUserPassword needs at least 8 characters",
                           "InvalidParameterValue");
    }
    const auto head = core_.head();
    if (core_.truth.duty() == model::Duty::primary && (head == nullptr || !head->running())) {
      co_return make_error(ErrorKind::conflict,
                           "The cluster has no instance that runs; its password is changed in one",
                           kInvalidCluster);
    }
    if (core_.truth.duty() != model::Duty::primary) {
      co_return make_error(ErrorKind::conflict,
                           "The master user's password is changed in the primary region",
                           kInvalidCluster);
    }
    const std::string verifier = pgclient::scram_verifier(*request.master_password);
    CO_TRY_VOID(co_await set_password_(seen.facts.master_username, verifier));
  }
  const auto decide = [&](const State& now) -> Result<Change> {
    TRY(OwnCluster own, own_in(now, request.identifier));
    const auto set = [](const auto& wanted, auto& value) {
      if (wanted) value = *wanted;
    };
    set(request.deletion_protection, own.facts.deletion_protection);
    set(request.local_write_forwarding, own.facts.local_write_forwarding);
    set(request.backup_retention_days, own.facts.backup_retention_days);
    set(request.min_capacity, own.facts.min_capacity);
    set(request.max_capacity, own.facts.max_capacity);
    set(request.global_write_forwarding, own.facts.global_write_forwarding);
    set(request.parameter_group, own.facts.parameter_group);
    set(request.security_groups, own.facts.security_groups);
    set(request.log_exports, own.facts.log_exports);
    set(request.tags, own.facts.tags);
    Change change;
    change.cluster = std::move(own);
    return change;
  };
  CO_TRY_VOID(co_await truth_.commit(decide));
  changed_();
  co_return described(core_, *core_.truth.cluster());
}

net::Task<Result<model::DbCluster>> Provisioner::delete_db_cluster(std::string identifier) {
  model::DbCluster last;
  const auto decide = [&](const State& now) -> Result<Change> {
    TRY(const OwnCluster own, own_in(now, identifier));
    if (own.facts.deletion_protection) {
      return make_error(
          ErrorKind::invalid,
          "Cannot delete protected Cluster, please disable deletion protection and try "
          "again.",
          "InvalidParameterCombination");
    }
    if (!own.facts.global_cluster_identifier.empty()) {
      return make_error(ErrorKind::conflict,
                        "This cluster is a part of a global cluster, please remove it from "
                        "globalcluster first",
                        kInvalidCluster);
    }
    if (!own.facts.instances.empty()) {
      return make_error(ErrorKind::conflict,
                        "Cluster cannot be deleted, it still contains DB instances in non-deleting "
                        "state.",
                        kInvalidCluster);
    }
    last = described(core_, own.facts);
    Change change;
    change.cluster = std::optional<OwnCluster>();
    return change;
  };
  CO_TRY_VOID(co_await truth_.commit(decide));
  last.status = "deleting";
  CO_TRY_VOID(co_await remove_tree_(core_.volume()));
  changed_();
  co_return last;
}

}  // namespace aurora_global::region
