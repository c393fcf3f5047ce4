// Functions, APIs, queues and log groups by the current AWS SDK for JavaScript: made, shown, changed
// and removed. Prints one JSON document that made_by_clients_test.py judges. Arguments: the folder of
// node_modules, a zip with a function.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
const require = createRequire(process.argv[2] + "/package.json");
const lambdas = require("@aws-sdk/client-lambda");
const gateway = require("@aws-sdk/client-api-gateway");
const queues = require("@aws-sdk/client-sqs");
const logs = require("@aws-sdk/client-cloudwatch-logs");

const ZipFile = readFileSync(process.argv[3]);
const region = process.env.AWS_REGION;
const out = {};
const refusal = async call => {
  try {
    await call;
    return null;
  } catch (error) {
    return error;
  }
};

const lambda = new lambdas.LambdaClient({ maxAttempts: 1 });
const FunctionName = "by-sdk";
const made = await lambda.send(new lambdas.CreateFunctionCommand({
  FunctionName, Runtime: "provided.al2023", Handler: "bootstrap", Code: { ZipFile },
  Role: "arn:aws:iam::123456789012:role/any", Tags: { a: "b" } }));
await lambdas.waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 10 }, { FunctionName });
await lambda.send(new lambdas.UpdateFunctionConfigurationCommand({
  FunctionName, Environment: { Variables: { COLOR: "green" } } }));
