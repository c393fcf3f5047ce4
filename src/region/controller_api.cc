// The Region interface: what may be created, changed and deleted, by Aurora's rules.
#include <algorithm>

#include "net/run_blocking.h"
#include "pgclient/connection.h"
#include "region/controller.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr int kInstancesMax = 16;
constexpr Duration kAskLimit = 5s;
constexpr std::size_t kPasswordMin = 8;

std::string resource_id(std::string_view prefix, Randomness& randomness) {
  return std::string(prefix) + "-" + randomness.hex(13);
}

}  // namespace

net::Task<Result<model::GlobalCluster>> Controller::create_global_cluster(
    CreateGlobalCluster request) {
  CO_TRY(const std::string identifier,
         model::checked_identifier("GlobalClusterIdentifier", request.identifier));
  const auto present = globals_.find(identifier);
  if (present != globals_.end() && !present->second.deleted) {
    co_return fault(ErrorKind::conflict, "GlobalClusterAlreadyExistsFault",
                    "Global cluster " + identifier + " already exists");
  }
  model::GlobalCluster global;
  if (present != globals_.end()) {
    // The name of a deleted one: go on from its numbers, so that the tombstone does not win.
    global.epoch = present->second.epoch;
    global.version = present->second.version;
  }
  global.identifier = identifier;
  global.resource_id = resource_id("cluster", randomness_);
  global.engine_version =
      request.engine_version.empty() ? facts_.engine_version : request.engine_version;
  global.database_name = request.database_name;
  global.storage_encrypted = request.storage_encrypted.value_or(false);
  global.deletion_protection = request.deletion_protection;
  global.tags = std::move(request.tags);
  ++global.version;
  if (!request.source_cluster_arn.empty()) {
    CO_TRY(const auto arn, model::parse_cluster_arn(request.source_cluster_arn));
    if (!cluster_ || cluster_->arn != request.source_cluster_arn) {
      co_return fault(ErrorKind::not_found, "DBClusterNotFoundFault",
                      "DBCluster " + arn.identifier + " not found in " + config_.region.name);
    }
    if (own_global() != nullptr) {
      co_return fault(ErrorKind::conflict, "InvalidDBClusterStateFault",
                      "DBCluster " + arn.identifier + " is a member of a global cluster already");
    }
    global.writer_region = config_.region;
    global.epoch = global.epoch.next();
    global.database_name = cluster_->database_name;
    global.members.push_back(
        {config_.region, cluster_->arn, cluster_->global_write_forwarding, true});
    cluster_->global_cluster_identifier = identifier;
    operator_confirmed_ = true;
  }
  left_.erase(identifier);
  globals_[identifier] = global;
  CO_TRY_VOID(co_await save_global(identifier));
  if (!request.source_cluster_arn.empty()) CO_TRY_VOID(co_await save_cluster());
  co_await gossip_now();
  co_return described(globals_.at(identifier));
}

net::Task<Result<model::GlobalCluster>> Controller::modify_global_cluster(
    ModifyGlobalCluster request) {
  const auto found = globals_.find(request.identifier);
  if (found == globals_.end() || found->second.deleted) {
    co_return fault(ErrorKind::not_found, "GlobalClusterNotFoundFault",
                    "Global cluster " + request.identifier + " not found");
  }
  if (!request.new_identifier.empty() && request.new_identifier != request.identifier) {
    co_return fault(ErrorKind::invalid, "InvalidParameterCombination",
                    "Renaming a global cluster is not supported by this platform");
  }
  if (!request.engine_version.empty() && request.engine_version != found->second.engine_version) {
    co_return fault(ErrorKind::invalid, "InvalidParameterCombination",
                    "The engine version follows the PostgreSQL that is installed (" +
                        facts_.engine_version + "); it cannot be chosen");
  }
  const RegionId owner = found->second.writer_region;
  if (!owner.empty() && owner != config_.region) {
    Json change = {{"action", "modify"}, {"identifier", request.identifier}};
    if (request.deletion_protection) change["deletion_protection"] = *request.deletion_protection;
    CO_TRY(Json answer, co_await call_peer(owner, "change", change, Deadline::in(kAskLimit)));
    co_await learn_global(answer.at("global").get<model::GlobalCluster>());
    co_return described(globals_.at(request.identifier));
  }
  if (request.deletion_protection) {
    found->second.deletion_protection = *request.deletion_protection;
    ++found->second.version;
    CO_TRY_VOID(co_await save_global(request.identifier));
    co_await gossip_now();
  }
  co_return described(globals_.at(request.identifier));
}

