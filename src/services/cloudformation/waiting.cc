#include "services/cloudformation/waiting.h"

#include <algorithm>

#include "net/backoff.h"

namespace aurora_global::services::cloudformation {

net::Task<Result<void>> wait_until(const ResourceRequest& request, std::string what, Probe probe,
                                   Patience patience) {
  const Deadline limit = Deadline::in(patience.limit);
  net::Backoff backoff(patience.first, patience.most);
  while (true) {
    auto asking = probe();
    const Result<bool> is_over = co_await std::move(asking);
    if (is_over.has_value() && *is_over) co_return ok();
    if (is_over.has_error() && is_over.error().kind != ErrorKind::unavailable) {
      co_return is_over.error();
    }
    if (request.is_called_off()) {
      co_return make_error(ErrorKind::cancelled, "Resource creation cancelled");
    }
    if (limit.passed()) {
      if (is_over.has_error()) co_return is_over.error();
      co_return make_error(ErrorKind::timeout, what + " did not stabilize");
    }
    co_await net::sleep_for(std::min<Duration>(backoff.next(), limit.left()));
  }
}

}  // namespace aurora_global::services::cloudformation
