// Goal: what is told of a secret needs no key, its value does; tokens name one version for good.
#include "services/secretsmanager/secretsmanager.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "services/testing/call.h"

namespace aurora_global::services {
namespace {

using nlohmann::json;
using testing::FakeRegion;

json call(FakeRegion& region, const std::string& operation, const json& request) {
  return testing::json_call(secretsmanager::serve, region, "secretsmanager." + operation, request);
}

std::string code(FakeRegion& region, const std::string& operation, const json& request) {
  return call(region, operation, request).value("__type", "done");
}

json value(FakeRegion& region, const json& request = {{"SecretId", "s"}}) {
  return call(region, "GetSecretValue", request).value("SecretString", "");
}

TEST(SecretsManager, ThePartThatIsToldHoldsNoValue) {
  FakeRegion region;
  EXPECT_EQ(
      code(
          region, "CreateSecret",
          {{"Name", "s"},
           {"SecretString", "hidden-1"},
           {"KmsKeyId", "alias/mine"},
           {"AddReplicaRegions",
            {{{"Region", "us-west-2"}, {"KmsKeyId", "alias/theirs"}}, {{"Region", "eu-west-1"}}}}}),
      "done");
  EXPECT_EQ(code(region, "PutSecretValue", {{"SecretId", "s"}, {"SecretString", "hidden-2"}}),
            "done");
  const region::Secret& stored = region.secrets.at("s");
  EXPECT_EQ(stored.about.find("hidden"), std::string::npos);
  EXPECT_NE(stored.values.find("hidden-1"), std::string::npos);
  EXPECT_EQ(stored.keys, (std::map<std::string, std::string>{{"us-east-1", "alias/mine"},
                                                             {"us-west-2", "alias/theirs"}}));
  EXPECT_EQ(value(region), "hidden-2");
  EXPECT_EQ(value(region, {{"SecretId", "s"}, {"VersionStage", "AWSPREVIOUS"}}), "hidden-1");
  EXPECT_EQ(call(region, "DescribeSecret", {{"SecretId", "s"}})["KmsKeyId"], "alias/mine");
  EXPECT_EQ(call(region, "ListSecrets", json::object())["SecretList"][0]["KmsKeyId"], "alias/mine");
  EXPECT_EQ(
      code(region, "CreateSecret",
           {{"Name", "t"}, {"SecretString", "x"}, {"AddReplicaRegions", {{{"KmsKeyId", "k"}}}}}),
      "InvalidParameterException");
}

TEST(SecretsManager, AKeyThatMayNotBeUsedIsToldAsSuch) {
  FakeRegion region;
  const json create = {{"Name", "s"}, {"SecretString", "{\"username\":\"u\",\"password\":\"p\"}"}};
  EXPECT_EQ(code(region, "CreateSecret", create), "done");
  for (const char* kms : {"DisabledException", "KMSInvalidStateException", "NotFoundException",
                          "InvalidCiphertextException"}) {
    region.key_refusal = make_error(ErrorKind::conflict, "the-key is disabled.", kms);
    const json refused = call(region, "GetSecretValue", {{"SecretId", "s"}});
    EXPECT_EQ(refused["__type"], "DecryptionFailure");
    EXPECT_NE(refused["message"].get<std::string>().find("the-key is disabled"), std::string::npos);
    EXPECT_EQ(code(region, "PutSecretValue", {{"SecretId", "s"}, {"SecretString", "x"}}),
              "DecryptionFailure");
    EXPECT_EQ(code(region, "RotateSecret", {{"SecretId", "s"}}), "DecryptionFailure");
    EXPECT_EQ(code(region, "CreateSecret", {{"Name", "t"}, {"SecretString", "x"}}),
              "EncryptionFailure");
    EXPECT_EQ(code(region, "DescribeSecret", {{"SecretId", "s"}}), "done");
    EXPECT_EQ(code(region, "ListSecrets", json::object()), "done");
  }
  EXPECT_TRUE(region.passwords.empty());
  region.key_refusal.reset();
  EXPECT_EQ(value(region), create["SecretString"]);
}

TEST(SecretsManager, UpdateGivesAnotherKeyAndAnotherValue) {
  FakeRegion region;
  EXPECT_EQ(code(region, "CreateSecret", {{"Name", "s"}, {"SecretString", "one"}}), "done");
  EXPECT_FALSE(call(region, "DescribeSecret", {{"SecretId", "s"}}).contains("KmsKeyId"));
  const json moved = call(region, "UpdateSecret", {{"SecretId", "s"}, {"KmsKeyId", "alias/k"}});
  EXPECT_FALSE(moved.contains("VersionId"));
  EXPECT_EQ(region.secrets.at("s").keys.at("us-east-1"), "alias/k");
  EXPECT_EQ(value(region), "one");
  const json changed = call(region, "UpdateSecret",
                            {{"SecretId", "s"},
                             {"SecretString", "two"},
                             {"Description", "more"},
                             {"ClientRequestToken", "token-1"}});
  EXPECT_EQ(changed["VersionId"], "token-1");
  EXPECT_EQ(value(region), "two");
  const json told = call(region, "DescribeSecret", {{"SecretId", "s"}});
  EXPECT_EQ(told["Description"], "more");
  EXPECT_EQ(told["KmsKeyId"], "alias/k");
}

TEST(SecretsManager, ATokenNamesOneVersion) {
  FakeRegion region;
  EXPECT_EQ(code(region, "CreateSecret", {{"Name", "s"}, {"SecretString", "zero"}}), "done");
  const json put = {{"SecretId", "s"}, {"SecretString", "one"}, {"ClientRequestToken", "t"}};
  EXPECT_EQ(code(region, "PutSecretValue", put), "done");
  EXPECT_EQ(code(region, "PutSecretValue", put), "done");
  EXPECT_EQ(call(region, "DescribeSecret", {{"SecretId", "s"}})["VersionIdsToStages"].size(), 2u);
  json other = put;
  other["SecretString"] = "two";
  EXPECT_EQ(code(region, "PutSecretValue", other), "ResourceExistsException");
  EXPECT_EQ(value(region), "one");
}

TEST(SecretsManager, OldVersionsGoWithTheirTexts) {
  FakeRegion region;
  EXPECT_EQ(code(region, "CreateSecret", {{"Name", "s"}, {"SecretString", "text-0"}}), "done");
  for (int i = 1; i < 8; ++i) {
    const json put = {{"SecretId", "s"}, {"SecretString", "text-" + std::to_string(i)}};
    EXPECT_EQ(code(region, "PutSecretValue", put), "done");
  }
  EXPECT_EQ(json::parse(region.secrets.at("s").values).size(), 5u);
  EXPECT_EQ(region.secrets.at("s").values.find("text-2"), std::string::npos);
  EXPECT_EQ(value(region), "text-7");
}

TEST(SecretsManager, ARotationThatIsAskedAgainChangesNothing) {
  FakeRegion region;
  const json create = {{"Name", "s"}, {"SecretString", R"({"username":"u","password":"p"})"}};
  EXPECT_EQ(code(region, "CreateSecret", create), "done");
  const json rotate = {{"SecretId", "s"}, {"ClientRequestToken", "t"}};
  EXPECT_EQ(code(region, "RotateSecret", rotate), "done");
  const json rotated = value(region);
  EXPECT_EQ(json::parse(rotated.get<std::string>())["password"], region.passwords.at("u"));
  EXPECT_EQ(code(region, "RotateSecret", rotate), "done");
  EXPECT_EQ(value(region), rotated);
  EXPECT_EQ(value(region, {{"SecretId", "s"}, {"VersionStage", "AWSPREVIOUS"}}),
            create["SecretString"]);
}

TEST(SecretsManager, ASecretFromBeforeThereWereKeysIsSealedAtTheNextChange) {
  FakeRegion region;
  const json old = {
      {"arn", "arn:aws:secretsmanager:us-east-1:123456789012:secret:s-abcdef"},
      {"created", 1.0},
      {"changed", 1.0},
      {"versions",
       {{{"id", "v1"}, {"created", 1.0}, {"text", "hidden"}, {"stages", {"AWSCURRENT"}}}}}};
  region.secrets["s"] = {old.dump(), "{}", {}};
  EXPECT_EQ(value(region), "hidden");
  EXPECT_EQ(call(region, "DescribeSecret", {{"SecretId", "s"}}).dump().find("hidden"),
            std::string::npos);
  EXPECT_EQ(code(region, "UpdateSecret", {{"SecretId", "s"}, {"KmsKeyId", "alias/k"}}), "done");
  EXPECT_EQ(region.secrets.at("s").about.find("hidden"), std::string::npos);
  EXPECT_EQ(value(region), "hidden");
}

}  // namespace
}  // namespace aurora_global::services
