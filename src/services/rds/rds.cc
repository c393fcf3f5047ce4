#include "services/rds/rds.h"

#include <algorithm>

#include "awsapi/rds_shapes.h"
#include "base/rng.h"
#include "services/rds/parameters.h"

namespace aurora_global::services::rds {
namespace {

using awsapi::XmlWriter;
using region::MoveKind;
using region::Region;

// Writes the result into the document, between <XxxResult> and </XxxResult>.
using Handler = net::Task<Result<void>> (*)(Region&, Parameters&, XmlWriter&);

struct Action {
  std::string_view name;
  Handler handler;
  std::string_view summary;
};

void write(Region& region, XmlWriter& xml, const model::GlobalCluster& global,
           std::string_view element = "GlobalCluster") {
  awsapi::write_global_cluster(xml, element, global, region.facts().account_id,
                               region.facts().global_writer_host);
}

void write(Region& region, XmlWriter& xml, const model::DbInstance& instance) {
  awsapi::write_db_instance(xml, "DBInstance", instance, region.facts().region,
                            region.facts().account_id);
}

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

// Cuts `all` to one page; the marker is the number of the next one.
template <typename T>
std::vector<T> page(std::vector<T> all, int max, const std::string& marker, std::string& next) {
  const std::size_t from =
      std::min<std::size_t>(std::strtoul(marker.c_str(), nullptr, 10), all.size());
  const std::size_t to = std::min(all.size(), from + static_cast<std::size_t>(max));
  if (to < all.size()) next = std::to_string(to);
  const auto begin = all.begin();
  return {std::make_move_iterator(begin + static_cast<std::ptrdiff_t>(from)),
          std::make_move_iterator(begin + static_cast<std::ptrdiff_t>(to))};
}

net::Task<Result<void>> create_global_cluster(Region& region, Parameters& p, XmlWriter& xml) {
  region::CreateGlobalCluster request;
  request.identifier = p.required("GlobalClusterIdentifier");
  request.source_cluster_arn = p.text("SourceDBClusterIdentifier");
  request.engine = p.text("Engine");
  request.engine_version = p.text("EngineVersion");
  request.database_name = p.text("DatabaseName");
  request.storage_encrypted = p.optional_flag("StorageEncrypted");
  request.deletion_protection = p.flag("DeletionProtection");
  request.tags = p.tags();
  p.ignore({"EngineLifecycleSupport"});
  CO_TRY_VOID(p.finish());
  const bool has_source = !request.source_cluster_arn.empty();
  if (has_source && !request.engine.empty()) {
    co_return invalid("InvalidParameterCombination",
                      "When creating global cluster from an existing db cluster, value for "
                      "engineName should not be specified since it will be inherited from source "
                      "cluster");
  }
  if (!has_source && request.engine.empty()) {
    co_return invalid("InvalidParameterValue",
                      "When creating standalone global cluster, value for engineName should be "
                      "specified");
  }
  if (!has_source) CO_TRY_VOID(check_engine(request.engine));
  CO_TRY(const auto global, co_await region.create_global_cluster(std::move(request)));
  write(region, xml, global);
  co_return ok();
}

net::Task<Result<void>> describe_global_clusters(Region& region, Parameters& p, XmlWriter& xml) {
  const std::string wanted = lower(p.text("GlobalClusterIdentifier"));
  auto filters = p.filters();
  const int max = p.number("MaxRecords", 20, 100).value_or(100);
  const std::string marker = p.text("Marker");
  CO_TRY_VOID(p.finish());
  std::vector<model::GlobalCluster> found;
  for (model::GlobalCluster& global : region.global_clusters()) {
    if (!wanted.empty() && global.identifier != wanted) continue;
    const auto matches = [&](const char* name, auto value_of) {
      const auto filter = filters.find(name);
      return filter == filters.end() ||
             std::any_of(global.members.begin(), global.members.end(), [&](const auto& member) {
               return filter->second.contains(value_of(member));
             });
    };
    if (!matches("region", [](const auto& member) { return member.region.name; })) continue;
    if (!matches("db-cluster-id", [](const auto& member) { return member.cluster_arn; })) continue;
    found.push_back(std::move(global));
  }
  if (!wanted.empty() && found.empty()) {
    co_return make_error(ErrorKind::not_found, "Global cluster " + wanted + " not found",
                         "GlobalClusterNotFoundFault");
  }
  std::string next;
  xml.open("GlobalClusters");
  for (const auto& global : page(std::move(found), max, marker, next)) {
    write(region, xml, global, "GlobalClusterMember");
  }
  xml.close();
  if (!next.empty()) xml.element("Marker", next);
  co_return ok();
}

net::Task<Result<void>> modify_global_cluster(Region& region, Parameters& p, XmlWriter& xml) {
  region::ModifyGlobalCluster request;
  request.identifier = lower(p.required("GlobalClusterIdentifier"));
  request.new_identifier = lower(p.text("NewGlobalClusterIdentifier"));
  request.engine_version = p.text("EngineVersion");
  request.deletion_protection = p.optional_flag("DeletionProtection");
  p.ignore({"AllowMajorVersionUpgrade"});
  CO_TRY_VOID(p.finish());
  CO_TRY(const auto global, co_await region.modify_global_cluster(std::move(request)));
  write(region, xml, global);
  co_return ok();
}

net::Task<Result<void>> delete_global_cluster(Region& region, Parameters& p, XmlWriter& xml) {
  const std::string identifier = lower(p.required("GlobalClusterIdentifier"));
  CO_TRY_VOID(p.finish());
  CO_TRY(const auto global, co_await region.delete_global_cluster(identifier));
  write(region, xml, global);
  co_return ok();
}

net::Task<Result<void>> remove_from_global_cluster(Region& region, Parameters& p, XmlWriter& xml) {
  const std::string identifier = lower(p.required("GlobalClusterIdentifier"));
  const std::string arn = p.required("DbClusterIdentifier");
  CO_TRY_VOID(p.finish());
  CO_TRY(const auto global, co_await region.remove_from_global_cluster(identifier, arn));
  write(region, xml, global);
  co_return ok();
}

net::Task<Result<void>> move(Region& region, Parameters& p, XmlWriter& xml, MoveKind kind) {
  const std::string identifier = lower(p.required("GlobalClusterIdentifier"));
  const std::string target = p.required("TargetDbClusterIdentifier");
  CO_TRY_VOID(p.finish());
  CO_TRY(const auto global, co_await region.move_writer(identifier, target, kind));
  write(region, xml, global);
  co_return ok();
}

net::Task<Result<void>> switchover_global_cluster(Region& region, Parameters& p, XmlWriter& xml) {
  co_return co_await move(region, p, xml, MoveKind::lossless);
}

// FailoverGlobalCluster without AllowDataLoss *is* a switchover: decided here, once.
net::Task<Result<void>> failover_global_cluster(Region& region, Parameters& p, XmlWriter& xml) {
  const bool loss = p.flag("AllowDataLoss");
  const bool switchover = p.flag("Switchover");
  if (loss && switchover) {
    co_return invalid("InvalidParameterCombination",
                      "AllowDataLoss and Switchover cannot be specified together");
  }
  const MoveKind kind = loss ? MoveKind::data_loss_allowed : MoveKind::lossless;
  co_return co_await move(region, p, xml, kind);
}

net::Task<Result<void>> create_db_cluster(Region& region, Parameters& p, XmlWriter& xml) {
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
  request.tags = p.tags();
  p.ignore({"AvailabilityZones", "CharacterSetName", "CopyTagsToSnapshot", "VpcSecurityGroupIds",
            "DBSubnetGroupName", "DBClusterParameterGroupName", "PreferredBackupWindow",
            "PreferredMaintenanceWindow", "EnableIAMDatabaseAuthentication", "EngineMode",
            "EnableCloudwatchLogsExports", "EnablePerformanceInsights", "StorageType",
            "PreSignedUrl", "SourceRegion", "EngineLifecycleSupport", "NetworkType",
            "AutoMinorVersionUpgrade"});
  CO_TRY_VOID(p.finish());
  CO_TRY_VOID(check_engine(request.engine));
  if (request.min_capacity && request.max_capacity &&
      *request.max_capacity < *request.min_capacity) {
    co_return invalid("InvalidParameterValue", "MaxCapacity must not be below MinCapacity");
  }
  CO_TRY(const auto cluster, co_await region.create_db_cluster(std::move(request)));
  awsapi::write_db_cluster(xml, "DBCluster", cluster);
  co_return ok();
}

net::Task<Result<void>> describe_db_clusters(Region& region, Parameters& p, XmlWriter& xml) {
  std::string wanted = lower(p.text("DBClusterIdentifier"));
  auto filters = p.filters();
  const int max = p.number("MaxRecords", 20, 100).value_or(100);
  const std::string marker = p.text("Marker");
  p.ignore({"IncludeShared"});
  CO_TRY_VOID(p.finish());
  std::vector<model::DbCluster> found;
  for (model::DbCluster& cluster : region.db_clusters()) {
    if (!wanted.empty() && cluster.identifier != wanted && cluster.arn != wanted) continue;
    const auto filter = filters.find("db-cluster-id");
    if (filter != filters.end() && !filter->second.contains(cluster.identifier) &&
        !filter->second.contains(cluster.arn)) {
      continue;
    }
    found.push_back(std::move(cluster));
  }
  if (!wanted.empty() && found.empty()) {
    co_return make_error(ErrorKind::not_found, "DBCluster " + wanted + " not found.",
                         "DBClusterNotFoundFault");
  }
  std::string next;
  xml.open("DBClusters");
  for (const auto& cluster : page(std::move(found), max, marker, next)) {
    awsapi::write_db_cluster(xml, "DBCluster", cluster);
  }
  xml.close();
  if (!next.empty()) xml.element("Marker", next);
  co_return ok();
}

net::Task<Result<void>> modify_db_cluster(Region& region, Parameters& p, XmlWriter& xml) {
  region::ModifyDbCluster request;
  request.identifier = lower(p.required("DBClusterIdentifier"));
  request.master_password = p.optional_text("MasterUserPassword");
  request.deletion_protection = p.optional_flag("DeletionProtection");
  request.global_write_forwarding = p.optional_flag("EnableGlobalWriteForwarding");
  request.local_write_forwarding = p.optional_flag("EnableLocalWriteForwarding");
  request.backup_retention_days = p.number("BackupRetentionPeriod", 1, 35);
  request.min_capacity = p.decimal("ServerlessV2ScalingConfiguration.MinCapacity", 0, 256);
  request.max_capacity = p.decimal("ServerlessV2ScalingConfiguration.MaxCapacity", 1, 256);
  p.ignore({"ApplyImmediately"});
  CO_TRY_VOID(p.finish());
  CO_TRY(const auto cluster, co_await region.modify_db_cluster(std::move(request)));
  awsapi::write_db_cluster(xml, "DBCluster", cluster);
  co_return ok();
}

net::Task<Result<void>> delete_db_cluster(Region& region, Parameters& p, XmlWriter& xml) {
  const std::string identifier = lower(p.required("DBClusterIdentifier"));
  const bool skip = p.flag("SkipFinalSnapshot");
  const std::string snapshot = p.text("FinalDBSnapshotIdentifier");
  p.ignore({"DeleteAutomatedBackups"});
  CO_TRY_VOID(p.finish());
  if (!skip || !snapshot.empty()) {
    co_return invalid("InvalidParameterCombination",
                      "This platform takes no snapshots: SkipFinalSnapshot=true is required, "
                      "FinalDBSnapshotIdentifier is refused");
  }
  CO_TRY(const auto cluster, co_await region.delete_db_cluster(identifier));
  awsapi::write_db_cluster(xml, "DBCluster", cluster);
  co_return ok();
}

net::Task<Result<void>> create_db_instance(Region& region, Parameters& p, XmlWriter& xml) {
  region::CreateDbInstance request;
  request.identifier = p.required("DBInstanceIdentifier");
  request.cluster_identifier = lower(p.required("DBClusterIdentifier"));
  request.engine = p.required("Engine");
  request.instance_class = p.required("DBInstanceClass");
  request.availability_zone = p.text("AvailabilityZone");
  request.promotion_tier = p.number("PromotionTier", 0, 15);
  request.tags = p.tags();
  p.ignore({"DBParameterGroupName", "PubliclyAccessible", "AutoMinorVersionUpgrade",
            "MonitoringInterval", "EnablePerformanceInsights", "CACertificateIdentifier",
            "EngineVersion", "PreferredMaintenanceWindow", "CopyTagsToSnapshot",
            "DBSubnetGroupName"});
  CO_TRY_VOID(p.finish());
  CO_TRY_VOID(check_engine(request.engine));
  if (request.instance_class.rfind("db.", 0) != 0) {
    co_return invalid("InvalidParameterValue",
                      "Invalid DB Instance class: " + request.instance_class);
  }
  CO_TRY(const auto instance, co_await region.create_db_instance(std::move(request)));
  write(region, xml, instance);
  co_return ok();
}

net::Task<Result<void>> describe_db_instances(Region& region, Parameters& p, XmlWriter& xml) {
  const std::string wanted = lower(p.text("DBInstanceIdentifier"));
  auto filters = p.filters();
  const int max = p.number("MaxRecords", 20, 100).value_or(100);
  const std::string marker = p.text("Marker");
  CO_TRY_VOID(p.finish());
  std::vector<model::DbInstance> found;
  for (const model::DbCluster& cluster : region.db_clusters()) {
    const auto filter = filters.find("db-cluster-id");
    if (filter != filters.end() && !filter->second.contains(cluster.identifier) &&
        !filter->second.contains(cluster.arn)) {
      continue;
    }
    for (const model::DbInstance& instance : cluster.instances) {
      if (wanted.empty() || instance.identifier == wanted) found.push_back(instance);
    }
  }
  if (!wanted.empty() && found.empty()) {
    co_return make_error(ErrorKind::not_found, "DBInstance " + wanted + " not found.",
                         "DBInstanceNotFound");
  }
  std::string next;
  xml.open("DBInstances");
  for (const auto& instance : page(std::move(found), max, marker, next)) {
    write(region, xml, instance);
  }
  xml.close();
  if (!next.empty()) xml.element("Marker", next);
  co_return ok();
}

net::Task<Result<void>> modify_db_instance(Region& region, Parameters& p, XmlWriter& xml) {
  region::ModifyDbInstance request;
  request.identifier = lower(p.required("DBInstanceIdentifier"));
  request.instance_class = p.optional_text("DBInstanceClass");
  request.promotion_tier = p.number("PromotionTier", 0, 15);
  p.ignore({"ApplyImmediately"});
  CO_TRY_VOID(p.finish());
  CO_TRY(const auto instance, co_await region.modify_db_instance(std::move(request)));
  write(region, xml, instance);
  co_return ok();
}

net::Task<Result<void>> delete_db_instance(Region& region, Parameters& p, XmlWriter& xml) {
  const std::string identifier = lower(p.required("DBInstanceIdentifier"));
  p.ignore({"SkipFinalSnapshot", "DeleteAutomatedBackups"});
  CO_TRY_VOID(p.finish());
  CO_TRY(const auto instance, co_await region.delete_db_instance(identifier));
  write(region, xml, instance);
  co_return ok();
}

net::Task<Result<void>> describe_events(Region& region, Parameters& p, XmlWriter& xml) {
  const std::string source = lower(p.text("SourceIdentifier"));
  const std::string type = p.text("SourceType");
  const auto start = p.time("StartTime");
  const auto end = p.time("EndTime");
  const int minutes = p.number("Duration", 1, 20160).value_or(60);
  const auto categories = p.list("EventCategories.EventCategory");
  const int max = p.number("MaxRecords", 20, 100).value_or(100);
  const std::string marker = p.text("Marker");
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
  std::string next;
  xml.open("Events");
  for (const auto& event : page(std::move(all), max, marker, next)) {
    awsapi::write_event(xml, event);
  }
  xml.close();
  if (!next.empty()) xml.element("Marker", next);
  co_return ok();
}

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
    {"DescribeDBClusters", describe_db_clusters, "filter `db-cluster-id`"},
    {"ModifyDBCluster", modify_db_cluster, "also the master user's password"},
    {"DeleteDBCluster", delete_db_cluster, "`SkipFinalSnapshot=true` is required"},
    {"CreateDBInstance", create_db_instance, "the first is the head, the others are readers"},
    {"DescribeDBInstances", describe_db_instances, "filter `db-cluster-id`"},
    {"ModifyDBInstance", modify_db_instance, "class and promotion tier; kept, nothing scales"},
    {"DeleteDBInstance", delete_db_instance, "the cluster's volume outlives its instances"},
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

std::vector<ActionInfo> actions() {
  std::vector<ActionInfo> all;
  for (const Action& action : kActions) all.push_back({action.name, action.summary});
  return all;
}

net::Task<net::HttpResponse> serve(Region& region, net::HttpRequest request) {
  const std::string id = random_hex(16);
  const auto refuse = [&](std::string_view code, std::string_view message) {
    return xml_response(awsapi::http_status_of(code), awsapi::error_document(code, message, id),
                        id);
  };
  auto form = awsapi::parse_form(request.body);
  if (form.has_error()) co_return refuse(form.error().code, form.error().message);
  const auto named = form->find("Action");
  if (named == form->end())
    co_return refuse("MissingAction", "The request has no parameter Action");
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
