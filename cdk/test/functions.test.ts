import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { flat, lambdaNamed, ofType, Synthesized } from './support.js';

const NAMES = ['crud-global-endpoint', 'crud-write-forwarding', 'failover'];

describe('Functions', () => {
  const app = Synthesized.under();

  for (const [region, template] of app.regions) {
    it(`${region}: crud-global-endpoint, crud-write-forwarding and failover`, () => {
      const names = ofType(template, 'AWS::Lambda::Function').map(r => r.Properties.FunctionName);
      assert.deepEqual(names.filter(name => name !== 'global-writer-endpoint').sort(), NAMES);
    });

    for (const name of NAMES) {
      it(`${region}/${name}: ours in C++, traced, with a log group of its own that ends`, () => {
        const { fn, logGroup } = lambdaNamed(template, name);
        assert.equal(fn.Properties.Runtime, 'provided.al2023');
        assert.equal(fn.Properties.Handler, 'bootstrap');
        assert.deepEqual(fn.Properties.Architectures, ['x86_64']);
        assert.deepEqual(fn.Properties.TracingConfig, { Mode: 'Active' });
        assert.equal(logGroup.Properties.LogGroupName, `/aws/lambda/${name}`);
        assert.equal(logGroup.Properties.RetentionInDays, 30);
        assert.ok(logGroup.Properties.KmsKeyId);
      });

      it(`${region}/${name}: outlasts a failover, and no event is done twice`, () => {
        assert.equal(lambdaNamed(template, name).fn.Properties.Timeout, 900);
        const config = ofType(template, 'AWS::Lambda::EventInvokeConfig')
          .filter(r => template.Resources[r.Properties.FunctionName.Ref]!
            .Properties.FunctionName === name);
        assert.deepEqual(config.map(r => r.Properties.MaximumRetryAttempts), [0]);
      });
    }

    it(`${region}: the CRUD functions stand in the VPC, failover outside of it`, () => {
      for (const name of NAMES.slice(0, 2)) {
        const { VpcConfig } = lambdaNamed(template, name).fn.Properties;
        assert.equal(VpcConfig.SubnetIds.length, 2);
        for (const subnet of VpcConfig.SubnetIds) assert.match(flat(subnet), /functionsSubnet/);
        assert.match(flat(VpcConfig.SecurityGroupIds[0]), /FunctionSecurityGroup/);
      }
      assert.equal(lambdaNamed(template, 'failover').fn.Properties.VpcConfig, undefined);
    });

    it(`${region}: each CRUD function knows its endpoint, the writer, the secret and whom to call`, () => {
      const writer = region === 'us-east-1'
        ? /^<GlobalWriterEndpoint\w*\.Endpoint>$/
        : /^<AuroraGlobalPrimaryStack in us-east-1: \w*GlobalWriterEndpoint\w*Endpoint/;
      const reader = /^<DatabaseCluster\w+\.ReadEndpoint\.Address>$/;
      for (const [name, type, host] of [['crud-global-endpoint', 'global-writer', writer],
                                        ['crud-write-forwarding', 'write-forwarding', reader]] as const) {
        const { Variables } = lambdaNamed(template, name).fn.Properties.Environment;
        const { DB_HOST, DB_WRITER_HOST, FAILOVER_FUNCTION_NAME, ...plain } = Variables;
        assert.match(flat(DB_HOST), host, name);
        assert.match(flat(DB_WRITER_HOST), writer, name);
        assert.equal(template.Resources[FAILOVER_FUNCTION_NAME.Ref]!.Properties.FunctionName,
          'failover');
        assert.deepEqual(plain, {
          GLOBAL_CLUSTER_ID: 'aurora-global-db', DB_PORT: '5432', DB_NAME: 'auroraglobaldb',
          DB_CA_FILE: '/var/task/rds-ca.pem', ENDPOINT_TYPE: type,
          SECRET_ID: 'aurora-global/credentials', AWS_CA_BUNDLE: '/var/task/aws-ca.pem',
        });
      }
    });

    it(`${region}: no variable holds a secret`, () => {
      for (const { Properties } of ofType(template, 'AWS::Lambda::Function')) {
        assert.doesNotMatch(JSON.stringify(Properties.Environment), /resolve:|SecretString|PASSWORD/i);
      }
    });

    it(`${region}: a failed or old asynchronous failover becomes a dead letter`, () => {
      const queue = ofType(template, 'AWS::SQS::Queue');
      assert.equal(queue.length, 1);
      assert.equal(queue[0]!.Properties.SqsManagedSseEnabled, true);
      assert.equal(queue[0]!.Properties.MessageRetentionPeriod, 14 * 86400);
      const sent = ofType(template, 'AWS::Lambda::EventInvokeConfig')
        .filter(r => r.Properties.DestinationConfig);
      assert.equal(sent.length, 1);
      assert.match(flat(sent[0]!.Properties.DestinationConfig.OnFailure.Destination),
        /DeadLetters\w+\.Arn/);
      assert.equal(sent[0]!.Properties.MaximumEventAgeInSeconds, 600);
    });
  }

  it('the host name of the global writer endpoint is asked of RDS once there is a writer', () => {
    const [, resource] = Object.entries(app.primary.Resources)
      .find(([, r]) => r.Type === 'Custom::GlobalWriterEndpoint')!;
    assert.equal(resource.Properties.GlobalClusterIdentifier, 'aurora-global-db');
    assert.equal(resource.Properties.ServiceTimeout, '600', 'CloudFormation would wait for an hour');
    assert.ok(resource.DependsOn!.some(id =>
      app.primary.Resources[id]!.Type === 'AWS::RDS::DBInstance'), 'without a writer, no endpoint');
    assert.ok(!JSON.stringify(app.all).includes('GlobalEndpoint.Address'));
    lambdaNamed(app.primary, 'global-writer-endpoint');
  });
});
