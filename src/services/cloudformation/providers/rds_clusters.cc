// AWS::RDS::GlobalCluster, DBCluster and DBInstance, by the service rds.
//
// After a switchover the roles of a global cluster's members have changed; nothing here is
// remembered of them: what is asked of a member goes by what RDS says it is now.
#include <algorithm>

#include "model/global_cluster.h"
#include "net/backoff.h"
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/providers/rds.h"

namespace aurora_global::services::cloudformation {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr NameRule kIdentifier = {.bytes_max = 63, .letter_case = LetterCase::lower};
// While others are at work at the same cluster.
constexpr Duration kStatePatience = 2min;
constexpr Duration kTryAgain = 100ms;
constexpr Duration kTryAgainMost = 2s;

constexpr Property kGlobalProperties[] = {
    {.name = "GlobalClusterIdentifier", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "Engine", .kind = Kind::text, .replacing = Replacing::always, .only = model::kEngine},
    {.name = "EngineVersion", .kind = Kind::text},
    {.name = "DeletionProtection", .kind = Kind::truth},
    {.name = "StorageEncrypted", .kind = Kind::truth, .replacing = Replacing::always},
    {.name = "SourceDBClusterIdentifier", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "EngineLifecycleSupport", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "Tags", .kind = Kind::list},
};
// There is no endpoint before the first cluster.
constexpr Attribute kGlobalAttributes[] = {{.name = "GlobalEndpoint", .stable = false},
                                           {.name = "GlobalEndpoint.Address", .stable = false}};

class GlobalCluster final : public RdsProvider {
 public:
  using RdsProvider::RdsProvider;

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{.type = "AWS::RDS::GlobalCluster",
                                      .properties = kGlobalProperties,
                                      .attributes = kGlobalAttributes};
    return kTable;
  }

 protected:
  Naming naming() const override { return {"GlobalClusterIdentifier", kIdentifier}; }

  Found find(std::string id) override {
    return one_of("DescribeGlobalClusters", "GlobalClusterIdentifier", std::move(id),
                  "GlobalClusters");
  }

  Done make(const ResourceRequest& request, std::string name) override {
    json input = members_of(request.properties,
                            {"Engine", "EngineVersion", "DeletionProtection", "StorageEncrypted",
                             "SourceDBClusterIdentifier", "EngineLifecycleSupport"});
    input["GlobalClusterIdentifier"] = name;
    // A template may name the cluster as well.
    const std::string source = text_of(input, "SourceDBClusterIdentifier");
    if (!source.empty() && !source.starts_with("arn:")) {
      input["SourceDBClusterIdentifier"] =
          "arn:aws:rds:" + request.region + ":" + request.account_id + ":cluster:" + source;
    }
    return make_tagged(request, "CreateGlobalCluster", std::move(input));
  }

  Done change(const ResourceRequest& request) override {
    json input = changed_members(request, {"EngineVersion", "DeletionProtection"});
    return modify_tagged(request, "ModifyGlobalCluster", "GlobalClusterIdentifier",
                         std::move(input), "GlobalClusterArn");
  }

  Done unmake(const ResourceRequest& request) override {
    json input = {{"GlobalClusterIdentifier", request.physical_id}};
    return simple_call("DeleteGlobalCluster", std::move(input));
  }

  json attributes_of(const json& found) const override {
    return {{"GlobalEndpoint", {{"Address", found.value("Endpoint", "")}}}};
  }

  Result<bool> is_ready(const json& found) const override {
    return found.value("Status", "") == "available";
  }
};

