// Identities, topics and what else the platform is without: recorded only.
#include "services/cloudformation/names.h"
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/providers/tables.h"
#include "services/cloudformation/recorded.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;
using enum Kind;

json id_attribute(const ResourceRequest&, const std::string& id) { return {{"Id", id}}; }
json no_attributes(const ResourceRequest&, const std::string&) { return json::object(); }
std::string own_name(const ResourceRequest& request) { return generated_name(request); }

// "/" or "/folder/", in front of a name in an ARN.
std::string path_of(const ResourceRequest& request) {
  const std::string path = text_of(request.properties, "Path");
  return path.empty() ? "/" : path;
}
std::string identity_arn(const ResourceRequest& request, const char* kind,
                         const std::string& name) {
  return "arn:aws:iam::" + request.account_id + ":" + kind + path_of(request) + name;
}

// ---- IAM

constexpr Property kRoleProperties[] = {
    fixed("RoleName", text),
    fixed("Path", text),
    loose("AssumeRolePolicyDocument", any, true),
    loose("Description", text),
    loose("ManagedPolicyArns", list),
    loose("MaxSessionDuration", number),
    loose("PermissionsBoundary", any),
    loose("Policies", list),
    loose("Tags", list),
};
constexpr Attribute kRoleAttributes[] = {{"Arn"}, {"RoleId"}};
std::string role_name(const ResourceRequest& request) {
  return name_or_generated(request, "RoleName");
}
json role_attributes(const ResourceRequest& request, const std::string& id) {
  return {{"Arn", identity_arn(request, "role", id)},
          {"RoleId", "AROA" + digits_of(request.stack_id + "/" + id, 17)}};
}

constexpr Property kPolicyProperties[] = {
    loose("PolicyName", text, true),
    loose("PolicyDocument", any, true),
    loose("Roles", list),
    {.name = "Users", .fate = Fate::refused, .note = "there are no users"},
    {.name = "Groups", .fate = Fate::refused, .note = "there are no groups"},
};
constexpr Reference kPolicyReferences[] = {
    {"Roles", "AWS::IAM::Role", "The role with name ", " cannot be found.", true}};

constexpr Property kManagedPolicyProperties[] = {
    fixed("ManagedPolicyName", text),
    fixed("Path", text),
    fixed("Description", text),
    loose("PolicyDocument", any, true),
    loose("Roles", list),
    {.name = "Users", .fate = Fate::refused, .note = "there are no users"},
    {.name = "Groups", .fate = Fate::refused, .note = "there are no groups"},
};
constexpr Attribute kManagedPolicyAttributes[] = {{"PolicyArn"}, {"PolicyId"}};
std::string managed_policy_arn(const ResourceRequest& request) {
  return identity_arn(request, "policy",
                      name_or_generated(request, "ManagedPolicyName", {.bytes_max = 128}));
}
json managed_policy_attributes(const ResourceRequest& request, const std::string& id) {
  return {{"PolicyArn", id}, {"PolicyId", "ANPA" + digits_of(request.stack_id + "/" + id, 17)}};
}

// ---- SNS and SQS's policies

constexpr Property kTopicProperties[] = {
    fixed("TopicName", text),
    fixed("FifoTopic", truth),
    loose("DisplayName", text),
    loose("KmsMasterKeyId", text),
    loose("Subscription", list),
    loose("Tags", list),
    loose("TracingConfig", text),
    loose("SignatureVersion", text),
    loose("ContentBasedDeduplication", truth),
};
constexpr Attribute kTopicAttributes[] = {{"TopicArn"}, {"TopicName"}};
std::string topic_arn(const ResourceRequest& request) {
  return arn_in(request, "sns", name_or_generated(request, "TopicName", {.bytes_max = 256}));
}
json topic_attributes(const ResourceRequest&, const std::string& id) {
  return {{"TopicArn", id}, {"TopicName", id.substr(id.rfind(':') + 1)}};
}
constexpr Property kTopicPolicyProperties[] = {loose("PolicyDocument", any, true),
                                               loose("Topics", list, true)};
constexpr Reference kTopicPolicyReferences[] = {
    {"Topics", "AWS::SNS::Topic", "Topic does not exist: ", ""}};
