import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { only, STACKS, Synthesized } from './support.js';

describe('Keys', () => {
  const app = Synthesized.under();
  for (const [id, region] of [[STACKS.primaryKeys, 'us-east-1'],
                              [STACKS.secondaryKeys, 'us-west-2']] as const) {
    const template = app.template(id);
    const key = only(template, 'AWS::KMS::Key');

    it(`${region}: rotates, has the alias of the copy, is retained`, () => {
      assert.equal(key.Properties.EnableKeyRotation, true);
      assert.equal(key.DeletionPolicy, 'Retain');
      const alias = only(template, 'AWS::KMS::Alias');
      assert.equal(alias.Properties.AliasName, 'alias/aurora-global');
      assert.equal(alias.DeletionPolicy, 'Retain');
    });

    it(`${region}: beside the account itself, only logs and alarms of this account may use it`, () => {
      const services = key.Properties.KeyPolicy.Statement.filter((s: any) => s.Principal.Service);
      assert.deepEqual(services.map((s: any) => [s.Principal.Service, s.Condition]), [
        [`logs.${region}.amazonaws.com`, { ArnLike: { 'kms:EncryptionContext:aws:logs:arn':
          `arn:aws:logs:${region}:111122223333:log-group:*` } }],
        ['cloudwatch.amazonaws.com', { StringEquals: { 'aws:SourceAccount': '111122223333' } }],
      ]);
      const others = key.Properties.KeyPolicy.Statement.filter((s: any) => !s.Principal.Service);
      for (const statement of others) {
        assert.deepEqual(statement.Principal, { AWS: 'arn:aws:iam::111122223333:root' });
      }
    });

    it(`${region}: its id, ARN and alias are outputs`, () => {
      assert.deepEqual(Object.keys(template.Outputs!).filter(o => o.startsWith('Key')).sort(),
        ['KeyAlias', 'KeyArn', 'KeyId']);
    });
  }

  it('are deleted with a throw-away copy, after the shortest pending window', () => {
    const template = Synthesized.under({ retain: 'false' }).template(STACKS.primaryKeys);
    const key = only(template, 'AWS::KMS::Key');
    assert.equal(key.DeletionPolicy, 'Delete');
    assert.equal(key.Properties.PendingWindowInDays, 7);
  });
});