constexpr Property kClusterProperties[] = {
    {.name = "DBClusterIdentifier", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "Engine",
     .kind = Kind::text,
     .replacing = Replacing::always,
     .required = true,
     .only = model::kEngine},
    {.name = "EngineVersion", .kind = Kind::text},
    {.name = "EngineMode", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "GlobalClusterIdentifier", .kind = Kind::text, .replacing = Replacing::conditionally},
    {.name = "DatabaseName", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "MasterUsername", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "MasterUserPassword", .kind = Kind::text},
    {.name = "StorageEncrypted", .kind = Kind::truth, .replacing = Replacing::always},
    {.name = "KmsKeyId",
     .kind = Kind::text,
     .replacing = Replacing::always,
     .note = "kept and shown; volumes are not encrypted by it"},
    {.name = "Port", .kind = Kind::number, .only = "5432"},
    {.name = "DBClusterParameterGroupName", .kind = Kind::text},
    {.name = "DBSubnetGroupName",
     .kind = Kind::text,
     .fate = Fate::recorded,
     .replacing = Replacing::always},
    {.name = "VpcSecurityGroupIds", .kind = Kind::list, .fate = Fate::recorded},
    {.name = "EnableCloudwatchLogsExports", .kind = Kind::list, .fate = Fate::recorded},
    {.name = "BackupRetentionPeriod", .kind = Kind::number, .fate = Fate::recorded},
    {.name = "DeletionProtection", .kind = Kind::truth},
    {.name = "EnableGlobalWriteForwarding", .kind = Kind::truth},
    {.name = "EnableLocalWriteForwarding", .kind = Kind::truth},
    {.name = "ServerlessV2ScalingConfiguration", .kind = Kind::object, .fate = Fate::recorded},
    {.name = "Tags", .kind = Kind::list},
    {.name = "SourceRegion",
     .kind = Kind::text,
     .fate = Fate::recorded,
     .replacing = Replacing::always},
    {.name = "EnableIAMDatabaseAuthentication", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "PreferredBackupWindow", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "PreferredMaintenanceWindow", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "CopyTagsToSnapshot", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "DeleteAutomatedBackups", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "AutoMinorVersionUpgrade", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "AvailabilityZones",
     .kind = Kind::list,
     .fate = Fate::recorded,
     .replacing = Replacing::always},
    {.name = "NetworkType", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "StorageType", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "MonitoringInterval", .kind = Kind::number, .fate = Fate::recorded},
    {.name = "MonitoringRoleArn", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "DatabaseInsightsMode", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "PerformanceInsightsEnabled", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "PerformanceInsightsKmsKeyId", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "PerformanceInsightsRetentionPeriod", .kind = Kind::number, .fate = Fate::recorded},
    {.name = "EngineLifecycleSupport", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "DBInstanceParameterGroupName", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "ManageMasterUserPassword", .fate = Fate::refused, .note = "give MasterUserPassword"},
    {.name = "MasterUserSecret", .fate = Fate::refused, .note = "give MasterUserPassword"},
    {.name = "SnapshotIdentifier", .fate = Fate::refused, .note = "there are no snapshots"},
    {.name = "SourceDBClusterIdentifier", .fate = Fate::refused, .note = "there are no clones"},
    {.name = "RestoreToTime", .fate = Fate::refused, .note = "there are no backups"},
    {.name = "RestoreType", .fate = Fate::refused, .note = "there are no backups"},
    {.name = "UseLatestRestorableTime", .fate = Fate::refused, .note = "there are no backups"},
    {.name = "ReplicationSourceIdentifier",
     .fate = Fate::refused,
     .note = "give GlobalClusterIdentifier"},
    {.name = "AssociatedRoles", .fate = Fate::refused, .note = "the engine calls no service"},
    {.name = "BacktrackWindow", .fate = Fate::refused, .note = "not of Aurora PostgreSQL"},
    {.name = "EnableHttpEndpoint", .fate = Fate::refused, .note = "there is no Data API"},
    {.name = "ScalingConfiguration",
     .fate = Fate::refused,
     .note = "give ServerlessV2ScalingConfiguration"},
    {.name = "DBClusterInstanceClass", .fate = Fate::refused, .note = "not of Aurora"},
    {.name = "Domain", .fate = Fate::refused, .note = "there is no directory"},
    {.name = "DomainIAMRoleName", .fate = Fate::refused, .note = "there is no directory"},
};
constexpr Attribute kClusterAttributes[] = {
    {.name = "DBClusterArn"},        {.name = "DBClusterResourceId"}, {.name = "Endpoint"},
    {.name = "Endpoint.Address"},    {.name = "Endpoint.Port"},       {.name = "ReadEndpoint"},
    {.name = "ReadEndpoint.Address"}};

