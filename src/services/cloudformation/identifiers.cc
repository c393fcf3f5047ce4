#include "services/cloudformation/identifiers.h"

#include <span>

namespace aurora_global::services::cloudformation {
namespace {

struct Identifier {
  std::string_view type;
  std::string_view property;
};

constexpr Identifier kIdentifiers[] = {
    {"AWS::ApiGateway::RestApi", "RestApiId"},
    {"AWS::CloudWatch::Alarm", "AlarmName"},
    {"AWS::CloudWatch::Dashboard", "DashboardName"},
    {"AWS::EC2::InternetGateway", "InternetGatewayId"},
    {"AWS::EC2::NatGateway", "NatGatewayId"},
    {"AWS::EC2::RouteTable", "RouteTableId"},
    {"AWS::EC2::SecurityGroup", "Id"},
    {"AWS::EC2::Subnet", "SubnetId"},
    {"AWS::EC2::VPC", "VpcId"},
    {"AWS::EC2::VPCEndpoint", "Id"},
    {"AWS::EC2::VPCPeeringConnection", "Id"},
    {"AWS::ECR::Repository", "RepositoryName"},
    {"AWS::IAM::ManagedPolicy", "PolicyArn"},
    {"AWS::IAM::Role", "RoleName"},
    {"AWS::KMS::Alias", "AliasName"},
    {"AWS::KMS::Key", "KeyId"},
    {"AWS::Lambda::Function", "FunctionName"},
    {"AWS::Logs::LogGroup", "LogGroupName"},
    {"AWS::RDS::DBCluster", "DBClusterIdentifier"},
    {"AWS::RDS::DBClusterParameterGroup", "DBClusterParameterGroupName"},
    {"AWS::RDS::DBInstance", "DBInstanceIdentifier"},
    {"AWS::RDS::DBParameterGroup", "DBParameterGroupName"},
    {"AWS::RDS::DBSubnetGroup", "DBSubnetGroupName"},
    {"AWS::RDS::GlobalCluster", "GlobalClusterIdentifier"},
    {"AWS::S3::Bucket", "BucketName"},
    {"AWS::SNS::Topic", "TopicArn"},
    {"AWS::SQS::Queue", "QueueUrl"},
    {"AWS::SSM::Parameter", "Name"},
    {"AWS::SecretsManager::Secret", "Id"},
};

}  // namespace

std::string_view identifier_of(std::string_view type) {
  for (const Identifier& one : kIdentifiers) {
    if (one.type == type) return one.property;
  }
  return {};
}

}  // namespace aurora_global::services::cloudformation
