import type * as kms from 'aws-cdk-lib/aws-kms';
import * as rds from 'aws-cdk-lib/aws-rds';
import { Construct } from 'constructs';
import { PRIMARY_REGION } from '../config.js';
import { POSTGRES_PORT } from '../names.js';
import { BaseStack } from '../stacks/base-stack.js';
import {
  acknowledgeThrowAway, BACKUP_WINDOW, ClusterSettings, MAINTENANCE_WINDOW,
} from './cluster-settings.js';
import type { Network } from './network.js';

/**
 * The member in the secondary region: replicates, and forwards writes to the primary. In plain
 * CloudFormation, for CDK's own construct gives every cluster a master user, which a secondary must
 * not have.
 */
export class SecondaryCluster extends Construct {
  readonly cluster: rds.CfnDBCluster;

  constructor(scope: Construct, id: string, props: { network: Network; key: kms.IKey }) {
    super(scope, id);
    const stack = BaseStack.of(this);
    const { config, names, home } = stack;
    const settings = new ClusterSettings(this, 'Settings', props);
    this.cluster = new rds.CfnDBCluster(this, 'Cluster', {
      dbClusterIdentifier: names.cluster(home),
      globalClusterIdentifier: names.globalCluster,
      // The storage of the primary is encrypted: the copy across regions is signed for its source.
      sourceRegion: PRIMARY_REGION,
      engine: 'aurora-postgresql',
      engineVersion: config.engineVersion,
      port: POSTGRES_PORT,
      enableGlobalWriteForwarding: true,
      serverlessV2ScalingConfiguration: {
        minCapacity: config.minCapacity, maxCapacity: config.maxCapacity,
      },
      dbSubnetGroupName: settings.subnetGroup.subnetGroupName,
      vpcSecurityGroupIds: [props.network.databaseSecurityGroup.securityGroupId],
      dbClusterParameterGroupName:
        settings.parameterGroup.bindToCluster({}).parameterGroupName,
      storageEncrypted: true,
      kmsKeyId: props.key.keyArn,
      enableIamDatabaseAuthentication: true,
      backupRetentionPeriod: config.backupRetentionDays,
      preferredBackupWindow: BACKUP_WINDOW[home],
      preferredMaintenanceWindow: MAINTENANCE_WINDOW[home],
      copyTagsToSnapshot: true,
      enableCloudwatchLogsExports: ['postgresql'],
      deletionProtection: config.retain,
    });
    this.cluster.applyRemovalPolicy(stack.retention);
    this.cluster.node.addDependency(settings.logGroup);
    acknowledgeThrowAway(this.cluster);
    for (let number = 1; number <= 1 + config.readers; ++number) {
      const instance = new rds.CfnDBInstance(this, `Instance${number}`, {
        dbInstanceIdentifier: names.instance(home, number),
        dbClusterIdentifier: this.cluster.ref,
        dbInstanceClass: 'db.serverless',
        engine: 'aurora-postgresql',
        enablePerformanceInsights: true,
        performanceInsightsKmsKeyId: props.key.keyArn,
        autoMinorVersionUpgrade: false,
        publiclyAccessible: false,
        promotionTier: number === 1 ? 0 : 1,
      });
      instance.applyRemovalPolicy(stack.retention);
    }
  }
}