class DbCluster final : public RdsProvider {
 public:
  using RdsProvider::RdsProvider;

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{.type = "AWS::RDS::DBCluster",
                                      .properties = kClusterProperties,
                                      .attributes = kClusterAttributes};
    return kTable;
  }

 protected:
  Naming naming() const override { return {"DBClusterIdentifier", kIdentifier}; }

  Found find(std::string id) override {
    return one_of("DescribeDBClusters", "DBClusterIdentifier", std::move(id), "DBClusters");
  }

  // What RDS passes over it passes over here, and what it refuses it refuses by name.
  Done make(const ResourceRequest& request, std::string name) override {
    json input = members_of(request.properties, {"Engine",
                                                 "EngineVersion",
                                                 "EngineMode",
                                                 "GlobalClusterIdentifier",
                                                 "DatabaseName",
                                                 "MasterUsername",
                                                 "MasterUserPassword",
                                                 "StorageEncrypted",
                                                 "KmsKeyId",
                                                 "Port",
                                                 "DBClusterParameterGroupName",
                                                 "DBSubnetGroupName",
                                                 "VpcSecurityGroupIds",
                                                 "EnableCloudwatchLogsExports",
                                                 "BackupRetentionPeriod",
                                                 "DeletionProtection",
                                                 "EnableGlobalWriteForwarding",
                                                 "EnableLocalWriteForwarding",
                                                 "ServerlessV2ScalingConfiguration",
                                                 "EnableIAMDatabaseAuthentication",
                                                 "PreferredBackupWindow",
                                                 "PreferredMaintenanceWindow",
                                                 "CopyTagsToSnapshot"});
    input["DBClusterIdentifier"] = name;
    return make_tagged(request, "CreateDBCluster", std::move(input));
  }

  Done change(const ResourceRequest& request) override {
    auto leaving = leave_global_cluster(request);
    CO_TRY_VOID(co_await std::move(leaving));
    json input = changed_members(
        request, {"EngineVersion", "MasterUserPassword", "DBClusterParameterGroupName",
                  "VpcSecurityGroupIds", "BackupRetentionPeriod", "DeletionProtection",
                  "EnableGlobalWriteForwarding", "EnableLocalWriteForwarding",
                  "ServerlessV2ScalingConfiguration"});
    const json logs = log_change(request);
    if (!logs.empty()) input["CloudwatchLogsExportConfiguration"] = logs;
    if (input.contains("DBClusterParameterGroupName") &&
        input["DBClusterParameterGroupName"].is_null()) {
      auto finding = default_group();
      CO_TRY(input["DBClusterParameterGroupName"], co_await std::move(finding));
    }
    auto modifying = modify_tagged(request, "ModifyDBCluster", "DBClusterIdentifier",
                                   std::move(input), "DBClusterArn");
    co_return co_await std::move(modifying);
  }

  // A member of a global cluster leaves it first, as on AWS; the primary can only when it is the
  // last one.
  Done unmake(const ResourceRequest& request) override {
    auto finding = find(request.physical_id);
    CO_TRY(const json found, co_await std::move(finding));
    if (found.value("DeletionProtection", false)) {
      co_return make_error(ErrorKind::invalid,
                           "Cannot delete protected Cluster, please disable deletion protection "
                           "and try again.",
                           "InvalidParameterCombination");
    }
    if (const std::string global = found.value("GlobalClusterIdentifier", ""); !global.empty()) {
      json input = {{"GlobalClusterIdentifier", global},
                    {"DbClusterIdentifier", found.at("DBClusterArn")}};
      auto removing = simple_call("RemoveFromGlobalCluster", std::move(input));
      CO_TRY_VOID(co_await std::move(removing));
    }
    json input = {{"DBClusterIdentifier", request.physical_id}, {"SkipFinalSnapshot", true}};
    auto deleting = in_its_time("DeleteDBCluster", std::move(input), "InvalidDBClusterStateFault");
    co_return co_await std::move(deleting);
  }

  json attributes_of(const json& found) const override {
    return {{"DBClusterArn", found.at("DBClusterArn")},
            {"DBClusterResourceId", found.at("DbClusterResourceId")},
            {"Endpoint",
             {{"Address", found.at("Endpoint")}, {"Port", std::to_string(found.value("Port", 0))}}},
            {"ReadEndpoint", {{"Address", found.at("ReaderEndpoint")}}}};
  }

  Result<bool> is_ready(const json& found) const override {
    return found.value("Status", "") == "available";
  }

 private:
  // A template that does not name the global cluster any more takes its cluster out of it; none
  // brings one in that is there already.
  Done leave_global_cluster(const ResourceRequest& request) {
    const std::string before = text_of(request.former_properties, "GlobalClusterIdentifier");
    const std::string after = text_of(request.properties, "GlobalClusterIdentifier");
    if (before == after) co_return ok();
    if (!after.empty()) {
      co_return make_error(ErrorKind::invalid,
                           "GlobalClusterIdentifier: an existing DB cluster cannot be added to a "
                           "global cluster; it can only be removed from one");
    }
    auto finding = find(request.physical_id);
    CO_TRY(const json found, co_await std::move(finding));
    if (found.value("GlobalClusterIdentifier", "") != before) co_return ok();
    json input = {{"GlobalClusterIdentifier", before},
                  {"DbClusterIdentifier", found.at("DBClusterArn")}};
    auto removing = simple_call("RemoveFromGlobalCluster", std::move(input));
    co_return co_await std::move(removing);
  }

  static json log_change(const ResourceRequest& request) {
    const json now = request.properties.value("EnableCloudwatchLogsExports", json::array());
    const json before =
        request.former_properties.value("EnableCloudwatchLogsExports", json::array());
    const auto without = [](const json& all, const json& others) {
      json left = json::array();
      for (const json& one : all) {
        if (std::find(others.begin(), others.end(), one) == others.end()) left.push_back(one);
      }
      return left;
    };
    json change = json::object();
    if (const json on = without(now, before); !on.empty()) change["EnableLogTypes"] = on;
    if (const json off = without(before, now); !off.empty()) change["DisableLogTypes"] = off;
    return change;
  }

  Found default_group() {
    auto asking = call("rds", "DescribeDBClusterParameterGroups", json::object());
    CO_TRY(const json answer, co_await std::move(asking));
    co_return answer.at("DBClusterParameterGroups").at(0).at("DBClusterParameterGroupName");
  }
};

