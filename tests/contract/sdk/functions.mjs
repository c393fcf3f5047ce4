// Calls of the current AWS SDK for JavaScript, as an application would make them. Prints one JSON
// document that functions_sdk_test.py judges. Arguments: the folder of node_modules.
import { createRequire } from "node:module";
const require = createRequire(process.argv[2] + "/package.json");
const { LambdaClient, InvokeCommand, ListFunctionsCommand } = require("@aws-sdk/client-lambda");
const { CloudWatchClient, GetMetricStatisticsCommand, GetMetricDataCommand, ListMetricsCommand,
        PutMetricDataCommand } = require("@aws-sdk/client-cloudwatch");
const { CloudWatchLogsClient, FilterLogEventsCommand } =
    require("@aws-sdk/client-cloudwatch-logs");
const { SecretsManagerClient, GetSecretValueCommand } =
    require("@aws-sdk/client-secrets-manager");

const name = "crud-global-endpoint";
const lambda = new LambdaClient({});
const cloudwatch = new CloudWatchClient({});
const out = {};
out.functions = (await lambda.send(new ListFunctionsCommand({}))).Functions.map(f => f.FunctionName);
const begun = new Date(Date.now() - 60_000);
const invoked = await lambda.send(new InvokeCommand({
  FunctionName: name, Payload: JSON.stringify({ operations: 230, operation_type: "mixed" }) }));
out.functionError = invoked.FunctionError ?? null;
out.result = JSON.parse(Buffer.from(invoked.Payload).toString());

const Dimensions = [{ Name: "FunctionName", Value: name },
                    { Name: "EndpointType", Value: "global-writer" },
                    { Name: "Region", Value: process.env.AWS_REGION }];
const range = { StartTime: begun, EndTime: new Date(Date.now() + 3_600_000), Period: 86_400 };
const Namespace = "AuroraGlobalDB/Failover";
const statistics = async (MetricName, names, extended = []) =>
  (await cloudwatch.send(new GetMetricStatisticsCommand({
    Namespace, MetricName, Dimensions, ...range,
    ...(names.length ? { Statistics: names } : {}),
    ...(extended.length ? { ExtendedStatistics: extended } : {}) }))).Datapoints[0];
for (let i = 0; i < 100; ++i) {  // Stored soon after the answer.
  const seen = await statistics("Latency", ["SampleCount"]);
  if (seen?.SampleCount >= 230) break;
  await new Promise(done => setTimeout(done, 50));
}
out.latency = await statistics("Latency", ["Average", "Maximum", "SampleCount"], ["p50", "p99"]);
out.success = await statistics("SuccessRate", ["Average"]);
out.retries = await statistics("RetryCount", ["Sum"]);
out.during = await statistics("OperationsDuringFailover", ["Sum"]);
const data = await cloudwatch.send(new GetMetricDataCommand({
  StartTime: range.StartTime, EndTime: range.EndTime,
  MetricDataQueries: [{ Id: "m1", MetricStat: {
    Metric: { Namespace, MetricName: "Latency", Dimensions }, Period: 86_400, Stat: "p90" } }] }));
out.p90 = data.MetricDataResults[0].Values[0];
await cloudwatch.send(new PutMetricDataCommand({ Namespace: "Own", MetricData: [
  { MetricName: "M", Values: [1, 2], Counts: [3, 1], Unit: "Count" }] }));
out.own = (await cloudwatch.send(new ListMetricsCommand({ Namespace: "Own" }))).Metrics;
const logs = new CloudWatchLogsClient({});
out.lines = (await logs.send(new FilterLogEventsCommand({
  logGroupName: `/aws/lambda/${name}`, filterPattern: "REPORT" }))).events.length;
const secrets = new SecretsManagerClient({});
out.user = JSON.parse((await secrets.send(new GetSecretValueCommand(
  { SecretId: "aurora-global/credentials" }))).SecretString).username;
const refusal = async (client, command) => {
  try {
    await client.send(command);
    return null;
  } catch (error) {
    return { name: error.name, status: error.$metadata.httpStatusCode };
  }
};
out.refusals = {
  function: await refusal(lambda, new InvokeCommand({ FunctionName: "absent" })),
  secret: await refusal(secrets, new GetSecretValueCommand({ SecretId: "absent" })),
  metric: await refusal(cloudwatch, new GetMetricStatisticsCommand({
    Namespace, MetricName: "Latency", ...range, Statistics: ["Middle"] })),
  namespace: await refusal(cloudwatch, new PutMetricDataCommand({
    Namespace: "AWS/RDS", MetricData: [{ MetricName: "M", Value: 1 }] })),
};
console.log(JSON.stringify(out));
