// Where the instances of this region get their WAL from, and where their writes are forwarded to.
// From what is true now; no state.
#pragma once

#include <algorithm>

#include "region/core.h"
#include "region/instance/postgres_files.h"

namespace aurora_global::region {

inline std::string slot_of(const RegionId& region) {
  std::string name = "ag_" + region.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
inline std::string slot_of_reader(int slot) { return "ag_reader_" + std::to_string(slot); }

// Nullopt: the writer's region is not among the peers.
std::optional<WalSource> source_of_head(const Core& core, const Instance& head);
WalSource source_of_reader(const Core& core, const Instance& head, const Instance& reader);
// A secondary region forwards across the link, the readers of the primary region to its head.
Forwarding forwarding_of(const Core& core, const Instance& instance);
// Of everyone who streams from this region's head.
std::vector<std::string> slots_at_head(const Core& core);

}  // namespace aurora_global::region
