// Global clusters.
#include "region/provisioning.h"

#include "region/described.h"
#include "region/global_quota.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;
using GlobalAction = messages::ChangeGlobal::Action;

constexpr Duration kOwnerAskLimit = 5s;

Result<model::GlobalCluster> present_in(const State& now, const std::string& identifier) {
  const auto found = now.globals.find(identifier);
  if (found == now.globals.end() || found->second.deleted) return no_such_global(identifier);
  return found->second;
}

// As its owner may change it: not while the writer moves, for the target goes on from what the old
// region had when it was fenced.
Result<model::GlobalCluster> changeable_in(const State& now, const RegionId& here,
                                           const std::string& identifier) {
  TRY(auto global, present_in(now, identifier));
  if (!global.writer_region.empty() && global.writer_region != here) {
    return make_error(ErrorKind::conflict,
                      "The primary of global cluster " + identifier + " is in " +
                          global.writer_region.name + " by now",
                      kInvalidGlobal);
  }
  const auto last = now.operations.find(identifier);
  const Promise* promise = now.fence.promise();
  const bool promised = promise != nullptr && promise->global_cluster == identifier;
  if (promised || (last != now.operations.end() && last->second.running())) {
    return make_error(ErrorKind::conflict, "The primary of global cluster " + identifier + " moves",
                      kInvalidGlobal);
  }
  return global;
}

}  // namespace

void Provisioner::serve(PeerServer& server) {
  server.on<messages::Join>(
      [this](messages::Caller, messages::Join request) { return join(std::move(request)); });
  server.on<messages::ChangeGlobal>([this](messages::Caller, messages::ChangeGlobal request) {
    return change(std::move(request));
  });
}

model::GlobalCluster Provisioner::shown(const std::string& identifier) const {
  return described(core_, core_.truth.now().globals.at(identifier));
}

std::vector<model::GlobalCluster> Provisioner::global_clusters() const {
  std::vector<model::GlobalCluster> all;
  for (const auto& [identifier, global] : core_.truth.now().globals) {
    if (!global.deleted) all.push_back(described(core_, global));
  }
  return all;
}

net::Task<Result<model::GlobalCluster>> Provisioner::create_global_cluster(
    CreateGlobalCluster request) {
  CO_TRY(const std::string identifier,
         model::checked_identifier("GlobalClusterIdentifier", request.identifier));
  const std::string source = request.source_cluster_arn;
  std::string source_name;
  if (!source.empty()) {
    CO_TRY(const auto arn, model::parse_cluster_arn(source));
    source_name = arn.identifier;
  }
  const auto decide = [&](const State& now) -> Result<Change> {
    const auto present = now.globals.find(identifier);
    if (present != now.globals.end() && !present->second.deleted) {
      return make_error(ErrorKind::conflict, "Global cluster " + identifier + " already exists",
                        "GlobalClusterAlreadyExistsFault");
    }
    TRY_VOID(check_room_for(identifier, now.globals));
    Change change;
    model::GlobalCluster global;
    if (present != now.globals.end()) {
      // The name of a deleted one: go on from its numbers, so that the tombstone does not win.
      global.epoch = present->second.epoch;
      global.decision = present->second.decision;
      global.version = present->second.version;
    }
    global.identifier = identifier;
    global.resource_id = "cluster-" + core_.random.hex(13);
    global.engine_version =
        request.engine_version.empty() ? core_.facts.engine_version : request.engine_version;
    global.database_name = request.database_name;
    global.storage_encrypted = request.storage_encrypted.value_or(false);
    global.deletion_protection = request.deletion_protection;
    global.tags = request.tags;
    ++global.version;
    change.left = now.left;
    change.left->erase(identifier);
    if (!source.empty()) {
      if (!now.cluster || now.cluster->facts.arn != source) {
        return make_error(ErrorKind::not_found,
                          "DBCluster " + source_name + " not found in " + core_.here().name,
                          "DBClusterNotFoundFault");
      }
      if (core_.truth.own_global() != nullptr) {
        return make_error(ErrorKind::conflict,
                          "DBCluster " + source_name + " is a member of a global cluster already",
                          kInvalidCluster);
      }
      change.cluster = now.cluster;
      model::DbCluster& own = (*change.cluster)->facts;
      own.global_cluster_identifier = identifier;
      global.writer_region = core_.here();
      global.epoch = global.epoch.next();
      global.decision = new_decision();
      global.database_name = own.database_name;
      global.members.push_back(
          {core_.here(), own.arn, own.global_write_forwarding, true, own.resource_id});
      change.evidence = EpochEvidence::Word::decided;
    }
    change.globals.push_back(std::move(global));
    return change;
  };
  CO_TRY_VOID(co_await truth_.commit(decide));
  gossip_.tell();
  co_return shown(identifier);
}

