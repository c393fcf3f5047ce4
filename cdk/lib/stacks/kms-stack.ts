import { Arn, ArnFormat, CfnOutput, Duration } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { Config, Region } from '../config.js';
import { BaseStack } from './base-stack.js';

/** The key of a region: cluster storage, Performance Insights, secret, logs, alarms. */
export class KmsStack extends BaseStack {
  readonly key: kms.Key;

  constructor(scope: Construct, id: string, config: Config, region: Region) {
    super(scope, id, config, region, `KMS key of ${config.name} in ${region}`);
    this.key = new kms.Key(this, 'Key', {
      description: `${config.name} in ${region}`,
      enableKeyRotation: true,
      removalPolicy: this.retention,
      pendingWindow: Duration.days(config.retain ? 30 : 7),
    });
    const alias = new kms.Alias(this, 'Alias', {
      aliasName: this.names.keyAlias,
      targetKey: this.key,
      removalPolicy: this.retention,
    });
    this.allowLogs();
    this.allowAlarms();
    new CfnOutput(this, 'KeyId', { value: this.key.keyId });
    new CfnOutput(this, 'KeyArn', { value: this.key.keyArn });
    new CfnOutput(this, 'KeyAlias', { value: alias.aliasName });
  }

  /** CloudWatch Logs encrypts log groups of this account, and nothing else, with the key. */
  private allowLogs(): void {
    const anyLogGroup = Arn.format(
      { service: 'logs', resource: 'log-group', resourceName: '*',
        arnFormat: ArnFormat.COLON_RESOURCE_NAME }, this);
    this.key.addToResourcePolicy(new iam.PolicyStatement({
      sid: 'LogGroups',
      principals: [new iam.ServicePrincipal(`logs.${this.region}.amazonaws.com`)],
      actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*',
        'kms:DescribeKey'],
      resources: ['*'],
      conditions: { ArnLike: { 'kms:EncryptionContext:aws:logs:arn': anyLogGroup } },
    }));
  }

  /** CloudWatch sends alarms of this account to an encrypted topic. */
  private allowAlarms(): void {
    this.key.addToResourcePolicy(new iam.PolicyStatement({
      sid: 'Alarms',
      principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
    }));
  }
}
