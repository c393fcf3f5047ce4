// What today's SDK does beside plain calls: RPC v2 CBOR, compressed bodies, a clock that is wrong,
// pages, a waiter, errors by their names. Prints one JSON document that edge_test.py judges.
// Arguments: the folder of node_modules, a DB cluster, the process of the daemon.
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

// Of more points than it wants, a client gets the newest.
const json = new cloudwatch.CloudWatchClient({});
for (const back of [0, 1]) {
  await json.send(new cloudwatch.PutMetricDataCommand({ Namespace, MetricData: [
    { MetricName: "Pages", Value: 2 - back, Timestamp: new Date(Timestamp - back * 60_000) } ] }));
}
out.newest = (await json.send(new cloudwatch.GetMetricDataCommand({
  StartTime: new Date(Timestamp - 300_000), EndTime: new Date(Timestamp.getTime() + 60_000),
  MaxDatapoints: 1, MetricDataQueries: [{ Id: "m", MetricStat: {
    Metric: { Namespace, MetricName: "Pages" }, Period: 60, Stat: "Sum" } }] })))
  .MetricDataResults[0].Values;

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

// Every service: a call of each client, with a clock ten minutes slow, then fast. The SDK hears so
// from the Date of the refusal, and asks again.
const sdk = name => require(`@aws-sdk/client-${name}`);
const services = {
  rds: client => client.send(new rds.DescribeGlobalClustersCommand({})),
  lambda: client => client.send(new (sdk("lambda").ListFunctionsCommand)({})),
  cloudwatch: client => client.send(new cloudwatch.ListMetricsCommand({})),
  "cloudwatch-logs": client => client.send(new logs.DescribeLogGroupsCommand({})),
  "secrets-manager": client => client.send(new secrets.DescribeSecretCommand({ SecretId: "edge/0" })),
  kms: client => client.send(new (sdk("kms").ListKeysCommand)({})),
  sts: client => client.send(new (sdk("sts").GetCallerIdentityCommand)({})),
};
const clientOf = (name, options) => {
  const module = sdk(name);
  return new module[Object.keys(module).find(one => /^[A-Z]\w*Client$/.test(one))](options);
};
const RealDate = Date;
let off = 0;
globalThis.Date = class extends RealDate {
  constructor(...given) { super(...(given.length ? given : [RealDate.now() + off])); }
  static now() { return RealDate.now() + off; }
};
out.clocks = {};
for (const [name, call] of Object.entries(services)) {
  out.clocks[name] = [];
  for (off of [0, -600_000, 600_000]) {
    const answer = await call(clientOf(name, {})).catch(error => ({ error: error.name }));
    out.clocks[name].push(answer.error ?? answer.$metadata.attempts);
  }
}
off = 0;

// The daemon dies, and a supervisor starts another one: whoever asks meanwhile asks again.
process.kill(Number(process.argv[4]), "SIGKILL");
out.again = {};
await Promise.all(Object.entries(services).map(async ([name, call]) => {
  const answer = await call(clientOf(name, { maxAttempts: 12 })).catch(error => ({ error }));
  out.again[name] = answer.error ? `${answer.error}` : "answered";
}));
console.log(JSON.stringify(out));
