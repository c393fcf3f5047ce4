import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { flat, ofType, only, STACKS, Synthesized } from './support.js';

describe('Database', () => {
  const app = Synthesized.under();

  it('is a global cluster, made first, whose first member is the cluster in us-east-1', () => {
    const [id, { Properties }] = Object.entries(app.primary.Resources)
      .find(([, r]) => r.Type === 'AWS::RDS::GlobalCluster')!;
    assert.equal(Properties.GlobalClusterIdentifier, 'aurora-global-db');
    assert.equal(Properties.Engine, 'aurora-postgresql');
    assert.equal(Properties.EngineVersion, '15.17');
    assert.equal(Properties.StorageEncrypted, true);
    // RDS would refuse write forwarding of a cluster that is no member yet.
    assert.equal(Properties.SourceDBClusterIdentifier, undefined);
    const primary = only(app.primary, 'AWS::RDS::DBCluster').Properties;
    assert.deepEqual(primary.GlobalClusterIdentifier, { Ref: id });
  });

  it('has its secondary member in us-west-2, without a master user of its own', () => {
    const { Properties } = only(app.secondary, 'AWS::RDS::DBCluster');
    assert.equal(Properties.GlobalClusterIdentifier, 'aurora-global-db');
    assert.equal(Properties.SourceRegion, 'us-east-1', 'an encrypted source has to be named');
    for (const key of ['MasterUsername', 'MasterUserPassword', 'DatabaseName']) {
      assert.equal(Properties[key], undefined, key);
    }
  });

  for (const [region, template] of app.regions) {
    const cluster = only(template, 'AWS::RDS::DBCluster').Properties;

    it(`${region}: Aurora PostgreSQL, Serverless v2, of the configured version and capacity`, () => {
      assert.equal(cluster.DBClusterIdentifier, `aurora-global-db-${region}`);
      assert.equal(cluster.Engine, 'aurora-postgresql');
      assert.equal(cluster.EngineVersion, '15.17');
      assert.deepEqual(cluster.ServerlessV2ScalingConfiguration,
        { MinCapacity: 0.5, MaxCapacity: 4 });
      assert.equal(cluster.Port, 5432);
      for (const { Properties } of ofType(template, 'AWS::RDS::DBInstance')) {
        assert.equal(Properties.DBInstanceClass, 'db.serverless');
        assert.equal(Properties.PubliclyAccessible, false);
        assert.equal(Properties.AutoMinorVersionUpgrade, false);
      }
    });

    it(`${region}: forwards writes whenever it is the secondary`, () => {
      assert.equal(cluster.EnableGlobalWriteForwarding, true);
    });

    it(`${region}: storage and Performance Insights are encrypted under the region's key`, () => {
      const keys = region === 'us-east-1' ? STACKS.primaryKeys : STACKS.secondaryKeys;
      const key = new RegExp(`^<${keys} in ${region}: .*Key.*Arn`);
      assert.equal(cluster.StorageEncrypted, true);
      assert.match(flat(cluster.KmsKeyId), key);
      for (const { Properties } of ofType(template, 'AWS::RDS::DBInstance')) {
        assert.equal(Properties.EnablePerformanceInsights, true);
        assert.match(flat(Properties.PerformanceInsightsKMSKeyId), key);
      }
    });

    it(`${region}: TLS is required, IAM logins are allowed`, () => {
      const { Parameters } = only(template, 'AWS::RDS::DBClusterParameterGroup').Properties;
      assert.equal(Parameters['rds.force_ssl'], '1');
      assert.equal(cluster.EnableIAMDatabaseAuthentication, true);
    });

    it(`${region}: a session reads what it wrote; no RPO blocks the commits of a lone primary`, () => {
      const group = only(template, 'AWS::RDS::DBClusterParameterGroup').Properties;
      assert.equal(group.Family, 'aurora-postgresql15');
      assert.equal(group.Parameters['apg_write_forward.consistency_mode'], 'session');
      assert.equal(group.Parameters['rds.global_db_rpo'], undefined);
    });

    it(`${region}: backups, deletion protection, and a log that ends`, () => {
      assert.equal(cluster.BackupRetentionPeriod, 7);
      assert.equal(cluster.DeletionProtection, true);
      assert.equal(cluster.CopyTagsToSnapshot, true);
      assert.deepEqual(cluster.EnableCloudwatchLogsExports, ['postgresql']);
      const log = only(template, 'AWS::Logs::LogGroup', r =>
        r.Properties.LogGroupName === `/aws/rds/cluster/aurora-global-db-${region}/postgresql`);
      assert.equal(log.Properties.RetentionInDays, 30);
    });

    it(`${region}: stands in the database subnets behind their security group`, () => {
      const subnets = template.Resources[cluster.DBSubnetGroupName.Ref]!.Properties.SubnetIds;
      assert.equal(subnets.length, 2);
      for (const subnet of subnets) assert.match(flat(subnet), /^<NetworkVpcdatabaseSubnet/);
      assert.match(flat(cluster.VpcSecurityGroupIds[0]), /^<NetworkDatabaseSecurityGroup/);
    });
  }

  it('backs up at different times of day in the two regions', () => {
    const [one, other] = app.regions.map(([, template]) =>
      only(template, 'AWS::RDS::DBCluster').Properties.PreferredBackupWindow);
    assert.match(one, /^\d\d:\d\d-\d\d:\d\d$/);
    assert.notEqual(one, other);
  });

  it('has credentials nobody chose, encrypted in both regions', () => {
    const secret = only(app.primary, 'AWS::SecretsManager::Secret').Properties;
    assert.equal(secret.Name, 'aurora-global/credentials');
    assert.equal(secret.GenerateSecretString.PasswordLength, 32);
    assert.match(flat(secret.KmsKeyId), /^<AuroraGlobalKmsStackPrimary in us-east-1/);
    assert.equal(secret.ReplicaRegions.length, 1);
    assert.equal(secret.ReplicaRegions[0].Region, 'us-west-2');
    assert.match(flat(secret.ReplicaRegions[0].KmsKeyId),
      /^<AuroraGlobalKmsStackSecondary in us-west-2/);
    const cluster = only(app.primary, 'AWS::RDS::DBCluster').Properties;
    assert.match(flat(cluster.MasterUserPassword), /^\{\{resolve:secretsmanager:/);
  });

  it('takes version, capacities and readers from the context', () => {
    const other = Synthesized.under(
      { engineVersion: '16.8', minCapacity: '2', maxCapacity: '16.5', readers: '2' });
    for (const [region, template] of other.regions) {
      const cluster = only(template, 'AWS::RDS::DBCluster').Properties;
      assert.equal(cluster.EngineVersion, '16.8');
      assert.deepEqual(cluster.ServerlessV2ScalingConfiguration,
        { MinCapacity: 2, MaxCapacity: 16.5 });
      assert.deepEqual(
        ofType(template, 'AWS::RDS::DBInstance').map(r => r.Properties.DBInstanceIdentifier).sort(),
        [1, 2, 3].map(n => `aurora-global-db-${region}-${n}`));
      assert.equal(only(template, 'AWS::RDS::DBClusterParameterGroup').Properties.Family,
        'aurora-postgresql16');
    }
    const primary = only(other.primary, 'AWS::RDS::DBCluster').Properties;
    assert.equal(primary.EnableLocalWriteForwarding, true, 'readers of the primary forward, too');
  });
});
