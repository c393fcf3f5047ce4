// What becomes of two copies of one thing, ours and one that another region has told us. Pure.
//
// Copies of a global cluster are ordered by (epoch, decision, version). Two regions that could not
// hear each other may have decided the same epoch; then the order of the decisions says everywhere
// alike which of them holds, and the other one's region gives way as it does to a newer epoch.
#pragma once

#include <compare>

#include "model/global_cluster.h"
#include "model/operation.h"

namespace aurora_global::model {

std::strong_ordering order_of(const GlobalCluster& a, const GlobalCluster& b);

// One epoch was decided twice.
bool is_split(const GlobalCluster& a, const GlobalCluster& b);

enum class Merge { keep_ours, take_theirs };

// `ours` may be nullptr.
Merge merge(const GlobalCluster* ours, const GlobalCluster& theirs);

// Of an operation the coordinator's own word counts; elsewhere the newer operation, and of one
// operation the report that is further. `here` is who merges. `ours` may be nullptr.
Merge merge(const Operation* ours, const Operation& theirs, const RegionId& here);

// `operation` can no longer be what moves the writer: `global` has gone past it, or has lost the
// member that it moves to.
bool is_superseded(const Operation& operation, const GlobalCluster& global);

}  // namespace aurora_global::model
