// How many global clusters there may be. Pure.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "model/global_cluster.h"

namespace aurora_global::region {

// As on AWS, where it can be raised.
inline constexpr std::size_t kGlobalsMax = 5;
// With those that were deleted, whose rows stay: no region can know that no other, away for however
// long, has the row as it was and would bring it back. Regions that are all cut off from each other
// make together no more than each may tell (10 regions, 20,000 rows).
inline constexpr std::size_t kGlobalNamesMax = 2'000;

// Fails with GlobalClusterQuotaExceededFault where `identifier` is one too many. The name of a
// deleted one is free again, and no new row.
Result<void> check_room_for(const std::string& identifier,
                            const std::map<std::string, model::GlobalCluster>& globals);

}  // namespace aurora_global::region
