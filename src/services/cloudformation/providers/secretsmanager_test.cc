// Goal: a secret is generated once, replicated and removed; an attachment adds the connection to it
// and takes it away. Method: the steps run against Secrets Manager itself, over a region in memory.
#include <gtest/gtest.h>

#include "base/json.h"
#include "services/call.h"
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/testing/provider_step.h"
#include "services/rds/rds.h"
#include "services/secretsmanager/secretsmanager.h"
#include "services/testing/fake_region.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;
using services::testing::FakeRegion;
using testing::ProviderStep;

class RegionServices final : public ServiceCaller {
 public:
  FakeRegion region;
  std::vector<std::string> asked;

  net::Task<Result<json>> call(std::string service, std::string operation, json input) override {
    asked.push_back(operation);
    CO_TRY(json checked, read_input(service, operation, input));
    auto calling = service == "rds" ? rds::call(region, operation, std::move(checked))
                                    : secretsmanager::call(region, operation, std::move(checked));
    co_return co_await std::move(calling);
  }
};

class SecretProviders : public ::testing::Test {
 protected:
  SecretProviders() { add_secretsmanager(providers, {services}); }

  ProviderStep step(const std::string& type, json properties) {
    return {*providers.find(type), type, std::move(properties)};
  }
  json ask(const std::string& operation, json input) {
    json answer;
    net::testing::run([&](net::TaskGroup&) -> net::Task<void> {
      auto calling = services.call("secretsmanager", operation, std::move(input));
      const auto outcome = co_await std::move(calling);
      answer = outcome.has_value() ? *outcome : json{{"code", outcome.error().code}};
    });
    return answer;
  }
  json value() {
    return parse_json(ask("GetSecretValue", {{"SecretId", "s"}}).value("SecretString", ""));
  }
  static json properties(int length = 32) {
    return {{"Name", "s"},
            {"GenerateSecretString",
             {{"SecretStringTemplate", R"({"username":"postgres"})"},
              {"GenerateStringKey", "password"},
              {"ExcludePunctuation", "true"},
              {"PasswordLength", length}}},
            {"ReplicaRegions", {{{"Region", "us-west-2"}, {"KmsKeyId", "alias/w"}}}},
            {"Tags", {{{"Key", "k"}, {"Value", "v"}}}}};
  }

  RegionServices services;
  Providers providers;
};

TEST_F(SecretProviders, ASecretIsGeneratedOnce) {
  ProviderStep one = step("AWS::SecretsManager::Secret", properties());
  ASSERT_TRUE(one.create().has_value());
  EXPECT_TRUE(one.made.physical_id.starts_with("arn:aws:secretsmanager:us-east-1:"));
  const json first = value();
  EXPECT_EQ(first["username"], "postgres");
  EXPECT_EQ(first["password"].get<std::string>().size(), 32u);
  ASSERT_TRUE(one.create_again().has_value());
  EXPECT_EQ(value(), first);
  json described = properties();
  described["Description"] = "words";
  ASSERT_TRUE(one.update(described).has_value());
  EXPECT_EQ(value(), first) << "the value was not asked for";
  one.request.token = "0b8f1c3e/2/1/0";  // Of another update.
  ASSERT_TRUE(one.update(properties(40)).has_value());
  const json longer = value();
  one.request.properties = described;
  ASSERT_TRUE(one.update(properties(40)).has_value());
  EXPECT_EQ(value(), longer) << "a step that is repeated makes no other value";
  EXPECT_EQ(longer["password"].get<std::string>().size(), 40u);
  EXPECT_EQ(ask("DescribeSecret", {{"SecretId", "s"}})["Description"], "");
}

TEST_F(SecretProviders, ReplicasFollowTheTemplateAndASecretGoesAtOnce) {
  ProviderStep one = step("AWS::SecretsManager::Secret", properties());
  ASSERT_TRUE(one.create().has_value());
  json other = properties();
  other["ReplicaRegions"] = {{{"Region", "eu-west-1"}}};
  ASSERT_TRUE(one.update(other).has_value());
  const json status = ask("DescribeSecret", {{"SecretId", "s"}})["ReplicationStatus"];
  ASSERT_EQ(status.size(), 1u);
  EXPECT_EQ(status[0]["Region"], "eu-west-1");
  ASSERT_TRUE(one.remove().has_value());
  EXPECT_EQ(ask("DescribeSecret", {{"SecretId", "s"}})["code"], "ResourceNotFoundException");
  EXPECT_TRUE(one.remove().has_value());
  EXPECT_TRUE(one.read().has_error());
}

