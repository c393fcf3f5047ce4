import type { Construct } from 'constructs';
import { type Config, PRIMARY_REGION, SECONDARY_REGION } from '../config.js';
import { GlobalCluster } from '../constructs/global-cluster.js';
import { GlobalWriterEndpoint } from '../constructs/global-writer-endpoint.js';
import { Network } from '../constructs/network.js';
import type { KmsStack } from './kms-stack.js';
import { RegionStack } from './region-stack.js';

/** us-east-1: the global cluster, its first member, and what uses it. */
export class PrimaryStack extends RegionStack {
  override readonly network: Network;
  readonly globalWriterEndpoint: string;

  constructor(scope: Construct, id: string, config: Config,
              keys: { readonly primary: KmsStack; readonly secondary: KmsStack }) {
    super(scope, id, config, PRIMARY_REGION,
      `Aurora global database ${config.name}: primary region`);
    this.addStackDependency(keys.primary);
    this.addStackDependency(keys.secondary);
    const key = keys.primary.key;
    this.network = new Network(this, 'Network', { peer: SECONDARY_REGION, key });
    const database = new GlobalCluster(this, 'Database', {
      network: this.network, key, replicaKey: keys.secondary.key,
    });
    const endpoint = new GlobalWriterEndpoint(this, 'GlobalWriterEndpoint', { key });
    // There is an endpoint when there is a writer.
    endpoint.node.addDependency(database.cluster);
    this.globalWriterEndpoint = endpoint.address;
    this.addClients(this.network, key, {
      clusterEndpoint: database.cluster.clusterEndpoint.hostname,
      readerEndpoint: database.cluster.clusterReadEndpoint.hostname,
      globalWriterEndpoint: this.globalWriterEndpoint,
    });
  }
}
