// The dispatch table of the RDS API, and the frame around every answer.
#include "services/rds/rds.h"

#include "base/rng.h"
#include "services/rds/handlers.h"

namespace aurora_global::services::rds {
namespace {

struct Action {
  std::string_view name;
  Handler handler;
  std::string_view summary;
};

constexpr Action kActions[] = {
    {"CreateGlobalCluster", create_global_cluster, "empty, or around an existing DB cluster"},
    {"DescribeGlobalClusters", describe_global_clusters, "filters `region`, `db-cluster-id`"},
    {"ModifyGlobalCluster", modify_global_cluster, "`DeletionProtection`; no renaming, no upgrade"},
    {"DeleteGlobalCluster", delete_global_cluster, "only an empty one"},
    {"RemoveFromGlobalCluster", remove_from_global_cluster,
     "a detached secondary opens for writing as a cluster of its own"},
    {"SwitchoverGlobalCluster", switchover_global_cluster, "planned; loses nothing or is refused"},
    {"FailoverGlobalCluster", failover_global_cluster,
     "with `AllowDataLoss`; without it a switchover"},
    {"CreateDBCluster", create_db_cluster,
     "one per region; with `GlobalClusterIdentifier` the first becomes the primary"},
    {"DescribeDBClusters", describe_db_clusters,
     "filters `db-cluster-id`, `db-cluster-resource-id`, `engine`"},
    {"ModifyDBCluster", modify_db_cluster,
     "also the master user's password; `EnableGlobalWriteForwarding` and "
     "`EnableLocalWriteForwarding` "
     "reach open sessions within a moment"},
    {"DeleteDBCluster", delete_db_cluster, "`SkipFinalSnapshot=true` is required"},
    {"CreateDBInstance", create_db_instance, "the first is the head, the others are readers"},
    {"DescribeDBInstances", describe_db_instances,
     "filters `db-cluster-id`, `db-instance-id`, `dbi-resource-id`, `engine`"},
    {"ModifyDBInstance", modify_db_instance, "class and promotion tier; kept, nothing scales"},
    {"DeleteDBInstance", delete_db_instance, "the cluster's volume outlives its instances"},
    {"DescribeDBEngineVersions", describe_db_engine_versions, "the one PostgreSQL of this machine"},
    {"ListTagsForResource", list_tags_for_resource, "the tags given at creation"},
    {"DescribeEvents", describe_events, "switchovers and failovers tell their steps here"},
};

net::HttpResponse xml_response(int status, std::string body, const std::string& request_id) {
  net::HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "text/xml");
  response.headers.emplace_back("x-amzn-RequestId", request_id);
  response.body = std::move(body);
  return response;
}

}  // namespace

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Error invalid(std::string code, std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), std::move(code));
}

Result<void> check_engine(const std::string& engine) {
  if (engine == model::kEngine) return ok();
  return invalid("InvalidParameterValue", "The engine must be aurora-postgresql; given: " + engine);
}

std::vector<ActionInfo> actions() {
  std::vector<ActionInfo> all;
  for (const Action& action : kActions) all.push_back({action.name, action.summary});
  return all;
}

std::vector<std::string_view> action_names() {
  std::vector<std::string_view> names;
  for (const Action& action : kActions) names.push_back(action.name);
  return names;
}

net::Task<net::HttpResponse> serve(Region& region, net::HttpRequest request) {
  const std::string id = random_hex(16);
  const auto refuse = [&](std::string_view code, std::string_view message) {
    return xml_response(awsapi::http_status_of(code), awsapi::error_document(code, message, id),
                        id);
  };
  const auto question = request.target.find('?');
  const bool in_target = request.body.empty() && question != std::string::npos;
  auto form = awsapi::parse_form(in_target ? request.target.substr(question + 1) : request.body);
  if (form.has_error()) co_return refuse(form.error().code, form.error().message);
  const auto named = form->find("Action");
  if (named == form->end()) {
    co_return refuse("MissingAction", "The request has no parameter Action");
  }
  const std::string name = named->second;
  const auto version = form->find("Version");
  if (version != form->end() && version->second != awsapi::kRdsVersion) {
    co_return refuse("InvalidAction", "The API version " + version->second + " is not known");
  }
  for (const Action& action : kActions) {
    if (action.name != name) continue;
    XmlWriter xml(name + "Response", awsapi::kRdsNamespace);
    xml.open(name + "Result");
    Parameters parameters(std::move(*form));
    const auto outcome = co_await action.handler(region, parameters, xml);
    if (outcome.has_error()) {
      const std::string code = awsapi::code_of(outcome.error());
      co_return refuse(code, outcome.error().message);
    }
    xml.close();
    xml.open("ResponseMetadata");
    xml.element("RequestId", id);
    co_return xml_response(200, xml.finish(), id);
  }
  co_return refuse("InvalidAction", "Could not find operation " + name + " for version 2014-10-31");
}

}  // namespace aurora_global::services::rds
