// The events of this region's DB cluster and its instances, as RDS shows them.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "net/log.h"
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
  void note(std::string message, std::vector<std::string> categories, std::string instance = "") {
    const model::DbCluster* cluster = truth_.cluster();
    if (cluster == nullptr) return;
    model::Event event;
    event.source_type = instance.empty() ? "db-cluster" : "db-instance";
    event.source_identifier = instance.empty() ? cluster->identifier : instance;
    event.source_arn = instance.empty()
                           ? cluster->arn
                           : model::instance_arn(config_.region, config_.account_id, instance);
    event.message = std::move(message);
    event.categories = std::move(categories);
    event.date = clock_.wall_now();
    log::info("event: {} {}: {}", event.source_type, event.source_identifier, event.message);
    tasks_.spawn("store event", write(store_, std::move(event)));
  }
  void of_failover(std::string message) { note(std::move(message), {"global failover"}); }

 private:
  static net::Task<void> write(Store& store, model::Event event) {
    const auto written = co_await store.add_event(std::move(event));
    if (written.has_error()) log::warn("store event: {}", written.error().message);
  }

  const RegionConfig& config_;
  const Truth& truth_;
  Store& store_;
  const Clock& clock_;
  net::TaskGroup& tasks_;
};

}  // namespace aurora_global::region
