// What every role of a region works with, by reference; the Daemon owns it all.
#pragma once

#include "base/clock.h"
#include "base/rng.h"
#include "region/config.h"
#include "region/events.h"
#include "region/group_book.h"
#include "region/instances.h"
#include "region/peers/client.h"
#include "region/peers/views.h"
#include "region/region.h"
#include "region/truth.h"

namespace aurora_global::region {

struct Core {
  const RegionConfig& config;
  const Facts& facts;
  const Clock& clock;
  Randomness& random;
  net::TaskGroup& tasks;
  const Truth& truth;  // Those that change it are given it themselves.
  Events& events;
  Instances& instances;
  PeerClient& peers;
  PeerViews& views;
  const GroupBook& groups;

  std::shared_ptr<Instance> head() const { return instances.head(); }
  const RegionId& here() const { return config.region; }
  // Where the data of a DB cluster without instances wait for the next one.
  std::filesystem::path volume() const { return config.home / "volume"; }
};

// Codes of RDS.
inline constexpr const char* kInvalidGlobal = "InvalidGlobalClusterStateFault";
inline constexpr const char* kInvalidCluster = "InvalidDBClusterStateFault";
inline Error no_such_global(const std::string& identifier) {
  return make_error(ErrorKind::not_found, "Global cluster " + identifier + " not found",
                    "GlobalClusterNotFoundFault");
}

// For messages.
inline std::int64_t milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace aurora_global::region
