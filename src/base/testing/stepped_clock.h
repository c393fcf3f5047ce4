// A clock that moves when told to, and whose wall clock can be set.
#pragma once

#include "base/clock.h"

namespace aurora_global::testing {

class SteppedClock final : public Clock {
 public:
  Instant now() const override { return time_.now(); }
  WallTime wall_now() const override { return time_.wall_now() + step_; }
  void advance(Duration by) { time_.advance(by); }
  void step(WallTime::duration by) { step_ += by; }

 private:
  ManualClock time_;
  WallTime::duration step_{};
};

}  // namespace aurora_global::testing