net::Task<Result<model::GlobalCluster>> Controller::delete_global_cluster(std::string identifier) {
  const auto found = globals_.find(identifier);
  if (found == globals_.end() || found->second.deleted) {
    co_return fault(ErrorKind::not_found, "GlobalClusterNotFoundFault",
                    "Global cluster " + identifier + " not found");
  }
  model::GlobalCluster& global = found->second;
  if (!global.members.empty()) {
    co_return fault(ErrorKind::conflict, "InvalidGlobalClusterStateFault",
                    "Global Cluster " + model::global_cluster_arn(config_.account_id, identifier) +
                        " is not empty");
  }
  if (global.deletion_protection) {
    co_return fault(ErrorKind::invalid, "InvalidParameterCombination",
                    "Cannot delete protected Global Cluster, please disable deletion protection "
                    "and try again.");
  }
  model::GlobalCluster last = described(global);
  last.status = "deleting";
  global.deleted = true;
  global.writer_region = RegionId{};
  ++global.version;
  CO_TRY_VOID(co_await save_global(identifier));
  co_await gossip_now();
  co_return last;
}

net::Task<Result<model::GlobalCluster>> Controller::remove_from_global_cluster(
    std::string identifier, std::string cluster_arn) {
  const auto found = globals_.find(identifier);
  if (found == globals_.end() || found->second.deleted) {
    co_return fault(ErrorKind::not_found, "GlobalClusterNotFoundFault",
                    "Global cluster " + identifier + " not found");
  }
  CO_TRY_VOID(model::parse_cluster_arn(cluster_arn));
  const model::GlobalMember* present = found->second.member_by_arn(cluster_arn);
  if (present == nullptr) {
    co_return fault(ErrorKind::invalid, "InvalidParameterValue",
                    "DBCluster " + cluster_arn + " is not found in global cluster " + identifier);
  }
  if (running_operation(identifier) != nullptr) {
    co_return fault(
        ErrorKind::conflict, "InvalidGlobalClusterStateFault",
        "Global cluster " + identifier + " is in state " + described(found->second).status);
  }
  const RegionId region = present->region;
  const RegionId owner = found->second.writer_region;
  const bool is_writer = region == owner;
  if (is_writer && found->second.members.size() > 1) {
    co_return fault(ErrorKind::conflict, "InvalidGlobalClusterStateFault",
                    "The primary DB cluster can be removed only after all secondaries; remove them "
                    "first");
  }
  const Json change = {{"action", "remove"}, {"identifier", identifier}, {"arn", cluster_arn}};
  if (region != config_.region && owner != config_.region) {
    CO_TRY(Json answer, co_await call_peer(owner, "change", change, Deadline::in(kAskLimit)));
    co_await learn_global(answer.at("global").get<model::GlobalCluster>());
    co_return described(globals_.at(identifier));
  }
  if (owner == config_.region) {  // The list of members is this region's to change.
    model::GlobalCluster& global = globals_.at(identifier);
    std::erase_if(global.members, [&](const auto& member) { return member.region == region; });
    if (is_writer) global.writer_region = RegionId{};
    ++global.version;
    CO_TRY_VOID(co_await save_global(identifier));
  }
  if (region == config_.region) {
    // Detached: a DB cluster of its own from now on, open for writing. The owner hears of it by
    // gossip, also when it is out of reach now.
    if (!is_writer) left_.insert(identifier);
    cluster_->global_cluster_identifier.clear();
    fence_.reset();
    model::GlobalCluster& global = globals_.at(identifier);
    std::erase_if(global.members, [&](const auto& member) { return member.region == region; });
    CO_TRY_VOID(co_await save_cluster());
    note_event("The DB cluster was removed from global cluster " + identifier, {"global failover"});
  }
  wake_.notify();
  co_await gossip_now();
  co_return described(globals_.at(identifier));
}

