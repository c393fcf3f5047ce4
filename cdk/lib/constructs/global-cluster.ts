import { Duration, Validations } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as rds from 'aws-cdk-lib/aws-rds';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { SECONDARY_REGION } from '../config.js';
import { DATABASE, MASTER_USER, POSTGRES_PORT } from '../names.js';
import { BaseStack } from '../stacks/base-stack.js';
import {
  acknowledgeThrowAway, BACKUP_WINDOW, ClusterSettings, MAINTENANCE_WINDOW,
} from './cluster-settings.js';
import type { Network } from './network.js';

export interface GlobalClusterProps {
  readonly network: Network;
  readonly key: kms.IKey;
  /** Of the secondary region: seals the replica of the credentials. */
  readonly replicaKey: kms.IKey;
}

/** The global cluster, the credentials, and its first member. */
export class GlobalCluster extends Construct {
  readonly secret: secretsmanager.Secret;
  readonly cluster: rds.DatabaseCluster;
  readonly globalCluster: rds.CfnGlobalCluster;

  constructor(scope: Construct, id: string, props: GlobalClusterProps) {
    super(scope, id);
    const stack = BaseStack.of(this);
    const { config, names, home } = stack;
    this.globalCluster = new rds.CfnGlobalCluster(this, 'GlobalCluster', {
      globalClusterIdentifier: names.globalCluster,
      engine: 'aurora-postgresql',
      engineVersion: config.engineVersion,
      storageEncrypted: true,
      deletionProtection: config.retain,
    });
    this.globalCluster.applyRemovalPolicy(stack.retention);
    const settings = new ClusterSettings(this, 'Settings', props);
    this.secret = this.credentials(props);
    const serverless = (number: number) =>
      rds.ClusterInstance.serverlessV2(number === 1 ? 'Writer' : `Reader${number - 1}`, {
        instanceIdentifier: names.instance(home, number),
        enablePerformanceInsights: true,
        performanceInsightEncryptionKey: props.key,
        autoMinorVersionUpgrade: false,  // A global database's minor versions move together.
        publiclyAccessible: false,
        // Whoever may become the writer is as large as the writer.
        ...(number > 1 && { scaleWithWriter: true }),
      });
    this.cluster = new rds.DatabaseCluster(this, 'Cluster', {
      clusterIdentifier: names.cluster(home),
      engine: settings.engine,
      defaultDatabaseName: DATABASE,
      port: POSTGRES_PORT,
      credentials: rds.Credentials.fromSecret(this.secret),
      writer: serverless(1),
      readers: Array.from({ length: config.readers }, (_, index) => serverless(index + 2)),
      serverlessV2MinCapacity: config.minCapacity,
      serverlessV2MaxCapacity: config.maxCapacity,
      vpc: props.network.vpc,
      subnetGroup: settings.subnetGroup,
      securityGroups: [props.network.databaseSecurityGroup],
      parameterGroup: settings.parameterGroup,
      storageEncrypted: true,
      storageEncryptionKey: props.key,
      iamAuthentication: true,
      backup: {
        retention: Duration.days(config.backupRetentionDays),
        preferredWindow: BACKUP_WINDOW[home],
      },
      preferredMaintenanceWindow: MAINTENANCE_WINDOW[home],
      copyTagsToSnapshot: true,
      cloudwatchLogsExports: ['postgresql'],
      enableLocalWriteForwarding: config.readers > 0 || undefined,
      deletionProtection: config.retain,
      removalPolicy: stack.retention,
    });
    this.cluster.node.addDependency(settings.logGroup);
    for (const one of this.cluster.node.findAll()) {
      // The construct lets instances wait for the routes of their VPC. They do not need them, and
      // routes are not kept: what is kept could not be imported again.
      if (one instanceof rds.CfnDBInstance) one.addDeletionOverride('DependsOn');
    }
    acknowledgeThrowAway(this.cluster);
    const member = this.cluster.node.defaultChild as rds.CfnDBCluster;
    member.globalClusterIdentifier = this.globalCluster.ref;
    // Takes effect when a switchover has made this cluster a secondary. RDS takes it of members
    // only, so the global cluster comes first.
    member.enableGlobalWriteForwarding = true;
  }

  private credentials(props: GlobalClusterProps): secretsmanager.Secret {
    const stack = BaseStack.of(this);
    const secret = new secretsmanager.Secret(this, 'Credentials', {
      secretName: stack.names.secret,
      description: `Master user of ${stack.names.globalCluster}`,
      encryptionKey: props.key,
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ username: MASTER_USER }),
        generateStringKey: 'password',
        passwordLength: 32,
        excludePunctuation: true,
      },
      replicaRegions: [{ region: SECONDARY_REGION, encryptionKey: props.replicaKey }],
      removalPolicy: stack.retention,
    });
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'Rotation would need a function with a driver of another language; the functions ' +
        'read the secret again when a password is refused, so it can be rotated by hand at any time',
    });
    return secret;
  }
}
