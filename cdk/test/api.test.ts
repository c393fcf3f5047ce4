import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { flat, ofType, only, Synthesized } from './support.js';

describe('API', () => {
  const app = Synthesized.under();
  for (const [region, template] of app.regions) {
    const methods = ofType(template, 'AWS::ApiGateway::Method');
    const stage = only(template, 'AWS::ApiGateway::Stage').Properties;

    it(`${region}: POST and GET /failover, handed to the failover function`, () => {
      assert.equal(only(template, 'AWS::ApiGateway::Resource').Properties.PathPart, 'failover');
      assert.deepEqual(methods.map(r => r.Properties.HttpMethod).sort(), ['GET', 'POST']);
      for (const { Properties } of methods) {
        assert.equal(Properties.Integration.Type, 'AWS_PROXY');
        assert.match(flat(Properties.Integration.Uri), /<FailoverFunction\w+\.Arn>\/invocations$/);
      }
    });

    it(`${region}: every call is signed`, () => {
      for (const { Properties } of methods) assert.equal(Properties.AuthorizationType, 'AWS_IAM');
    });

    it(`${region}: unsigned only when that is asked for, with a warning`, () => {
      const open = Synthesized.under({ failoverAuth: 'none' });
      const [, other] = open.regions.find(([name]) => name === region)!;
      for (const { Properties } of ofType(other, 'AWS::ApiGateway::Method')) {
        assert.equal(Properties.AuthorizationType, 'NONE');
      }
      const warnings = open.app.node.findAll().flatMap(one => one.node.metadata)
        .filter(entry => entry.type === 'aws:cdk:warning').map(entry => String(entry.data));
      assert.equal(warnings.filter(one => one.includes('failoverAuth=none')).length, 2);
    });

    it(`${region}: a body that the function would refuse is refused before`, () => {
      const { Properties } = methods.find(r => r.Properties.HttpMethod === 'POST')!;
      const model = template.Resources[Properties.RequestModels['application/json'].Ref]!;
      const schema = model.Properties.Schema;
      assert.deepEqual(schema.properties.failover_type.enum, ['planned', 'unplanned']);
      assert.deepEqual(schema.properties.target_region.enum, ['us-east-1', 'us-west-2']);
      assert.equal(schema.additionalProperties, false);
      for (const method of methods) {
        const validator = template.Resources[method.Properties.RequestValidatorId.Ref]!;
        assert.equal(validator.Properties.ValidateRequestBody, true);
        assert.equal(validator.Properties.ValidateRequestParameters, true);
      }
    });

    it(`${region}: throttled, traced, measured`, () => {
      assert.equal(stage.StageName, 'prod');
      assert.equal(stage.TracingEnabled, true);
      assert.deepEqual(stage.MethodSettings, [{
        HttpMethod: '*', ResourcePath: '/*', ThrottlingRateLimit: 5, ThrottlingBurstLimit: 10,
        MetricsEnabled: true, LoggingLevel: 'INFO', DataTraceEnabled: false,
      }]);
    });

    it(`${region}: who called is in the access log`, () => {
      const format = JSON.parse(stage.AccessLogSetting.Format);
      for (const field of ['requestId', 'ip', 'caller', 'user', 'httpMethod', 'status']) {
        assert.ok(format[field], field);
      }
      const log = only(template, 'AWS::Logs::LogGroup',
        r => r.Properties.LogGroupName === '/aws/apigateway/aurora-global-failover');
      assert.equal(log.Properties.RetentionInDays, 30);
    });
  }
});
