#include "region/instances.h"

namespace aurora_global::region {

void Instances::sync(const model::DbCluster* cluster) {
  if (cluster == nullptr) return;
  for (const model::DbInstance& facts : cluster->instances) {
    if (all_.contains(facts.identifier) || facts.status == "deleting") continue;
    all_[facts.identifier].instance = make_(facts.identifier, facts.slot);
  }
}

std::shared_ptr<Instance> Instances::find(const std::string& identifier) const {
  const auto found = all_.find(identifier);
  return found == all_.end() ? nullptr : found->second.instance;
}

std::shared_ptr<Instance> Instances::head() const {
  for (const auto& [identifier, one] : all_) {
    if (one.instance->slot() == kHeadSlot) return one.instance;
  }
  return nullptr;
}

Instances::Seen* Instances::seen(const std::string& identifier) {
  const auto found = all_.find(identifier);
  return found == all_.end() ? nullptr : &found->second.seen;
}

model::HeadStatus Instances::head_status() const {
  model::HeadStatus status;
  for (const auto& [identifier, one] : all_) {
    if (one.instance->slot() != kHeadSlot) continue;
    const InstanceState& state = one.seen.state;
    status = {one.seen.running,    state.in_recovery, state.position,
              state.received,      state.streaming,   state.timeline,
              state.replay_lag_ms, state.sessions,    state.replay_paused};
  }
  return status;
}

void Instances::head_is_open() {
  for (auto& [identifier, one] : all_) {
    if (one.instance->slot() != kHeadSlot) continue;
    one.seen.state.in_recovery = false;
    one.seen.state.streaming = false;
  }
}

Instances::Claim Instances::claim(std::weak_ptr<const void>& mine,
                                  const std::weak_ptr<const void>& other) {
  if (!other.expired()) return nullptr;
  Claim present = mine.lock();
  if (present == nullptr) {
    present = std::make_shared<int>();
    mine = present;
  }
  return present;
}

Instances::Claim Instances::claim_replacement() { return claim(replacement_, move_); }
Instances::Claim Instances::claim_move() { return claim(move_, replacement_); }

}  // namespace aurora_global::region
