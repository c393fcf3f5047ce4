import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import type { Region } from '../config.js';
import { cidrOf, type Network } from './network.js';

/** The connection between the two VPCs, asked for by the region that is deployed last. */
export class Peering extends Construct {
  readonly connectionId: string;

  constructor(scope: Construct, id: string, own: Network, peer: Network, peerRegion: Region) {
    super(scope, id);
    // Within one account the request is accepted by itself.
    const connection = new ec2.CfnVPCPeeringConnection(this, 'Connection', {
      vpcId: own.vpc.vpcId,
      peerVpcId: peer.vpc.vpcId,
      peerRegion,
    });
    this.connectionId = connection.attrId;
  }
}

/** Leads from every subnet of `network` to the VPC of `peer`. */
export class PeeringRoutes extends Construct {
  constructor(scope: Construct, id: string, network: Network, peer: Region, connectionId: string) {
    super(scope, id);
    for (const subnet of network.vpc.isolatedSubnets) {
      new ec2.CfnRoute(this, subnet.node.id, {
        routeTableId: subnet.routeTable.routeTableId,
        destinationCidrBlock: cidrOf(peer),
        vpcPeeringConnectionId: connectionId,
      });
    }
  }
}
