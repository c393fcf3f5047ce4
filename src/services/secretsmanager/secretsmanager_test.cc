// Goal: what is told of a secret needs no key, its value does; tokens name one version for good.
#include "services/secretsmanager/secretsmanager.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "services/testing/call.h"

namespace aurora_global::services {
namespace {

using nlohmann::json;
using testing::FakeRegion;

const char* const kToken = "0b8f1c3e-5d2a-4c7b-9e10-6a1d2f3b4c5d";

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
  EXPECT_TRUE(region.asked.empty());  // No rotation was begun.
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
                             {"ClientRequestToken", kToken}});
  EXPECT_EQ(changed["VersionId"], kToken);
  EXPECT_EQ(value(region), "two");
  const json told = call(region, "DescribeSecret", {{"SecretId", "s"}});
  EXPECT_EQ(told["Description"], "more");
  EXPECT_EQ(told["KmsKeyId"], "alias/k");
}

TEST(SecretsManager, ATokenNamesOneVersion) {
  FakeRegion region;
  EXPECT_EQ(code(region, "CreateSecret", {{"Name", "s"}, {"SecretString", "zero"}}), "done");
  const json put = {{"SecretId", "s"}, {"SecretString", "one"}, {"ClientRequestToken", kToken}};
  EXPECT_EQ(code(region, "PutSecretValue", put), "done");
  EXPECT_EQ(code(region, "PutSecretValue", put), "done");
  EXPECT_EQ(call(region, "DescribeSecret", {{"SecretId", "s"}})["VersionIdsToStages"].size(), 2u);
  json other = put;
  other["SecretString"] = "two";
  EXPECT_EQ(code(region, "PutSecretValue", other), "ResourceExistsException");
  EXPECT_EQ(value(region), "one");
}

TEST(SecretsManager, OldVersionsGoWithTheirTextsAndLabelledOnesStay) {
  FakeRegion region;
  EXPECT_EQ(code(region, "CreateSecret", {{"Name", "s"}, {"SecretString", "text-0"}}), "done");
  const json labelled = {
      {"SecretId", "s"}, {"SecretString", "labelled"}, {"VersionStages", {"MINE"}}};
  EXPECT_EQ(code(region, "PutSecretValue", labelled), "done");
  for (int i = 1; i < 8; ++i) {
    const json put = {{"SecretId", "s"}, {"SecretString", "text-" + std::to_string(i)}};
    EXPECT_EQ(code(region, "PutSecretValue", put), "done");
  }
  EXPECT_EQ(json::parse(region.secrets.at("s").values).size(), 8u);
  EXPECT_EQ(region.secrets.at("s").values.find("text-0"), std::string::npos);
  EXPECT_EQ(value(region), "text-7");
  EXPECT_EQ(value(region, {{"SecretId", "s"}, {"VersionStage", "MINE"}}), "labelled");
  const json all = {{"SecretId", "s"}, {"IncludeDeprecated", true}, {"MaxResults", 5}};
  const json first = call(region, "ListSecretVersionIds", all);
  EXPECT_EQ(first["Versions"].size(), 5u);
  json rest = all;
  rest["NextToken"] = first["NextToken"];
  EXPECT_EQ(call(region, "ListSecretVersionIds", rest)["Versions"].size(), 3u);
  EXPECT_EQ(call(region, "ListSecretVersionIds", {{"SecretId", "s"}})["Versions"].size(), 3u);
}

TEST(SecretsManager, ARotationIsAskedOfTheRegion) {
  FakeRegion region;
  const json create = {{"Name", "s"}, {"SecretString", R"({"username":"u","password":"p"})"}};
  EXPECT_EQ(code(region, "CreateSecret", create), "done");
  const json rotate = {{"SecretId", "s"}, {"ClientRequestToken", kToken}};
  EXPECT_EQ(call(region, "RotateSecret", rotate)["VersionId"], kToken);
  EXPECT_EQ(region.asked, std::vector<std::string>{std::string("rotate_secret s ") + kToken});
  region.refusal = make_error(ErrorKind::conflict, "no writer", "InvalidRequestException");
  EXPECT_EQ(code(region, "RotateSecret", rotate), "InvalidRequestException");
}

