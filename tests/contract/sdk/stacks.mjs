// Makes, changes, takes in, shows and deletes stacks, and asks IAM and EC2 what they can be asked.
// Argument: the folder of node_modules.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
const require = createRequire(process.argv[2] + "/package.json");
const sdk = require("@aws-sdk/client-cloudformation");
const { IAMClient, GetRoleCommand } = require("@aws-sdk/client-iam");
const { EC2Client, DescribeAvailabilityZonesCommand, DescribeRegionsCommand } =
  require("@aws-sdk/client-ec2");
const { SQSClient, CreateQueueCommand, ListQueueTagsCommand } = require("@aws-sdk/client-sqs");

const client = new sdk.CloudFormationClient({});
const sqs = new SQSClient({});
const wait = { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
const StackName = "sdk";
const stack = { StackName };
const queue = (more = {}) => ({ Type: "AWS::SQS::Queue", ...more });
const template = (resources, more = {}) => JSON.stringify({ Resources: resources, ...more });
const Outputs = { Arn: { Value: { "Fn::GetAtt": ["One", "Arn"] }, Export: { Name: "sdk-arn" } } };
const first = template({ One: queue() }, { Outputs });

async function refused(command, name, message) {
  await assert.rejects(client.send(command), error => {
    assert.equal(error.name, name);
    assert.match(error.message, message);
    return true;
  });
}
const status = async name =>
  (await client.send(new sdk.DescribeStacksCommand({ StackName: name }))).Stacks[0].StackStatus;

// ---- Templates
const told = await client.send(new sdk.ValidateTemplateCommand({ TemplateBody: first }));
assert.deepEqual(told.Parameters ?? [], []);
const summary = await client.send(new sdk.GetTemplateSummaryCommand({ TemplateBody: first }));
assert.deepEqual(summary.ResourceIdentifierSummaries, [
  { ResourceType: "AWS::SQS::Queue", LogicalResourceIds: ["One"],
    ResourceIdentifiers: ["QueueUrl"] }]);
await refused(new sdk.ValidateTemplateCommand({ TemplateBody: "{" }), "ValidationError",
              /not well-formed/);

// ---- A stack
await client.send(new sdk.CreateStackCommand({ ...stack, TemplateBody: first }));
await sdk.waitUntilStackCreateComplete(wait, stack);
await refused(new sdk.CreateStackCommand({ ...stack, TemplateBody: first }),
              "AlreadyExistsException", /already exists/);
assert.equal((await client.send(new sdk.GetTemplateCommand(stack))).TemplateBody, first);
const listed = await client.send(new sdk.ListStacksCommand({ StackStatusFilter: ["CREATE_COMPLETE"] }));
assert.ok(listed.StackSummaries.some(one => one.StackName === StackName));
const resources = await client.send(new sdk.ListStackResourcesCommand(stack));
assert.deepEqual(resources.StackResourceSummaries.map(one => one.LogicalResourceId), ["One"]);
const one = await client.send(
  new sdk.DescribeStackResourceCommand({ ...stack, LogicalResourceId: "One" }));
const all = await client.send(new sdk.DescribeStackResourcesCommand(stack));
assert.equal(one.StackResourceDetail.PhysicalResourceId,
             all.StackResources[0].PhysicalResourceId);
const pages = sdk.paginateDescribeStackEvents({ client }, stack);
const events = [];
for await (const page of pages) events.push(...page.StackEvents);
assert.equal(events.at(0).ResourceStatus, "CREATE_COMPLETE");
assert.ok(events.at(-1).Timestamp instanceof Date);
const { StackEvents } = await client.send(new sdk.DescribeStackEventsCommand(stack));
assert.equal(StackEvents.length, events.length);
const { Exports } = await client.send(new sdk.ListExportsCommand({}));
assert.ok(Exports.some(each => each.Name === "sdk-arn"));
await refused(new sdk.ListImportsCommand({ ExportName: "sdk-arn" }), "ValidationError",
              /not imported by any stack/);

// ---- Changes
const TemplateBody = template({ One: queue(), Two: queue() }, { Outputs });
const set = { ...stack, ChangeSetName: "second" };
await client.send(new sdk.CreateChangeSetCommand({ ...set, TemplateBody }));
await sdk.waitUntilChangeSetCreateComplete(wait, set);
const { Changes } = await client.send(new sdk.DescribeChangeSetCommand(set));
assert.deepEqual(Changes.map(each => each.ResourceChange.Action), ["Add"]);
const { Summaries } = await client.send(new sdk.ListChangeSetsCommand(stack));
assert.deepEqual(Summaries.map(each => each.ChangeSetName), ["second"]);
await client.send(new sdk.DeleteChangeSetCommand(set));
await refused(new sdk.DescribeChangeSetCommand(set), "ChangeSetNotFoundException",
              /does not exist/);
await client.send(new sdk.UpdateStackCommand({ ...stack, TemplateBody }));
await sdk.waitUntilStackUpdateComplete(wait, stack);
await refused(new sdk.UpdateStackCommand({ ...stack, TemplateBody }), "ValidationError",
              /No updates are to be performed/);
for (const command of [new sdk.CancelUpdateStackCommand(stack),
                       new sdk.ContinueUpdateRollbackCommand(stack),
                       new sdk.RollbackStackCommand(stack)]) {
  await refused(command, "ValidationError", /UPDATE_COMPLETE|current stack status/);
}

// ---- Tags of the stack are its resources', too
const tagged = new ListQueueTagsCommand({ QueueUrl: one.StackResourceDetail.PhysicalResourceId });
for (const tags of [{ team: "a", level: "1" }, { team: "b" }, {}]) {
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  await client.send(new sdk.UpdateStackCommand({ ...stack, UsePreviousTemplate: true, Tags }));
  await sdk.waitUntilStackUpdateComplete(wait, stack);
  assert.deepEqual((await sqs.send(tagged)).Tags ?? {}, tags);
}

// ---- What exists already
const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "outside" }));
const taking = { ...stack, ChangeSetName: "taken-in" };
await client.send(new sdk.CreateChangeSetCommand({
  ...taking, ChangeSetType: "IMPORT",
  TemplateBody: template({ One: queue(), Two: queue(), Three: queue({
    DeletionPolicy: "Delete", Properties: { QueueName: "outside" } }) }, { Outputs }),
  ResourcesToImport: [{ ResourceType: "AWS::SQS::Queue", LogicalResourceId: "Three",
                        ResourceIdentifier: { QueueUrl } }] }));