net::Task<Result<model::DbCluster>> Controller::create_db_cluster(CreateDbCluster request) {
  CO_TRY(const std::string identifier,
         model::checked_identifier("DBClusterIdentifier", request.identifier));
  if (cluster_ && cluster_->identifier == identifier) {
    co_return fault(ErrorKind::conflict, "DBClusterAlreadyExistsFault",
                    "DB Cluster already exists: " + identifier);
  }
  if (cluster_) {
    co_return fault(ErrorKind::exhausted, "DBClusterQuotaExceededFault",
                    "A region of this platform holds one DB cluster, and " + cluster_->identifier +
                        " is there; delete it first");
  }
  const bool member = !request.global_cluster_identifier.empty();
  model::GlobalCluster* global = nullptr;
  if (member) {
    const auto found = globals_.find(request.global_cluster_identifier);
    if (found == globals_.end() || found->second.deleted) {
      co_return fault(ErrorKind::not_found, "GlobalClusterNotFoundFault",
                      "Global cluster " + request.global_cluster_identifier + " not found");
    }
    global = &found->second;
  }
  const bool secondary = global != nullptr && !global->writer_region.empty();
  if (secondary && (!request.master_username.empty() || !request.master_password.empty() ||
                    !request.database_name.empty())) {
    co_return fault(ErrorKind::invalid, "InvalidParameterCombination",
                    "Cannot specify user name, password or database name for a cluster that is a "
                    "secondary of a global cluster");
  }
  if (!secondary &&
      (request.master_username.empty() || request.master_password.size() < kPasswordMin)) {
    co_return fault(ErrorKind::invalid, "InvalidParameterValue",
                    "MasterUsername and a MasterUserPassword of at least 8 characters are needed");
  }
  model::DbCluster cluster;
  cluster.identifier = identifier;
  cluster.arn = model::cluster_arn(config_.region, config_.account_id, identifier);
  cluster.resource_id = resource_id("cluster", randomness_);
  cluster.status = "creating";
  cluster.engine_version = facts_.engine_version;
  cluster.database_name = request.database_name;
  cluster.master_username = request.master_username;
  cluster.global_cluster_identifier = request.global_cluster_identifier;
  cluster.endpoint = config_.cluster.substr(0, config_.cluster.rfind(':'));
  cluster.reader_endpoint = config_.reader.substr(0, config_.reader.rfind(':'));
  cluster.storage_encrypted = request.storage_encrypted;
  cluster.kms_key_id = request.kms_key_id;
  cluster.deletion_protection = request.deletion_protection;
  cluster.global_write_forwarding = request.global_write_forwarding;
  cluster.local_write_forwarding = request.local_write_forwarding;
  cluster.backup_retention_days = request.backup_retention_days;
  cluster.min_capacity = request.min_capacity.value_or(cluster.min_capacity);
  cluster.max_capacity = request.max_capacity.value_or(cluster.max_capacity);
  cluster.created = now();
  cluster.tags = std::move(request.tags);
  model::GlobalMember entry{config_.region, cluster.arn, request.global_write_forwarding, false};
  std::string verifier;
  if (secondary) {
    const Json join = {{"global_cluster", request.global_cluster_identifier}, {"member", entry}};
    const RegionId owner = global->writer_region;
    CO_TRY(Json answer, co_await call_peer(owner, "join", join, Deadline::in(kAskLimit)));
    const std::string theirs = answer.value("engine_version", "");
    if (theirs != facts_.engine_version) {
      co_return fault(ErrorKind::invalid, "InvalidParameterCombination",
                      "PostgreSQL " + facts_.engine_version + " here, " + theirs + " in " +
                          owner.name + ": a global cluster needs the same version everywhere");
    }
    co_await learn_global(answer.at("global").get<model::GlobalCluster>());
    cluster.database_name = answer.value("database_name", "");
    cluster.master_username = answer.value("master_username", "");
  } else {
    verifier = pgclient::scram_verifier(request.master_password);
    if (global != nullptr) {
      if (cluster.database_name.empty()) cluster.database_name = global->database_name;
      global->database_name = cluster.database_name;
      global->writer_region = config_.region;
      global->epoch = global->epoch.next();
      global->members.push_back(entry);
      ++global->version;
      operator_confirmed_ = true;
      CO_TRY_VOID(co_await save_global(request.global_cluster_identifier));
    }
  }
  master_verifier_ = verifier;
  left_.erase(request.global_cluster_identifier);
  cluster_ = std::move(cluster);
  CO_TRY_VOID(co_await save_cluster());
  note_event("DB cluster created", {"creation"});
  co_await gossip_now();
  wake_.notify();
  co_return described(*cluster_);
}

