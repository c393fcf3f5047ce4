// The platform's own view of this region, for people and for metrics.
#pragma once

#include "region/router_orders.h"

namespace aurora_global::region {

net::Task<Result<model::RegionStatus>> status_of(Core& core, RouterOrders& orders);
std::vector<InstanceHealth> health_of(const Core& core);

}  // namespace aurora_global::region
