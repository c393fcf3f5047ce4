// A daemon under test: the product's own, with its doors to a simulated machine.
#pragma once

#include <memory>
#include <string>

#include "region/daemon.h"
#include "sim/machine.h"

namespace aurora_global::sim {

inline constexpr const char* kAccount = "123456789012";

RegionId region_number(int index);
region::RegionConfig config_of(int index, int regions);

// One incarnation. Its end is a crash: coroutines are dropped where they stand.
struct Node {
  Node(Kernel& kernel, Machine& machine, Network& network, const region::RegionConfig& config,
       std::uint64_t seed);
  ~Node();

  Loop loop;
  SeededRandomness randomness;
  SimStore store;
  region::Vault vault;
  SimPeers peers;
  SimRouterLink router;
  std::unique_ptr<region::Daemon> core;
  net::TaskGroup operators;
  std::string failure;  // Why it has not started; empty: it has.
};

}  // namespace aurora_global::sim