await sdk.waitUntilChangeSetCreateComplete(wait, taking);
await client.send(new sdk.ExecuteChangeSetCommand(taking));
await sdk.waitUntilStackImportComplete(wait, stack);
assert.equal(await status(StackName), "IMPORT_COMPLETE");

// ---- The end
const protect = on => client.send(new sdk.UpdateTerminationProtectionCommand(
  { ...stack, EnableTerminationProtection: on }));
await protect(true);
await refused(new sdk.DeleteStackCommand(stack), "ValidationError", /TerminationProtection/);
await protect(false);
const { StackId } = one.StackResourceDetail;
await client.send(new sdk.DeleteStackCommand(stack));
await sdk.waitUntilStackDeleteComplete(wait, stack);
assert.equal(await status(StackId), "DELETE_COMPLETE");

// ---- IAM and EC2
const { Role } = await new IAMClient({}).send(new GetRoleCommand({ RoleName: "any" }));
assert.ok(Role.CreateDate instanceof Date);
assert.match(Role.Arn, /:role\/any$/);
const ec2 = new EC2Client({});
const { AvailabilityZones } = await ec2.send(new DescribeAvailabilityZonesCommand({}));
assert.deepEqual(AvailabilityZones.map(zone => zone.ZoneName),
                 ["a", "b", "c"].map(letter => AvailabilityZones[0].RegionName + letter));
const { Regions } = await ec2.send(new DescribeRegionsCommand({}));
assert.ok(Regions.some(region => region.RegionName === AvailabilityZones[0].RegionName));
