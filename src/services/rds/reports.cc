// What can be asked about a region beside its clusters: events, engine versions, tags.
#include "services/rds/handlers.h"

namespace aurora_global::services::rds {

Outcome describe_events(Region& region, Parameters& p, XmlWriter& xml) {
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
  write_page(xml, "Events", all, page,
             [&](const model::Event& event) { awsapi::write_event(xml, event); });
  co_return ok();
}

// The one version is that of the PostgreSQL on this machine.
Outcome describe_db_engine_versions(Region& region, Parameters& p, XmlWriter& xml) {
  const std::string engine = p.text("Engine");
  const std::string version = p.text("EngineVersion");
  const Page page = p.page();
  CO_TRY_VOID(p.finish());
  const std::string& ours = region.facts().engine_version;
  const std::string major = ours.substr(0, ours.find('.'));
  std::vector<std::string> found;
  const bool engine_fits = engine.empty() || engine == model::kEngine;
  if (engine_fits && (version.empty() || version == ours || version == major)) {
    found.push_back(ours);
  }
  write_page(xml, "DBEngineVersions", found, page, [&](const std::string& one) {
    xml.open("DBEngineVersion");
    xml.element("Engine", model::kEngine);
    xml.element("MajorEngineVersion", major);
    xml.element("EngineVersion", one);
    xml.element("DBParameterGroupFamily", "aurora-postgresql" + major);
    xml.element("DBEngineDescription", "PostgreSQL with a global database");
    xml.element("DBEngineVersionDescription", "PostgreSQL " + one);
    xml.open("SupportedEngineModes");
    xml.element("member", "provisioned");
    xml.close();
    xml.element("SupportsGlobalDatabases", true);
    xml.element("Status", "available");
    xml.close();
  });
  co_return ok();
}

Outcome list_tags_for_resource(Region& region, Parameters& p, XmlWriter& xml) {
  const std::string arn = p.required("ResourceName");
  CO_TRY_VOID(p.finish());
  const region::Facts& facts = region.facts();
  for (const model::GlobalCluster& global : region.global_clusters()) {
    if (model::global_cluster_arn(facts.account_id, global.identifier) != arn) continue;
    awsapi::write_tags(xml, global.tags);
    co_return ok();
  }
  for (const model::DbCluster& cluster : region.db_clusters()) {
    if (cluster.arn == arn) {
      awsapi::write_tags(xml, cluster.tags);
      co_return ok();
    }
    for (const model::DbInstance& instance : cluster.instances) {
      if (model::instance_arn(facts.region, facts.account_id, instance.identifier) != arn) continue;
      awsapi::write_tags(xml, instance.tags);
      co_return ok();
    }
  }
  if (arn.rfind("arn:aws:rds:", 0) != 0) {
    co_return invalid("InvalidParameterValue", "Invalid resource name: " + arn);
  }
  const bool is_instance = arn.find(":db:") != std::string::npos;
  const bool is_global = arn.find(":global-cluster:") != std::string::npos;
  co_return make_error(ErrorKind::not_found, arn + " not found.",
                       is_instance ? "DBInstanceNotFound"
                       : is_global ? "GlobalClusterNotFoundFault"
                                   : "DBClusterNotFoundFault");
}

}  // namespace aurora_global::services::rds
