// The instances of the DB cluster.
#include <set>

#include "region/provisioning.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr int kInstancesMax = 16;
constexpr Duration kInstanceAskLimit = 5s;
constexpr Duration kInstanceStopLimit = 30s;

constexpr const char* kInvalidInstance = "InvalidDBInstanceState";

Error no_such_instance(const std::string& identifier) {
  return make_error(ErrorKind::not_found, "DBInstance " + identifier + " not found.",
                    "DBInstanceNotFound");
}

Result<OwnCluster> own_in_region(const State& now, const std::string& identifier) {
  if (now.cluster && now.cluster->facts.identifier == identifier) return *now.cluster;
  return make_error(ErrorKind::not_found, "DBCluster " + identifier + " not found.",
                    "DBClusterNotFoundFault");
}

}  // namespace

net::Task<Result<model::DbInstance>> Provisioner::create_db_instance(CreateDbInstance request) {
  CO_TRY(const std::string identifier,
         model::checked_identifier("DBInstanceIdentifier", request.identifier));
  model::DbInstance instance;
  const auto decide = [&](const State& now) -> Result<Change> {
    TRY(OwnCluster own, own_in_region(now, request.cluster_identifier));
    std::set<int> taken;
    for (const model::DbInstance& present : own.facts.instances) {
      if (present.identifier == identifier) {
        return make_error(ErrorKind::conflict, "DB instance already exists: " + identifier,
                          "DBInstanceAlreadyExists");
      }
      taken.insert(present.slot);
    }
    if (taken.size() >= kInstancesMax) {
      return make_error(
          ErrorKind::exhausted,
          "A DB cluster holds at most " + std::to_string(kInstancesMax) + " instances",
          "InstanceQuotaExceeded");
    }
    instance.slot = Instances::kHeadSlot;
    while (taken.contains(instance.slot)) ++instance.slot;
    instance.identifier = identifier;
    instance.cluster_identifier = own.facts.identifier;
    instance.resource_id = "db-" + core_.random.hex(13);
    instance.instance_class = request.instance_class;
    instance.engine_version = core_.facts.engine_version;
    instance.address = core_.config.address_prefix + "." + std::to_string(20 + instance.slot);
    instance.promotion_tier = request.promotion_tier.value_or(1);
    instance.availability_zone =
        request.availability_zone.empty() ? core_.here().name + "a" : request.availability_zone;
    instance.parameter_group = request.parameter_group;
    instance.created = core_.clock.wall_now();
    instance.tags = request.tags;
    own.facts.instances.push_back(instance);
    Change change;
    change.cluster = std::move(own);
    return change;
  };
  CO_TRY_VOID(co_await truth_.commit(decide));
  core_.instances.sync(core_.truth.cluster());
  changed_();
  co_return instance;
}

net::Task<Result<model::DbInstance>> Provisioner::modify_db_instance(ModifyDbInstance request) {
  std::optional<model::DbInstance> changed;
  const auto decide = [&](const State& now) -> Result<Change> {
    Change change;
    if (!now.cluster) return change;
    OwnCluster own = *now.cluster;
    for (model::DbInstance& instance : own.facts.instances) {
      if (instance.identifier != request.identifier) continue;
      if (request.instance_class) instance.instance_class = *request.instance_class;
      if (request.promotion_tier) instance.promotion_tier = *request.promotion_tier;
      if (request.parameter_group) instance.parameter_group = *request.parameter_group;
      if (request.tags) instance.tags = *request.tags;
      changed = instance;
    }
    if (changed) change.cluster = std::move(own);
    return change;
  };
  CO_TRY_VOID(co_await truth_.commit(decide));
  changed_();
  if (changed) co_return *changed;
  co_return no_such_instance(request.identifier);
}

// The keeper starts it again, with what its configuration says by then.
net::Task<Result<model::DbInstance>> Provisioner::reboot_db_instance(std::string identifier) {
  const auto instance = core_.instances.find(identifier);
  if (core_.truth.cluster() == nullptr || instance == nullptr)
    co_return no_such_instance(identifier);
  const model::GlobalCluster* global = core_.truth.own_global();
  if (global != nullptr && core_.truth.running_operation(global->identifier) != nullptr) {
    co_return make_error(ErrorKind::conflict, "A switchover or failover is under way",
                         kInvalidInstance);
  }
  CO_TRY(auto guard, co_await instance->lock().lock(Deadline::in(kInstanceAskLimit)));
  if (!instance->running()) {
    co_return make_error(ErrorKind::conflict, "Instance " + identifier + " is not available",
                         kInvalidInstance);
  }
  std::optional<model::DbInstance> rebooted;
  const auto decide = [&](const State& now) -> Result<Change> {
    Change change;
    if (!now.cluster) return change;
    OwnCluster own = *now.cluster;
    for (model::DbInstance& facts : own.facts.instances) {
      if (facts.identifier != identifier) continue;
      facts.status = "rebooting";
      rebooted = facts;
    }
    change.cluster = std::move(own);
    return change;
  };
  CO_TRY_VOID(co_await truth_.commit(decide));
  if (!rebooted) co_return no_such_instance(identifier);
  CO_TRY_VOID(co_await instance->stop(StopMode::fast, Deadline::in(kInstanceStopLimit)));
  core_.events.note("DB instance restarted", {"availability"}, identifier);
  changed_();
  co_return *rebooted;
}

net::Task<Result<model::DbInstance>> Provisioner::delete_db_instance(std::string identifier) {
  const auto instance = core_.instances.find(identifier);
  if (core_.truth.cluster() == nullptr || instance == nullptr) {
    co_return no_such_instance(identifier);
  }
  const bool is_head = instance->slot() == Instances::kHeadSlot;
  if (is_head && core_.instances.all().size() > 1) {
    co_return make_error(
        ErrorKind::conflict,
        "Instance " + identifier +
            " is the head of the region, the readers replicate from it; delete them "
            "first",
        kInvalidInstance);
  }
  // Held until it is gone: nobody moves the writer to data that are leaving.
  const auto claim = is_head ? core_.instances.claim_replacement() : nullptr;
  const model::GlobalCluster* global = core_.truth.own_global();
  const bool moves =
      global != nullptr && core_.truth.running_operation(global->identifier) != nullptr;
  if (moves || (is_head && claim == nullptr)) {
    co_return make_error(ErrorKind::conflict, "A switchover or failover is under way",
                         kInvalidInstance);
  }
  CO_TRY(const auto guard, co_await instance->lock().lock(Deadline::in(kInstanceAskLimit)));
  CO_TRY_VOID(co_await instance->stop(StopMode::fast, Deadline::in(kInstanceStopLimit)));
  // The volume of the cluster outlives its instances: a new head takes it over.
  if (is_head && instance->has_data()) {
    CO_TRY_VOID(co_await instance->leave_volume(core_.volume()));
  }
  model::DbInstance last;
  const auto decide = [&](const State& now) -> Result<Change> {
    Change change;
    if (!now.cluster) return change;
    OwnCluster own = *now.cluster;
    for (const model::DbInstance& facts : own.facts.instances) {
      if (facts.identifier == identifier) last = facts;
    }
    std::erase_if(own.facts.instances, [&](const auto& i) { return i.identifier == identifier; });
    change.cluster = std::move(own);
    return change;
  };
  CO_TRY_VOID(co_await truth_.commit(decide));
  core_.instances.forget(identifier);
  CO_TRY_VOID(co_await instance->remove_files());
  last.status = "deleting";
  core_.events.note("DB instance deleted", {"deletion"}, identifier);
  changed_();
  co_return last;
}

}  // namespace aurora_global::region
