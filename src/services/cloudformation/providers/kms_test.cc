// Goal: a key is made once and found again by its step, has what the template says, and waits for
// its deletion; an alias leads where the template says.
#include <gtest/gtest.h>

#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/testing/provider_step.h"
#include "services/testing/fake_services.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;
using testing::ProviderStep;

class KmsProviders : public ::testing::Test {
 protected:
  KmsProviders() {
    add_kms(providers, {services});
    const auto on = [this](const char* name, auto body) {
      services.operations[std::string("kms.") + name] = body;
    };
    on("CreateKey", [this](const json& input) -> Result<json> {
      const std::string id = "key-" + std::to_string(keys.size());
      keys[id] = {{"input", input}, {"Enabled", true}, {"state", "Enabled"}};
      return json{{"KeyMetadata", {{"KeyId", id}}}};
    });
    on("ListKeys", [this](const json&) -> Result<json> {
      json all = json::array();
      for (const auto& [id, key] : keys) all.push_back({{"KeyId", id}});
      return json{{"Keys", all}, {"Truncated", false}};
    });
    on("ListResourceTags", [this](const json& input) -> Result<json> {
      return json{{"Tags", key_of(input)["input"]["Tags"]}};
    });
    on("DescribeKey", [this](const json& input) -> Result<json> {
      const json& key = key_of(input);
      return json{{"KeyMetadata",
                   {{"KeyId", input.at("KeyId") == "alias/a" ? json("key-0") : input.at("KeyId")},
                    {"Arn", "arn:" + input.at("KeyId").get<std::string>()},
                    {"Enabled", key["Enabled"]},
                    {"KeyState", key["state"]}}}};
    });
    on("GetKeyRotationStatus", [this](const json& input) -> Result<json> {
      const json& key = key_of(input);
      return json{{"KeyRotationEnabled", key.contains("rotation")},
                  {"RotationPeriodInDays", key.value("rotation", 0)}};
    });
    on("EnableKeyRotation", [this](const json& input) -> Result<json> {
      key_of(input)["rotation"] = input.at("RotationPeriodInDays");
      return json::object();
    });
    on("DisableKeyRotation", [this](const json& input) -> Result<json> {
      key_of(input).erase("rotation");
      return json::object();
    });
    for (const bool enabled : {true, false}) {
      on(enabled ? "EnableKey" : "DisableKey", [this, enabled](const json& input) -> Result<json> {
        key_of(input)["Enabled"] = enabled;
        return json::object();
      });
    }
    for (const char* name : {"PutKeyPolicy", "UpdateKeyDescription", "TagResource"}) {
      on(name, [this, name](const json& input) -> Result<json> {
        key_of(input)[name] = input;
        return json::object();
      });
    }
    on("ScheduleKeyDeletion", [this](const json& input) -> Result<json> {
      json& key = key_of(input);
      if (key["state"] == "PendingDeletion") {
        return make_error(ErrorKind::conflict, "pending", "KMSInvalidStateException");
      }
      key["state"] = "PendingDeletion";
      key["days"] = input.at("PendingWindowInDays");
      return json::object();
    });
  }

  json& key_of(const json& input) { return keys.at(input.at("KeyId").get<std::string>()); }
  ProviderStep step(const std::string& type, json properties) {
    return {*providers.find(type), type, std::move(properties)};
  }

  services::testing::FakeServices services;
  Providers providers;
  std::map<std::string, json> keys;
};

TEST_F(KmsProviders, AKeyIsMadeOnceAndHasWhatTheTemplateSays) {
  const json policy = {{"Statement", json::array()}};
  json properties = {{"Description", "d"},
                     {"KeyPolicy", policy},
                     {"EnableKeyRotation", "true"},
                     {"PendingWindowInDays", 7}};
  ProviderStep one = step("AWS::KMS::Key", properties);
  ASSERT_TRUE(one.create().has_value());
  EXPECT_EQ(one.made.attributes, (json{{"Arn", "arn:key-0"}, {"KeyId", "key-0"}}));
  EXPECT_EQ(keys["key-0"]["input"]["Policy"], policy.dump());
  EXPECT_EQ(keys["key-0"]["rotation"], 365);
  ASSERT_TRUE(one.create_again().has_value());
  EXPECT_EQ(keys.size(), 1u);
  one.request.physical_id = "alias/a";
  keys["alias/a"] = keys["key-0"];
  ASSERT_TRUE(one.read().has_value());
  EXPECT_EQ(one.made.physical_id, "key-0");
  keys.erase("alias/a");
  one.request.physical_id = "key-0";
  properties["EnableKeyRotation"] = false;
  properties["Enabled"] = false;
  properties["Description"] = "e";
  ASSERT_TRUE(one.update(properties).has_value());
  EXPECT_FALSE(keys["key-0"].contains("rotation"));
  EXPECT_EQ(keys["key-0"]["Enabled"], false);
  EXPECT_EQ(keys["key-0"]["UpdateKeyDescription"]["Description"], "e");
  EXPECT_FALSE(keys["key-0"].contains("PutKeyPolicy"));
  json rotated = properties;
  rotated["EnableKeyRotation"] = true;
  EXPECT_TRUE(one.update(rotated).has_error()) << "it would not come to pass";
  ASSERT_TRUE(one.update(properties).has_value());
  ASSERT_TRUE(one.remove().has_value());
  EXPECT_EQ(keys["key-0"]["days"], 7);
  EXPECT_TRUE(one.remove().has_value());
  EXPECT_EQ(one.read().error().kind, ErrorKind::not_found);
}

TEST_F(KmsProviders, OtherKindsOfKeysAreRefused) {
  const TypeTable& table = providers.find("AWS::KMS::Key")->table();
  const json fine = {{"KeySpec", "SYMMETRIC_DEFAULT"}, {"MultiRegion", false}};
  EXPECT_TRUE(check_properties(table, fine, {}).has_value());
  for (const json& bad : {json{{"KeySpec", "RSA_2048"}}, json{{"MultiRegion", true}},
                          json{{"KeyUsage", "SIGN_VERIFY"}}}) {
    EXPECT_TRUE(check_properties(table, bad, {}).has_error()) << bad;
  }
}

TEST_F(KmsProviders, AnAliasLeadsWhereTheTemplateSays) {
  std::map<std::string, json> aliases;
  services.operations["kms.ListAliases"] = [&](const json&) -> Result<json> {
    json all = json::array();
    for (const auto& [name, alias] : aliases) all.push_back(alias);
    return json{{"Aliases", all}, {"Truncated", false}};
  };
  for (const char* name : {"kms.CreateAlias", "kms.UpdateAlias"}) {
    services.operations[name] = [&](const json& input) -> Result<json> {
      aliases[input.at("AliasName").get<std::string>()] = input;
      return json::object();
    };
  }
  services.operations["kms.DeleteAlias"] = [&](const json& input) -> Result<json> {
    aliases.erase(input.at("AliasName").get<std::string>());
    return json::object();
  };
  ProviderStep one = step("AWS::KMS::Alias", {{"AliasName", "alias/a"}, {"TargetKeyId", "k"}});
  ASSERT_TRUE(one.create().has_value());
  EXPECT_EQ(one.made.physical_id, "alias/a");
  ASSERT_TRUE(one.update({{"AliasName", "alias/a"}, {"TargetKeyId", "l"}}).has_value());
  EXPECT_EQ(aliases["alias/a"]["TargetKeyId"], "l");
  ASSERT_TRUE(one.remove().has_value());
  EXPECT_TRUE(aliases.empty());
}

}  // namespace
}  // namespace aurora_global::services::cloudformation
