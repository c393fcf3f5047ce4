#include "awsapi/rds_shapes.h"

#include "awsapi/query_answer.h"

namespace aurora_global::awsapi {
namespace {

using model::DbCluster;
using model::DbInstance;
using model::GlobalCluster;

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
