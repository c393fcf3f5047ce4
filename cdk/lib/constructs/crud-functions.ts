import { Arn, ArnFormat, Duration } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { DATABASE, POSTGRES_PORT } from '../names.js';
import { BaseStack } from '../stacks/base-stack.js';
import { describeGlobalCluster, NativeFunction } from './native-function.js';
import type { Network } from './network.js';

/** The values of the metrics' dimension EndpointType. */
export const ENDPOINT_TYPES = { globalWriter: 'global-writer', writeForwarding: 'write-forwarding' };

export interface CrudFunctionsProps {
  readonly network: Network;
  readonly key: kms.IKey;
  /** Follows the writer from region to region. */
  readonly globalWriterEndpoint: string;
  /** The region's reader endpoint; in a secondary it forwards writes. */
  readonly readerEndpoint: string;
  readonly failover: lambda.IFunction;
}

/** One function for each endpoint type; both run the same program. */
export class CrudFunctions extends Construct {
  readonly globalEndpoint: lambda.Function;
  readonly writeForwarding: lambda.Function;

  constructor(scope: Construct, id: string, private readonly props: CrudFunctionsProps) {
    super(scope, id);
    this.globalEndpoint = this.crud('GlobalEndpoint', 'crud-global-endpoint',
      'CRUD operations through the global writer endpoint',
      props.globalWriterEndpoint, ENDPOINT_TYPES.globalWriter);
    this.writeForwarding = this.crud('WriteForwarding', 'crud-write-forwarding',
      "CRUD operations through the region's reader endpoint, whose writes are forwarded",
      props.readerEndpoint, ENDPOINT_TYPES.writeForwarding);
  }

  private crud(id: string, name: string, description: string, host: string,
               endpointType: string): lambda.Function {
    const stack = BaseStack.of(this);
    const { network, key, failover, globalWriterEndpoint } = this.props;
    return new NativeFunction(this, id, {
      name,
      description,
      zip: 'crud-operations',
      key,
      network,
      timeout: Duration.minutes(15),
      memorySize: 512,
      environment: {
        GLOBAL_CLUSTER_ID: stack.names.globalCluster,
        DB_HOST: host,
        DB_WRITER_HOST: globalWriterEndpoint,
        DB_PORT: String(POSTGRES_PORT),
        DB_NAME: DATABASE,
        DB_CA_FILE: '/var/task/rds-ca.pem',
        ENDPOINT_TYPE: endpointType,
        // By name: the replica in the other region has another ARN.
        SECRET_ID: stack.names.secret,
        FAILOVER_FUNCTION_NAME: failover.functionName,
        AWS_CA_BUNDLE: '/var/task/aws-ca.pem',
      },
      policy: [
        new iam.PolicyStatement({
          sid: 'Credentials',
          actions: ['secretsmanager:GetSecretValue'],
          // Secrets Manager adds six characters to the name.
          resources: [Arn.format({
            service: 'secretsmanager', resource: 'secret',
            resourceName: `${stack.names.secret}-??????`,
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }, stack)],
        }),
        new iam.PolicyStatement({
          sid: 'KeyOfTheCredentials',
          actions: ['kms:Decrypt'],
          resources: [key.keyArn],
          conditions: {
            StringEquals: { 'kms:ViaService': `secretsmanager.${stack.region}.amazonaws.com` },
          },
        }),
        new iam.PolicyStatement({
          sid: 'TriggerTheFailover',
          actions: ['lambda:InvokeFunction'],
          resources: [failover.functionArn],
        }),
        describeGlobalCluster(stack),
      ],
    }).function;
  }
}
