#include "link/pair.h"

#include <algorithm>

namespace aurora_global::link {

Instant Pair::arrival(Instant now, std::size_t bytes, Instant not_before) {
  Instant left = now;
  if (settings_.bandwidth_mbit_s > 0) {
    const double ms = static_cast<double>(bytes) * 8 / (settings_.bandwidth_mbit_s * 1000);
    left = std::max(now, wire_free_) + milliseconds(ms);
    wire_free_ = left;
  }
  const Duration jitter = milliseconds(settings_.jitter_ms * rng_.unit());
  return std::max(left + latency() + jitter, not_before);
}

}  // namespace aurora_global::link
