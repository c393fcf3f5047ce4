// The time by which something is old enough to be destroyed for good.
//
// A wall clock may jump: a step of NTP, a virtual machine that was suspended, a hand that slipped.
// Jumping forward, it makes everything old at once, and what was deleted for that does not come
// back when the clock does. So age goes by a wall clock that runs no faster than the machine's
// monotonic one since this was made. After a jump that was right, things live longer than they need
// to: until the time has really passed, or the process is started again.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace aurora_global {

class AgingClock {
 public:
  // `clock` outlives it.
  explicit AgingClock(const Clock& clock)
      : clock_(clock), began_(clock.now()), began_wall_(clock.wall_now()) {}

  WallTime now() const {
    const auto passed = std::chrono::duration_cast<WallTime::duration>(clock_.now() - began_);
    return std::min(clock_.wall_now(), began_wall_ + passed);
  }

 private:
  const Clock& clock_;
  Instant began_;
  WallTime began_wall_;
};

}  // namespace aurora_global
