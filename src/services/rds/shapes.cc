#include "services/rds/shapes.h"

namespace aurora_global::services::rds {
namespace {

using nlohmann::json;

double seconds(WallTime at) { return static_cast<double>(at.time_since_epoch().count()) / 1e6; }

std::string forwarding_status(bool wanted, bool settled) {
  if (settled) return wanted ? "enabled" : "disabled";
  return wanted ? "enabling" : "disabling";
}

// What is not there has no member.
void set(json& shape, const char* name, const std::string& text) {
  if (!text.empty()) shape[name] = text;
}

json members_of(const model::GlobalCluster& global) {
  json all = json::array();
  for (const model::GlobalMember& member : global.members) {
    const bool writer = member.region == global.writer_region;
    json readers = json::array();
    for (const model::GlobalMember& other : global.members) {
      if (writer && other.region != member.region) readers.push_back(other.cluster_arn);
    }
    all.push_back(
        {{"DBClusterArn", member.cluster_arn},
         {"Readers", std::move(readers)},
         {"IsWriter", writer},
         {"GlobalWriteForwardingStatus", member.global_write_forwarding ? "enabled" : "disabled"},
         {"SynchronizationStatus", member.connected ? "connected" : "pending-resync"}});
  }
  return all;
}

const char* apply_status(const model::DbInstance& instance) {
  return instance.restart_pending ? "pending-reboot" : "in-sync";
}

std::string group_or_default(const region::Facts& facts, const std::string& group) {
  return group.empty() ? default_group(facts) : group;
}

json security_groups(const model::DbCluster& cluster) {
  json all = json::array();
  for (const std::string& id : cluster.security_groups) {
    all.push_back({{"VpcSecurityGroupId", id}, {"Status", "active"}});
  }
  return all;
}

json members_of(const model::DbCluster& cluster) {
  json all = json::array();
  for (const model::DbInstance& instance : cluster.instances) {
    all.push_back({{"DBInstanceIdentifier", instance.identifier},
                   {"IsClusterWriter", cluster.writer && instance.slot == 1},
                   {"DBClusterParameterGroupStatus", apply_status(instance)},
                   {"PromotionTier", instance.promotion_tier}});
  }
  return all;
}

}  // namespace

json tag_list(const std::vector<model::Tag>& tags) {
  json all = json::array();
  for (const model::Tag& tag : tags) all.push_back({{"Key", tag.key}, {"Value", tag.value}});
  return all;
}

json shape_of(const region::Facts& facts, const model::GlobalCluster& global) {
  json shape = {
      {"GlobalClusterIdentifier", global.identifier},
      {"GlobalClusterResourceId", global.resource_id},
      {"GlobalClusterArn", model::global_cluster_arn(facts.account_id, global.identifier)},
      {"Status", global.status},
      {"Engine", model::kEngine},
      {"EngineVersion", global.engine_version},
      {"EngineLifecycleSupport", "open-source-rds-extended-support-disabled"},
      {"StorageEncrypted", global.storage_encrypted},
      {"DeletionProtection", global.deletion_protection},
      {"GlobalClusterMembers", members_of(global)},
      {"TagList", tag_list(global.tags)}};
  set(shape, "DatabaseName", global.database_name);
  if (!global.writer_region.empty()) shape["Endpoint"] = facts.global_writer_host;
  if (global.failover) {
    shape["FailoverState"] = {{"Status", global.failover->status},
                              {"FromDbClusterArn", global.failover->from_arn},
                              {"ToDbClusterArn", global.failover->to_arn},
                              {"IsDataLossAllowed", global.failover->data_loss_allowed}};
  }
  return shape;
}

json shape_of(const region::Facts& facts, const model::DbCluster& cluster) {
  json shape = {{"AllocatedStorage", 1},
                {"BackupRetentionPeriod", cluster.backup_retention_days},
                {"DBClusterIdentifier", cluster.identifier},
                {"Status", cluster.status},
                {"Endpoint", cluster.endpoint},
                {"ReaderEndpoint", cluster.reader_endpoint},
                {"MultiAZ", cluster.instances.size() > 1},
                {"Engine", model::kEngine},
                {"EngineVersion", cluster.engine_version},
                {"EngineMode", "provisioned"},
                {"Port", cluster.port},
                {"MasterUsername", cluster.master_username},
                {"ReadReplicaIdentifiers", cluster.read_replica_arns},
                {"DBClusterMembers", members_of(cluster)},
                {"DBClusterParameterGroup", group_or_default(facts, cluster.parameter_group)},
                {"VpcSecurityGroups", security_groups(cluster)},
                {"EnabledCloudwatchLogsExports", cluster.log_exports},
                {"StorageEncrypted", cluster.storage_encrypted},
                {"DbClusterResourceId", cluster.resource_id},
                {"DBClusterArn", cluster.arn},
                {"IAMDatabaseAuthenticationEnabled", false},
                {"ClusterCreateTime", seconds(cluster.created)},
                {"DeletionProtection", cluster.deletion_protection},
                {"LocalWriteForwardingStatus",
                 forwarding_status(cluster.local_write_forwarding, cluster.forwarding_settled)},
                {"ServerlessV2ScalingConfiguration",
                 {{"MinCapacity", cluster.min_capacity}, {"MaxCapacity", cluster.max_capacity}}},
                {"TagList", tag_list(cluster.tags)}};
  set(shape, "DatabaseName", cluster.database_name);
  set(shape, "ReplicationSourceIdentifier", cluster.replication_source_arn);
  set(shape, "KmsKeyId", cluster.kms_key_id);
  set(shape, "DBSubnetGroup", cluster.subnet_group);
  if (cluster.global_cluster_identifier.empty()) return shape;
  shape["GlobalClusterIdentifier"] = cluster.global_cluster_identifier;
  shape["GlobalWriteForwardingRequested"] = cluster.global_write_forwarding;
  if (!cluster.writer) {
    shape["GlobalWriteForwardingStatus"] =
        forwarding_status(cluster.global_write_forwarding, cluster.forwarding_settled);
  }
  return shape;
}

json shape_of(const region::Facts& facts, const model::DbInstance& instance) {
  return {
      {"DBInstanceIdentifier", instance.identifier},
      {"DBInstanceClass", instance.instance_class},
      {"Engine", model::kEngine},
      {"DBInstanceStatus", instance.status},
      {"Endpoint", {{"Address", instance.address}, {"Port", instance.port}}},
      {"InstanceCreateTime", seconds(instance.created)},
      {"AvailabilityZone", instance.availability_zone},
      {"EngineVersion", instance.engine_version},
      {"PubliclyAccessible", false},
      {"DBClusterIdentifier", instance.cluster_identifier},
      {"DbiResourceId", instance.resource_id},
      {"PromotionTier", instance.promotion_tier},
      {"DBParameterGroups",
       {{{"DBParameterGroupName", group_or_default(facts, instance.parameter_group)},
         {"ParameterApplyStatus", apply_status(instance)}}}},
      {"DBInstanceArn", model::instance_arn(facts.region, facts.account_id, instance.identifier)},
      {"TagList", tag_list(instance.tags)}};
}

json shape_of(const region::Facts&, const model::Event& event) {
  return {{"SourceIdentifier", event.source_identifier},
          {"SourceType", event.source_type},
          {"Message", event.message},
          {"EventCategories", event.categories},
          {"Date", seconds(event.date)},
          {"SourceArn", event.source_arn}};
}

json shape_of(const region::Facts&, const EngineVersion& version) {
  return {{"Engine", model::kEngine},
          {"MajorEngineVersion", version.major},
          {"EngineVersion", version.full},
          {"DBParameterGroupFamily", "aurora-postgresql" + version.major},
          {"DBEngineDescription", "PostgreSQL with a global database"},
          {"DBEngineVersionDescription", "PostgreSQL " + version.full},
          {"SupportedEngineModes", json::array({"provisioned"})},
          {"SupportsGlobalDatabases", true},
          {"Status", "available"}};
}

}  // namespace aurora_global::services::rds
