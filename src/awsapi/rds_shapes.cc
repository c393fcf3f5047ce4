#include "awsapi/rds_shapes.h"

#include "awsapi/query_answer.h"

namespace aurora_global::awsapi {
namespace {

using model::DbCluster;
using model::DbInstance;
using model::GlobalCluster;

std::string forwarding_status(bool wanted, bool settled) {
  if (settled) return wanted ? "enabled" : "disabled";
  return wanted ? "enabling" : "disabling";
}

void write_members(XmlWriter& xml, const GlobalCluster& global) {
  xml.open("GlobalClusterMembers");
  for (const model::GlobalMember& member : global.members) {
    const bool writer = member.region == global.writer_region;
    xml.open("GlobalClusterMember");
    xml.element("DBClusterArn", member.cluster_arn);
    if (writer) {
      xml.open("Readers");
      for (const model::GlobalMember& other : global.members) {
        if (other.region != member.region) xml.element("member", other.cluster_arn);
      }
      xml.close();
    } else {
      xml.empty("Readers");
    }
    xml.element("IsWriter", writer);
    xml.element("GlobalWriteForwardingStatus",
                member.global_write_forwarding ? "enabled" : "disabled");
    xml.element("SynchronizationStatus", member.connected ? "connected" : "pending-resync");
    xml.close();
  }
  xml.close();
}

GlobalClusterView read_global(const pugi::xml_node& node) {
  GlobalClusterView view;
  GlobalCluster& global = view.global;
  view.endpoint = text_of(node, "Endpoint");
  global.identifier = text_of(node, "GlobalClusterIdentifier");
  global.resource_id = text_of(node, "GlobalClusterResourceId");
  global.status = text_of(node, "Status");
  global.engine_version = text_of(node, "EngineVersion");
  global.database_name = text_of(node, "DatabaseName");
  global.deletion_protection = text_of(node, "DeletionProtection") == "true";
  for (const auto& member : node.child("GlobalClusterMembers").children("GlobalClusterMember")) {
    model::GlobalMember entry;
    entry.cluster_arn = text_of(member, "DBClusterArn");
    const auto arn = model::parse_cluster_arn(entry.cluster_arn);
    if (arn.has_value()) entry.region = arn->region;
    entry.connected = text_of(member, "SynchronizationStatus") == "connected";
    entry.global_write_forwarding = text_of(member, "GlobalWriteForwardingStatus") == "enabled";
    if (text_of(member, "IsWriter") == "true") global.writer_region = entry.region;
    global.members.push_back(std::move(entry));
  }
  if (const auto state = node.child("FailoverState"); state && state.first_child()) {
    global.failover = model::FailoverState{
        text_of(state, "Status"), text_of(state, "FromDbClusterArn"),
        text_of(state, "ToDbClusterArn"), text_of(state, "IsDataLossAllowed") == "true"};
  }
  return view;
}

}  // namespace

void write_tags(XmlWriter& xml, const std::vector<model::Tag>& tags) {
  if (tags.empty()) return xml.empty("TagList");
  xml.open("TagList");
  for (const model::Tag& tag : tags) {
    xml.open("Tag");
    xml.element("Key", tag.key);
    xml.element("Value", tag.value);
    xml.close();
  }
  xml.close();
}

void write_global_cluster(XmlWriter& xml, std::string_view element, const GlobalCluster& global,
                          std::string_view account, std::string_view writer_host) {
  xml.open(element);
  xml.element("GlobalClusterIdentifier", global.identifier);
  xml.element("GlobalClusterResourceId", global.resource_id);
  xml.element("GlobalClusterArn", model::global_cluster_arn(account, global.identifier));
  xml.element("Status", global.status);
  xml.element("Engine", model::kEngine);
  xml.element("EngineVersion", global.engine_version);
  xml.element("EngineLifecycleSupport", "open-source-rds-extended-support-disabled");
  if (!global.database_name.empty()) xml.element("DatabaseName", global.database_name);
  xml.element("StorageEncrypted", global.storage_encrypted);
  xml.element("DeletionProtection", global.deletion_protection);
  if (!global.writer_region.empty()) xml.element("Endpoint", writer_host);
  write_members(xml, global);
  if (global.failover) {
    xml.open("FailoverState");
    xml.element("Status", global.failover->status);
    xml.element("FromDbClusterArn", global.failover->from_arn);
    xml.element("ToDbClusterArn", global.failover->to_arn);
    xml.element("IsDataLossAllowed", global.failover->data_loss_allowed);
    xml.close();
  }
  write_tags(xml, global.tags);
  xml.close();
}

void write_db_cluster(XmlWriter& xml, std::string_view element, const DbCluster& cluster) {
  xml.open(element);
  xml.element("AllocatedStorage", 1);
  xml.element("BackupRetentionPeriod", cluster.backup_retention_days);
  if (!cluster.database_name.empty()) xml.element("DatabaseName", cluster.database_name);
  xml.element("DBClusterIdentifier", cluster.identifier);
  xml.element("Status", cluster.status);
  xml.element("Endpoint", cluster.endpoint);
  xml.element("ReaderEndpoint", cluster.reader_endpoint);
  xml.element("MultiAZ", cluster.instances.size() > 1);
  xml.element("Engine", model::kEngine);
  xml.element("EngineVersion", cluster.engine_version);
  xml.element("EngineMode", "provisioned");
  xml.element("Port", cluster.port);
  xml.element("MasterUsername", cluster.master_username);
  if (!cluster.replication_source_arn.empty()) {
    xml.element("ReplicationSourceIdentifier", cluster.replication_source_arn);
  }
  xml.open("ReadReplicaIdentifiers");
  for (const auto& arn : cluster.read_replica_arns) xml.element("ReadReplicaIdentifier", arn);
  xml.close();
  xml.open("DBClusterMembers");
  for (const DbInstance& instance : cluster.instances) {
    xml.open("DBClusterMember");
    xml.element("DBInstanceIdentifier", instance.identifier);
    xml.element("IsClusterWriter", cluster.writer && instance.slot == 1);
    xml.element("DBClusterParameterGroupStatus", "in-sync");
    xml.element("PromotionTier", instance.promotion_tier);
    xml.close();
  }
  xml.close();
  xml.element("StorageEncrypted", cluster.storage_encrypted);
  if (!cluster.kms_key_id.empty()) xml.element("KmsKeyId", cluster.kms_key_id);
  xml.element("DbClusterResourceId", cluster.resource_id);
  xml.element("DBClusterArn", cluster.arn);
  xml.element("IAMDatabaseAuthenticationEnabled", false);
  xml.element("ClusterCreateTime", iso8601(cluster.created));
  xml.element("DeletionProtection", cluster.deletion_protection);
  if (!cluster.global_cluster_identifier.empty()) {
    xml.element("GlobalClusterIdentifier", cluster.global_cluster_identifier);
    xml.element("GlobalWriteForwardingRequested", cluster.global_write_forwarding);
    if (!cluster.writer) {
      xml.element("GlobalWriteForwardingStatus",
                  forwarding_status(cluster.global_write_forwarding, cluster.forwarding_settled));
    }
  }
  xml.element("LocalWriteForwardingStatus",
              forwarding_status(cluster.local_write_forwarding, cluster.forwarding_settled));
  xml.open("ServerlessV2ScalingConfiguration");
  xml.element("MinCapacity", cluster.min_capacity);
  xml.element("MaxCapacity", cluster.max_capacity);
  xml.close();
  write_tags(xml, cluster.tags);
  xml.close();
}

void write_db_instance(XmlWriter& xml, std::string_view element, const DbInstance& instance,
                       const RegionId& region, std::string_view account) {
  xml.open(element);
  xml.element("DBInstanceIdentifier", instance.identifier);
  xml.element("DBInstanceClass", instance.instance_class);
  xml.element("Engine", model::kEngine);
  xml.element("DBInstanceStatus", instance.status);
  xml.open("Endpoint");
  xml.element("Address", instance.address);
  xml.element("Port", instance.port);
  xml.close();
  xml.element("InstanceCreateTime", iso8601(instance.created));
  xml.element("AvailabilityZone", instance.availability_zone);
  xml.element("EngineVersion", instance.engine_version);
  xml.element("PubliclyAccessible", false);
  xml.element("DBClusterIdentifier", instance.cluster_identifier);
  xml.element("DbiResourceId", instance.resource_id);
  xml.element("PromotionTier", instance.promotion_tier);
  xml.element("DBInstanceArn", model::instance_arn(region, account, instance.identifier));
  write_tags(xml, instance.tags);
  xml.close();
}

void write_event(XmlWriter& xml, const model::Event& event) {
  xml.open("Event");
  xml.element("SourceIdentifier", event.source_identifier);
  xml.element("SourceType", event.source_type);
  xml.element("Message", event.message);
  xml.open("EventCategories");
  for (const auto& category : event.categories) xml.element("EventCategory", category);
  xml.close();
  xml.element("Date", iso8601(event.date));
  xml.element("SourceArn", event.source_arn);
  xml.close();
}

Result<std::vector<GlobalClusterView>> parse_global_clusters(int status, std::string_view body) {
  pugi::xml_document document;
  TRY(const pugi::xml_node result, result_of(document, status, body));
  std::vector<GlobalClusterView> all;
  if (const auto one = result.child("GlobalCluster")) all.push_back(read_global(one));
  for (const auto& node : result.child("GlobalClusters").children()) {
    all.push_back(read_global(node));
  }
  return all;
}

Result<std::vector<DbCluster>> parse_db_clusters(int status, std::string_view body) {
  pugi::xml_document document;
  TRY(const pugi::xml_node result, result_of(document, status, body));
  std::vector<DbCluster> all;
  const auto read = [&](const pugi::xml_node& node) {
    DbCluster cluster;
    cluster.identifier = text_of(node, "DBClusterIdentifier");
    cluster.arn = text_of(node, "DBClusterArn");
    cluster.status = text_of(node, "Status");
    cluster.endpoint = text_of(node, "Endpoint");
    cluster.reader_endpoint = text_of(node, "ReaderEndpoint");
    cluster.database_name = text_of(node, "DatabaseName");
    cluster.master_username = text_of(node, "MasterUsername");
    cluster.global_cluster_identifier = text_of(node, "GlobalClusterIdentifier");
    for (const auto& member : node.child("DBClusterMembers").children("DBClusterMember")) {
      DbInstance instance;
      instance.identifier = text_of(member, "DBInstanceIdentifier");
      cluster.writer = cluster.writer || text_of(member, "IsClusterWriter") == "true";
      cluster.instances.push_back(std::move(instance));
    }
    all.push_back(std::move(cluster));
  };
  if (const auto one = result.child("DBCluster")) read(one);
  for (const auto& node : result.child("DBClusters").children("DBCluster")) read(node);
  return all;
}

Result<std::vector<DbInstance>> parse_db_instances(int status, std::string_view body) {
  pugi::xml_document document;
  TRY(const pugi::xml_node result, result_of(document, status, body));
  std::vector<DbInstance> all;
  const auto read = [&](const pugi::xml_node& node) {
    DbInstance instance;
    instance.identifier = text_of(node, "DBInstanceIdentifier");
    instance.cluster_identifier = text_of(node, "DBClusterIdentifier");
    instance.status = text_of(node, "DBInstanceStatus");
    instance.address = text_of(node.child("Endpoint"), "Address");
    instance.port = node.child("Endpoint").child("Port").text().as_int(5432);
    all.push_back(std::move(instance));
  };
  if (const auto one = result.child("DBInstance")) read(one);
  for (const auto& node : result.child("DBInstances").children("DBInstance")) read(node);
  return all;
}

Result<std::vector<model::Event>> parse_events(int status, std::string_view body) {
  pugi::xml_document document;
  TRY(const pugi::xml_node result, result_of(document, status, body));
  std::vector<model::Event> all;
  for (const auto& node : result.child("Events").children("Event")) {
    model::Event event;
    event.source_identifier = text_of(node, "SourceIdentifier");
    event.source_type = text_of(node, "SourceType");
    event.message = text_of(node, "Message");
    event.source_arn = text_of(node, "SourceArn");
    event.date = parse_time(node.child("Date").text().get());
    for (const auto& category : node.child("EventCategories").children("EventCategory")) {
      event.categories.emplace_back(category.text().get());
    }
    all.push_back(std::move(event));
  }
  return all;
}

Result<void> parse_acknowledgement(int status, std::string_view body) {
  pugi::xml_document document;
  TRY_VOID(result_of(document, status, body));
  return ok();
}

}  // namespace aurora_global::awsapi
