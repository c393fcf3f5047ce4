// DB clusters of this region.
#include <set>

#include "services/rds/handlers.h"

namespace aurora_global::services::rds {

namespace {

using model::GroupKind;

Result<void> check(const region::CreateDbCluster& request, const std::string& served) {
  TRY_VOID(check_identifier("DBClusterIdentifier", request.identifier));
  TRY_VOID(check_engine_version(request.engine_version, served));
  if (!request.database_name.empty()) TRY_VOID(check_database_name(request.database_name));
  if (!request.master_username.empty()) TRY_VOID(check_master_username(request.master_username));
  if (!request.master_password.empty()) TRY_VOID(check_master_password(request.master_password));
  return check_capacity(request.min_capacity, request.max_capacity);
}

// A change of one end of the capacity is measured by the other end as it is.
Result<void> check_capacity_of(Region& region, const region::ModifyDbCluster& request) {
  auto min = request.min_capacity;
  auto max = request.max_capacity;
  for (const model::DbCluster& cluster : region.db_clusters()) {
    if (cluster.identifier != request.identifier || (!min && !max)) continue;
    if (!min) min = cluster.min_capacity;
    if (!max) max = cluster.max_capacity;
  }
  return check_capacity(min, max);
}

Result<void> check_log_exports(const std::vector<std::string>& types) {
  for (const std::string& type : types) {
    if (type == "postgresql" || type == "instance") continue;
    return invalid("InvalidParameterCombination",
                   "You cannot use the log types '" + type +
                       "' with engine version aurora-postgresql. For supported log types, see the "
                       "documentation.");
  }
  return ok();
}

// Nullopt: as they are.
std::optional<std::vector<std::string>> log_exports_of(Region& region,
                                                       const std::string& identifier,
                                                       const std::vector<std::string>& enabled,
                                                       const std::vector<std::string>& disabled) {
  if (enabled.empty() && disabled.empty()) return std::nullopt;
  std::set<std::string> all;
  for (const model::DbCluster& cluster : region.db_clusters()) {
    if (cluster.identifier != identifier) continue;
    all.insert(cluster.log_exports.begin(), cluster.log_exports.end());
  }
  all.insert(enabled.begin(), enabled.end());
  for (const std::string& type : disabled) all.erase(type);
  return std::vector<std::string>(all.begin(), all.end());
}

}  // namespace

Answer create_db_cluster(Region& region, Parameters p) {
  region::CreateDbCluster request;
  request.identifier = p.required("DBClusterIdentifier");
  request.engine = p.required("Engine");
  request.engine_version = p.text("EngineVersion");
  request.global_cluster_identifier = lower(p.text("GlobalClusterIdentifier"));
  request.database_name = p.text("DatabaseName");
  request.master_username = p.text("MasterUsername");
  request.master_password = p.text("MasterUserPassword");
  request.storage_encrypted = p.flag("StorageEncrypted");
  request.kms_key_id = p.text("KmsKeyId");
  request.deletion_protection = p.flag("DeletionProtection");
  request.global_write_forwarding = p.flag("EnableGlobalWriteForwarding");
  request.local_write_forwarding = p.flag("EnableLocalWriteForwarding");
  request.backup_retention_days = p.number("BackupRetentionPeriod", 1, 35).value_or(1);
  request.min_capacity = p.decimal("ServerlessV2ScalingConfiguration.MinCapacity", 0, 256);
  request.max_capacity = p.decimal("ServerlessV2ScalingConfiguration.MaxCapacity", 1, 256);
  request.port = p.number("Port", 5432, 5432);
  request.parameter_group = p.text("DBClusterParameterGroupName");
  request.subnet_group = p.text("DBSubnetGroupName");
  request.security_groups = p.texts("VpcSecurityGroupIds");
  request.log_exports = p.texts("EnableCloudwatchLogsExports");
  request.tags = p.tags();
  CO_TRY_VOID(p.finish());
  CO_TRY_VOID(check_engine(request.engine));
  CO_TRY_VOID(check(request, region.facts().engine_version));
  CO_TRY_VOID(check_log_exports(request.log_exports));
  CO_TRY(request.parameter_group,
         named_group(region, GroupKind::cluster_parameters, request.parameter_group));
  CO_TRY(request.subnet_group, named_group(region, GroupKind::subnets, request.subnet_group));
  CO_TRY(const auto cluster, co_await region.create_db_cluster(std::move(request)));
  co_return json{{"DBCluster", shape_of(region.facts(), cluster)}};
}

Answer describe_db_clusters(Region& region, Parameters p) {
  const std::string wanted = lower(p.text("DBClusterIdentifier"));
  const Filters filters = p.filters({"db-cluster-id", "db-cluster-resource-id", "engine"});
  const Page page = p.page();
  CO_TRY_VOID(p.finish());
  std::vector<model::DbCluster> found;
  for (model::DbCluster& cluster : region.db_clusters()) {
    const bool named = wanted.empty() || cluster.identifier == wanted || cluster.arn == wanted;
    if (!named || !filters.take("db-cluster-id", {cluster.identifier, cluster.arn}) ||
        !filters.take("db-cluster-resource-id", {cluster.resource_id}) ||
        !filters.take("engine", {std::string(model::kEngine)})) {
      continue;
    }
    found.push_back(std::move(cluster));
  }
  if (!wanted.empty() && found.empty()) {
    co_return make_error(ErrorKind::not_found, "DBCluster " + wanted + " not found.",
                         "DBClusterNotFoundFault");
  }
  co_return page_of(region, "DBClusters", found, page);
}

Answer modify_db_cluster(Region& region, Parameters p) {
  region::ModifyDbCluster request;
  request.identifier = lower(p.required("DBClusterIdentifier"));
  request.master_password = p.optional_text("MasterUserPassword");
  const std::string engine_version = p.text("EngineVersion");
  request.deletion_protection = p.optional_flag("DeletionProtection");
  request.global_write_forwarding = p.optional_flag("EnableGlobalWriteForwarding");
  request.local_write_forwarding = p.optional_flag("EnableLocalWriteForwarding");
  request.backup_retention_days = p.number("BackupRetentionPeriod", 1, 35);
  request.min_capacity = p.decimal("ServerlessV2ScalingConfiguration.MinCapacity", 0, 256);
  request.max_capacity = p.decimal("ServerlessV2ScalingConfiguration.MaxCapacity", 1, 256);
  if (p.has("VpcSecurityGroupIds")) request.security_groups = p.texts("VpcSecurityGroupIds");
  const auto group = p.optional_text("DBClusterParameterGroupName");
  const auto enabled = p.texts("CloudwatchLogsExportConfiguration.EnableLogTypes");
  const auto disabled = p.texts("CloudwatchLogsExportConfiguration.DisableLogTypes");
  CO_TRY_VOID(p.finish());
  CO_TRY_VOID(check_log_exports(enabled));
  CO_TRY_VOID(check_log_exports(disabled));
  request.log_exports = log_exports_of(region, request.identifier, enabled, disabled);
  if (group) {
    CO_TRY(request.parameter_group, named_group(region, GroupKind::cluster_parameters, *group));
  }
  if (request.master_password) CO_TRY_VOID(check_master_password(*request.master_password));
  CO_TRY_VOID(check_capacity_of(region, request));
  CO_TRY_VOID(check_engine_version(engine_version, region.facts().engine_version));
  CO_TRY(const auto cluster, co_await region.modify_db_cluster(std::move(request)));
  co_return json{{"DBCluster", shape_of(region.facts(), cluster)}};
}

Answer delete_db_cluster(Region& region, Parameters p) {
  const std::string identifier = lower(p.required("DBClusterIdentifier"));
  const bool skip = p.flag("SkipFinalSnapshot");
  const std::string snapshot = p.text("FinalDBSnapshotIdentifier");
  CO_TRY_VOID(p.finish());
  if (!skip || !snapshot.empty()) {
    co_return invalid("InvalidParameterCombination",
                      "This platform takes no snapshots: SkipFinalSnapshot=true is required, "
                      "FinalDBSnapshotIdentifier is refused");
  }
  CO_TRY(const auto cluster, co_await region.delete_db_cluster(identifier));
  co_return json{{"DBCluster", shape_of(region.facts(), cluster)}};
}

}  // namespace aurora_global::services::rds
