import { CustomResource, Duration } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { BaseStack } from '../stacks/base-stack.js';
import { describeGlobalCluster, NativeFunction } from './native-function.js';

/**
 * The host name of the global writer endpoint. CloudFormation's attribute GlobalEndpoint cannot be
 * read in a template, so a function asks DescribeGlobalClusters, once, at deployment: the name stays
 * the same when the writer moves.
 */
export class GlobalWriterEndpoint extends Construct {
  readonly address: string;

  constructor(scope: Construct, id: string, props: { key: kms.IKey }) {
    super(scope, id);
    const stack = BaseStack.of(this);
    const native = new NativeFunction(this, 'Lookup', {
      name: 'global-writer-endpoint',
      description: 'Tells CloudFormation the host name of the global writer endpoint',
      zip: 'global-writer-endpoint',
      key: props.key,
      timeout: Duration.minutes(5),
      memorySize: 128,
      environment: { AWS_CA_BUNDLE: '/var/task/aws-ca.pem' },
      policy: [describeGlobalCluster(stack)],
    });
    const resource = new CustomResource(this, 'Resource', {
      resourceType: 'Custom::GlobalWriterEndpoint',
      serviceToken: native.function.functionArn,
      serviceTimeout: Duration.minutes(10),
      properties: { GlobalClusterIdentifier: stack.names.globalCluster },
    });
    // Its log group and its permissions outlive its last call.
    resource.node.addDependency(native);
    this.address = resource.getAttString('Endpoint');
  }
}
