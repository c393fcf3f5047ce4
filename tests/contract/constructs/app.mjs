// Constructs of aws-cdk-lib as its guides use them, one stack for each. With CODE, a zip with a
// `bootstrap`, for functions. The account is the platform's.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const require = createRequire(`${here}../../../cdk/package.json`);
const cdk = require('aws-cdk-lib');
const { aws_apigateway: apigateway, aws_cloudwatch: cloudwatch, aws_ec2: ec2, aws_kms: kms,
  aws_lambda: lambda, aws_logs: logs, aws_rds: rds, aws_secretsmanager: secrets, aws_sns: sns,
  aws_sqs: sqs, aws_ssm: ssm, aws_cloudwatch_actions: actions, aws_dynamodb: dynamodb } =
  require('aws-cdk-lib');

const app = new cdk.App();
const env = { account: '123456789012', region: 'us-east-1' };
const DESTROY = cdk.RemovalPolicy.DESTROY;

function stack(name, build) {
  build(new cdk.Stack(app, name, { env }));
}

function networkOf(scope) {
  return new ec2.Vpc(scope, 'Network', {
    availabilityZones: ['us-east-1a', 'us-east-1b'], natGateways: 1,
  });
}

function functionOf(scope, more = {}) {
  return new lambda.Function(scope, 'Function', {
    runtime: lambda.Runtime.PROVIDED_AL2023, handler: 'bootstrap',
    code: lambda.Code.fromAsset(process.env.CODE), environment: { COLOR: 'green' }, ...more,
  });
}

const ENGINE = rds.DatabaseClusterEngine.auroraPostgres(
  { version: rds.AuroraPostgresEngineVersion.of(process.env.ENGINE_VERSION, '15') });

stack('Cluster', (scope) => {
  const cluster = new rds.DatabaseCluster(scope, 'Database', {
    engine: ENGINE, vpc: networkOf(scope), defaultDatabaseName: 'shop', removalPolicy: DESTROY,
    storageEncryptionKey: new kms.Key(scope, 'Key', { removalPolicy: DESTROY }),
    writer: rds.ClusterInstance.serverlessV2('writer'),
    readers: [rds.ClusterInstance.serverlessV2('reader', { scaleWithWriter: true })],
    serverlessV2MinCapacity: 0.5, serverlessV2MaxCapacity: 2,
    parameters: { log_min_duration_statement: '500' },
  });
  new cdk.CfnOutput(scope, 'Endpoint', { value: cluster.clusterEndpoint.socketAddress });
  new cdk.CfnOutput(scope, 'Reader', { value: cluster.clusterReadEndpoint.hostname });
  new cdk.CfnOutput(scope, 'Secret', { value: cluster.secret.secretArn });
});

stack('Secret', (scope) => {
  const secret = new secrets.Secret(scope, 'Secret', {
    generateSecretString: { secretStringTemplate: '{"username": "shop"}',
      generateStringKey: 'password', excludePunctuation: true, passwordLength: 20 },
    removalPolicy: DESTROY, replicaRegions: [{ region: 'us-west-2' }],
  });
  new ssm.StringParameter(scope, 'Where', { parameterName: '/shop/secret',
    stringValue: secret.secretArn });
});

stack('Key', (scope) => {
  const key = new kms.Key(scope, 'Key', {
    alias: 'shop', enableKeyRotation: true, removalPolicy: DESTROY,
    pendingWindow: cdk.Duration.days(7),
  });
  new cdk.CfnOutput(scope, 'Arn', { value: key.keyArn });
});

stack('Function', (scope) => {
  const dead = new sqs.Queue(scope, 'Dead', { retentionPeriod: cdk.Duration.days(14) });
  const made = functionOf(scope, {
    memorySize: 256, timeout: cdk.Duration.seconds(20), deadLetterQueue: dead, retryAttempts: 0,
    logGroup: new logs.LogGroup(scope, 'Lines', { retention: logs.RetentionDays.THREE_DAYS,
      removalPolicy: DESTROY }),
  });
  new cdk.CfnOutput(scope, 'Name', { value: made.functionName });
});

stack('Api', (scope) => {
  const api = new apigateway.RestApi(scope, 'Api', {
    deployOptions: { stageName: 'v1' }, cloudWatchRole: false,
  });
  const orders = api.root.addResource('orders');
  const served = new apigateway.LambdaIntegration(functionOf(scope));
  orders.addMethod('POST', served);
  orders.addResource('{id}').addMethod('GET', served);
  new cdk.CfnOutput(scope, 'Url', { value: api.urlForPath('/orders') });
});

stack('Queue', (scope) => {
  const queue = new sqs.Queue(scope, 'Queue', {
    visibilityTimeout: cdk.Duration.seconds(40), enforceSSL: true,
    deadLetterQueue: { queue: new sqs.Queue(scope, 'Dead'), maxReceiveCount: 3 },
  });
  const topic = new sns.Topic(scope, 'Topic');
  const alarm = queue.metricApproximateNumberOfMessagesVisible().createAlarm(scope, 'Alarm', {
    threshold: 100, evaluationPeriods: 2,
    comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
  });
  alarm.addAlarmAction(new actions.SnsAction(topic));
  new cloudwatch.Dashboard(scope, 'Board', {
    widgets: [[new cloudwatch.AlarmWidget({ alarm, title: 'Messages' })]],
  });
});

// What follows is refused by name.
stack('Rotated', (scope) => {
  new secrets.Secret(scope, 'Secret').addRotationSchedule('Schedule', {
    rotationLambda: functionOf(scope), automaticallyAfter: cdk.Duration.days(30),
  });
});

stack('Inline', (scope) => {
  new lambda.Function(scope, 'Function', {
    runtime: lambda.Runtime.NODEJS_22_X, handler: 'index.handler',
    code: lambda.Code.fromInline('exports.handler = async () => 1;'),
  });
});

stack('Table', (scope) => {
  new dynamodb.Table(scope, 'Table', {
    partitionKey: { name: 'id', type: dynamodb.AttributeType.STRING },
  });
});

stack('Ordered', (scope) => {
  new sqs.Queue(scope, 'Queue', { fifo: true });
});

app.synth();
