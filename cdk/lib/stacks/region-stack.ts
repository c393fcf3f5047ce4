import { CfnOutput } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { CrudFunctions } from '../constructs/crud-functions.js';
import { FailoverApi } from '../constructs/failover-api.js';
import { FailoverFunction } from '../constructs/failover-function.js';
import { Network } from '../constructs/network.js';
import { Observability } from '../constructs/observability.js';
import { BaseStack } from './base-stack.js';

/** What a region offers for its cluster, whatever its role. */
export interface RegionDatabase {
  readonly clusterEndpoint: string;
  readonly readerEndpoint: string;
  readonly globalWriterEndpoint: string;
}

/** What both regions have beside their cluster: they are alike, for either may lead. */
export abstract class RegionStack extends BaseStack {
  abstract readonly network: Network;

  /** Functions, API, dashboard, alarms and outputs around the region's cluster. */
  protected addClients(network: Network, key: kms.IKey, database: RegionDatabase): void {
    this.refusePlaceholders();
    const failover = new FailoverFunction(this, 'FailoverFunction', { key });
    const api = new FailoverApi(this, 'FailoverApi', { function: failover.function, key });
    const crud = new CrudFunctions(this, 'CrudFunctions', {
      network,
      key,
      globalWriterEndpoint: database.globalWriterEndpoint,
      readerEndpoint: database.readerEndpoint,
      failover: failover.function,
    });
    const observability = new Observability(this, 'Observability', {
      key, crud, failover: failover.function, deadLetters: failover.deadLetters,
    });
    const outputs = {
      Region: this.region,
      GlobalClusterIdentifier: this.names.globalCluster,
      ClusterIdentifier: this.names.cluster(this.home),
      ClusterEndpoint: database.clusterEndpoint,
      ReaderEndpoint: database.readerEndpoint,
      GlobalWriterEndpoint: database.globalWriterEndpoint,
      SecretName: this.names.secret,
      GlobalEndpointLambdaArn: crud.globalEndpoint.functionArn,
      WriteForwardingLambdaArn: crud.writeForwarding.functionArn,
      FailoverLambdaArn: failover.function.functionArn,
      FailoverApiUrl: api.hostAndStage,
      DeadLetterQueueUrl: failover.deadLetters.queueUrl,
      AlarmTopicArn: observability.topic.topicArn,
      DashboardName: this.names.dashboard(this.home),
      VpcId: network.vpc.vpcId,
    };
    for (const [name, value] of Object.entries(outputs)) {
      // Constructs may bear these names; the outputs' own are what people and scripts read.
      new CfnOutput(this, `Output${name}`, { value }).overrideLogicalId(name);
    }
  }
}
