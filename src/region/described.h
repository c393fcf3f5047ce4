// The copies that the Describe calls show: what is stored, with what is derived from the moment.
#pragma once

#include "region/core.h"

namespace aurora_global::region {

// With status, failover state and synchronization.
model::GlobalCluster described(const Core& core, const model::GlobalCluster& global);
// With role, sources and whether forwarding is what was asked for.
model::DbCluster described(const Core& core, const model::DbCluster& cluster);

}  // namespace aurora_global::region