TEST(SecretsManager, ASecretMayHaveNoValueTagsAndBytes) {
  FakeRegion region;
  const json create = {{"Name", "s"}, {"Tags", {{{"Key", "team"}, {"Value", "a"}}}}};
  const json created = call(region, "CreateSecret", create);
  EXPECT_FALSE(created.contains("VersionId"));
  EXPECT_EQ(code(region, "GetSecretValue", {{"SecretId", "s"}}), "ResourceNotFoundException");
  EXPECT_EQ(code(region, "PutSecretValue",
                 {{"SecretId", "s"}, {"SecretBinary", "AP8="}, {"VersionStages", {"MINE"}}}),
            "done");
  EXPECT_EQ(call(region, "GetSecretValue", {{"SecretId", "s"}})["SecretBinary"], "AP8=");
  EXPECT_EQ(code(region, "TagResource",
                 {{"SecretId", "s"}, {"Tags", {{{"Key", "stage"}, {"Value", "b"}}}}}),
            "done");
  EXPECT_EQ(code(region, "UntagResource", {{"SecretId", "s"}, {"TagKeys", {"team"}}}), "done");
  EXPECT_EQ(call(region, "DescribeSecret", {{"SecretId", "s"}})["Tags"],
            json::parse(R"([{"Key": "stage", "Value": "b"}])"));
}

TEST(SecretsManager, ListsAreFilteredSortedAndPaged) {
  FakeRegion region;
  for (const char* name : {"app/one", "app/two", "other"}) {
    const json create = {
        {"Name", name}, {"SecretString", "x"}, {"Description", "of " + std::string(name)}};
    EXPECT_EQ(code(region, "CreateSecret", create), "done");
  }
  const auto names = [&](const json& request) {
    std::vector<std::string> all;
    const json listed = call(region, "ListSecrets", request);
    for (const json& one : listed.at("SecretList")) {
      all.push_back(one["Name"].get<std::string>());
    }
    return all;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(json::object()), (Names{"app/one", "app/two", "other"}));
  EXPECT_EQ(names({{"SortOrder", "desc"}}).back(), "app/one");
  EXPECT_EQ(names({{"Filters", {{{"Key", "name"}, {"Values", {"app/"}}}}}}),
            (Names{"app/one", "app/two"}));
  EXPECT_EQ(names({{"Filters", {{{"Key", "name"}, {"Values", {"!app/"}}}}}}), (Names{"other"}));
  EXPECT_EQ(names({{"Filters", {{{"Key", "description"}, {"Values", {"of o"}}}}}}),
            (Names{"other"}));
  const json page = call(region, "ListSecrets", {{"MaxResults", 2}});
  EXPECT_EQ(page["SecretList"].size(), 2u);
  EXPECT_EQ(names({{"MaxResults", 2}, {"NextToken", page["NextToken"]}}), (Names{"other"}));
  EXPECT_EQ(code(region, "ListSecrets", {{"NextToken", "x"}}), "InvalidNextTokenException");
}

TEST(SecretsManager, AReplicaHasTheArnOfItsOwnRegion) {
  FakeRegion region;
  region.secrets["s"] = {
      json{{"arn", "arn:aws:secretsmanager:us-west-2:123456789012:secret:s-abcdef"},
           {"versions", json::array()}}
          .dump(),
      "{}",
      {}};
  const std::string own = "arn:aws:secretsmanager:us-east-1:123456789012:secret:s-abcdef";
  EXPECT_EQ(call(region, "DescribeSecret", {{"SecretId", "s"}})["ARN"], own);
  EXPECT_EQ(code(region, "DescribeSecret", {{"SecretId", own}}), "done");
  EXPECT_EQ(code(region, "CreateSecret",
                 {{"Name", "t"}, {"AddReplicaRegions", {{{"Region", "mars-1"}}}}}),
            "InvalidParameterException");
}

