#include "region/global_quota.h"

#include <algorithm>

namespace aurora_global::region {
namespace {

Error over_quota(std::string message) {
  return make_error(ErrorKind::exhausted, std::move(message), "GlobalClusterQuotaExceededFault");
}

}  // namespace

Result<void> check_room_for(const std::string& identifier,
                            const std::map<std::string, model::GlobalCluster>& globals) {
  const auto live = std::count_if(globals.begin(), globals.end(),
                                  [](const auto& one) { return !one.second.deleted; });
  if (static_cast<std::size_t>(live) >= kGlobalsMax) {
    return over_quota("You cannot create more than " + std::to_string(kGlobalsMax) +
                      " global clusters in a Region");
  }
  if (globals.size() >= kGlobalNamesMax && !globals.contains(identifier)) {
    return over_quota("There have been global clusters of " + std::to_string(kGlobalNamesMax) +
                      " names; take one of theirs again");
  }
  return ok();
}

}  // namespace aurora_global::region