TEST_F(SecretProviders, ASecretThatWaitsForItsDeletionIsNobodys) {
  json alone = properties();
  alone.erase("ReplicaRegions");
  ASSERT_TRUE(step("AWS::SecretsManager::Secret", alone).create().has_value());
  ask("DeleteSecret", {{"SecretId", "s"}, {"RecoveryWindowInDays", 7}});
  ProviderStep one = step("AWS::SecretsManager::Secret", alone);
  ASSERT_TRUE(one.create().has_error());
  EXPECT_EQ(one.made.physical_id, "") << "what is taken back is removed at once";
  one.request.physical_id = "s";
  EXPECT_EQ(one.read().error().kind, ErrorKind::not_found);
  ask("RestoreSecret", {{"SecretId", "s"}});
  EXPECT_EQ(value()["username"], "postgres");
  ASSERT_TRUE(one.read().has_value());
  EXPECT_TRUE(one.made.physical_id.starts_with("arn:")) << one.made.physical_id;
}

TEST_F(SecretProviders, AnAttachmentAddsTheConnection) {
  ASSERT_TRUE(step("AWS::SecretsManager::Secret", properties()).create().has_value());
  const json before = value();
  ProviderStep one =
      step("AWS::SecretsManager::SecretTargetAttachment",
           {{"SecretId", "s"}, {"TargetId", "c"}, {"TargetType", "AWS::RDS::DBCluster"}});
  ASSERT_TRUE(one.create().has_value());
  const json attached = value();
  EXPECT_EQ(attached["password"], before["password"]);
  EXPECT_EQ(attached["engine"], "postgres");
  EXPECT_EQ(attached["port"], 5432);
  EXPECT_EQ(attached["dbClusterIdentifier"], "c");
  const auto puts = [&] {
    return std::count(services.asked.begin(), services.asked.end(), "PutSecretValue");
  };
  ASSERT_TRUE(one.create_again().has_value());
  EXPECT_EQ(puts(), 1) << "it says so already";
  ASSERT_TRUE(one.remove().has_value());
  EXPECT_EQ(value(), before);
}

TEST_F(SecretProviders, AnAttachmentGoesFromASecretWithAnotherValue) {
  ASSERT_TRUE(step("AWS::SecretsManager::Secret", properties()).create().has_value());
  ProviderStep one =
      step("AWS::SecretsManager::SecretTargetAttachment",
           {{"SecretId", "s"}, {"TargetId", "c"}, {"TargetType", "AWS::RDS::DBCluster"}});
  ASSERT_TRUE(one.create().has_value());
  ask("PutSecretValue", {{"SecretId", "s"}, {"SecretString", "plain"}});
  EXPECT_TRUE(one.create_again().has_error());
  one.request.physical_id = "s";
  EXPECT_TRUE(one.remove().has_value());
  EXPECT_EQ(ask("GetSecretValue", {{"SecretId", "s"}})["SecretString"], "plain");
}

TEST_F(SecretProviders, APolicyIsPutAndTakenAway) {
  ASSERT_TRUE(step("AWS::SecretsManager::Secret", properties()).create().has_value());
  const json policy = {
      {"Statement",
       {{{"Effect", "Allow"}, {"Principal", {{"AWS", "arn:aws:iam::1:root"}}}, {"Action", "*"}}}}};
  ProviderStep one =
      step("AWS::SecretsManager::ResourcePolicy", {{"SecretId", "s"}, {"ResourcePolicy", policy}});
  ASSERT_TRUE(one.create().has_value());
  EXPECT_EQ(parse_json(ask("GetResourcePolicy", {{"SecretId", "s"}}).value("ResourcePolicy", "")),
            policy);
  ASSERT_TRUE(one.remove().has_value());
  EXPECT_FALSE(ask("GetResourcePolicy", {{"SecretId", "s"}}).contains("ResourcePolicy"));
}

}  // namespace
}  // namespace aurora_global::services::cloudformation
