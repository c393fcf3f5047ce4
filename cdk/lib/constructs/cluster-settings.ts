import { Validations } from 'aws-cdk-lib';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as rds from 'aws-cdk-lib/aws-rds';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { BaseStack } from '../stacks/base-stack.js';
import type { Network } from './network.js';

/** In UTC; not at the same time in both regions, since either may lead. */
export const BACKUP_WINDOW = { 'us-east-1': '07:00-07:30', 'us-west-2': '09:00-09:30' };
export const MAINTENANCE_WINDOW = {
  'us-east-1': 'tue:08:00-tue:08:30', 'us-west-2': 'wed:10:00-wed:10:30',
};

/**
 * What the clusters of both regions have alike, for either may lead: engine, parameters, subnets,
 * log group.
 */
export class ClusterSettings extends Construct {
  readonly engine: rds.IClusterEngine;
  readonly parameterGroup: rds.ParameterGroup;
  readonly subnetGroup: rds.SubnetGroup;
  readonly logGroup: logs.LogGroup;

  constructor(scope: Construct, id: string, props: { network: Network; key: kms.IKey }) {
    super(scope, id);
    const stack = BaseStack.of(this);
    const { config, names, home } = stack;
    const major = config.engineVersion.split('.')[0]!;
    this.engine = rds.DatabaseClusterEngine.auroraPostgres({
      version: rds.AuroraPostgresEngineVersion.of(config.engineVersion, major),
    });
    this.parameterGroup = new rds.ParameterGroup(this, 'Parameters', {
      engine: this.engine,
      description: `Cluster ${names.cluster(home)}`,
      removalPolicy: stack.retention,
      parameters: {
        'rds.force_ssl': '1',
        // In lower case: the parameter group's list of values is.
        'apg_write_forward.consistency_mode': 'session',
        // rds.global_db_rpo stays unset: with two regions, a primary that has lost the other would
        // block every commit.
      },
    });
    this.subnetGroup = new rds.SubnetGroup(this, 'Subnets', {
      description: `Cluster ${names.cluster(home)}`,
      vpc: props.network.vpc,
      vpcSubnets: props.network.databaseSubnets,
      removalPolicy: stack.retention,
    });
    // RDS would make it without an end of retention.
    this.logGroup = new logs.LogGroup(this, 'Log', {
      logGroupName: `/aws/rds/cluster/${names.cluster(home)}/postgresql`,
      retention: config.logRetentionDays,
      encryptionKey: props.key,
      removalPolicy: stack.retention,
    });
  }
}

/** With `-c retain=false` a cluster may be deleted, which is what was asked for. */
export function acknowledgeThrowAway(cluster: Construct): void {
  if (BaseStack.of(cluster).config.retain) return;
  Validations.of(cluster).acknowledge({
    id: 'AwsSolutions-RDS10',
    reason: 'The deployment was asked for as a throw-away one, without deletion protection',
  });
}
