// Goal: a parameter is made, changed and removed at the service, and a repeated step finds its own.
#include <gtest/gtest.h>

#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/testing/provider_step.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;
using testing::ProviderStep;

class SsmParameterTest : public ::testing::Test {
 protected:
  SsmParameterTest() {
    add_ssm(providers, {services});
    services.operations["ssm.PutParameter"] = [this](const json& input) -> Result<json> {
      parameters[input.at("Name").get<std::string>()] = input;
      return json{{"Version", 1}};
    };
    services.operations["ssm.GetParameter"] = [this](const json& input) -> Result<json> {
      const auto found = parameters.find(input.at("Name").get<std::string>());
      if (found == parameters.end()) return gone();
      return json{{"Parameter", found->second}};
    };
    services.operations["ssm.DeleteParameter"] = [this](const json& input) -> Result<json> {
      if (parameters.erase(input.at("Name").get<std::string>()) == 0) return gone();
      return json::object();
    };
  }

  static Error gone() { return make_error(ErrorKind::not_found, "", "ParameterNotFound"); }
  ProviderStep step(json properties) {
    return {*providers.find("AWS::SSM::Parameter"), "AWS::SSM::Parameter", std::move(properties)};
  }

  services::testing::FakeServices services;
  Providers providers;
  std::map<std::string, json> parameters;
};

TEST_F(SsmParameterTest, IsMadeChangedAndRemoved) {
  ProviderStep one = step({{"Name", "/a"}, {"Type", "String"}, {"Value", "1"}});
  ASSERT_TRUE(one.create().has_value());
  EXPECT_EQ(one.made.physical_id, "/a");
  EXPECT_EQ(one.made.attributes, (json{{"Type", "String"}, {"Value", "1"}}));
  ASSERT_TRUE(one.update({{"Name", "/a"}, {"Type", "String"}, {"Value", "2"}}).has_value());
  EXPECT_EQ(one.made.attributes["Value"], "2");
  ASSERT_TRUE(one.read().has_value());
  EXPECT_EQ(one.made.attributes["Value"], "2");
  ASSERT_TRUE(one.remove().has_value());
  EXPECT_TRUE(parameters.empty());
  EXPECT_TRUE(one.remove().has_value());
  EXPECT_EQ(one.read().error().kind, ErrorKind::not_found);
}

TEST_F(SsmParameterTest, ANumberIsAText) {
  ProviderStep one = step({{"Name", "/a"}, {"Type", "String"}, {"Value", 5}});
  ASSERT_TRUE(one.create().has_value());
  EXPECT_EQ(parameters["/a"]["Value"], "5");
  ASSERT_TRUE(one.update({{"Name", "/a"}, {"Type", "String"}, {"Value", true}}).has_value());
  EXPECT_EQ(parameters["/a"]["Value"], "true");
}

TEST_F(SsmParameterTest, TakesOverItsOwnAndNobodyElses) {
  ProviderStep one = step({{"Name", "/a"}, {"Type", "String"}, {"Value", "1"}});
  ASSERT_TRUE(one.create().has_value());
  EXPECT_TRUE(one.create_again().has_value());
  ProviderStep other = step({{"Name", "/a"}, {"Type", "String"}, {"Value", "2"}});
  const auto refused = other.create();
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().message, "/a already exists");
  EXPECT_EQ(other.made.physical_id, "");
  EXPECT_EQ(parameters["/a"]["Value"], "1");
}

TEST_F(SsmParameterTest, GetsANameOfItsStep) {
  ProviderStep one = step({{"Type", "String"}, {"Value", "1"}});
  ASSERT_TRUE(one.create().has_value());
  const std::string name = one.made.physical_id;
  EXPECT_TRUE(name.starts_with("my-stack-Thing-")) << name;
  ASSERT_TRUE(one.create_again().has_value());
  EXPECT_EQ(one.made.physical_id, name);
  EXPECT_EQ(parameters.size(), 1u);
}

}  // namespace
}  // namespace aurora_global::services::cloudformation
