#include "region/events.h"

#include "net/log.h"

namespace aurora_global::region {
namespace {

net::Task<void> store_event(Store& store, model::Event event) {
  const auto written = co_await store.add_event(std::move(event));
  if (written.has_error()) log::warn("store event: {}", written.error().message);
}

}  // namespace

void Events::note(std::string message, std::vector<std::string> categories, std::string instance) {
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
  tasks_.spawn("store event", store_event(store_, std::move(event)));
}

}  // namespace aurora_global::region
