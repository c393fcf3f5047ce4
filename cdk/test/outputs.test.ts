import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { flat, Synthesized } from './support.js';

/** What the README's commands, deploy.sh and `drill --target aws` read. */
const WANTED = ['AlarmTopicArn', 'ClusterEndpoint', 'ClusterIdentifier',
  'DashboardName', 'DeadLetterQueueUrl', 'FailoverApiUrl', 'FailoverLambdaArn',
  'GlobalClusterIdentifier', 'GlobalEndpointLambdaArn', 'GlobalWriterEndpoint', 'ReaderEndpoint',
  'Region', 'SecretName', 'VpcId', 'WriteForwardingLambdaArn'];

describe('Outputs', () => {
  const app = Synthesized.under();
  for (const [region, template] of app.regions) {
    it(`${region}: a name for everything one types`, () => {
      const outputs = Object.keys(template.Outputs!);
      assert.deepEqual(WANTED.filter(name => !outputs.includes(name)), []);
      const value = (name: string) => flat(template.Outputs![name]!.Value);
      assert.equal(value('Region'), region);
      assert.equal(value('GlobalClusterIdentifier'), 'aurora-global-db');
      assert.equal(value('ClusterIdentifier'), `aurora-global-db-${region}`);
      assert.equal(value('SecretName'), 'aurora-global/credentials');
      assert.match(value('FailoverApiUrl'), /^<FailoverApi\w+>\.execute-api\.[\w-]+\.[^/]+\/<\w+>$/);
    });
  }
});
