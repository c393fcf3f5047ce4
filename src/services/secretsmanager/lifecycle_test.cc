// Goal: passwords are of what was asked for; deleted secrets give nothing and free their names;
// replicas and policies are told as they were given.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "services/secretsmanager/secretsmanager.h"
#include "services/testing/call.h"

namespace aurora_global::services {
namespace {

using nlohmann::json;
using testing::FakeRegion;

json asked(FakeRegion& region, const std::string& operation, const json& request) {
  return testing::json_call(secretsmanager::serve, region, "secretsmanager." + operation, request);
}
std::string code_of(FakeRegion& region, const std::string& operation, const json& request) {
  return asked(region, operation, request).value("__type", "done");
}

const json kSecret = {{"SecretId", "s"}};

void create_secret(FakeRegion& region, json more = json::object()) {
  more.update({{"Name", "s"}, {"SecretString", "x"}});
  ASSERT_EQ(code_of(region, "CreateSecret", more), "done");
}

TEST(SecretLifecycle, PasswordsAreOfWhatWasAskedFor) {
  FakeRegion region;
  const auto password = [&](const json& request) {
    return asked(region, "GetRandomPassword", request).value("RandomPassword", "");
  };
  EXPECT_EQ(password(json::object()).size(), 32u);
  EXPECT_NE(password(json::object()), password(json::object()));
  for (int i = 0; i < 50; ++i) {
    const std::string plain = password({{"ExcludePunctuation", true}, {"PasswordLength", 3}});
    EXPECT_EQ(plain.size(), 3u);
    const auto has = [&](auto kind) {
      return std::any_of(plain.begin(), plain.end(), [&](unsigned char c) { return kind(c) != 0; });
    };
    EXPECT_TRUE(has([](int c) { return std::isupper(c); }) &&
                has([](int c) { return std::islower(c); }) &&
                has([](int c) { return std::isdigit(c); }))
        << plain;
    EXPECT_EQ(password({{"ExcludeCharacters", "abc"},
                        {"ExcludePunctuation", true},
                        {"ExcludeUppercase", true},
                        {"ExcludeNumbers", true},
                        {"PasswordLength", 200}})
                  .find_first_of("abcABC0123456789"),
              std::string::npos);
  }
  EXPECT_EQ(code_of(region, "GetRandomPassword", {{"PasswordLength", 2}}),
            "InvalidParameterException");
  EXPECT_EQ(code_of(region, "GetRandomPassword",
                    {{"ExcludeLowercase", true},
                     {"ExcludeUppercase", true},
                     {"ExcludeNumbers", true},
                     {"ExcludePunctuation", true}}),
            "InvalidParameterException");
}

TEST(SecretLifecycle, ASecretThatWaitsForItsDeletionCanBeRestored) {
  FakeRegion region;
  create_secret(region);
  EXPECT_EQ(code_of(region, "DeleteSecret", {{"SecretId", "s"}, {"RecoveryWindowInDays", 6}}),
            "InvalidParameterException");
  EXPECT_EQ(
      code_of(
          region, "DeleteSecret",
          {{"SecretId", "s"}, {"RecoveryWindowInDays", 7}, {"ForceDeleteWithoutRecovery", true}}),
      "InvalidParameterException");
  EXPECT_EQ(code_of(region, "DeleteSecret", kSecret), "done");
  for (const char* operation : {"GetSecretValue", "DeleteSecret", "RotateSecret"}) {
    EXPECT_EQ(code_of(region, operation, kSecret), "InvalidRequestException") << operation;
  }
  EXPECT_EQ(code_of(region, "CreateSecret", {{"Name", "s"}}), "InvalidRequestException");
  EXPECT_TRUE(asked(region, "DescribeSecret", kSecret).contains("DeletedDate"));
  EXPECT_EQ(asked(region, "ListSecrets", json::object())["SecretList"], json::array());
  EXPECT_EQ(asked(region, "ListSecrets", {{"IncludePlannedDeletion", true}})["SecretList"].size(),
            1u);
  EXPECT_EQ(code_of(region, "RestoreSecret", kSecret), "done");
  EXPECT_EQ(asked(region, "GetSecretValue", kSecret)["SecretString"], "x");
  EXPECT_FALSE(asked(region, "DescribeSecret", kSecret).contains("DeletedDate"));
}

TEST(SecretLifecycle, AtOnceItIsGoneAndItsNameIsFree) {
  FakeRegion region;
  create_secret(region);
  const json arn = asked(region, "DescribeSecret", kSecret)["ARN"];
  EXPECT_EQ(
      code_of(region, "DeleteSecret", {{"SecretId", "s"}, {"ForceDeleteWithoutRecovery", true}}),
      "done");
  EXPECT_EQ(region.secrets.at("s").values, "{}");
  EXPECT_EQ(code_of(region, "DeleteSecret", kSecret), "ResourceNotFoundException");
  for (const char* id : {"s", "never-there"}) {
    const json again =
        asked(region, "DeleteSecret", {{"SecretId", id}, {"ForceDeleteWithoutRecovery", true}});
    EXPECT_EQ(again["Name"], id) << "asked again: " << again;
  }
  for (const char* operation : {"GetSecretValue", "DescribeSecret", "RestoreSecret"}) {
    EXPECT_EQ(code_of(region, operation, kSecret), "ResourceNotFoundException") << operation;
  }
  create_secret(region);
  EXPECT_NE(asked(region, "DescribeSecret", kSecret)["ARN"], arn);
}

TEST(SecretLifecycle, OneThatIsDueIsGone) {
  FakeRegion region;
  create_secret(region);
  ASSERT_EQ(code_of(region, "DeleteSecret", kSecret), "done");
  json about = json::parse(region.secrets.at("s").about);
  about["deletion"] = 1.0;
  region.secrets.at("s").about = about.dump();
  EXPECT_EQ(code_of(region, "RestoreSecret", kSecret), "ResourceNotFoundException");
  create_secret(region);
}

TEST(SecretLifecycle, ReplicasAreTold) {
  FakeRegion region;
  create_secret(region,
                {{"AddReplicaRegions", {{{"Region", "us-west-2"}, {"KmsKeyId", "alias/w"}}}}});
  EXPECT_EQ(code_of(region, "DeleteSecret", kSecret), "InvalidRequestException");
  EXPECT_EQ(code_of(region, "ReplicateSecretToRegions",
                    {{"SecretId", "s"}, {"AddReplicaRegions", {{{"Region", "mars-1"}}}}}),
            "InvalidParameterException");
  const json added = asked(region, "ReplicateSecretToRegions",
                           {{"SecretId", "s"}, {"AddReplicaRegions", {{{"Region", "eu-west-1"}}}}});
  EXPECT_EQ(added["ReplicationStatus"].size(), 2u);
  const json told = asked(region, "DescribeSecret", kSecret);
  EXPECT_EQ(told["PrimaryRegion"], "us-east-1");
  EXPECT_EQ(told["ReplicationStatus"][0]["Region"], "us-west-2");
  EXPECT_EQ(told["ReplicationStatus"][0]["KmsKeyId"], "alias/w");
  const json left =
      asked(region, "RemoveRegionsFromReplication",
            {{"SecretId", "s"}, {"RemoveReplicaRegions", {"us-west-2", "eu-west-1"}}});
  EXPECT_EQ(left["ReplicationStatus"], json::array());
  EXPECT_EQ(code_of(region, "DeleteSecret", kSecret), "done");
}

TEST(SecretLifecycle, PoliciesAreKept) {
  FakeRegion region;
  create_secret(region);
  const std::string open =
      R"({"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}})";
  const auto put = [&](const json& request) {
    return code_of(region, "PutResourcePolicy", request);
  };
  EXPECT_EQ(put({{"SecretId", "s"}, {"ResourcePolicy", "{}"}}), "MalformedPolicyDocumentException");
  EXPECT_EQ(put({{"SecretId", "s"}, {"ResourcePolicy", open}, {"BlockPublicPolicy", true}}),
            "PublicPolicyException");
  EXPECT_EQ(put({{"SecretId", "s"}, {"ResourcePolicy", open}}), "done");
  EXPECT_EQ(asked(region, "GetResourcePolicy", kSecret)["ResourcePolicy"], open);
  EXPECT_EQ(
      asked(region, "ValidateResourcePolicy", {{"ResourcePolicy", open}})["PolicyValidationPassed"],
      false);
  EXPECT_EQ(code_of(region, "DeleteResourcePolicy", kSecret), "done");
  EXPECT_FALSE(asked(region, "GetResourcePolicy", kSecret).contains("ResourcePolicy"));
}

}  // namespace
}  // namespace aurora_global::services
