import { RemovalPolicy } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { PRIMARY_REGION, type Region, ZONES_MAX } from '../config.js';
import { POSTGRES_PORT } from '../names.js';
import { BaseStack } from '../stacks/base-stack.js';

export function cidrOf(region: Region): string {
  return region === PRIMARY_REGION ? '10.0.0.0/16' : '10.1.0.0/16';
}

export interface NetworkProps {
  readonly peer: Region;
  readonly key: kms.IKey;
}

/**
 * A region's VPC. Nothing in it reaches the internet: the functions talk to the database of either
 * region (the other's over the peering connection) and to the AWS APIs that have an endpoint here.
 */
export class Network extends Construct {
  readonly vpc: ec2.Vpc;
  readonly functionSubnets: ec2.SubnetSelection = { subnetGroupName: 'functions' };
  readonly databaseSubnets: ec2.SubnetSelection = { subnetGroupName: 'database' };
  readonly functionSecurityGroup: ec2.SecurityGroup;
  readonly databaseSecurityGroup: ec2.SecurityGroup;

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id);
    const stack = BaseStack.of(this);
    const own = ec2.Peer.ipv4(cidrOf(stack.home));
    const peer = ec2.Peer.ipv4(cidrOf(props.peer));
    this.vpc = new ec2.Vpc(this, 'Vpc', {
      ipAddresses: ec2.IpAddresses.cidr(cidrOf(stack.home)),
      natGateways: 0,
      maxAzs: stack.availabilityZones.length,
      // A third zone later must not move the address ranges of the first two.
      reservedAzs: ZONES_MAX - stack.availabilityZones.length,
      subnetConfiguration: [
        { name: 'functions', subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 24 },
        { name: 'database', subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 24 },
      ],
      // It would bring a Node.js function of CDK's own; nothing here uses the default group.
      restrictDefaultSecurityGroup: false,
    });

    this.databaseSecurityGroup = this.securityGroup('DatabaseSecurityGroup',
      'PostgreSQL for the functions of both regions');
    for (const [network, from] of [[own, stack.home], [peer, props.peer]] as const) {
      this.databaseSecurityGroup.addIngressRule(network, ec2.Port.tcp(POSTGRES_PORT),
        `PostgreSQL from ${from}`);
    }
    this.functionSecurityGroup = this.securityGroup('FunctionSecurityGroup',
      'Functions: the databases of both regions and the endpoints of AWS APIs');
    for (const [network, to] of [[own, stack.home], [peer, props.peer]] as const) {
      this.functionSecurityGroup.addEgressRule(network, ec2.Port.tcp(POSTGRES_PORT),
        `PostgreSQL in ${to}`);
    }
    this.functionSecurityGroup.addEgressRule(own, ec2.Port.tcp(443), 'AWS APIs');
    this.addEndpoints(own);
    this.addFlowLog(props.key);

    // What a cluster that is kept pins cannot be deleted.
    this.databaseSecurityGroup.applyRemovalPolicy(stack.retention);
    for (const kept of [this.vpc, ...this.vpc.selectSubnets(this.databaseSubnets).subnets]) {
      (kept.node.defaultChild as ec2.CfnVPC | ec2.CfnSubnet).applyRemovalPolicy(stack.retention);
    }
  }

  private securityGroup(id: string, description: string): ec2.SecurityGroup {
    return new ec2.SecurityGroup(this, id, { vpc: this.vpc, description, allowAllOutbound: false });
  }

  /** The credentials, the failover function, and where the writer is. */
  private addEndpoints(own: ec2.IPeer): void {
    const securityGroup = this.securityGroup('EndpointSecurityGroup', 'AWS APIs for the functions');
    securityGroup.addIngressRule(own, ec2.Port.tcp(443), 'HTTPS from this VPC');
    for (const [name, service] of [
      ['SecretsManager', ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER],
      ['Lambda', ec2.InterfaceVpcEndpointAwsService.LAMBDA],
      ['Rds', ec2.InterfaceVpcEndpointAwsService.RDS],
    ] as const) {
      this.vpc.addInterfaceEndpoint(name, {
        service, subnets: this.functionSubnets, securityGroups: [securityGroup], open: false,
      });
    }
  }

  private addFlowLog(key: kms.IKey): void {
    const stack = BaseStack.of(this);
    const logGroup = new logs.LogGroup(this, 'FlowLogGroup', {
      retention: stack.config.logRetentionDays,
      encryptionKey: key,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new iam.Role(this, 'FlowLogRole', {
      assumedBy: new iam.ServicePrincipal('vpc-flow-logs.amazonaws.com'),
    });
    this.vpc.addFlowLog('FlowLog', {
      destination: ec2.FlowLogDestination.toCloudWatchLogs(logGroup, role),
    });
  }
}
