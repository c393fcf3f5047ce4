import * as os from 'node:os';
import * as path from 'node:path';
import * as fs from 'node:fs';
import { Aws, type Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Zip } from '../config.js';
import { BaseStack } from '../stacks/base-stack.js';
import type { Network } from './network.js';

export interface NativeFunctionProps {
  /** Without the copy's prefix. */
  readonly name: string;
  readonly description: string;
  readonly zip: Zip;
  readonly key: kms.IKey;
  readonly timeout: Duration;
  readonly memorySize: number;
  readonly environment?: Record<string, string>;
  readonly policy: iam.PolicyStatement[];
  /** Where asynchronous invocations go that failed or grew old. */
  readonly deadLetters?: { readonly to: lambda.IDestination; readonly after: Duration };
  /** Absent: outside any VPC, where all AWS APIs can be reached. */
  readonly network?: Network;
}

/**
 * One of our C++ programs on `provided.al2023`: a role with what `policy` says and nothing beyond
 * the plumbing (own log group, traces, network interfaces), a log group with retention, X-Ray.
 */
export class NativeFunction extends Construct {
  readonly function: lambda.Function;
  readonly logGroup: logs.LogGroup;

  constructor(scope: Construct, id: string, props: NativeFunctionProps) {
    super(scope, id);
    const stack = BaseStack.of(this);
    const functionName = stack.names.function(props.name);
    this.logGroup = new logs.LogGroup(this, 'LogGroup', {
      logGroupName: `/aws/lambda/${functionName}`,
      retention: stack.config.logRetentionDays,
      encryptionKey: props.key,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: `What ${functionName} in ${stack.region} may do`,
    });
    this.logGroup.grantWrite(role);
    for (const statement of props.policy) role.addToPolicy(statement);
    if (props.network) role.addToPolicy(networkInterfaces());
    this.function = new lambda.Function(this, 'Function', {
      functionName,
      description: props.description,
      runtime: lambda.Runtime.PROVIDED_AL2023,
      architecture: lambda.Architecture.X86_64,
      handler: 'bootstrap',
      code: lambda.Code.fromAsset(zipPath(stack.config.lambdaDir, props.zip)),
      memorySize: props.memorySize,
      timeout: props.timeout,
      environment: props.environment,
      role,
      logGroup: this.logGroup,
      tracing: lambda.Tracing.ACTIVE,
      // An event is done once or becomes a dead letter: done again, it could move the writer back.
      retryAttempts: 0,
      ...(props.deadLetters && {
        onFailure: props.deadLetters.to, maxEventAge: props.deadLetters.after,
      }),
      ...(props.network && {
        vpc: props.network.vpc,
        vpcSubnets: props.network.functionSubnets,
        securityGroups: [props.network.functionSecurityGroup],
      }),
    });
    Validations.of(role).acknowledge(
      { id: 'AwsSolutions-IAM5[Resource::*]',
        reason: 'X-Ray and the network interfaces of Lambda know no narrower resource' });
  }
}

/** Lambda makes the interfaces of a function in a VPC with the function's own role. */
function networkInterfaces(): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'NetworkInterfaces',
    actions: ['ec2:CreateNetworkInterface', 'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSubnets', 'ec2:DeleteNetworkInterface', 'ec2:AssignPrivateIpAddresses',
      'ec2:UnassignPrivateIpAddresses'],
    resources: ['*'],
  });
}

/** Reads where the writer is, in this region's RDS API. */
export function describeGlobalCluster(stack: BaseStack): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'WhereTheWriterIs',
    actions: ['rds:DescribeGlobalClusters'],
    resources: [globalClusterArn(stack)],
  });
}

export function globalClusterArn(stack: BaseStack): string {
  return `arn:${Aws.PARTITION}:rds::${stack.account}:global-cluster:${stack.names.globalCluster}`;
}

function zipPath(lambdaDir: string | undefined, zip: Zip): string {
  return lambdaDir === undefined ? placeholder(zip) : path.join(lambdaDir, `${zip}.zip`);
}

/** A folder in place of a zip, so that synthesis and its tests need no C++ build. */
function placeholder(zip: Zip): string {
  const folder = path.join(os.tmpdir(), 'aurora-global-placeholder', zip);
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'bootstrap');
  if (!fs.existsSync(file)) {
    fs.writeFileSync(file, `#!/bin/sh\necho "${zip} was not built: ./dev package" >&2\nexit 1\n`);
  }
  return folder;
}
