import type { Construct } from 'constructs';
import { type Config, PRIMARY_REGION, SECONDARY_REGION } from '../config.js';
import { PeeringRoutes } from '../constructs/peering.js';
import { BaseStack } from './base-stack.js';
import type { PrimaryStack } from './primary-stack.js';
import type { SecondaryStack } from './secondary-stack.js';

/**
 * The routes from us-east-1 to us-west-2. A stack of their own: the primary stack is deployed before
 * there is a peering connection.
 */
export class PeeringRoutesStack extends BaseStack {
  constructor(scope: Construct, id: string, config: Config, primary: PrimaryStack,
              secondary: SecondaryStack) {
    super(scope, id, config, PRIMARY_REGION,
      `Aurora global database ${config.name}: routes from ${PRIMARY_REGION} to ${SECONDARY_REGION}`);
    this.addStackDependency(primary);
    this.addStackDependency(secondary);
    new PeeringRoutes(this, 'Routes', primary.network, SECONDARY_REGION,
      secondary.peering.connectionId);
  }
}
