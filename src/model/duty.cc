#include "model/duty.h"

#include "base/check.h"

namespace aurora_global::model {

std::string_view name_of(Duty duty) {
  switch (duty) {
    case Duty::primary: return "primary";
    case Duty::standby: return "standby";
    case Duty::fenced: return "fenced";
    case Duty::waiting_for_epoch: return "waiting-for-epoch";
  }
  CHECK(false);
}

Duty duty_of(const DutyFacts& facts) {
  if (facts.global == nullptr) return Duty::primary;
  if (facts.global->writer_region != facts.region) return Duty::standby;
  if (facts.fenced_for && *facts.fenced_for > facts.global->epoch) return Duty::fenced;
  return facts.epoch_confirmed ? Duty::primary : Duty::waiting_for_epoch;
}

}  // namespace aurora_global::model
