// What a region's head instance has to be, decided from what the region knows. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "model/global_cluster.h"

namespace aurora_global::model {

enum class Duty {
  primary,            // Open for writing.
  standby,            // Follow the writer's region.
  fenced,             // Refusing writes, or down: a newer epoch was promised to another region.
  waiting_for_epoch,  // Down: nobody has told us yet whether we are still the primary.
};

std::string_view name_of(Duty duty);

struct DutyFacts {
  const GlobalCluster* global = nullptr;  // Nullptr: a standalone DB cluster.
  RegionId region;
  std::optional<Epoch> fenced_for;  // The epoch this region has promised to another.
  // Every other member region has told us its epoch since this daemon started, or an operator has
  // decided, or PostgreSQL was already open for writing when this daemon took over.
  bool epoch_confirmed = false;
};

// Rules, first match wins:
//   standalone                                   -> primary
//   the writer is elsewhere                      -> standby
//   a fence for a newer epoch than the known one -> fenced
//   not confirmed                                -> waiting_for_epoch
//   otherwise                                    -> primary
Duty duty_of(const DutyFacts& facts);

}  // namespace aurora_global::model