net::Task<Result<model::GlobalCluster>> Provisioner::ask_owner(RegionId owner,
                                                               messages::ChangeGlobal request) {
  const std::string identifier = request.identifier;
  CO_TRY(auto answer,
         co_await core_.peers.ask(owner, std::move(request), Deadline::in(kOwnerAskLimit)));
  CO_TRY_VOID(co_await gossip_.learn_global(std::move(answer.global)));
  co_return shown(identifier);
}

net::Task<Result<model::GlobalCluster>> Provisioner::modify_global_cluster(
    ModifyGlobalCluster request) {
  CO_TRY(const auto present, present_in(core_.truth.now(), request.identifier));
  if (!request.new_identifier.empty() && request.new_identifier != request.identifier) {
    co_return make_error(ErrorKind::invalid,
                         "Renaming a global cluster is not supported by this platform",
                         "InvalidParameterCombination");
  }
  if (!request.engine_version.empty() && request.engine_version != present.engine_version) {
    co_return make_error(ErrorKind::invalid,
                         "The engine version follows the PostgreSQL that is installed (" +
                             core_.facts.engine_version + "); it cannot be chosen",
                         "InvalidParameterCombination");
  }
  const RegionId owner = present.writer_region;
  if (!owner.empty() && owner != core_.here()) {
    messages::ChangeGlobal change;
    change.identifier = request.identifier;
    change.deletion_protection = request.deletion_protection;
    change.tags = std::move(request.tags);
    co_return co_await ask_owner(owner, std::move(change));
  }
  if (request.deletion_protection || request.tags) {
    const auto decide = [&](const State& now) -> Result<Change> {
      TRY(auto global, changeable_in(now, core_.here(), request.identifier));
      global.deletion_protection = request.deletion_protection.value_or(global.deletion_protection);
      if (request.tags) global.tags = *request.tags;
      ++global.version;
      Change change;
      change.globals.push_back(std::move(global));
      return change;
    };
    CO_TRY_VOID(co_await truth_.commit(decide));
    gossip_.tell();
  }
  co_return shown(request.identifier);
}

net::Task<Result<model::GlobalCluster>> Provisioner::delete_global_cluster(std::string identifier) {
  model::GlobalCluster last;
  const auto decide = [&](const State& now) -> Result<Change> {
    TRY(auto global, present_in(now, identifier));
    if (!global.members.empty()) {
      return make_error(ErrorKind::conflict,
                        "Global Cluster " +
                            model::global_cluster_arn(core_.config.account_id, identifier) +
                            " is not empty",
                        kInvalidGlobal);
    }
    if (global.deletion_protection) {
      return make_error(
          ErrorKind::invalid,
          "Cannot delete protected Global Cluster, please disable deletion protection "
          "and try again.",
          "InvalidParameterCombination");
    }
    last = described(core_, global);
    global.deleted = true;
    global.writer_region = RegionId{};
    ++global.version;
    Change change;
    change.globals.push_back(std::move(global));
    return change;
  };
  CO_TRY_VOID(co_await truth_.commit(decide));
  last.status = "deleting";
  gossip_.tell();
  co_return last;
}