net::Task<Result<model::DbCluster>> Controller::modify_db_cluster(ModifyDbCluster request) {
  if (!cluster_ || cluster_->identifier != request.identifier) {
    co_return fault(ErrorKind::not_found, "DBClusterNotFoundFault",
                    "DBCluster " + request.identifier + " not found.");
  }
  if (request.master_password) {
    if (request.master_password->size() < kPasswordMin) {
      co_return fault(ErrorKind::invalid, "InvalidParameterValue",
                      "MasterUserPassword needs at least 8 characters");
    }
    if (duty() != model::Duty::primary || head() == nullptr || !head()->running()) {
      co_return fault(ErrorKind::conflict, "InvalidDBClusterStateFault",
                      "The master user's password is changed in the primary region");
    }
    const std::string verifier = pgclient::scram_verifier(*request.master_password);
    CO_TRY_VOID(co_await set_role_password(cluster_->master_username, verifier));
  }
  if (request.deletion_protection) cluster_->deletion_protection = *request.deletion_protection;
  if (request.local_write_forwarding) {
    cluster_->local_write_forwarding = *request.local_write_forwarding;
  }
  if (request.backup_retention_days) {
    cluster_->backup_retention_days = *request.backup_retention_days;
  }
  if (request.min_capacity) cluster_->min_capacity = *request.min_capacity;
  if (request.max_capacity) cluster_->max_capacity = *request.max_capacity;
  if (request.global_write_forwarding) {
    cluster_->global_write_forwarding = *request.global_write_forwarding;
  }
  CO_TRY_VOID(co_await save_cluster());
  co_return described(*cluster_);
}

net::Task<Result<model::DbCluster>> Controller::delete_db_cluster(std::string identifier) {
  if (!cluster_ || cluster_->identifier != identifier) {
    co_return fault(ErrorKind::not_found, "DBClusterNotFoundFault",
                    "DBCluster " + identifier + " not found.");
  }
  if (cluster_->deletion_protection) {
    co_return fault(ErrorKind::invalid, "InvalidParameterCombination",
                    "Cannot delete protected Cluster, please disable deletion protection and try "
                    "again.");
  }
  if (!cluster_->global_cluster_identifier.empty()) {
    co_return fault(
        ErrorKind::conflict, "InvalidDBClusterStateFault",
        "This cluster is a part of a global cluster, please remove it from globalcluster "
        "first");
  }
  if (!cluster_->instances.empty()) {
    co_return fault(ErrorKind::conflict, "InvalidDBClusterStateFault",
                    "Cluster cannot be deleted, it still contains DB instances in non-deleting "
                    "state.");
  }
  model::DbCluster last = described(*cluster_);
  last.status = "deleting";
  const auto remove = [volume = config_.home / "volume"] {
    std::error_code ignored;
    return std::filesystem::remove_all(volume, ignored);
  };
  co_await net::run_blocking(remove);
  if (!cluster_ || cluster_->identifier != identifier) co_return last;  // Somebody else was faster.
  cluster_.reset();
  master_verifier_.clear();
  CO_TRY_VOID(co_await save_cluster());
  wake_.notify();
  co_return last;
}