TEST(SecretsManager, LabelsMove) {
  FakeRegion region;
  const std::string first =
      call(region, "CreateSecret", {{"Name", "s"}, {"SecretString", "one"}}).value("VersionId", "");
  const std::string second =
      call(region, "PutSecretValue", {{"SecretId", "s"}, {"SecretString", "two"}})
          .value("VersionId", "");
  const json back = {{"SecretId", "s"}, {"VersionStage", "AWSCURRENT"}, {"MoveToVersionId", first}};
  EXPECT_EQ(code(region, "UpdateSecretVersionStage", back), "InvalidParameterException");
  json right = back;
  right["RemoveFromVersionId"] = second;
  EXPECT_EQ(code(region, "UpdateSecretVersionStage", right), "done");
  EXPECT_EQ(value(region), "one");
  EXPECT_EQ(value(region, {{"SecretId", "s"}, {"VersionStage", "AWSPREVIOUS"}}), "two");
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

TEST(SecretsManager, CreatingAgainWithTheSameTokenIsDone) {
  FakeRegion region;
  const json create = {{"Name", "s"}, {"SecretString", "one"}, {"ClientRequestToken", kToken}};
  const json first = call(region, "CreateSecret", create);
  EXPECT_EQ(first["VersionId"], kToken);
  EXPECT_EQ(call(region, "CreateSecret", create), first);
  const auto but = [&](const json& other) {
    json changed = create;
    changed.merge_patch(other);
    return code(region, "CreateSecret", changed);
  };
  const std::string exists = "ResourceExistsException";
  EXPECT_EQ(but({{"SecretString", "two"}}), exists);
  EXPECT_EQ(but({{"ClientRequestToken", "another-token-of-32-characters-00"}}), exists);
  EXPECT_EQ(but({{"ClientRequestToken", nullptr}}), exists);
  EXPECT_EQ(but({{"SecretString", nullptr}}), exists);
  EXPECT_EQ(but({{"SecretString", nullptr}, {"SecretBinary", "b25l"}}), exists);
  EXPECT_EQ(value(region), "one");
}

TEST(SecretsManager, TheSameTextIsAnotherValueAsBytes) {
  FakeRegion region;
  EXPECT_EQ(code(region, "CreateSecret", {{"Name", "s"}, {"SecretString", "zero"}}), "done");
  const json bytes = {{"SecretId", "s"}, {"SecretBinary", "AP8="}, {"ClientRequestToken", kToken}};
  const json text = {{"SecretId", "s"}, {"SecretString", "AP8="}, {"ClientRequestToken", kToken}};
  EXPECT_EQ(code(region, "PutSecretValue", bytes), "done");
  EXPECT_EQ(code(region, "PutSecretValue", bytes), "done");
  EXPECT_EQ(code(region, "PutSecretValue", text), "ResourceExistsException");
  EXPECT_EQ(call(region, "GetSecretValue", {{"SecretId", "s"}})["SecretBinary"], "AP8=");
}

TEST(SecretsManager, TagsAreCheckedWhereverTheyAreGiven) {
  FakeRegion region;
  const auto tags = [](int count) {
    json all = json::array();
    for (int i = 0; i < count; ++i) all.push_back({{"Key", "k" + std::to_string(i)}});
    return all;
  };
  const std::string wrong = "InvalidParameterException";
  const json create = {{"Name", "t"}, {"SecretString", "x"}};
  EXPECT_EQ(code(region, "CreateSecret", {{"Name", "s"}, {"Tags", tags(50)}}), "done");
  EXPECT_EQ(code(region, "TagResource", {{"SecretId", "s"}, {"Tags", {{{"Key", "more"}}}}}), wrong);
  const json refused[] = {tags(51),
                          {{{"Value", "v"}}},
                          {{{"Key", "aws:mine"}}},
                          {{{"Key", "AWS:mine"}}},
                          {{{"Key", "k"}}, {{"Key", "k"}}}};
  for (const json& one : refused) {
    json request = create;
    request["Tags"] = one;
    EXPECT_NE(code(region, "CreateSecret", request), "done") << one;
    EXPECT_FALSE(region.secrets.contains("t"));
    EXPECT_NE(code(region, "TagResource", {{"SecretId", "s"}, {"Tags", one}}), "done") << one;
  }
  json replica = create;
  replica["AddReplicaRegions"] = {{{"KmsKeyId", "alias/k"}}};
  EXPECT_NE(code(region, "CreateSecret", replica), "done");
  EXPECT_EQ(call(region, "DescribeSecret", {{"SecretId", "s"}})["Tags"].size(), 50u);
}

TEST(SecretsManager, WhatIsToldOfASecretIsChangedWithoutItsKey) {
  FakeRegion region;
  EXPECT_EQ(code(region, "CreateSecret", {{"Name", "s"}, {"SecretString", "one"}}), "done");
  const json next =
      call(region, "PutSecretValue",
           {{"SecretId", "s"}, {"SecretString", "next"}, {"VersionStages", {"NEXT"}}});
  region.key_refusal = make_error(ErrorKind::conflict, "disabled", "DisabledException");
  const json label = {
      {"SecretId", "s"}, {"VersionStage", "MORE"}, {"MoveToVersionId", next["VersionId"]}};
  EXPECT_EQ(code(region, "UpdateSecretVersionStage", label), "done");
  EXPECT_EQ(code(region, "TagResource", {{"SecretId", "s"}, {"Tags", {{{"Key", "a"}}}}}), "done");
  EXPECT_EQ(code(region, "TagResource", {{"SecretId", "s"}, {"Tags", {{{"Key", "b"}}}}}), "done");
  EXPECT_EQ(code(region, "UntagResource", {{"SecretId", "s"}, {"TagKeys", {"a"}}}), "done");
  EXPECT_EQ(code(region, "UpdateSecret", {{"SecretId", "s"}, {"Description", "d"}}), "done");
  EXPECT_EQ(code(region, "UpdateSecret", {{"SecretId", "s"}, {"SecretString", "two"}}),
            "DecryptionFailure");
  region.key_refusal.reset();
  const json told = call(region, "DescribeSecret", {{"SecretId", "s"}});
  EXPECT_EQ(told["Description"], "d");
  EXPECT_EQ(told["Tags"].size(), 1u);
  EXPECT_EQ(value(region), "one");
  const json labelled = {{"SecretId", "s"}, {"VersionStage", "MORE"}};
  EXPECT_EQ(call(region, "GetSecretValue", labelled)["SecretString"], "next");
}

TEST(SecretsManager, AtMost20VersionsHaveALabelHoweverTheyCameByIt) {
  FakeRegion region;
  EXPECT_EQ(code(region, "CreateSecret", {{"Name", "s"}, {"SecretString", "one"}}), "done");
  const auto put = [&](const std::string& stage) {
    return call(region, "PutSecretValue",
                {{"SecretId", "s"}, {"SecretString", "x"}, {"VersionStages", {stage}}});
  };
  for (int i = 0; i < 18; ++i) put("L" + std::to_string(i));
  const json bare = put("AWSPENDING");
  const json off = {{"SecretId", "s"},
                    {"VersionStage", "AWSPENDING"},
                    {"RemoveFromVersionId", bare["VersionId"]}};
  EXPECT_EQ(code(region, "UpdateSecretVersionStage", off), "done");
  EXPECT_EQ(put("L18").value("__type", "done"), "done");
  const json on = {
      {"SecretId", "s"}, {"VersionStage", "MORE"}, {"MoveToVersionId", bare["VersionId"]}};
  EXPECT_EQ(code(region, "UpdateSecretVersionStage", on), "LimitExceededException");
}

}  // namespace
}  // namespace aurora_global::services
