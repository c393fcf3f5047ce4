// The events of this region's DB cluster and its instances, as RDS shows them.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "region/config.h"
#include "region/store.h"
#include "region/truth.h"

namespace aurora_global::region {

class Events {
 public:
  Events(const RegionConfig& config, const Truth& truth, Store& store, const Clock& clock,
         net::TaskGroup& tasks)
      : config_(config), truth_(truth), store_(store), clock_(clock), tasks_(tasks) {}

  // Of the DB cluster, or of one of its instances; stored by a task of its own, for an event is
  // never worth a wait inside a write-unavailability window.
  void note(std::string message, std::vector<std::string> categories, std::string instance = "");
  void of_failover(std::string message) { note(std::move(message), {"global failover"}); }

 private:
  const RegionConfig& config_;
  const Truth& truth_;
  Store& store_;
  const Clock& clock_;
  net::TaskGroup& tasks_;
};

}  // namespace aurora_global::region
