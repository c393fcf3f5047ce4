import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { STACKS, Synthesized, type TemplateJson } from './support.js';

describe('Stacks', () => {
  const app = Synthesized.under();

  it('are five, deployed in this order: keys, primary, secondary, routes back', () => {
    assert.deepEqual(app.stackNames, [
      'AuroraGlobalKmsStackPrimary', 'AuroraGlobalKmsStackSecondary', 'AuroraGlobalPrimaryStack',
      'AuroraGlobalSecondaryStack', 'AuroraGlobalPeeringRoutesStack']);
  });

  it('hand values over by weak references, without functions or parameters of CDK', () => {
    for (const [id, template] of app.all) {
      const text = JSON.stringify(template);
      assert.ok(!text.includes('Fn::ImportValue'), id);
      assert.ok(!text.includes('nodejs'), `${id} brings a Node.js function`);
      assert.ok(!text.includes('AWS::SSM::Parameter"'), id);
      const own = Object.values(template.Resources).filter(r => r.Type.startsWith('Custom::'));
      assert.deepEqual(own.map(r => r.Type),
        id === STACKS.primary ? ['Custom::GlobalWriterEndpoint'] : []);
    }
  });

  it('carry the copy and its retention as tags, which destroy.sh reads', () => {
    assert.deepEqual(app.stackTags, app.stackNames.map(() => (
      { 'aurora-global:name': 'aurora-global', 'aurora-global:retain': 'true' })));
    for (const [id, template] of app.all) {
      const tagged = Object.values(template.Resources).filter(r => Array.isArray(r.Properties?.Tags));
      for (const { Properties } of tagged) {
        const tags = Object.fromEntries(Properties.Tags.map((t: any) => [t.Key, t.Value]));
        assert.equal(tags['aurora-global:name'], 'aurora-global', id);
        assert.equal(tags['aurora-global:retain'], 'true', id);
      }
    }
  });

  it('of two copies share no physical name', () => {
    const ours = names(app);
    const theirs = names(Synthesized.under({ name: 'staging' }));
    assert.equal(ours.size, theirs.size);
    assert.ok(ours.size > 30, `only ${ours.size} names seen`);
    assert.deepEqual([...ours].filter(name => theirs.has(name)), []);
    assert.deepEqual(Synthesized.under({ name: 'staging' }).stackNames[2],
      'staging-AuroraGlobalPrimaryStack');
  });
});

/** Names that AWS wants to be unique: with the region, for both regions have the same ones. */
function names(app: Synthesized): Set<string> {
  const keys = ['FunctionName', 'LogGroupName', 'DBClusterIdentifier', 'DBInstanceIdentifier',
    'GlobalClusterIdentifier', 'AliasName', 'QueueName', 'TopicName', 'DashboardName', 'AlarmName'];
  const found = new Set<string>(app.stackNames);
  const add = (id: string, template: TemplateJson) => {
    for (const { Type, Properties } of Object.values(template.Resources)) {
      for (const key of keys) {
        const value = Properties?.[key];
        if (typeof value === 'string') found.add(`${Type} ${value} in ${region(id)}`);
      }
      const name = Properties?.Name;
      if (typeof name === 'string' && /Secret|RestApi/.test(Type) && name !== 'FailoverRequest') {
        found.add(`${Type} ${name} in ${region(id)}`);
      }
    }
  };
  for (const [id, template] of app.all) add(id, template);
  return found;
}

function region(id: string): string {
  return id.includes('Secondary') ? 'us-west-2' : 'us-east-1';
}
