// Asks for what a stack needs beside clusters. Argument: the folder of node_modules.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
const require = createRequire(process.argv[2] + "/package.json");
const rdsSdk = require("@aws-sdk/client-rds");
const cloudwatchSdk = require("@aws-sdk/client-cloudwatch");
const secretsSdk = require("@aws-sdk/client-secrets-manager");
const kmsSdk = require("@aws-sdk/client-kms");

const rds = new rdsSdk.RDSClient({});
const cloudwatch = new cloudwatchSdk.CloudWatchClient({});
const secrets = new secretsSdk.SecretsManagerClient({});
const kms = new kmsSdk.KMSClient({});
const Tags = [{ Key: "a", Value: "b" }];
const policy = JSON.stringify({ Version: "2012-10-17", Statement: [{
  Effect: "Allow", Principal: { AWS: "arn:aws:iam::123456789012:root" },
  Action: "*", Resource: "*" }] });

// ---- RDS
const clusterGroup = { DBClusterParameterGroupName: "sdk" };
const instanceGroup = { DBParameterGroupName: "sdk" };
const about = { DBParameterGroupFamily: "aurora-postgresql15", Description: "sdk", Tags };
const Parameters = [{ ParameterName: "jit", ParameterValue: "0", ApplyMethod: "immediate" }];
const {
  CreateDBClusterParameterGroupCommand, DescribeDBClusterParameterGroupsCommand,
  ModifyDBClusterParameterGroupCommand, ResetDBClusterParameterGroupCommand,
  DeleteDBClusterParameterGroupCommand, DescribeDBClusterParametersCommand,
  CreateDBParameterGroupCommand, DescribeDBParameterGroupsCommand, ModifyDBParameterGroupCommand,
  ResetDBParameterGroupCommand, DeleteDBParameterGroupCommand, DescribeDBParametersCommand,
  CreateDBSubnetGroupCommand, DescribeDBSubnetGroupsCommand, ModifyDBSubnetGroupCommand,
  DeleteDBSubnetGroupCommand, AddTagsToResourceCommand, RemoveTagsFromResourceCommand,
  RebootDBInstanceCommand, DescribeDBInstancesCommand,
} = rdsSdk;
await rds.send(new CreateDBClusterParameterGroupCommand({ ...clusterGroup, ...about }));
await rds.send(new ModifyDBClusterParameterGroupCommand({ ...clusterGroup, Parameters }));
const set = await rds.send(
  new DescribeDBClusterParametersCommand({ ...clusterGroup, Source: "user" }));
assert.equal(set.Parameters[0].ParameterValue, "0");
await rds.send(new ResetDBClusterParameterGroupCommand({ ...clusterGroup,
                                                         ResetAllParameters: true }));
const groups = await rds.send(new DescribeDBClusterParameterGroupsCommand(clusterGroup));
const ResourceName = groups.DBClusterParameterGroups[0].DBClusterParameterGroupArn;
await rds.send(new AddTagsToResourceCommand({ ResourceName, Tags }));
await rds.send(new RemoveTagsFromResourceCommand({ ResourceName, TagKeys: ["a"] }));
await rds.send(new DeleteDBClusterParameterGroupCommand(clusterGroup));
await rds.send(new CreateDBParameterGroupCommand({ ...instanceGroup, ...about }));
await rds.send(new ModifyDBParameterGroupCommand({ ...instanceGroup, Parameters }));
await rds.send(new ResetDBParameterGroupCommand({ ...instanceGroup, Parameters }));
await rds.send(new DescribeDBParametersCommand(instanceGroup));
await rds.send(new DescribeDBParameterGroupsCommand(instanceGroup));
await rds.send(new DeleteDBParameterGroupCommand(instanceGroup));
const subnets = { DBSubnetGroupName: "sdk", SubnetIds: ["subnet-1", "subnet-2"] };
await rds.send(new CreateDBSubnetGroupCommand({ ...subnets, DBSubnetGroupDescription: "d" }));
await rds.send(new ModifyDBSubnetGroupCommand(subnets));
const shown = await rds.send(new DescribeDBSubnetGroupsCommand({ DBSubnetGroupName: "sdk" }));
assert.equal(shown.DBSubnetGroups[0].Subnets.length, 2);
await rds.send(new DeleteDBSubnetGroupCommand({ DBSubnetGroupName: "sdk" }));
const { DBInstances } = await rds.send(new DescribeDBInstancesCommand({}));
const { DBInstanceIdentifier } = DBInstances[0];
const rebooted = await rds.send(new RebootDBInstanceCommand({ DBInstanceIdentifier }));
assert.equal(rebooted.DBInstance.DBInstanceStatus, "rebooting");

