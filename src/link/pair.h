// One direction between two regions: how long bytes take, how many pass, whether any pass.
//
// Pure: when a chunk arrives is computed here, waiting is the relay's business.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/rng.h"

namespace aurora_global::link {

struct PairSettings {
  double latency_ms = 0;
  double jitter_ms = 0;
  double bandwidth_mbit_s = 0;
  bool blocked = false;
};

class Pair {
 public:
  Pair(std::string from, std::string to, PairSettings settings, std::uint64_t seed)
      : from_(std::move(from)), to_(std::move(to)), settings_(settings), rng_(seed) {}

  const std::string& from() const { return from_; }
  const std::string& to() const { return to_; }
  const PairSettings& settings() const { return settings_; }
  void set(PairSettings settings) { settings_ = settings; }

  // Bytes pass as they come: nothing to compute.
  bool transparent() const {
    return settings_.latency_ms == 0 && settings_.jitter_ms == 0 &&
           settings_.bandwidth_mbit_s == 0 && !settings_.blocked;
  }
  Duration latency() const { return milliseconds(settings_.latency_ms); }

  // When `bytes` that are sent now have arrived. `not_before`: when the bytes before them on the
  // same connection arrive; order is kept. All connections share the bandwidth.
  Instant arrival(Instant now, std::size_t bytes, Instant not_before);

  std::uint64_t bytes_total = 0;
  int connections = 0;

 private:
  static Duration milliseconds(double ms) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(ms));
  }

  std::string from_;
  std::string to_;
  PairSettings settings_;
  Rng rng_;
  Instant wire_free_{};  // When the last byte sent so far has left.
};

}  // namespace aurora_global::link
