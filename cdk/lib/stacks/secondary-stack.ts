import { CfnOutput } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { type Config, PRIMARY_REGION, SECONDARY_REGION } from '../config.js';
import { Network } from '../constructs/network.js';
import { Peering, PeeringRoutes } from '../constructs/peering.js';
import { SecondaryCluster } from '../constructs/secondary-cluster.js';
import type { KmsStack } from './kms-stack.js';
import type { PrimaryStack } from './primary-stack.js';
import { RegionStack } from './region-stack.js';

/** us-west-2: the second member, the peering connection, and what uses them. */
export class SecondaryStack extends RegionStack {
  override readonly network: Network;
  readonly peering: Peering;

  constructor(scope: Construct, id: string, config: Config, keys: KmsStack,
              primary: PrimaryStack) {
    super(scope, id, config, SECONDARY_REGION,
      `Aurora global database ${config.name}: secondary region`);
    this.addStackDependency(keys);
    this.addStackDependency(primary);
    const key = keys.key;
    this.network = new Network(this, 'Network', { peer: PRIMARY_REGION, key });
    this.peering = new Peering(this, 'Peering', this.network, primary.network, PRIMARY_REGION);
    new PeeringRoutes(this, 'PeeringRoutes', this.network, PRIMARY_REGION,
      this.peering.connectionId);
    const { cluster } = new SecondaryCluster(this, 'Database', { network: this.network, key });
    new CfnOutput(this, 'PeeringConnectionId', { value: this.peering.connectionId });
    this.addClients(this.network, key, {
      clusterEndpoint: cluster.attrEndpointAddress,
      readerEndpoint: cluster.attrReadEndpointAddress,
      globalWriterEndpoint: primary.globalWriterEndpoint,
    });
  }
}