// ---- CloudWatch
const {
  PutMetricAlarmCommand, DescribeAlarmsCommand, DescribeAlarmHistoryCommand, DeleteAlarmsCommand,
  SetAlarmStateCommand, EnableAlarmActionsCommand, DisableAlarmActionsCommand, PutDashboardCommand,
  GetDashboardCommand, ListDashboardsCommand, DeleteDashboardsCommand, ListTagsForResourceCommand,
  TagResourceCommand, UntagResourceCommand,
} = cloudwatchSdk;
const AlarmName = "sdk";
const AlarmNames = [AlarmName];
await cloudwatch.send(new PutMetricAlarmCommand({
  AlarmName, EvaluationPeriods: 5, DatapointsToAlarm: 3, Threshold: 99,
  ComparisonOperator: "LessThanThreshold", TreatMissingData: "notBreaching", Tags,
  Metrics: [{ Id: "m1", ReturnData: true, MetricStat: {
    Metric: { Namespace: "N", MetricName: "M", Dimensions: [{ Name: "A", Value: "B" }] },
    Period: 60, Stat: "Minimum" } }] }));
const { MetricAlarms } = await cloudwatch.send(new DescribeAlarmsCommand({ AlarmNames }));
assert.equal(MetricAlarms[0].Metrics[0].MetricStat.Stat, "Minimum");
assert(MetricAlarms[0].AlarmConfigurationUpdatedTimestamp instanceof Date);
await cloudwatch.send(new SetAlarmStateCommand({ AlarmName, StateValue: "ALARM",
                                                 StateReason: "tried" }));
await cloudwatch.send(new DescribeAlarmHistoryCommand({ AlarmName }));
await cloudwatch.send(new DisableAlarmActionsCommand({ AlarmNames }));
await cloudwatch.send(new EnableAlarmActionsCommand({ AlarmNames }));
const ResourceARN = MetricAlarms[0].AlarmArn;
await cloudwatch.send(new TagResourceCommand({ ResourceARN, Tags: [{ Key: "c", Value: "d" }] }));
await cloudwatch.send(new UntagResourceCommand({ ResourceARN, TagKeys: ["c"] }));
const told = await cloudwatch.send(new ListTagsForResourceCommand({ ResourceARN }));
assert.deepEqual(told.Tags, Tags);
await cloudwatch.send(new DeleteAlarmsCommand({ AlarmNames }));
const DashboardName = "sdk";
await cloudwatch.send(new PutDashboardCommand({ DashboardName, DashboardBody: '{"widgets":[]}' }));
await cloudwatch.send(new GetDashboardCommand({ DashboardName }));
await cloudwatch.send(new ListDashboardsCommand({}));
await cloudwatch.send(new DeleteDashboardsCommand({ DashboardNames: [DashboardName] }));

// ---- Secrets Manager
const {
  GetRandomPasswordCommand, CreateSecretCommand, DeleteSecretCommand, RestoreSecretCommand,
  ReplicateSecretToRegionsCommand, RemoveRegionsFromReplicationCommand, PutResourcePolicyCommand,
  GetResourcePolicyCommand, DeleteResourcePolicyCommand, ValidateResourcePolicyCommand,
} = secretsSdk;
const { RandomPassword } = await secrets.send(new GetRandomPasswordCommand({ PasswordLength: 20 }));
assert.equal(RandomPassword.length, 20);
const secret = { SecretId: "sdk/lifecycle" };
await secrets.send(new CreateSecretCommand({ Name: "sdk/lifecycle", SecretString: "x" }));
await secrets.send(new ReplicateSecretToRegionsCommand(
  { ...secret, AddReplicaRegions: [{ Region: "us-west-2" }] }));
await secrets.send(new RemoveRegionsFromReplicationCommand(
  { ...secret, RemoveReplicaRegions: ["us-west-2"] }));
await secrets.send(new PutResourcePolicyCommand({ ...secret, ResourcePolicy: policy }));
await secrets.send(new GetResourcePolicyCommand(secret));
await secrets.send(new ValidateResourcePolicyCommand({ ResourcePolicy: policy }));
await secrets.send(new DeleteResourcePolicyCommand(secret));
const deleted = await secrets.send(new DeleteSecretCommand(secret));
assert(deleted.DeletionDate instanceof Date);
await secrets.send(new RestoreSecretCommand(secret));
await secrets.send(new DeleteSecretCommand({ ...secret, ForceDeleteWithoutRecovery: true }));

// ---- KMS
const {
  CreateKeyCommand, GetKeyPolicyCommand, PutKeyPolicyCommand, ListKeyPoliciesCommand,
  UpdateKeyDescriptionCommand,
} = kmsSdk;
const { KeyMetadata: { KeyId } } = await kms.send(new CreateKeyCommand({ Policy: policy }));
await kms.send(new PutKeyPolicyCommand({ KeyId, Policy: policy }));
assert.equal((await kms.send(new GetKeyPolicyCommand({ KeyId }))).Policy, policy);
await kms.send(new ListKeyPoliciesCommand({ KeyId }));
await kms.send(new UpdateKeyDescriptionCommand({ KeyId, Description: "words" }));

console.log("all of them answered");