net::Task<Result<model::GlobalCluster>> Provisioner::remove_from_global_cluster(
    std::string identifier, std::string cluster_arn) {
  CO_TRY(const auto seen, present_in(core_.truth.now(), identifier));
  CO_TRY_VOID(model::parse_cluster_arn(cluster_arn));
  const model::GlobalMember* present = seen.member_by_arn(cluster_arn);
  if (present == nullptr) {
    co_return make_error(
        ErrorKind::invalid,
        "DBCluster " + cluster_arn + " is not found in global cluster " + identifier,
        "InvalidParameterValue");
  }
  const RegionId region = present->region;
  const RegionId owner = seen.writer_region;
  const auto why_not = [&](const model::GlobalCluster& global) -> Result<void> {
    if (core_.truth.running_operation(identifier) != nullptr) {
      return make_error(
          ErrorKind::conflict,
          "Global cluster " + identifier + " is in state " + described(core_, global).status,
          kInvalidGlobal);
    }
    if (region == global.writer_region && global.members.size() > 1) {
      return make_error(
          ErrorKind::conflict,
          "The primary DB cluster can be removed only after all secondaries; remove them first",
          kInvalidGlobal);
    }
    return ok();
  };
  CO_TRY_VOID(why_not(seen));
  if (region != core_.here() && owner != core_.here()) {
    messages::ChangeGlobal change;
    change.action = GlobalAction::remove;
    change.identifier = identifier;
    change.arn = cluster_arn;
    co_return co_await ask_owner(owner, std::move(change));
  }
  const auto decide = [&](const State& now) -> Result<Change> {
    // A region may take itself out of a list that is not its own to change.
    TRY(auto global, region == core_.here() ? present_in(now, identifier)
                                            : changeable_in(now, core_.here(), identifier));
    TRY_VOID(why_not(global));
    const bool is_writer = region == global.writer_region;
    const bool owned = global.writer_region == core_.here();
    std::erase_if(global.members, [&](const auto& member) { return member.region == region; });
    Change change;
    if (owned) {  // The list of members is this region's to change.
      if (is_writer) global.writer_region = RegionId{};
      ++global.version;
    }
    if (region == core_.here() && now.cluster) {
      // Detached: a DB cluster of its own from now on, open for writing. The owner hears of it by
      // gossip, also when it is out of reach now.
      change.cluster = now.cluster;
      (*change.cluster)->facts.global_cluster_identifier.clear();
      change.fence = Fence();
      if (!is_writer) {
        change.left = now.left;
        (*change.left)[identifier] = now.cluster->facts.resource_id;
      }
    }
    change.globals.push_back(std::move(global));
    return change;
  };
  CO_TRY_VOID(co_await truth_.commit(decide));
  if (region == core_.here()) {
    core_.events.of_failover("The DB cluster was removed from global cluster " + identifier);
  }
  changed_();
  gossip_.tell();
  co_return shown(identifier);
}

// A DB cluster in another region becomes a member. Idempotent.
net::Task<Result<messages::Joined>> Provisioner::join(messages::Join request) {
  const std::string identifier = request.global_cluster;
  const model::GlobalMember& member = request.member;
  const auto decide = [&](const State& now) -> Result<Change> {
    TRY(auto global, changeable_in(now, core_.here(), identifier));
    const model::DbCluster* own = core_.truth.cluster();
    if (core_.truth.duty() != model::Duty::primary || !core_.instances.head_status().running) {
      return make_error(ErrorKind::conflict,
                        "Source cluster " + (own != nullptr ? own->arn : identifier) +
                            " is in a state which is not valid for physical replication",
                        kInvalidCluster);
    }
    const auto arn = model::parse_cluster_arn(member.cluster_arn);
    if (own != nullptr && arn.has_value() && arn->identifier == own->identifier) {
      return make_error(ErrorKind::conflict,
                        "DB cluster identifiers of a global cluster are unique over all Regions; " +
                            arn->identifier + " is taken in " + core_.here().name,
                        "DBClusterAlreadyExistsFault");
    }
    if (model::GlobalMember* present = global.member_in(member.region)) {
      if (present->cluster_arn != member.cluster_arn) {
        return make_error(
            ErrorKind::conflict,
            "Global cluster " + identifier + " already has a member in " + member.region.name,
            kInvalidGlobal);
      }
      present->global_write_forwarding = member.global_write_forwarding;
      present->resource_id = member.resource_id;
    } else {
      global.members.push_back(member);
    }
    ++global.version;
    Change change;
    change.globals.push_back(std::move(global));
    return change;
  };
  CO_TRY_VOID(co_await truth_.commit(decide));
  changed_();
  const model::DbCluster* own = core_.truth.cluster();
  messages::Joined joined{
      core_.truth.now().globals.at(identifier), core_.facts.engine_version, {}, {}};
  if (own != nullptr) {
    joined.database_name = own->database_name;
    joined.master_username = own->master_username;
  }
  co_return joined;
}

// A change of the global cluster that only the writer's region may make.
net::Task<Result<messages::Changed>> Provisioner::change(messages::ChangeGlobal request) {
  switch (request.action) {
    case GlobalAction::modify: {
      ModifyGlobalCluster modify{request.identifier, request.new_identifier, request.engine_version,
                                 request.deletion_protection, request.tags};
      CO_TRY_VOID(co_await modify_global_cluster(std::move(modify)));
      break;
    }
    case GlobalAction::erase:
      CO_TRY_VOID(co_await delete_global_cluster(request.identifier));
      break;
    case GlobalAction::remove:
      CO_TRY_VOID(co_await remove_from_global_cluster(request.identifier, request.arn));
      break;
  }
  // The stored copy: what is derived for the eye is nobody's truth.
  co_return messages::Changed{core_.truth.now().globals.at(request.identifier)};
}

}  // namespace aurora_global::region