constexpr std::string_view kOfCluster = "it is the cluster's";
constexpr Property kInstanceProperties[] = {
    {.name = "DBInstanceIdentifier", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "DBClusterIdentifier",
     .kind = Kind::text,
     .replacing = Replacing::always,
     .required = true},
    {.name = "DBInstanceClass", .kind = Kind::text, .required = true},
    {.name = "Engine",
     .kind = Kind::text,
     .replacing = Replacing::always,
     .required = true,
     .only = model::kEngine},
    {.name = "EngineVersion", .kind = Kind::text},
    {.name = "DBParameterGroupName", .kind = Kind::text},
    {.name = "PromotionTier", .kind = Kind::number, .fate = Fate::recorded},
    {.name = "AvailabilityZone",
     .kind = Kind::text,
     .fate = Fate::recorded,
     .replacing = Replacing::always},
    {.name = "Tags", .kind = Kind::list},
    {.name = "AllowMajorVersionUpgrade", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "ApplyImmediately", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "AutoMinorVersionUpgrade", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "CACertificateIdentifier", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "CopyTagsToSnapshot", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "DBSubnetGroupName",
     .kind = Kind::text,
     .fate = Fate::recorded,
     .replacing = Replacing::always},
    {.name = "DatabaseInsightsMode", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "DeleteAutomatedBackups", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "EnableCloudwatchLogsExports", .kind = Kind::list, .fate = Fate::recorded},
    {.name = "EnablePerformanceInsights", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "PerformanceInsightsKMSKeyId", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "PerformanceInsightsRetentionPeriod", .kind = Kind::number, .fate = Fate::recorded},
    {.name = "MonitoringInterval", .kind = Kind::number, .fate = Fate::recorded},
    {.name = "MonitoringRoleArn", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "PreferredMaintenanceWindow", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "PubliclyAccessible", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "StorageType", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "NetworkType", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "BackupRetentionPeriod", .fate = Fate::recorded, .note = kOfCluster},
    {.name = "EnableIAMDatabaseAuthentication", .fate = Fate::recorded, .note = kOfCluster},
    {.name = "KmsKeyId",
     .fate = Fate::recorded,
     .replacing = Replacing::always,
     .note = kOfCluster},
    {.name = "MultiAZ", .fate = Fate::recorded, .note = kOfCluster},
    {.name = "Port", .fate = Fate::recorded, .note = kOfCluster},
    {.name = "PreferredBackupWindow", .fate = Fate::recorded, .note = kOfCluster},
    {.name = "StorageEncrypted",
     .fate = Fate::recorded,
     .replacing = Replacing::always,
     .note = kOfCluster},
    {.name = "VPCSecurityGroups", .kind = Kind::list, .fate = Fate::recorded, .note = kOfCluster},
    {.name = "LicenseModel", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "MaxAllocatedStorage", .fate = Fate::refused, .note = "not of Aurora"},
    {.name = "OptionGroupName", .fate = Fate::refused, .note = "there are no option groups"},
    {.name = "DBSnapshotIdentifier", .fate = Fate::refused, .note = "there are no snapshots"},
    {.name = "MasterUsername", .fate = Fate::refused, .note = kOfCluster},
    {.name = "MasterUserPassword", .fate = Fate::refused, .note = kOfCluster},
    {.name = "ManageMasterUserPassword", .fate = Fate::refused, .note = kOfCluster},
    {.name = "DBName", .fate = Fate::refused, .note = kOfCluster},
    {.name = "DeletionProtection", .fate = Fate::refused, .note = kOfCluster},
    {.name = "AllocatedStorage", .fate = Fate::refused, .note = "not of Aurora"},
    {.name = "Iops", .fate = Fate::refused, .note = "not of Aurora"},
    {.name = "SourceDBInstanceIdentifier", .fate = Fate::refused, .note = "not of Aurora"},
    {.name = "AssociatedRoles", .fate = Fate::refused, .note = "the engine calls no service"},
};
constexpr Attribute kInstanceAttributes[] = {{.name = "DBInstanceArn"},
                                             {.name = "DbiResourceId"},
                                             {.name = "Endpoint"},
                                             {.name = "Endpoint.Address"},
                                             {.name = "Endpoint.Port"}};

