import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { METRIC_NAMESPACE } from '../names.js';
import { BaseStack } from '../stacks/base-stack.js';
import { ENDPOINT_TYPES, type CrudFunctions } from './crud-functions.js';

export interface ObservabilityProps {
  readonly key: kms.IKey;
  readonly crud: CrudFunctions;
  readonly failover: lambda.IFunction;
  readonly deadLetters: sqs.IQueue;
}

const { MILLISECONDS, COUNT, PERCENT } = {
  MILLISECONDS: { label: 'ms', min: 0, showUnits: false },
  COUNT: { min: 0, showUnits: false },
  PERCENT: { label: '%', min: 0, max: 100, showUnits: false },
};

/**
 * A dashboard and alarms of one region that mean something in either role: what only a secondary
 * measures has no data in a primary, which is no alarm.
 */
export class Observability extends Construct {
  readonly dashboard: cloudwatch.Dashboard;
  readonly topic: sns.Topic;

  constructor(scope: Construct, id: string, private readonly props: ObservabilityProps) {
    super(scope, id);
    const { names, home, config } = BaseStack.of(this);
    this.topic = new sns.Topic(this, 'Topic', {
      topicName: names.topic,
      masterKey: props.key,
      enforceSSL: true,
    });
    // The policy that refuses what comes without TLS takes the place of the one that SNS makes.
    this.topic.addToResourcePolicy(new iam.PolicyStatement({
      sid: 'Alarms',
      principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [this.topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': BaseStack.of(this).account } },
    }));
    if (config.alarmEmail) this.topic.addSubscription(new EmailSubscription(config.alarmEmail));
    this.dashboard = new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: names.dashboard(home),
      defaultInterval: Duration.hours(3),
      widgets: [this.operations(), this.replication(), this.forwarding(), this.functions()],
    });
    this.addAlarms();
  }

  /** One of the four metrics, of the function of an endpoint type. */
  private own(metricName: string, endpointType: string, statistic: string): cloudwatch.Metric {
    const crud = this.props.crud;
    const of = endpointType === ENDPOINT_TYPES.globalWriter ? crud.globalEndpoint
                                                            : crud.writeForwarding;
    return new cloudwatch.Metric({
      namespace: METRIC_NAMESPACE,
      metricName,
      dimensionsMap: {
        FunctionName: of.functionName,
        EndpointType: endpointType,
        Region: BaseStack.of(this).home,
      },
      statistic,
      label: `${endpointType} ${statistic}`,
      period: Duration.minutes(1),
    });
  }

  private both(metricName: string, statistic: string): cloudwatch.Metric[] {
    return Object.values(ENDPOINT_TYPES).map(type => this.own(metricName, type, statistic));
  }

  /** AWS's metrics of this region's cluster. */
  private cluster(metricName: string, statistic = 'Maximum'): cloudwatch.Metric {
    const { names, home } = BaseStack.of(this);
    return new cloudwatch.Metric({
      namespace: 'AWS/RDS',
      metricName,
      dimensionsMap: { DBClusterIdentifier: names.cluster(home) },
      statistic,
      label: `${metricName} ${statistic}`,
      period: Duration.minutes(1),
    });
  }

  /** AWS's metrics of each instance of this region's cluster. */
  private instances(metricName: string, statistic: string): cloudwatch.Metric[] {
    const { names, home, config } = BaseStack.of(this);
    return Array.from({ length: 1 + config.readers }, (_, index) => new cloudwatch.Metric({
      namespace: 'AWS/RDS',
      metricName,
      dimensionsMap: { DBInstanceIdentifier: names.instance(home, index + 1) },
      statistic,
      label: `${metricName} of ${index + 1}`,
      period: Duration.minutes(1),
    }));
  }

  private operations(): cloudwatch.IWidget[] {
    return [
      graph('Success rate by endpoint type', PERCENT, this.both('SuccessRate', 'Average')),
      graph('Latency by endpoint type', MILLISECONDS,
        [...this.both('Latency', 'p50'), ...this.both('Latency', 'p99')]),
      graph('Retries by endpoint type', COUNT, this.both('RetryCount', 'Sum')),
      graph('Operations during a failover', COUNT, this.both('OperationsDuringFailover', 'Sum')),
    ];
  }

  private replication(): cloudwatch.IWidget[] {
    return [
      graph('Replication lag (while secondary)', MILLISECONDS,
        [this.cluster('AuroraGlobalDBReplicationLag'), this.cluster('AuroraGlobalDBProgressLag')]),
      graph('RPO lag (while secondary)', MILLISECONDS, [this.cluster('AuroraGlobalDBRPOLag')]),
      graph('Aurora capacity units', COUNT,
        [this.cluster('ServerlessDatabaseCapacity', 'Average'),
         this.cluster('ServerlessDatabaseCapacity')]),
      graph('Connections', COUNT, [this.cluster('DatabaseConnections', 'Sum')]),
    ];
  }

  private forwarding(): cloudwatch.IWidget[] {
    return [
      graph('Forwarded statements (while secondary)', COUNT,
        this.instances('AuroraForwardingReplicaDMLThroughput', 'Average')),
      graph('Latency of forwarding (while secondary)', MILLISECONDS,
        [...this.instances('AuroraForwardingReplicaDMLLatency', 'Average'),
         ...this.instances('AuroraForwardingReplicaReadWaitLatency', 'Average')]),
      graph('Forwarded sessions here (while secondary)', COUNT,
        [...this.instances('AuroraForwardingReplicaOpenSessions', 'Maximum'),
         ...this.instances('AuroraForwardingReplicaErrorSessionsLimit', 'Sum')]),
      graph('Forwarded to here (while primary)', COUNT,
        [...this.instances('AuroraForwardingWriterOpenSessions', 'Maximum'),
         ...this.instances('AuroraForwardingWriterDMLThroughput', 'Average')]),
    ];
  }

  private functions(): cloudwatch.IWidget[] {
    const { crud, failover, deadLetters } = this.props;
    const all = [crud.globalEndpoint, crud.writeForwarding, failover];
    return [
      graph('Invocations', COUNT, all.map(one => one.metricInvocations())),
      graph('Function errors', COUNT, all.map(one => one.metricErrors())),
      graph('Duration', MILLISECONDS, all.map(one => one.metricDuration({ statistic: 'Maximum' }))),
      graph('Dead letters', COUNT, [deadLetters.metricApproximateNumberOfMessagesVisible()]),
    ];
  }

  private addAlarms(): void {
    for (const [endpointType, metric] of Object.values(ENDPOINT_TYPES).map(type =>
      [type, this.own('SuccessRate', type, 'Minimum')] as const)) {
      this.alarm(`success-rate-${endpointType}`, {
        metric,
        threshold: 99,
        comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        evaluationPeriods: 1,
        alarmDescription: `Under 99 % of the operations of an invocation succeeded (${endpointType})`,
      });
    }
    for (const [name, metricName, threshold] of [
      ['replication-lag', 'AuroraGlobalDBReplicationLag', 5_000],
      ['rpo-lag', 'AuroraGlobalDBRPOLag', 10_000],
    ] as const) {
      this.alarm(name, {
        metric: this.cluster(metricName),
        threshold,
        comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluationPeriods: 5,
        datapointsToAlarm: 3,
        alarmDescription: `${metricName} above ${threshold} ms: so much would be lost in a failover`,
      });
    }
    this.alarm('dead-letters', {
      metric: this.props.deadLetters.metricApproximateNumberOfMessagesVisible(),
      threshold: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 1,
      alarmDescription: 'A failover that was asked for asynchronously failed: see the queue',
    });
  }

  private alarm(name: string, props: cloudwatch.AlarmProps): void {
    new cloudwatch.Alarm(this, name, {
      alarmName: BaseStack.of(this).names.alarm(name),
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      ...props,
    }).addAlarmAction(new SnsAction(this.topic));
  }
}

function graph(title: string, leftYAxis: cloudwatch.YAxisProps,
               left: cloudwatch.IMetric[]): cloudwatch.GraphWidget {
  return new cloudwatch.GraphWidget({ title, left, leftYAxis, width: 6, height: 6 });
}
