import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ofType, only, Synthesized } from './support.js';

/** A setting of the account, not of a copy: see failover-api.ts. */
const OF_THE_ACCOUNT = ['AWS::ApiGateway::Account', 'AWS::IAM::Role'];

describe('Retention', () => {
  const app = Synthesized.under();
  const retained = (template: (typeof app.regions)[0][1]) =>
    Object.values(template.Resources).filter(r => r.DeletionPolicy === 'Retain').map(r => r.Type);

  it('keeps clusters, their instances, the global cluster, the secret, and what these pin', () => {
    const kept = [...OF_THE_ACCOUNT, 'AWS::EC2::SecurityGroup', 'AWS::EC2::Subnet',
      'AWS::EC2::Subnet', 'AWS::EC2::VPC', 'AWS::Logs::LogGroup', 'AWS::RDS::DBCluster',
      'AWS::RDS::DBClusterParameterGroup', 'AWS::RDS::DBInstance', 'AWS::RDS::DBSubnetGroup'];
    assert.deepEqual(retained(app.primary).sort(),
      [...kept, 'AWS::RDS::GlobalCluster', 'AWS::SecretsManager::Secret'].sort());
    assert.deepEqual(retained(app.secondary).sort(), kept.sort());
  });

  it('keeps exactly the subnets and the security group that the database stands in', () => {
    for (const [, template] of app.regions) {
      const cluster = only(template, 'AWS::RDS::DBCluster').Properties;
      const subnets = template.Resources[cluster.DBSubnetGroupName.Ref]!.Properties.SubnetIds;
      const pinned = [...subnets.map((s: any) => s.Ref),
        ...cluster.VpcSecurityGroupIds.map((g: any) => g['Fn::GetAtt'][0])];
      const kept = Object.keys(template.Resources).filter(id =>
        /Subnet$|SecurityGroup$/.test(template.Resources[id]!.Type) &&
        template.Resources[id]!.DeletionPolicy === 'Retain' &&
        template.Resources[id]!.Type !== 'AWS::RDS::DBSubnetGroup');
      assert.deepEqual(kept.sort(), pinned.sort());
    }
  });

  it('lets what is kept stand by itself, so that it can be imported again', () => {
    for (const [id, template] of app.regions) {
      const kept = Object.entries(template.Resources).filter(([, r]) =>
        r.DeletionPolicy === 'Retain' && !OF_THE_ACCOUNT.includes(r.Type));
      const others = Object.keys(template.Resources).filter(name =>
        !kept.some(([one]) => one === name));
      for (const [name, resource] of kept) {
        const text = JSON.stringify(resource);
        const needed = others.filter(other => text.includes(`"${other}"`) ||
          text.includes(`\${${other}`));
        assert.deepEqual(needed, [], `${id} ${name}`);
      }
    }
  });

  it('with -c retain=false: nothing is kept and nothing is protected', () => {
    const throwAway = Synthesized.under({ retain: 'false' });
    for (const [id, template] of throwAway.all) {
      const kept = Object.values(template.Resources)
        .filter(r => r.DeletionPolicy === 'Retain' && !OF_THE_ACCOUNT.includes(r.Type));
      assert.deepEqual(kept, [], id);
      for (const type of ['AWS::RDS::DBCluster', 'AWS::RDS::GlobalCluster']) {
        for (const { Properties } of ofType(template, type)) {
          assert.equal(Properties.DeletionProtection, false, `${id} ${type}`);
        }
      }
    }
  });
});
