import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { describe, it } from 'node:test';
import { build } from '../lib/app.js';
import { CONTEXT, ofType, Synthesized } from './support.js';

describe('Configuration', () => {
  const refused = (context: Record<string, unknown>, pattern: RegExp) =>
    assert.throws(() => build({ context: { ...CONTEXT, ...context } }), pattern);

  it('refuses what cannot be, saying what was given and what would be right', () => {
    refused({ name: 'Big_Name' }, /name="Big_Name": must be 2 to 20 lower-case letters/);
    refused({ name: 'a-name-that-is-too-long-for-aws' }, /must be 2 to 20/);
    refused({ account: '42' }, /account="42": must be the 12 digits/);
    refused({ retain: 'maybe' }, /retain="maybe": must be true or false/);
    refused({ engineVersion: '14.3' }, /engineVersion="14.3"/);
    refused({ minCapacity: '0.3' }, /minCapacity="0.3": must be 0.5 to 256/);
    refused({ minCapacity: '8', maxCapacity: '4' }, /maxCapacity="4": must be 8 to 256/);
    refused({ readers: '15' }, /readers="15": must be 0 to 14/);
    refused({ readers: '' }, /readers=""/);
    refused({ backupRetentionDays: '0' }, /backupRetentionDays/);
    refused({ logRetentionDays: '31' }, /logRetentionDays="31": must be one of 1, 3, 5/);
    refused({ zones: 'a' }, /zones="a": must be two or three letters/);
    refused({ zones: 'a,a' }, /zones="a,a": must be different letters/);
    refused({ alarmEmail: 'nobody' }, /alarmEmail="nobody"/);
    refused({ failoverAuth: 'off' }, /failoverAuth="off": must be iam or none/);
  });

  it('refuses a key that it does not know', () => {
    refused({ retian: 'false' }, /-c retian: there is no such key[^]*Known: name, account, retain/);
  });

  it('passes over a key that another tool wrote into one of the files of the CDK', () => {
    const before = process.cwd();
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aurora-global-context-'));
    fs.writeFileSync(path.join(folder, 'cdk.context.json'),
      JSON.stringify({ 'acknowledged-issue-numbers': [34892], retian: 'false' }));
    fs.writeFileSync(path.join(folder, 'cdk.json'), '{ this is no JSON');
    process.chdir(folder);
    try {
      build({ context: { ...CONTEXT, 'acknowledged-issue-numbers': [34892] } });
      refused({ colour: 'blue' }, /-c colour: there is no such key/);
    } finally {
      process.chdir(before);
      fs.rmSync(folder, { recursive: true });
    }
  });

  it('finds lambdaDir from the top of the repository, too', () => {
    const top = path.join(import.meta.dirname, '..', '..');
    const folder = fs.mkdtempSync(path.join(top, 'build', 'zips-'));
    for (const name of ['crud-operations', 'failover', 'global-writer-endpoint']) {
      fs.writeFileSync(path.join(folder, `${name}.zip`), `zip of ${name}`);
    }
    build({ context: { ...CONTEXT, lambdaDir: path.relative(top, folder) } });
    fs.rmSync(folder, { recursive: true });
  });

  it('finds what ./dev package has made without being told where', () => {
    const { lambdaDir, ...context } = CONTEXT;
    assert.equal(lambdaDir, 'none');
    const before = { ...process.env };
    for (const [folder, shell] of [
      ['package', { AURORA_GLOBAL_HOME: '', AWS_ENDPOINT_URL: '' }],
      ['package-local', { AURORA_GLOBAL_HOME: '/home', AWS_ENDPOINT_URL: 'http://127.0.1.1:4566' }],
    ] as const) {
      Object.assign(process.env, shell);
      const built = ['crud-operations', 'failover', 'global-writer-endpoint'].every(
        name => fs.existsSync(path.join(import.meta.dirname, `../../build/${folder}/${name}.zip`)));
      const { app } = build({ context });
      const rules = app.node.findAll().filter(one => one.node.id === 'FunctionsAreBuilt');
      assert.equal(rules.length, built ? 0 : 2);
    }
    process.env = before;
  });

  it('lists all problems at once', () => {
    refused({ retain: 'maybe', readers: '99' }, /retain=[^]*readers=/);
  });

  it('takes the zips from lambdaDir and refuses a folder without them', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aurora-global-zips-'));
    refused({ lambdaDir: folder }, /crud-operations\.zip.*not found; make them by \.\/dev package/);
    for (const name of ['crud-operations', 'failover', 'global-writer-endpoint']) {
      fs.writeFileSync(path.join(folder, `${name}.zip`), `zip of ${name}`);
    }
    const app = Synthesized.under({ lambdaDir: folder });
    const code = ofType(app.primary, 'AWS::Lambda::Function').map(r => r.Properties.Code.S3Key);
    assert.equal(new Set(code).size, 3, 'both CRUD functions run one zip, the others their own');
    assert.equal(app.primary.Rules!['FunctionsAreBuilt'], undefined);
    fs.rmSync(folder, { recursive: true });
  });

  it('lets CloudFormation refuse a deployment of placeholders', () => {
    for (const [, template] of Synthesized.under().regions) {
      assert.match(JSON.stringify(template.Rules!['FunctionsAreBuilt']), /placeholders.*dev package.*deploy\.sh/);
    }
  });
});
