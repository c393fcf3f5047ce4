// What an ERROR resets besides the stack, for those who catch it and go on.
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

// How interrupts are held off now. Taken before PG_TRY, put back in PG_CATCH: errfinish() sets both
// to zero, for whoever raises an error leaves the sections that held them off.
class Holdoffs {
 public:
  Holdoffs() : interrupts_(InterruptHoldoffCount), cancels_(QueryCancelHoldoffCount) {}
  void put_back() const {
    InterruptHoldoffCount = interrupts_;
    QueryCancelHoldoffCount = cancels_;
  }

 private:
  const uint32 interrupts_;
  const uint32 cancels_;
};

}  // namespace aurora_global::extension
