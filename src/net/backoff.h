// How long to wait before something is tried again: twice as long after each failure.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace aurora_global::net {

class Backoff {
 public:
  Backoff(Duration first, Duration most) : first_(first), most_(most), next_(first) {}

  // The pause after the failure that has just happened.
  Duration next() {
    const Duration pause = next_;
    next_ = std::min(next_ * 2, most_);
    return pause;
  }
  // It has worked.
  void reset() { next_ = first_; }

 private:
  Duration first_;
  Duration most_;
  Duration next_;
};

}  // namespace aurora_global::net
