import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { flat, lambdaNamed, list, ofType, Synthesized } from './support.js';

const TRACES = ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'];
const INTERFACES = ['ec2:AssignPrivateIpAddresses', 'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface', 'ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses'];
const GLOBAL = 'arn:<AWS::Partition>:rds::111122223333:global-cluster:aurora-global-db';

describe('Permissions', () => {
  const app = Synthesized.under();

  for (const [region, template] of app.regions) {
    const logs = (name: string) => {
      const { fn } = lambdaNamed(template, name);
      return [['logs:CreateLogStream', 'logs:PutLogEvents'],
        [`<${fn.Properties.LoggingConfig.LogGroup.Ref}.Arn>`]];
    };
    /** [actions, resources] of each statement, in a fixed order. */
    const granted = (name: string) => lambdaNamed(template, name).statements
      .map(s => [list(s.Action).sort(), list(s.Resource).map(flat)])
      .sort((a, b) => String(a).localeCompare(String(b)));
    const sorted = (statements: (string | string[])[][]) =>
      statements.sort((a, b) => String(a).localeCompare(String(b)));

    it(`${region}/failover: reads and moves this global cluster; nothing else of RDS`, () => {
      assert.deepEqual(granted('failover'), sorted([
        logs('failover'),
        [['rds:DescribeGlobalClusters'], [GLOBAL]],
        [['rds:FailoverGlobalCluster', 'rds:SwitchoverGlobalCluster'], [GLOBAL,
          'arn:<AWS::Partition>:rds:us-east-1:111122223333:cluster:aurora-global-db-us-east-1',
          'arn:<AWS::Partition>:rds:us-west-2:111122223333:cluster:aurora-global-db-us-west-2']],
        [['sqs:GetQueueAttributes', 'sqs:GetQueueUrl', 'sqs:SendMessage'],
          [flat({ 'Fn::GetAtt': [Object.keys(template.Resources).find(id =>
            template.Resources[id]!.Type === 'AWS::SQS::Queue'), 'Arn'] })]],
        [TRACES, ['*']],
      ]));
    });

    for (const name of ['crud-global-endpoint', 'crud-write-forwarding']) {
      it(`${region}/${name}: reads its secret, calls failover, sees where the writer is`, () => {
        const failover = Object.keys(template.Resources).find(id =>
          template.Resources[id]!.Properties?.FunctionName === 'failover')!;
        const { statements } = lambdaNamed(template, name);
        const key = statements.find(s => s.Action === 'kms:Decrypt')!;
        assert.deepEqual(key.Condition, { StringEquals:
          { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` } });
        assert.match(flat(key.Resource), new RegExp(`^<AuroraGlobalKmsStack\\w+ in ${region}: `));
        assert.deepEqual(granted(name), sorted([
          logs(name),
          [['secretsmanager:GetSecretValue'],
            [`arn:aws:secretsmanager:${region}:111122223333:secret:aurora-global/credentials-??????`]],
          [['kms:Decrypt'], [flat(key.Resource)]],
          [['lambda:InvokeFunction'], [`<${failover}.Arn>`]],
          [['rds:DescribeGlobalClusters'], [GLOBAL]],
          [INTERFACES, ['*']],
          [TRACES, ['*']],
        ]));
      });
    }

    it(`${region}: only Lambda takes the functions' roles, and no managed policy widens them`, () => {
      for (const { Properties } of ofType(template, 'AWS::Lambda::Function')) {
        const role = template.Resources[Properties.Role['Fn::GetAtt'][0]]!.Properties;
        assert.equal(role.ManagedPolicyArns, undefined);
        assert.deepEqual(role.AssumeRolePolicyDocument.Statement.map((s: any) => s.Principal),
          [{ Service: 'lambda.amazonaws.com' }]);
      }
    });

    it(`${region}: only this API calls failover from outside`, () => {
      for (const { Properties } of ofType(template, 'AWS::Lambda::Permission')) {
        assert.equal(Properties.Principal, 'apigateway.amazonaws.com');
        assert.match(flat(Properties.SourceArn), /execute-api:.*<FailoverApi\w+>.*\/failover$/);
      }
    });

    it(`${region}: queue and topic refuse what comes without TLS`, () => {
      for (const type of ['AWS::SQS::QueuePolicy', 'AWS::SNS::TopicPolicy']) {
        const statements = ofType(template, type)
          .flatMap(r => r.Properties.PolicyDocument.Statement);
        assert.ok(statements.some((s: any) => s.Effect === 'Deny' &&
          s.Condition.Bool['aws:SecureTransport'] === 'false'), type);
      }
    });
  }

  it('the lookup of the global writer endpoint reads this global cluster only', () => {
    const { statements } = lambdaNamed(app.primary, 'global-writer-endpoint');
    const actions = statements.flatMap(s => list(s.Action)).sort();
    assert.deepEqual(actions, ['logs:CreateLogStream', 'logs:PutLogEvents',
      'rds:DescribeGlobalClusters', ...TRACES]);
  });

  it('no statement anywhere allows every action of a service', () => {
    for (const [id, template] of app.all) {
      for (const { Properties } of ofType(template, 'AWS::IAM::Policy')) {
        for (const statement of Properties.PolicyDocument.Statement) {
          for (const action of list<string>(statement.Action)) {
            assert.doesNotMatch(action, /\*/, `${id}: ${action}`);
          }
        }
      }
    }
  });
});
