#include "services/member_fates.h"

#include <algorithm>
#include <initializer_list>

#include "awsapi/service_model.h"

namespace aurora_global::services {
namespace {

constexpr auto kNoEffect = MemberFate::Kind::no_effect;
constexpr auto kRefused = MemberFate::Kind::refused;

// Members that have the same fate wherever a service has them ("*"), or in one operation.
struct Row {
  std::string_view service, operation;
  MemberFate::Kind kind;
  std::string_view note;
  std::initializer_list<std::string_view> members;
};

const Row kRows[] = {
    {"rds",
     "*",
     kNoEffect,
     "addresses and networks are the platform's",
     {"AvailabilityZones", "VpcSecurityGroupIds", "DBSecurityGroups", "DBSubnetGroupName",
      "NetworkType", "PubliclyAccessible", "MultiAZ"}},
    {"rds",
     "*",
     kNoEffect,
     "nothing is backed up or maintained here",
     {"PreferredBackupWindow", "PreferredMaintenanceWindow", "CopyTagsToSnapshot",
      "DeleteAutomatedBackups", "AutoMinorVersionUpgrade", "EngineLifecycleSupport",
      "BackupTarget"}},
    {"rds",
     "*",
     kNoEffect,
     "there is nothing to monitor with",
     {"MonitoringInterval", "MonitoringRoleArn", "EnablePerformanceInsights",
      "PerformanceInsightsKMSKeyId", "PerformanceInsightsRetentionPeriod", "DatabaseInsightsMode",
      "EnableCloudwatchLogsExports", "CloudwatchLogsExportConfiguration"}},
    {"rds",
     "*",
     kNoEffect,
     "parameters are PostgreSQL's own; the certificate is the platform's",
     {"DBClusterParameterGroupName", "DBParameterGroupName", "DBInstanceParameterGroupName",
      "OptionGroupName", "CACertificateIdentifier", "CertificateRotationRestart", "LicenseModel"}},
    {"rds",
     "*",
     kNoEffect,
     "storage is the machine's",
     {"StorageType", "AllocatedStorage", "Iops", "StorageThroughput", "MaxAllocatedStorage",
      "DBClusterInstanceClass", "DedicatedLogVolume"}},
    {"rds", "*", kNoEffect, "a change is applied at once", {"ApplyImmediately"}},
    {"rds", "*", kNoEffect, "a call is passed on without it", {"PreSignedUrl", "SourceRegion"}},
    {"rds", "CreateDBCluster", kNoEffect, "the engine mode is `provisioned`", {"EngineMode"}},
    {"rds",
     "CreateDBCluster",
     kNoEffect,
     "passwords only; IAM tokens are not accepted",
     {"EnableIAMDatabaseAuthentication"}},
    {"rds",
     "ModifyDBCluster",
     kNoEffect,
     "passwords only; IAM tokens are not accepted",
     {"EnableIAMDatabaseAuthentication"}},
    {"rds",
     "CreateDBInstance",
     kNoEffect,
     "it is the cluster's",
     {"EngineVersion", "StorageEncrypted", "KmsKeyId", "BackupRetentionPeriod", "Port"}},
    {"rds",
     "DeleteDBInstance",
     kNoEffect,
     "there are no snapshots of instances",
     {"SkipFinalSnapshot", "FinalDBSnapshotIdentifier"}},
    {"rds", "DescribeDBClusters", kNoEffect, "nothing is shared here", {"IncludeShared"}},
    {"rds",
     "DescribeDBEngineVersions",
     kNoEffect,
     "there is one version, and it is the default",
     {"DefaultOnly", "IncludeAll", "ListSupportedCharacterSets", "ListSupportedTimezones",
      "DBParameterGroupFamily"}},
    {"rds", "ModifyGlobalCluster", kNoEffect, "there is one version", {"AllowMajorVersionUpgrade"}},
    {"rds", "ModifyDBCluster", kNoEffect, "there is one version", {"AllowMajorVersionUpgrade"}},
    {"rds", "ModifyDBInstance", kNoEffect, "there is one version", {"AllowMajorVersionUpgrade"}},
    {"rds",
     "*",
     kRefused,
     "give MasterUserPassword",
     {"ManageMasterUserPassword", "RotateMasterUserPassword", "MasterUserSecretKmsKeyId",
      "MasterUserAuthenticationType"}},
    {"rds",
     "*",
     kRefused,
     "names are given once",
     {"NewDBClusterIdentifier", "NewDBInstanceIdentifier"}},
    {"rds",
     "*",
     kRefused,
     "the cluster keeps its master user and its database",
     {"DBName", "TdeCredentialArn", "TdeCredentialPassword"}},
    {"rds",
     "*",
     kRefused,
     "not a part of Aurora PostgreSQL, or not of this platform",
     {"NcharCharacterSetName",
      "Timezone",
      "ReplicationSourceIdentifier",
      "BacktrackWindow",
      "ScalingConfiguration",
      "RdsCustomClusterConfiguration",
      "EnableHttpEndpoint",
      "Domain",
      "DomainIAMRoleName",
      "DomainFqdn",
      "DomainOu",
      "DomainAuthSecretArn",
      "DomainDnsIps",
      "DisableDomain",
      "EnableLimitlessDatabase",
      "ClusterScalabilityType",
      "DBSystemId",
      "TagSpecifications",
      "WithExpressConfiguration",
      "AwsBackupRecoveryPointArn",
      "AllowEngineModeChange",
      "MultiTenant",
      "AdditionalStorageVolumes",
      "ProcessorFeatures",
      "UseDefaultProcessorFeatures",
      "ReplicaMode",
      "AutomationMode",
      "ResumeFullAutomationModeMinutes",
      "EnableCustomerOwnedIp",
      "CustomIamInstanceProfile",
      "DBPortNumber"}},
    {"rds", "*", kNoEffect, "databases are in UTF-8", {"CharacterSetName"}},
    {"rds", "ModifyDBCluster", kRefused, "it stays as it was made", {"Port"}},
    {"rds", "ModifyDBCluster", kNoEffect, "the engine mode is `provisioned`", {"EngineMode"}},
    {"rds",
     "CreateDBInstance",
     kNoEffect,
     "passwords only; IAM tokens are not accepted",
     {"EnableIAMDatabaseAuthentication"}},
    {"rds",
     "CreateDBInstance",
     kRefused,
     "it is the cluster's",
     {"MasterUsername", "MasterUserPassword", "DeletionProtection"}},
    {"rds",
     "ModifyDBInstance",
     kNoEffect,
     "passwords only; IAM tokens are not accepted",
     {"EnableIAMDatabaseAuthentication"}},
    {"rds",
     "ModifyDBInstance",
     kRefused,
     "it is the cluster's",
     {"MasterUserPassword", "BackupRetentionPeriod", "DeletionProtection", "Engine"}},
    {"rds", "ListTagsForResource", kNoEffect, "AWS does not use it either", {"Filters"}},
    {"rds", "DescribeEvents", kNoEffect, "AWS does not use it either", {"Filters"}},
    {"rds", "DescribeDBEngineVersions", kRefused, "there is one version", {"Filters"}},
    {"lambda",
     "ListFunctions",
     kNoEffect,
     "there are no versions and no replicas of functions",
     {"MasterRegion", "FunctionVersion"}},
    {"lambda",
     "Invoke",
     kRefused,
     "there are neither tenants nor durable executions",
     {"DurableExecutionName", "TenantId"}},
    {"monitoring", "PutMetricData", kNoEffect, "entities are not kept", {"StrictEntityValidation"}},
    {"monitoring", "PutMetricData", kRefused, "send MetricData", {"EntityMetricData"}},
    {"monitoring", "GetMetricData", kNoEffect, "labels are as given", {"LabelOptions"}},
    {"monitoring",
     "ListMetrics",
     kNoEffect,
     "there is one account; all that is kept is listed",
     {"RecentlyActive", "IncludeLinkedAccounts", "OwningAccount"}},
    {"logs",
     "*",
     kNoEffect,
     "nothing is masked, interleaved or linked",
     {"unmask", "interleaved", "includeLinkedAccounts", "accountIdentifiers"}},
    {"logs", "DescribeLogGroups", kNoEffect, "all groups are of class STANDARD", {"logGroupClass"}},
    {"secretsmanager",
     "ListSecrets",
     kNoEffect,
     "nothing waits for deletion",
     {"IncludePlannedDeletion", "SortBy"}},
    {"secretsmanager",
     "CreateSecret",
     kNoEffect,
     "a secret is replicated to all regions",
     {"ForceOverwriteReplicaSecret"}},
    {"secretsmanager", "PutSecretValue", kNoEffect, "rotation needs no token", {"RotationToken"}},
    {"secretsmanager", "*", kRefused, "secrets are the caller's own", {"Type"}},
    {"secretsmanager",
     "RotateSecret",
     kRefused,
     "rotation is done at once, by the platform itself",
     {"RotationLambdaARN", "RotationRules", "ExternalSecretRotationMetadata",
      "ExternalSecretRotationRoleArn"}},
    {"cloudformation", "GetTemplateSummary", kRefused, "there are no stack sets", {"StackSetName"}},
    {"cloudformation", "GetTemplateSummary", kNoEffect, "there are no stack sets", {"CallAs"}},
    {"cloudformation",
     "GetTemplateSummary",
     kNoEffect,
     "any type of resource is taken, without a warning",
     {"TemplateSummaryConfig"}},
    {"cloudformation",
     "*",
     kRefused,
     "a rollback comes of failures alone, and a template may have every type that is known",
     {"RollbackConfiguration", "ResourceTypes", "TimeoutInMinutes"}},
    {"cloudformation",
     "*",
     kRefused,
     "there are no stack policies",
     {"StackPolicyBody", "StackPolicyURL", "StackPolicyDuringUpdateBody",
      "StackPolicyDuringUpdateURL"}},
    {"cloudformation",
     "*",
     kRefused,
     "a deployment is made in one way",
     {"DeploymentMode", "DeploymentConfig"}},
    {"cloudformation", "*", kRefused, "nothing is imported", {"ResourcesToImport"}},
    {"cloudformation",
     "*",
     kNoEffect,
     "what can be known before is always checked before",
     {"DisableValidation"}},
    {"cloudformation",
     "DeleteStack",
     kNoEffect,
     "every credential of the platform is the account's",
     {"RoleARN"}},
    {"cloudformation",
     "ContinueUpdateRollback",
     kNoEffect,
     "every credential of the platform is the account's",
     {"RoleARN"}},
    {"cloudformation",
     "RollbackStack",
     kNoEffect,
     "every credential of the platform is the account's",
     {"RoleARN"}},
    {"cloudformation",
     "RollbackStack",
     kRefused,
     "what is retained was said when the stack was made",
     {"RetainExceptOnCreate"}},
    {"kms", "*", kNoEffect, "there are no grants", {"GrantTokens"}},
    {"kms", "CreateKey", kNoEffect, "there are no policies", {"BypassPolicyLockoutSafetyCheck"}},
    {"kms",
     "*",
     kRefused,
     "there are neither enclaves nor dry runs",
     {"Recipient", "DryRun", "DryRunModifiers"}},
    {"kms",
     "CreateKey",
     kRefused,
     "keys are made here, and nowhere else",
     {"CustomKeyStoreId", "XksKeyId"}},
};

bool fits(std::string_view pattern, std::string_view name) {
  return pattern == "*" || pattern == name;
}

}  // namespace

std::optional<MemberFate> fate_of(std::string_view service, std::string_view operation,
                                  std::string_view member) {
  for (const Row& row : kRows) {
    const bool named = row.service == service && fits(row.operation, operation);
    if (named && std::find(row.members.begin(), row.members.end(), member) != row.members.end()) {
      return MemberFate{row.kind, row.note};
    }
  }
  return std::nullopt;
}

std::string member_document() {
  std::string text;
  for (const char* service :
       {"rds", "lambda", "monitoring", "logs", "secretsmanager", "kms", "sts", "cloudformation"}) {
    text += "\n## " + std::string(service) + "\n";
    for (const auto& operation : awsapi::service_model(service)->operations) {
      text += "\n### " + operation.name + "\n\n";
      if (operation.input == nullptr || operation.input->members.empty()) text += "No members.\n";
      if (operation.input == nullptr) continue;
      for (const auto& member : operation.input->members) {
        const auto fate = fate_of(service, operation.name, member.name);
        text += "- `" + member.name + "`: ";
        if (!fate) {
          text += "used";
        } else {
          text += fate->kind == MemberFate::Kind::no_effect ? "no effect" : "refused";
          text += " (" + std::string(fate->note) + ")";
        }
        text += "\n";
      }
    }
  }
  return text;
}

}  // namespace aurora_global::services
