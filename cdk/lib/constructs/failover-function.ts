import { Aws, Duration, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { PRIMARY_REGION, SECONDARY_REGION } from '../config.js';
import { BaseStack } from '../stacks/base-stack.js';
import { describeGlobalCluster, globalClusterArn, NativeFunction } from './native-function.js';

/**
 * Finds out which role its region has and moves the writer. It stands outside the VPC: a switchover
 * is asked of the primary's RDS API, which may be the other region's.
 */
export class FailoverFunction extends Construct {
  readonly function: lambda.Function;
  /** Asynchronous invocations that failed. */
  readonly deadLetters: sqs.Queue;

  constructor(scope: Construct, id: string, props: { key: kms.IKey }) {
    super(scope, id);
    const stack = BaseStack.of(this);
    this.deadLetters = new sqs.Queue(this, 'DeadLetters', {
      queueName: stack.names.deadLetters,
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    Validations.of(this.deadLetters).acknowledge(
      { id: 'AwsSolutions-SQS3', reason: 'It is the dead-letter queue, of a Lambda function' });
    const native = new NativeFunction(this, 'Failover', {
      name: 'failover',
      description: 'Moves the writer of the global database, planned or unplanned',
      zip: 'failover',
      key: props.key,
      // A failover takes minutes, and a direct invocation waits for its end.
      timeout: Duration.minutes(15),
      memorySize: 256,
      // An event that waited so long belongs to a situation that has passed.
      deadLetters: { to: new SqsDestination(this.deadLetters), after: Duration.minutes(10) },
      environment: {
        GLOBAL_CLUSTER_ID: stack.names.globalCluster,
        AWS_CA_BUNDLE: '/var/task/aws-ca.pem',
      },
      policy: [
        describeGlobalCluster(stack),
        new iam.PolicyStatement({
          sid: 'MoveTheWriter',
          actions: ['rds:SwitchoverGlobalCluster', 'rds:FailoverGlobalCluster'],
          resources: [
            globalClusterArn(stack),
            ...[PRIMARY_REGION, SECONDARY_REGION].map(region =>
              `arn:${Aws.PARTITION}:rds:${region}:${stack.account}:cluster:` +
              stack.names.cluster(region as typeof PRIMARY_REGION)),
          ],
        }),
      ],
    });
    this.function = native.function;
  }
}