class DbInstance final : public RdsProvider {
 public:
  using RdsProvider::RdsProvider;

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{.type = "AWS::RDS::DBInstance",
                                      .properties = kInstanceProperties,
                                      .attributes = kInstanceAttributes};
    return kTable;
  }

 protected:
  Naming naming() const override { return {"DBInstanceIdentifier", kIdentifier}; }
  // A standby is a copy of all that there is.
  Duration patience() const override { return std::chrono::hours(1); }

  Found find(std::string id) override {
    return one_of("DescribeDBInstances", "DBInstanceIdentifier", std::move(id), "DBInstances");
  }

  Done make(const ResourceRequest& request, std::string name) override {
    json input = members_of(request.properties,
                            {"DBClusterIdentifier", "DBInstanceClass", "Engine", "EngineVersion",
                             "DBParameterGroupName", "PromotionTier", "AvailabilityZone"});
    input["DBInstanceIdentifier"] = name;
    return make_tagged(request, "CreateDBInstance", std::move(input));
  }

  Done change(const ResourceRequest& request) override {
    json input = changed_members(
        request, {"DBInstanceClass", "EngineVersion", "DBParameterGroupName", "PromotionTier"});
    if (input.contains("DBParameterGroupName") && input["DBParameterGroupName"].is_null()) {
      auto asking = call("rds", "DescribeDBParameterGroups", json::object());
      CO_TRY(const json answer, co_await std::move(asking));
      input["DBParameterGroupName"] =
          answer.at("DBParameterGroups").at(0).at("DBParameterGroupName");
    }
    auto modifying = modify_tagged(request, "ModifyDBInstance", "DBInstanceIdentifier",
                                   std::move(input), "DBInstanceArn");
    co_return co_await std::move(modifying);
  }

  // The head of a region goes after its readers, which another step removes.
  Done unmake(const ResourceRequest& request) override {
    json input = {{"DBInstanceIdentifier", request.physical_id}, {"SkipFinalSnapshot", true}};
    return in_its_time("DeleteDBInstance", std::move(input), "InvalidDBInstanceState");
  }

  json attributes_of(const json& found) const override {
    const json endpoint = found.value("Endpoint", json::object());
    return {{"DBInstanceArn", found.at("DBInstanceArn")},
            {"DbiResourceId", found.at("DbiResourceId")},
            {"Endpoint",
             {{"Address", endpoint.value("Address", "")},
              {"Port", std::to_string(endpoint.value("Port", 0))}}}};
  }

  Result<bool> is_ready(const json& found) const override {
    return found.value("DBInstanceStatus", "") == "available";
  }
};

}  // namespace