constexpr Property kSubscriptionProperties[] = {
    fixed("TopicArn", text, true),    fixed("Protocol", text, true),
    fixed("Endpoint", text),          loose("FilterPolicy", any),
    loose("FilterPolicyScope", text), loose("RawMessageDelivery", truth),
    loose("RedrivePolicy", any),      loose("DeliveryPolicy", any),
};
constexpr Attribute kArnAttribute[] = {{"Arn"}};
constexpr Reference kSubscriptionReferences[] = {
    {"TopicArn", "AWS::SNS::Topic", "Topic does not exist: ", ""}};
std::string subscription_arn(const ResourceRequest& request) {
  return text_of(request.properties, "TopicArn") + ":" + id_with_prefix(request, "");
}
json arn_attribute(const ResourceRequest&, const std::string& id) { return {{"Arn", id}}; }

constexpr Property kQueuePolicyProperties[] = {loose("PolicyDocument", any, true),
                                               loose("Queues", list, true)};

// ---- What bootstrap has

constexpr Property kRepositoryProperties[] = {
    fixed("RepositoryName", text),
    loose("ImageTagMutability", text),
    loose("LifecyclePolicy", object),
    loose("RepositoryPolicyText", any),
    loose("ImageScanningConfiguration", object),
    fixed("EncryptionConfiguration", object),
    loose("EmptyOnDelete", truth),
    loose("Tags", list),
};
constexpr Attribute kRepositoryAttributes[] = {{"Arn"}, {"RepositoryUri"}};
std::string repository_name(const ResourceRequest& request) {
  return name_or_generated(request, "RepositoryName",
                           {.bytes_max = 256, .letter_case = LetterCase::lower});
}
json repository_attributes(const ResourceRequest& request, const std::string& id) {
  return {{"Arn", arn_in(request, "ecr", "repository/" + id)},
          {"RepositoryUri",
           request.account_id + ".dkr.ecr." + request.region + ".amazonaws.com/" + id}};
}

constexpr Property kBucketPolicyProperties[] = {fixed("Bucket", text, true),
                                                loose("PolicyDocument", any, true)};
std::string bucket_of(const ResourceRequest& request) {
  return text_of(request.properties, "Bucket");
}

constexpr Property kMetadataProperties[] = {loose("Analytics", text)};
constexpr Property kAccountProperties[] = {loose("CloudWatchRoleArn", text)};

const RecordedType kIdentityTypes[] = {
    {recorded_type("AWS::IAM::Role", kRoleProperties, kRoleAttributes), role_name, role_attributes},
    {recorded_type("AWS::IAM::Policy", kPolicyProperties, kIdAttribute), own_name, id_attribute,
     kPolicyReferences},
    {recorded_type("AWS::IAM::ManagedPolicy", kManagedPolicyProperties, kManagedPolicyAttributes),
     managed_policy_arn, managed_policy_attributes, kPolicyReferences},
    {recorded_type("AWS::SNS::Topic", kTopicProperties, kTopicAttributes), topic_arn,
     topic_attributes},
    {recorded_type("AWS::SNS::TopicPolicy", kTopicPolicyProperties, kIdAttribute), own_name,
     id_attribute, kTopicPolicyReferences},
    {recorded_type("AWS::SNS::Subscription", kSubscriptionProperties, kArnAttribute),
     subscription_arn, arn_attribute, kSubscriptionReferences},
    {recorded_type("AWS::SQS::QueuePolicy", kQueuePolicyProperties, kIdAttribute), own_name,
     id_attribute},
    {recorded_type("AWS::ECR::Repository", kRepositoryProperties, kRepositoryAttributes),
     repository_name, repository_attributes},
    {recorded_type("AWS::S3::BucketPolicy", kBucketPolicyProperties), bucket_of, no_attributes},
    {recorded_type("AWS::CDK::Metadata", kMetadataProperties), own_name, no_attributes},
    {recorded_type("AWS::ApiGateway::Account", kAccountProperties, kIdAttribute), own_name,
     id_attribute},
};

}  // namespace

void add_identities(Providers& providers, const ProviderContext& context) {
  for (const RecordedType& type : kIdentityTypes) {
    providers.add(std::make_unique<RecordedProvider>(type, context));
  }
}

}  // namespace aurora_global::services::cloudformation
