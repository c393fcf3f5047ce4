// Waiting until a service says that a resource is there, or gone.
#pragma once

#include <functional>

#include "services/cloudformation/provider.h"

namespace aurora_global::services::cloudformation {

// True: it is over. An error is final, unless it is of kind `unavailable`.
using Probe = std::function<net::Task<Result<bool>>()>;

struct Patience {
  Duration first = std::chrono::milliseconds(100);
  Duration most = std::chrono::seconds(2);
  Duration limit = std::chrono::minutes(30);
};

// Asks again, twice as late each time, until it is over. Fails with the probe's error, with
// `timeout` ("`what` did not stabilize"), and with `cancelled` when the step is called off.
net::Task<Result<void>> wait_until(const ResourceRequest& request, std::string what, Probe probe,
                                   Patience patience = {});

}  // namespace aurora_global::services::cloudformation