// Clusters, then instances; groups have no status.
bool RdsProvider::is_going(const json& found) const {
  return text_of(found, "Status") == "deleting" || text_of(found, "DBInstanceStatus") == "deleting";
}

RdsProvider::Found RdsProvider::one_of(std::string operation, const char* member, std::string id,
                                       const char* list) {
  json input = {{member, id}};
  auto asking = call("rds", std::move(operation), std::move(input));
  CO_TRY(const json answer, co_await std::move(asking));
  const json& all = answer.at(list);
  if (all.empty()) co_return make_error(ErrorKind::not_found, id + " is not there");
  co_return all.at(0);
}

RdsProvider::Done RdsProvider::simple_call(std::string operation, json input) {
  auto calling = call("rds", std::move(operation), std::move(input));
  CO_TRY_VOID(co_await std::move(calling));
  co_return ok();
}

RdsProvider::Done RdsProvider::make_tagged(const ResourceRequest& request, std::string operation,
                                           json input) {
  const json tags = list_of(tags_of(request.properties));
  if (!tags.empty()) input["Tags"] = tags;
  return simple_call(std::move(operation), std::move(input));
}

// A member that is not in the template any more stays as it is.
RdsProvider::Done RdsProvider::modify_tagged(const ResourceRequest& request, std::string operation,
                                             const char* member, json input, const char* arn) {
  for (auto one = input.begin(); one != input.end();) {
    one = one->is_null() ? input.erase(one) : std::next(one);
  }
  if (!input.empty()) {
    input[member] = request.physical_id;
    auto modifying = simple_call(std::move(operation), std::move(input));
    CO_TRY_VOID(co_await std::move(modifying));
  }
  auto tagging = change_tags(request, arn);
  co_return co_await std::move(tagging);
}

RdsProvider::Done RdsProvider::change_tags(const ResourceRequest& request, const char* arn) {
  const TagChange change = tag_change(request);
  if (change.set.empty() && change.removed.empty()) co_return ok();
  auto finding = find(request.physical_id);
  CO_TRY(const json found, co_await std::move(finding));
  if (!change.removed.empty()) {
    json input = {{"ResourceName", found.at(arn)}, {"TagKeys", change.removed}};
    auto removing = simple_call("RemoveTagsFromResource", std::move(input));
    CO_TRY_VOID(co_await std::move(removing));
  }
  if (change.set.empty()) co_return ok();
  json input = {{"ResourceName", found.at(arn)}, {"Tags", change.set}};
  auto adding = simple_call("AddTagsToResource", std::move(input));
  co_return co_await std::move(adding);
}

RdsProvider::Done RdsProvider::in_its_time(std::string operation, json input, std::string code) {
  const Deadline deadline = Deadline::in(kStatePatience);
  net::Backoff backoff(kTryAgain, kTryAgainMost);
  for (;;) {
    auto trying = simple_call(operation, input);
    const auto done = co_await std::move(trying);
    if (done.has_value() || done.error().code != code || deadline.passed()) co_return done;
    co_await net::sleep_for(backoff.next());
  }
}

void add_rds(Providers& providers, const ProviderContext& context) {
  providers.add(std::make_unique<GlobalCluster>(context));
  providers.add(std::make_unique<DbCluster>(context));
  providers.add(std::make_unique<DbInstance>(context));
  add_rds_groups(providers, context);
}

}  // namespace aurora_global::services::cloudformation
