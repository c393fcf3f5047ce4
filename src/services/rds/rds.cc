// The dispatch table of the RDS API, and the frame around every answer.
#include "services/rds/rds.h"

#include "base/check.h"
#include "base/rng.h"
#include "services/call.h"
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
  auto call = read_call("rds", request);
  const auto* model = awsapi::service_model("rds");
  if (call.has_error()) co_return refuse(request, call.error(), model);
  const std::string& name = call->operation->name;
  const auto* action = std::find_if(std::begin(kActions), std::end(kActions),
                                    [&](const Action& one) { return one.name == name; });
  CHECK(action != std::end(kActions));  // The models have what is served, and nothing else.
  const std::string id = random_uuid();
  XmlWriter xml(name + "Response", awsapi::kRdsNamespace);
  xml.open(name + "Result");
  Parameters parameters(std::move(call->input), "rds", name);
  auto acting = action->handler(region, parameters, xml);
  const auto outcome = co_await std::move(acting);
  if (outcome.has_error()) co_return refuse(request, outcome.error(), model, id);
  xml.close();
  xml.open("ResponseMetadata");
  xml.element("RequestId", id);
  net::HttpResponse response;
  response.headers = {{"Content-Type", "text/xml"}, {"x-amzn-RequestId", id}};
  response.body = xml.finish();
  co_return response;
}

}  // namespace aurora_global::services::rds