net::Task<Result<model::DbInstance>> Controller::create_db_instance(CreateDbInstance request) {
  CO_TRY(const std::string identifier,
         model::checked_identifier("DBInstanceIdentifier", request.identifier));
  if (!cluster_ || cluster_->identifier != request.cluster_identifier) {
    co_return fault(ErrorKind::not_found, "DBClusterNotFoundFault",
                    "DBCluster " + request.cluster_identifier + " not found.");
  }
  std::set<int> taken;
  for (const model::DbInstance& instance : cluster_->instances) {
    if (instance.identifier == identifier) {
      co_return fault(ErrorKind::conflict, "DBInstanceAlreadyExists",
                      "DB instance already exists: " + identifier);
    }
    taken.insert(instance.slot);
  }
  if (taken.size() >= kInstancesMax) {
    co_return fault(ErrorKind::exhausted, "InstanceQuotaExceeded",
                    "A DB cluster holds at most " + std::to_string(kInstancesMax) + " instances");
  }
  model::DbInstance instance;
  instance.slot = 1;
  while (taken.contains(instance.slot)) ++instance.slot;
  instance.identifier = identifier;
  instance.cluster_identifier = cluster_->identifier;
  instance.resource_id = resource_id("db", randomness_);
  instance.instance_class = request.instance_class;
  instance.engine_version = facts_.engine_version;
  instance.address = config_.address_prefix + "." + std::to_string(20 + instance.slot);
  instance.promotion_tier = request.promotion_tier.value_or(1);
  instance.availability_zone =
      request.availability_zone.empty() ? config_.region.name + "a" : request.availability_zone;
  instance.created = now();
  instance.tags = std::move(request.tags);
  cluster_->instances.push_back(instance);
  sync_instances();
  // The volume of the cluster outlives its instances: a new head takes it over.
  const auto volume = config_.home / "volume";
  if (instance.slot == 1 && std::filesystem::exists(volume)) {
    CO_TRY_VOID(co_await head()->take_volume(volume));
  }
  CO_TRY_VOID(co_await save_cluster());
  wake_.notify();
  co_return instance;
}

net::Task<Result<model::DbInstance>> Controller::modify_db_instance(ModifyDbInstance request) {
  if (cluster_) {
    for (model::DbInstance& instance : cluster_->instances) {
      if (instance.identifier != request.identifier) continue;
      if (request.instance_class) instance.instance_class = *request.instance_class;
      if (request.promotion_tier) instance.promotion_tier = *request.promotion_tier;
      const model::DbInstance changed = instance;
      CO_TRY_VOID(co_await save_cluster());
      co_return changed;
    }
  }
  co_return fault(ErrorKind::not_found, "DBInstanceNotFound",
                  "DBInstance " + request.identifier + " not found.");
}

net::Task<Result<model::DbInstance>> Controller::delete_db_instance(std::string identifier) {
  const auto found = instances_.find(identifier);
  if (!cluster_ || found == instances_.end()) {
    co_return fault(ErrorKind::not_found, "DBInstanceNotFound",
                    "DBInstance " + identifier + " not found.");
  }
  Instance& instance = *found->second;
  if (instance.slot() == 1 && instances_.size() > 1) {
    co_return fault(ErrorKind::conflict, "InvalidDBInstanceState",
                    "Instance " + identifier +
                        " is the head of the region, the readers replicate from it; delete them "
                        "first");
  }
  const model::GlobalCluster* global = own_global();
  if (global != nullptr && running_operation(global->identifier) != nullptr) {
    co_return fault(ErrorKind::conflict, "InvalidDBInstanceState",
                    "A switchover or failover is under way");
  }
  CO_TRY(auto guard, co_await instance.lock().lock(Deadline::in(kAskLimit)));
  CO_TRY_VOID(co_await instance.stop(StopMode::fast, Deadline::in(30s)));
  if (instance.slot() == 1 && instance.has_data()) {
    const auto kept = co_await instance.leave_volume(config_.home / "volume");
    if (kept.has_error()) {
      co_return fault(ErrorKind::unavailable, "InvalidDBInstanceState", kept.error().message);
    }
  }
  CO_TRY_VOID(co_await instance.remove_files());
  model::DbInstance last;
  for (const model::DbInstance& facts : cluster_->instances) {
    if (facts.identifier == identifier) last = facts;
  }
  last.status = "deleting";
  std::erase_if(cluster_->instances, [&](const auto& i) { return i.identifier == identifier; });
  {
    const auto release = std::move(guard);  // Before the mutex goes with its instance.
  }
  instances_.erase(identifier);
  reader_silent_since_.erase(identifier);
  head_running_ = head() != nullptr && head_running_;
  CO_TRY_VOID(co_await save_cluster());
  note_event("DB instance deleted", {"deletion"}, identifier);
  wake_.notify();
  co_return last;
}

}  // namespace aurora_global::region