await lambda.send(new lambdas.UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
out.invalid = (await refusal(lambda.send(new lambdas.UpdateFunctionCodeCommand(
  { FunctionName, ZipFile: Buffer.from("no zip") })))).name;
const invoked = await lambda.send(new lambdas.InvokeCommand({ FunctionName }));
out.color = JSON.parse(JSON.parse(Buffer.from(invoked.Payload).toString()).body).color;
const StatementId = "s";
await lambda.send(new lambdas.AddPermissionCommand({
  FunctionName, StatementId, Action: "lambda:InvokeFunction",
  Principal: "apigateway.amazonaws.com" }));
await lambda.send(new lambdas.GetPolicyCommand({ FunctionName }));
await lambda.send(new lambdas.RemovePermissionCommand({ FunctionName, StatementId }));
await lambda.send(new lambdas.PutFunctionConcurrencyCommand(
  { FunctionName, ReservedConcurrentExecutions: 5 }));
await lambda.send(new lambdas.GetFunctionConcurrencyCommand({ FunctionName }));
await lambda.send(new lambdas.DeleteFunctionConcurrencyCommand({ FunctionName }));
const Resource = made.FunctionArn;
await lambda.send(new lambdas.TagResourceCommand({ Resource, Tags: { c: "d" } }));
await lambda.send(new lambdas.UntagResourceCommand({ Resource, TagKeys: ["a", "z"] }));
await lambda.send(new lambdas.ListTagsCommand({ Resource }));

const sqs = new queues.SQSClient({ maxAttempts: 1 });
const { QueueUrl } = await sqs.send(new queues.CreateQueueCommand(
  { QueueName: "by-sdk", tags: { a: "b" } }));
await sqs.send(new queues.GetQueueUrlCommand({ QueueName: "by-sdk" }));
const { QueueArn } = (await sqs.send(new queues.GetQueueAttributesCommand(
  { QueueUrl, AttributeNames: ["QueueArn"] }))).Attributes;
await sqs.send(new queues.SetQueueAttributesCommand(
  { QueueUrl, Attributes: { VisibilityTimeout: "30" } }));
await lambda.send(new lambdas.PutFunctionEventInvokeConfigCommand({
  FunctionName, MaximumRetryAttempts: 0,
  DestinationConfig: { OnFailure: { Destination: QueueArn } } }));
await lambda.send(new lambdas.UpdateFunctionEventInvokeConfigCommand(
  { FunctionName, MaximumEventAgeInSeconds: 600 }));
await lambda.send(new lambdas.GetFunctionEventInvokeConfigCommand({ FunctionName }));
await lambda.send(new lambdas.InvokeCommand(
  { FunctionName, InvocationType: "Event", Payload: JSON.stringify({ fail: true }) }));
const receive = async () => (await sqs.send(new queues.ReceiveMessageCommand({
  QueueUrl, WaitTimeSeconds: 20, MessageAttributeNames: ["All"] }))).Messages[0];
out.record = JSON.parse((await receive()).Body);
await lambda.send(new lambdas.DeleteFunctionEventInvokeConfigCommand({ FunctionName }));
await sqs.send(new queues.PurgeQueueCommand({ QueueUrl }));
await sqs.send(new queues.SendMessageCommand({
  QueueUrl, MessageBody: "ä & <b>",
  MessageAttributes: { n: { DataType: "Number", StringValue: "7" } } }));
const got = await receive();
out.message = { body: got.Body, number: got.MessageAttributes.n.StringValue };
const { ReceiptHandle } = got;
await sqs.send(new queues.ChangeMessageVisibilityCommand(
  { QueueUrl, ReceiptHandle, VisibilityTimeout: 60 }));
await sqs.send(new queues.DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
await sqs.send(new queues.TagQueueCommand({ QueueUrl, Tags: { c: "d" } }));
await sqs.send(new queues.UntagQueueCommand({ QueueUrl, TagKeys: ["a"] }));
await sqs.send(new queues.ListQueueTagsCommand({ QueueUrl }));
await sqs.send(new queues.ListQueuesCommand({}));
await sqs.send(new queues.DeleteQueueCommand({ QueueUrl }));
out.queueGone = (await refusal(sqs.send(new queues.PurgeQueueCommand({ QueueUrl })))).name;

const api = new gateway.APIGatewayClient({ maxAttempts: 1 });
const rest = await api.send(new gateway.CreateRestApiCommand({ name: "by-sdk", tags: { a: "b" } }));
const restApiId = rest.id;
const patch = (path, value) => [{ op: "replace", path, value }];
await api.send(new gateway.UpdateRestApiCommand(
  { restApiId, patchOperations: patch("/description", "words") }));
await api.send(new gateway.GetRestApiCommand({ restApiId }));
await api.send(new gateway.GetRestApisCommand({}));
const { id: resourceId } = await api.send(new gateway.CreateResourceCommand(
  { restApiId, parentId: rest.rootResourceId, pathPart: "orders" }));
const { id: requestValidatorId } = await api.send(new gateway.CreateRequestValidatorCommand(
  { restApiId, validateRequestBody: true }));
await api.send(new gateway.UpdateRequestValidatorCommand({
  restApiId, requestValidatorId, patchOperations: patch("/validateRequestParameters", "true") }));
const modelName = "Order";
await api.send(new gateway.CreateModelCommand(
  { restApiId, name: modelName, contentType: "application/json", schema: "{}" }));
await api.send(new gateway.UpdateModelCommand(
  { restApiId, modelName, patchOperations: patch("/schema", '{"type": "object"}') }));
const method = { restApiId, resourceId, httpMethod: "POST" };
await api.send(new gateway.PutMethodCommand(
  { ...method, authorizationType: "AWS_IAM", requestValidatorId,
    requestModels: { "application/json": modelName },
    requestParameters: { "method.request.querystring.x": false } }));
const wrong = await refusal(api.send(new gateway.PutIntegrationCommand(
  { ...method, type: "MOCK" })));
out.badApi = [wrong.name, wrong.$metadata.httpStatusCode];
await api.send(new gateway.PutIntegrationCommand({
  ...method, type: "AWS_PROXY", integrationHttpMethod: "POST",
  uri: `arn:aws:apigateway:${region}:lambda:path/2015-03-31/functions/${Resource}/invocations` }));
await api.send(new gateway.GetMethodCommand(method));
await api.send(new gateway.GetIntegrationCommand(method));
await api.send(new gateway.GetResourceCommand({ restApiId, resourceId, embed: ["methods"] }));
const resources = await api.send(new gateway.GetResourcesCommand({ restApiId }));
await api.send(new gateway.GetModelCommand({ restApiId, modelName }));
await api.send(new gateway.GetModelsCommand({ restApiId }));
await api.send(new gateway.GetRequestValidatorCommand({ restApiId, requestValidatorId }));
await api.send(new gateway.GetRequestValidatorsCommand({ restApiId }));
const { id: deploymentId } = await api.send(new gateway.CreateDeploymentCommand({ restApiId }));
await api.send(new gateway.GetDeploymentCommand({ restApiId, deploymentId }));
await api.send(new gateway.GetDeploymentsCommand({ restApiId }));
const stageName = "prod";
await api.send(new gateway.CreateStageCommand({ restApiId, stageName, deploymentId }));
await api.send(new gateway.UpdateStageCommand(
  { restApiId, stageName, patchOperations: patch("/tracingEnabled", "true") }));
const stage = await api.send(new gateway.GetStageCommand({ restApiId, stageName }));
await api.send(new gateway.GetStagesCommand({ restApiId }));
const resourceArn = `arn:aws:apigateway:${region}::/restapis/${restApiId}`;
await api.send(new gateway.TagResourceCommand({ resourceArn, tags: { c: "d" } }));
await api.send(new gateway.UntagResourceCommand({ resourceArn, tagKeys: ["a"] }));
out.api = { resources: resources.items.length, created: stage.createdDate instanceof Date,
            tags: (await api.send(new gateway.GetTagsCommand({ resourceArn }))).tags };
await api.send(new gateway.DeleteStageCommand({ restApiId, stageName }));
await api.send(new gateway.DeleteDeploymentCommand({ restApiId, deploymentId }));
await api.send(new gateway.DeleteIntegrationCommand(method));
await api.send(new gateway.DeleteMethodCommand(method));
await api.send(new gateway.DeleteModelCommand({ restApiId, modelName }));
await api.send(new gateway.DeleteRequestValidatorCommand({ restApiId, requestValidatorId }));
await api.send(new gateway.DeleteResourceCommand({ restApiId, resourceId }));
await api.send(new gateway.DeleteRestApiCommand({ restApiId }));
await lambda.send(new lambdas.DeleteFunctionCommand({ FunctionName }));

const log = new logs.CloudWatchLogsClient({ maxAttempts: 1 });
const group = { logGroupName: "by/sdk" };
await log.send(new logs.CreateLogGroupCommand(group));
await log.send(new logs.PutRetentionPolicyCommand({ ...group, retentionInDays: 3 }));
await log.send(new logs.DeleteRetentionPolicyCommand(group));
await log.send(new logs.AssociateKmsKeyCommand({ ...group, kmsKeyId: "k" }));
await log.send(new logs.DisassociateKmsKeyCommand(group));
const stream = { ...group, logStreamName: "s" };
await log.send(new logs.CreateLogStreamCommand(stream));
await log.send(new logs.PutLogEventsCommand(
  { ...stream, logEvents: [{ timestamp: Date.now(), message: "hello" }] }));
out.lines = (await log.send(new logs.GetLogEventsCommand(stream))).events.map(one => one.message);
const groupArn = `arn:aws:logs:${region}:123456789012:log-group:by/sdk`;
await log.send(new logs.TagResourceCommand({ resourceArn: groupArn, tags: { a: "b" } }));
await log.send(new logs.UntagResourceCommand({ resourceArn: groupArn, tagKeys: ["a"] }));
await log.send(new logs.ListTagsForResourceCommand({ resourceArn: groupArn }));
await log.send(new logs.DeleteLogGroupCommand(group));
console.log(JSON.stringify(out));
