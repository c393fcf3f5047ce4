// What can be asked about a region beside its clusters: events, engine versions.
#include "services/rds/handlers.h"

namespace aurora_global::services::rds {

Answer describe_events(Region& region, Parameters p) {
  const std::string source = lower(p.text("SourceIdentifier"));
  const std::string type = p.text("SourceType");
  const auto start = p.time("StartTime");
  const auto end = p.time("EndTime");
  const int minutes = p.number("Duration", 1, 20160).value_or(60);
  const auto categories = p.texts("EventCategories");
  const Page page = p.page();
  CO_TRY_VOID(p.finish());
  if (!source.empty() && type.empty()) {
    co_return invalid("InvalidParameterCombination",
                      "SourceType is required when SourceIdentifier is given");
  }
  const WallTime now = SystemClock().wall_now();
  const WallTime to = end.value_or(now + std::chrono::seconds(1));
  const WallTime from = start.value_or(to - std::chrono::minutes(minutes));
  CO_TRY(auto all, co_await region.events(from, to));
  std::erase_if(all, [&](const model::Event& event) {
    const bool in_category =
        categories.empty() ||
        std::any_of(categories.begin(), categories.end(), [&](const std::string& category) {
          return std::find(event.categories.begin(), event.categories.end(), category) !=
                 event.categories.end();
        });
    return (!source.empty() && event.source_identifier != source) ||
           (!type.empty() && event.source_type != type) || !in_category;
  });
  co_return page_of(region, "Events", all, page);
}

// The one version is that of the PostgreSQL on this machine.
Answer describe_db_engine_versions(Region& region, Parameters p) {
  const std::string engine = p.text("Engine");
  const std::string version = p.text("EngineVersion");
  const Page page = p.page();
  CO_TRY_VOID(p.finish());
  const std::string& ours = region.facts().engine_version;
  const std::string major = ours.substr(0, ours.find('.'));
  std::vector<EngineVersion> found;
  const bool engine_fits = engine.empty() || engine == model::kEngine;
  if (engine_fits && (version.empty() || version == ours || version == major)) {
    found.push_back({major, ours});
  }
  co_return page_of(region, "DBEngineVersions", found, page);
}

}  // namespace aurora_global::services::rds
