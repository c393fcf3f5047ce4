import { Annotations, Aws, RemovalPolicy, Validations } from 'aws-cdk-lib';
import * as apigateway from 'aws-cdk-lib/aws-apigateway';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { PRIMARY_REGION, SECONDARY_REGION } from '../config.js';
import { BaseStack } from '../stacks/base-stack.js';

export interface FailoverApiProps {
  readonly function: lambda.IFunction;
  readonly key: kms.IKey;
}

/**
 * POST /failover moves the writer, GET /failover tells how things are; both signed (SigV4), unless
 * the context says -c failoverAuth=none.
 */
export class FailoverApi extends Construct {
  readonly api: apigateway.RestApi;
  /** "ID.execute-api.REGION.amazonaws.com/prod": what stands between https:// and /failover. */
  readonly hostAndStage: string;

  constructor(scope: Construct, id: string, props: FailoverApiProps) {
    super(scope, id);
    const stack = BaseStack.of(this);
    const accessLog = new logs.LogGroup(this, 'AccessLog', {
      logGroupName: `/aws/apigateway/${stack.names.api}`,
      retention: stack.config.logRetentionDays,
      encryptionKey: props.key,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.api = new apigateway.RestApi(this, 'Api', {
      restApiName: stack.names.api,
      description: 'Moves the writer of the global database',
      endpointTypes: [apigateway.EndpointType.REGIONAL],
      // The account's role for API Gateway's logs: a setting of the account in this region, so it
      // stays when the stack goes.
      cloudWatchRole: true,
      cloudWatchRoleRemovalPolicy: RemovalPolicy.RETAIN,
      deployOptions: {
        stageName: 'prod',
        throttlingRateLimit: 5,
        throttlingBurstLimit: 10,
        tracingEnabled: true,
        metricsEnabled: true,
        loggingLevel: apigateway.MethodLoggingLevel.INFO,
        dataTraceEnabled: false,
        accessLogDestination: new apigateway.LogGroupLogDestination(accessLog),
        accessLogFormat: apigateway.AccessLogFormat.jsonWithStandardFields(),
      },
    });
    const signed = stack.config.failoverAuth === 'iam';
    const resource = this.api.root.addResource('failover');
    const integration = new apigateway.LambdaIntegration(props.function);
    const common = {
      authorizationType: signed ? apigateway.AuthorizationType.IAM :
        apigateway.AuthorizationType.NONE,
      requestValidator: this.api.addRequestValidator('Validator', {
        validateRequestBody: true, validateRequestParameters: true,
      }),
    };
    resource.addMethod('POST', integration, {
      ...common, requestModels: { 'application/json': this.request() },
    });
    resource.addMethod('GET', integration, common);
    const { restApiId, deploymentStage } = this.api;
    this.hostAndStage =
      `${restApiId}.execute-api.${stack.region}.${Aws.URL_SUFFIX}/${deploymentStage.stageName}`;
    this.acknowledge();
    if (!signed) this.warnOfEverybody();
  }

  /** What the function takes behind the API. */
  private request(): apigateway.Model {
    return this.api.addModel('FailoverRequest', {
      contentType: 'application/json',
      schema: {
        schema: apigateway.JsonSchemaVersion.DRAFT4,
        title: 'FailoverRequest',
        type: apigateway.JsonSchemaType.OBJECT,
        properties: {
          failover_type: {
            type: apigateway.JsonSchemaType.STRING, enum: ['planned', 'unplanned'],
          },
          target_region: {
            type: apigateway.JsonSchemaType.STRING, enum: [PRIMARY_REGION, SECONDARY_REGION],
          },
        },
        additionalProperties: false,
      },
    });
  }

  private warnOfEverybody(): void {
    Annotations.of(this).addWarningV2('aurora-global:failoverAuth',
      'Everybody who can reach the API can move the writer (-c failoverAuth=none)');
    Validations.of(this).acknowledge(
      { id: 'AwsSolutions-APIG4', reason: 'Asked for by -c failoverAuth=none; a warning says so' });
  }

  private acknowledge(): void {
    Validations.of(this).acknowledge(
      { id: 'AwsSolutions-APIG3',
        reason: 'Every call is signed by a principal of the account; there is no public caller ' +
          'whom a web ACL could sort out' },
      { id: 'AwsSolutions-COG4',
        reason: 'IAM authorizes: the callers are operators and pipelines, not users of a pool' },
      { id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/' +
          'AmazonAPIGatewayPushToCloudWatchLogs]',
        reason: 'The policy that API Gateway asks for in the setting of the account' });
  }
}
