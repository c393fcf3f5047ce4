#include "region/described.h"

#include "region/keeper/sources.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFresh = 5s;

}  // namespace

model::GlobalCluster described(const Core& core, const model::GlobalCluster& global) {
  model::GlobalCluster copy = global;
  const model::HeadStatus head = core.instances.head_status();
  for (model::GlobalMember& member : copy.members) {
    if (member.region == copy.writer_region) {
      member.connected = true;
    } else if (member.region == core.here()) {
      member.connected = head.running && head.streaming;
    } else if (core.views.of(member.region) != nullptr) {
      const PeerView* view = core.views.fresh(member.region, kFresh);
      member.connected = view != nullptr && view->head.streaming;
    }
  }
  if (const auto* operation = core.truth.running_operation(global.identifier)) {
    const bool lossless = operation->kind == model::OperationKind::switchover;
    copy.status = lossless ? "switching-over" : "failing-over";
    copy.failover =
        model::FailoverState{operation->step == model::Step::abort ? "cancelling" : copy.status,
                             operation->from_arn, operation->to_arn, !lossless};
  }
  return copy;
}

model::DbCluster described(const Core& core, const model::DbCluster& cluster) {
  model::DbCluster copy = cluster;
  const model::GlobalCluster* global = core.truth.own_global();
  const model::Duty duty = core.truth.duty();
  copy.writer = duty == model::Duty::primary;
  // It has all that it can have before its first instance.
  if (copy.instances.empty() && copy.status == "creating") copy.status = "available";
  // What is stored is of the last look, which may have been another daemon's.
  const bool held_down = duty == model::Duty::fenced || duty == model::Duty::waiting_for_epoch;
  for (model::DbInstance& instance : copy.instances) {
    const auto found = core.instances.all().find(instance.identifier);
    const bool seen = found != core.instances.all().end() && found->second.seen.running;
    if (instance.status == "available" && !seen && !held_down) instance.status = "starting";
    if (seen) instance.restart_pending = found->second.instance->restart_pending();
  }
  for (const auto& [identifier, one] : core.instances.all()) {
    const bool settled = one.instance->forwarding() == forwarding_of(core, *one.instance);
    copy.forwarding_settled = copy.forwarding_settled && (settled || !one.instance->running());
  }
  if (global == nullptr) return copy;
  for (const model::GlobalMember& member : global->members) {
    const bool here = member.region == core.here();
    const bool writes = member.region == global->writer_region;
    if (!here && writes) copy.replication_source_arn = member.cluster_arn;
    if (!here && global->writer_region == core.here()) {
      copy.read_replica_arns.push_back(member.cluster_arn);
    }
  }
  return copy;
}

}  // namespace aurora_global::region
