import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { flat, ofType, only, Synthesized } from './support.js';

describe('Observability', () => {
  const app = Synthesized.under();
  for (const [region, template] of app.regions) {
    const dashboard = only(template, 'AWS::CloudWatch::Dashboard').Properties;
    const body = JSON.parse(flat(dashboard.DashboardBody));
    const shown: string[] = body.widgets.flatMap((w: any) => w.properties.metrics ?? [])
      .map((metric: any[]) => metric.filter(part => typeof part === 'string').join(' '));

    it(`${region}: the four metrics, by endpoint type, of this region's functions`, () => {
      for (const metric of ['OperationsDuringFailover', 'SuccessRate', 'Latency', 'RetryCount']) {
        for (const [name, type] of [['CrudFunctionsGlobalEndpoint', 'global-writer'],
                                    ['CrudFunctionsWriteForwarding', 'write-forwarding']]) {
          assert.ok(shown.some(one => one.startsWith(
            `AuroraGlobalDB/Failover ${metric} EndpointType ${type} FunctionName <${name}`) &&
            one.endsWith(`Region ${region}`)), `${metric} ${type}\n${shown.join('\n')}`);
        }
      }
    });

    it(`${region}: replication lag, RPO lag, capacity, forwarding in both directions`, () => {
      const cluster = `DBClusterIdentifier aurora-global-db-${region}`;
      const instance = `DBInstanceIdentifier aurora-global-db-${region}-1`;
      for (const wanted of [
        `AuroraGlobalDBReplicationLag ${cluster}`, `AuroraGlobalDBRPOLag ${cluster}`,
        `ServerlessDatabaseCapacity ${cluster}`,
        `AuroraForwardingReplicaDMLThroughput ${instance}`,
        `AuroraForwardingReplicaDMLLatency ${instance}`,
        `AuroraForwardingWriterOpenSessions ${instance}`,
      ]) {
        assert.ok(shown.includes(`AWS/RDS ${wanted}`), wanted);
      }
    });

    it(`${region}: alarms on success rate, lag and dead letters; no data is no alarm`, () => {
      const alarms = ofType(template, 'AWS::CloudWatch::Alarm').map(r => r.Properties);
      assert.deepEqual(alarms.map(one => one.AlarmName).sort(), [
        'aurora-global-dead-letters', 'aurora-global-replication-lag', 'aurora-global-rpo-lag',
        'aurora-global-success-rate-global-writer', 'aurora-global-success-rate-write-forwarding']);
      for (const alarm of alarms) {
        assert.equal(alarm.TreatMissingData, 'notBreaching', alarm.AlarmName);
        assert.match(flat(alarm.AlarmActions[0]), /^<ObservabilityTopic/, alarm.AlarmName);
      }
      const rate = alarms.find(one => one.AlarmName.endsWith('success-rate-global-writer'))!;
      assert.equal(rate.Threshold, 99);
      assert.equal(rate.ComparisonOperator, 'LessThanThreshold');
      const dimensions = rate.Metrics[0].MetricStat.Metric.Dimensions.map((d: any) => d.Name).sort();
      assert.deepEqual(dimensions, ['EndpointType', 'FunctionName', 'Region']);
    });

    it(`${region}: alarms, and nothing else, may go to the encrypted topic`, () => {
      assert.ok(only(template, 'AWS::SNS::Topic').Properties.KmsMasterKeyId);
      const allowed = only(template, 'AWS::SNS::TopicPolicy').Properties.PolicyDocument.Statement
        .filter((s: any) => s.Effect === 'Allow');
      assert.deepEqual(allowed.map((s: any) => [s.Principal, s.Action, s.Condition]), [
        [{ Service: 'cloudwatch.amazonaws.com' }, 'sns:Publish',
          { StringEquals: { 'aws:SourceAccount': '111122223333' } }]]);
    });
  }

  it('mails alarms where an address is given', () => {
    assert.deepEqual(ofType(app.primary, 'AWS::SNS::Subscription'), []);
    const mailed = Synthesized.under({ alarmEmail: 'oncall@example.com' });
    for (const [, template] of mailed.regions) {
      const { Properties } = only(template, 'AWS::SNS::Subscription');
      assert.deepEqual([Properties.Protocol, Properties.Endpoint], ['email', 'oncall@example.com']);
    }
  });
});
