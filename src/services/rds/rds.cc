// The dispatch table of the RDS API.
#include "services/rds/rds.h"

#include "services/call.h"
#include "services/rds/handlers.h"

namespace aurora_global::services::rds {
namespace {

// A function of the dispatch table, and what docs/reference/api.md says of it.
struct Action {
  Handler handler;
  std::string_view summary;
  Answer operator()(Region& region, Members members) const {
    return handler(region, Parameters(std::move(members)));
  }
};

constexpr std::pair<std::string_view, Action> kActions[] = {
    {"CreateGlobalCluster", {create_global_cluster, "empty, or around an existing DB cluster"}},
    {"DescribeGlobalClusters", {describe_global_clusters, "filters `region`, `db-cluster-id`"}},
    {"ModifyGlobalCluster",
     {modify_global_cluster, "`DeletionProtection`; no renaming, no upgrade"}},
    {"DeleteGlobalCluster", {delete_global_cluster, "only an empty one"}},
    {"RemoveFromGlobalCluster",
     {remove_from_global_cluster,
      "a detached secondary opens for writing as a cluster of its own"}},
    {"SwitchoverGlobalCluster",
     {switchover_global_cluster, "planned; loses nothing or is refused"}},
    {"FailoverGlobalCluster",
     {failover_global_cluster, "with `AllowDataLoss`; without it a switchover"}},
    {"CreateDBCluster",
     {create_db_cluster,
      "one per region; with `GlobalClusterIdentifier` the first becomes the primary"}},
    {"DescribeDBClusters",
     {describe_db_clusters, "filters `db-cluster-id`, `db-cluster-resource-id`, `engine`"}},
    {"ModifyDBCluster",
     {modify_db_cluster,
      "also the master user's password; `EnableGlobalWriteForwarding` and "
      "`EnableLocalWriteForwarding` "
      "reach open sessions within a moment"}},
    {"DeleteDBCluster", {delete_db_cluster, "`SkipFinalSnapshot=true` is required"}},
    {"CreateDBInstance", {create_db_instance, "the first is the head, the others are readers"}},
    {"DescribeDBInstances",
     {describe_db_instances,
      "filters `db-cluster-id`, `db-instance-id`, `dbi-resource-id`, `engine`"}},
    {"ModifyDBInstance", {modify_db_instance, "class and promotion tier; kept, nothing scales"}},
    {"DeleteDBInstance", {delete_db_instance, "the cluster's volume outlives its instances"}},
    {"RebootDBInstance",
     {reboot_db_instance, "at once; what waited for a start is in force afterwards"}},
    {"CreateDBSubnetGroup", {create_db_subnet_group, "kept and shown; at least two subnets"}},
    {"DescribeDBSubnetGroups", {describe_db_subnet_groups, "all, or one by its name"}},
    {"ModifyDBSubnetGroup", {modify_db_subnet_group, "subnets and description"}},
    {"DeleteDBSubnetGroup", {delete_db_subnet_group, "one that no cluster names"}},
    {"CreateDBClusterParameterGroup",
     {create_db_cluster_parameter_group, "of the family of this machine's PostgreSQL"}},
    {"DescribeDBClusterParameterGroups",
     {describe_db_cluster_parameter_groups, "the default one, too"}},
    {"ModifyDBClusterParameterGroup",
     {modify_db_cluster_parameter_group, "reaches PostgreSQL of the clusters that name it"}},
    {"ResetDBClusterParameterGroup", {reset_db_cluster_parameter_group, "some, or all"}},
    {"DeleteDBClusterParameterGroup",
     {delete_db_cluster_parameter_group, "one that no cluster names"}},
    {"DescribeDBClusterParameters",
     {describe_db_cluster_parameters, "those that can be set here; `Source`"}},
    {"CreateDBParameterGroup", {create_db_parameter_group, "the same, of instances"}},
    {"DescribeDBParameterGroups", {describe_db_parameter_groups, "the default one, too"}},
    {"ModifyDBParameterGroup",
     {modify_db_parameter_group, "goes before what the cluster's group says"}},
    {"ResetDBParameterGroup", {reset_db_parameter_group, "some, or all"}},
    {"DeleteDBParameterGroup", {delete_db_parameter_group, "one that no instance names"}},
    {"DescribeDBParameters", {describe_db_parameters, "those that can be set here; `Source`"}},
    {"DescribeDBEngineVersions",
     {describe_db_engine_versions, "the one PostgreSQL of this machine"}},
    {"ListTagsForResource",
     {list_tags_for_resource, "of clusters, instances, groups, global clusters"}},
    {"AddTagsToResource", {add_tags_to_resource, "at most 50"}},
    {"RemoveTagsFromResource", {remove_tags_from_resource, "by their keys"}},
    {"DescribeEvents", {describe_events, "switchovers and failovers tell their steps here"}},
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
  for (const auto& [name, action] : kActions) all.push_back({name, action.summary});
  return all;
}

std::vector<std::string_view> action_names() { return names_in(kActions); }

net::Task<Result<json>> call(Region& region, std::string operation, json input) {
  return run_in_table("rds", kActions, std::move(operation), std::move(input), region);
}

net::Task<net::HttpResponse> serve(Region& region, net::HttpRequest request) {
  return serve_table("rds", kActions, std::move(request), region);
}

}  // namespace aurora_global::services::rds
