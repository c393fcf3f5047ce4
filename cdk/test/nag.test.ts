import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type App, Stack, Validations } from 'aws-cdk-lib';
import { CfnBucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { Synthesized } from './support.js';

describe('cdk-nag', () => {
  for (const context of [{}, { retain: 'false' }, { readers: '1', zones: 'a,b,c' },
    { failoverAuth: 'none' }]) {
    it(`AwsSolutions finds nothing under ${JSON.stringify(context)}`, () => {
      assert.deepEqual(findings(Synthesized.under(context).app), []);
    });
  }

  it('makes these exceptions, each with its reason, and no others', () => {
    const ids = exceptions(Synthesized.under().app).map(({ id, reason }) => {
      assert.ok(reason.length > 30, id);
      return id.replace(/\[.*/, '');
    });
    assert.deepEqual([...new Set(ids)].filter(id => id.startsWith('AwsSolutions')).sort(), [
      'AwsSolutions-APIG3', 'AwsSolutions-COG4', 'AwsSolutions-IAM4', 'AwsSolutions-IAM5',
      'AwsSolutions-SMG4', 'AwsSolutions-SQS3']);
  });

  it('would find something if there were something', () => {
    const { app } = Synthesized.under({ name: 'control' });
    new CfnBucket(new Stack(app, 'Control'), 'Bucket');
    assert.match(findings(app).join(), /AwsSolutions-S1 Control\/Bucket/);
  });
});

function findings(app: App): string[] {
  return new AwsSolutionsChecks(app).validateScope(app).violations
    .map(one => `${one.ruleName} ${one.violatingResources.map(r => r.constructPath).join(' ')}`);
}

function exceptions(app: App): { id: string; reason: string }[] {
  return app.node.findAll().flatMap(one => one.node.metadata)
    .filter(entry => entry.type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap(entry => Object.entries(entry.data as Record<string, string>))
    .map(([id, reason]) => ({ id: id.replace(/^\w+::/, ''), reason }));
}
