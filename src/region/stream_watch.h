// Whether a standby gets what its source writes. Pure.
//
// A standby that cannot be served (its slot is gone, its history differs) says `streaming` for a
// moment at each attempt; only the received position tells. So it is judged by progress.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/ids.h"

namespace aurora_global::region {

class StreamWatch {
 public:
  struct Look {
    Lsn received;  // All that it has.
    bool streaming = false;
    Lsn source;  // What the source has written, as last heard.
  };
  static constexpr Duration kPatience = std::chrono::seconds(8);

  void look(const Look& now, Instant at) {
    const bool progress = since_ && now.received > received_;
    // More than its source has: that is an old word of the source, or another history.
    const bool has_all = now.streaming && now.received == now.source;
    received_ = now.received;
    flows_ = progress || has_all;
    if (flows_ || !since_) since_ = at;
  }
  void reset() { since_.reset(); }
  // The last look has seen it get something, or with all that there is.
  bool flows() const { return flows_; }
  bool stalled(Instant at) const { return since_ && at - *since_ >= kPatience; }
  // Something is missing at least since this long.
  Duration silent(Instant at) const { return since_ ? at - *since_ : Duration::zero(); }

 private:
  Lsn received_;
  bool flows_ = false;
  std::optional<Instant> since_;  // Of the last sign that it gets what there is.
};

}  // namespace aurora_global::region
