#include "router/servers.h"

#include <algorithm>

namespace aurora_global::router {

std::vector<BackendAddress> Servers::candidates() {
  std::vector<BackendAddress> all;
  for (const BackendAddress& one : servers_) {
    if (!one.draining) all.push_back(one);
  }
  if (all.empty()) all = servers_;  // A server that lags serves better than none.
  if (!all.empty()) {
    const auto first = static_cast<std::ptrdiff_t>(next_++ % all.size());
    std::rotate(all.begin(), all.begin() + first, all.end());
  }
  return all;
}

bool Servers::list(const BackendAddress& server) const {
  return std::any_of(servers_.begin(), servers_.end(),
                     [&](const BackendAddress& one) { return one.same_server(server); });
}

}  // namespace aurora_global::router
