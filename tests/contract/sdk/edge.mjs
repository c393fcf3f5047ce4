// What today's SDK does beside plain calls: RPC v2 CBOR, compressed bodies, a clock that is wrong,
// pages, a waiter, errors by their names. Prints one JSON document that edge_test.py judges.
// Arguments: the folder of node_modules, a DB cluster.
import { createRequire } from "node:module";
const require = createRequire(process.argv[2] + "/package.json");
const cloudwatch = require("@aws-sdk/client-cloudwatch");
const logs = require("@aws-sdk/client-cloudwatch-logs");
const secrets = require("@aws-sdk/client-secrets-manager");
const rds = require("@aws-sdk/client-rds");
const { AwsSmithyRpcV2CborProtocol } = require("@aws-sdk/core/protocols");

const Namespace = "Edge";
const out = {};
const cbor = new cloudwatch.CloudWatchClient({ protocol: new AwsSmithyRpcV2CborProtocol({
  defaultNamespace: "com.amazonaws.cloudwatch", awsQueryCompatible: true }) });
const Timestamp = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 60_000);
await cbor.send(new cloudwatch.PutMetricDataCommand({ Namespace, MetricData: [
  { MetricName: "Cbor", Value: 1.5, Timestamp, Unit: "Seconds" },
  { MetricName: "Cbor", Value: 4, Timestamp, Unit: "Count" } ] }));
const statistics = async client => (await client.send(new cloudwatch.GetMetricStatisticsCommand({
  Namespace, MetricName: "Cbor", Period: 60, Statistics: ["Sum", "Maximum"],
  StartTime: new Date(Timestamp.getTime() + 30_000),  // Down to the minute.
  EndTime: new Date(Timestamp.getTime() + 60_000) }))).Datapoints
    .map(one => [one.Unit, one.Sum, one.Timestamp.getTime() - Timestamp.getTime()]).sort();
out.cbor = await statistics(cbor);
out.json = await statistics(new cloudwatch.CloudWatchClient({}));
out.refused = await cbor.send(new cloudwatch.PutMetricDataCommand({ Namespace: "AWS/No",
  MetricData: [{ MetricName: "M", Value: 1 }] })).then(() => null, error => error.name);

// 1,000 data, which the SDK compresses.
let encoding = null;
const many = new cloudwatch.CloudWatchClient({});
many.middlewareStack.add(next => args => {
  encoding = args.request.headers["content-encoding"] ?? null;
  return next(args);
}, { step: "finalizeRequest", priority: "low" });
await many.send(new cloudwatch.PutMetricDataCommand({ Namespace, MetricData: Array.from(
  { length: 1000 }, (_, i) => ({ MetricName: "Many", Value: i, Unit: "Count",
    Dimensions: [{ Name: "Which", Value: String(i) }] })) }));
out.encoding = encoding;
let listed = 0;
for await (const page of cloudwatch.paginateListMetrics({ client: many },
    { Namespace, MetricName: "Many" })) listed += page.Metrics.length;
out.listed = listed;

for (let i = 0; i < 3; ++i) {
  await new secrets.SecretsManagerClient({}).send(new secrets.CreateSecretCommand({
    Name: `edge/${i}`, SecretString: "x" }));
}
const names = [];
for await (const page of secrets.paginateListSecrets(
    { client: new secrets.SecretsManagerClient({}), pageSize: 2 },
    { Filters: [{ Key: "name", Values: ["edge/"] }] })) {
  names.push(page.SecretList.map(one => one.Name));
}
out.secrets = names;
out.waited = (await rds.waitUntilDBClusterAvailable({ client: new rds.RDSClient({}), maxWaitTime: 60 },
  { DBClusterIdentifier: process.argv[3] })).state;
out.noStream = await new logs.CloudWatchLogsClient({}).send(new logs.GetLogEventsCommand({
  logGroupName: "/aws/lambda/none", logStreamName: "none" })).then(() => null, error => error.name);

// A clock that is ten minutes slow: the SDK hears so from the Date of the refusal, and asks again.
const now = Date.now;
Date.now = () => now() - 600_000;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given) { super(...(given.length ? given : [RealDate.now()])); }
};
const slow = new secrets.SecretsManagerClient({});
out.slow = (await slow.send(new secrets.DescribeSecretCommand({ SecretId: "edge/0" }))).Name;
console.log(JSON.stringify(out));
