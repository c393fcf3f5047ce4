import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { flat, Synthesized } from './support.js';

/** What the README's commands, deploy.sh and `drill --target aws` read. */
const WANTED = ['AlarmTopicArn', 'ClusterEndpoint', 'ClusterIdentifier',
  'CrudGlobalEndpointFunction', 'CrudWriteForwardingFunction', 'DashboardName',
  'DeadLetterQueueUrl', 'FailoverApiUrl', 'FailoverFunction', 'GlobalClusterIdentifier',
  'GlobalWriterEndpoint', 'ReaderEndpoint', 'Region', 'SecretName', 'VpcId'];

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
      assert.match(value('FailoverApiUrl'), /^https:\/\/<FailoverApi\w+>\.execute-api\..*\/failover$/);
    });
  }
});
