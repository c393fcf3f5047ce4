#include "model/merge.h"

#include <tuple>

namespace aurora_global::model {

std::strong_ordering order_of(const GlobalCluster& a, const GlobalCluster& b) {
  return std::tie(a.epoch, a.decision, a.version) <=> std::tie(b.epoch, b.decision, b.version);
}

bool is_split(const GlobalCluster& a, const GlobalCluster& b) {
  return a.epoch == b.epoch && a.decision != b.decision && a.epoch.value != 0;
}

Merge merge(const GlobalCluster* ours, const GlobalCluster& theirs) {
  if (ours == nullptr) return Merge::take_theirs;
  return std::is_gt(order_of(theirs, *ours)) ? Merge::take_theirs : Merge::keep_ours;
}

Merge merge(const Operation* ours, const Operation& theirs, const RegionId& here) {
  // We coordinate our own, and nobody tells us; and an operation without an epoch is none.
  if (theirs.to == here || theirs.epoch.value == 0) return Merge::keep_ours;
  if (ours == nullptr) return Merge::take_theirs;
  if (ours->id == theirs.id) {
    return progress(theirs.step) > progress(ours->step) ? Merge::take_theirs : Merge::keep_ours;
  }
  // One of ours that runs ends by its own table, never by being forgotten.
  if (ours->to == here && ours->running()) return Merge::keep_ours;
  const auto age = [](const Operation& one) { return std::tie(one.epoch, one.started, one.id); };
  return age(theirs) > age(*ours) ? Merge::take_theirs : Merge::keep_ours;
}

bool is_superseded(const Operation& operation, const GlobalCluster& global) {
  if (global.epoch > operation.epoch) return true;
  if (global.member_in(operation.to) == nullptr) return true;
  return global.epoch == operation.epoch && global.writer_region != operation.to;
}

}  // namespace aurora_global::model
