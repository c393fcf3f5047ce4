// Goal: what is only recorded has ids, refers to what is there, and is not removed under others.
#include "services/cloudformation/recorded.h"

#include <gtest/gtest.h>

#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/testing/provider_step.h"
#include "services/cloudformation/testing/recording.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;
using testing::ProviderStep;

class RecordedTest : public ::testing::Test {
 protected:
  RecordedTest() : providers(all_providers(recording.context())) {}
  ProviderStep step(const std::string& type, json properties, const std::string& token = "t") {
    ProviderStep one(*providers.find(type), type, std::move(properties));
    one.request.token = token;
    one.request.logical_id = token;
    return one;
  }

  testing::Recording recording;
  Providers providers;
};

TEST_F(RecordedTest, HasIdsAndAttributes) {
  ProviderStep vpc = step("AWS::EC2::VPC", {{"CidrBlock", "10.0.0.0/16"}});
  ASSERT_TRUE(vpc.create().has_value());
  EXPECT_EQ(vpc.made.physical_id.size(), 21u);
  EXPECT_TRUE(vpc.made.physical_id.starts_with("vpc-")) << vpc.made.physical_id;
  EXPECT_EQ(vpc.made.attributes["CidrBlock"], "10.0.0.0/16");
  const std::string id = vpc.made.physical_id;
  ASSERT_TRUE(vpc.create_again().has_value());
  EXPECT_EQ(vpc.made.physical_id, id);
  ProviderStep role =
      step("AWS::IAM::Role", {{"RoleName", "r"}, {"AssumeRolePolicyDocument", json::object()}});
  ASSERT_TRUE(role.create().has_value());
  EXPECT_EQ(role.made.attributes["Arn"], "arn:aws:iam::123456789012:role/r");
  ProviderStep other = step("AWS::IAM::Role",
                            {{"RoleName", "r"}, {"AssumeRolePolicyDocument", json::object()}}, "u");
  EXPECT_EQ(other.create().error().message, "r already exists");
  EXPECT_EQ(other.made.physical_id, "");
}

TEST_F(RecordedTest, KeepsItsAttributesWhenItChanges) {
  ProviderStep address = step("AWS::EC2::EIP", {{"Domain", "vpc"}});
  ASSERT_TRUE(address.create().has_value());
  const json attributes = address.made.attributes;
  address.request.token = "of another operation";
  ASSERT_TRUE(address.update({{"Domain", "vpc"}, {"Tags", json::array()}}).has_value());
  EXPECT_EQ(address.made.attributes, attributes);
  ProviderStep role =
      step("AWS::IAM::Role", {{"RoleName", "q"}, {"AssumeRolePolicyDocument", json::object()}});
  ASSERT_TRUE(role.create().has_value());
  const json id = role.made.attributes["RoleId"];
  role.request.stack_id = "arn:of:a:stack/that/imports";
  ASSERT_TRUE(role.update({{"RoleName", "q"}, {"Description", "d"}}).has_value());
  EXPECT_EQ(role.made.attributes["RoleId"], id);
}

TEST_F(RecordedTest, RefersToWhatIsThere) {
  ProviderStep subnet =
      step("AWS::EC2::Subnet", {{"VpcId", "vpc-1"}, {"CidrBlock", "10.0.0.0/24"}});
  EXPECT_EQ(subnet.create().error().message, "The vpc ID 'vpc-1' does not exist");
  ProviderStep vpc = step("AWS::EC2::VPC", {{"CidrBlock", "10.0.0.0/16"}}, "v");
  ASSERT_TRUE(vpc.create().has_value());
  subnet.request.properties["VpcId"] = vpc.made.physical_id;
  ASSERT_TRUE(subnet.create().has_value());
  EXPECT_NE(vpc.remove().error().message.find("has dependencies and cannot be deleted"),
            std::string::npos);
  ASSERT_TRUE(subnet.remove().has_value());
  ASSERT_TRUE(vpc.remove().has_value());
  EXPECT_TRUE(recording.store.documents.empty());
}

TEST_F(RecordedTest, OfAnotherRegionIsAskedThere) {
  ProviderStep vpc = step("AWS::EC2::VPC", {{"CidrBlock", "10.0.0.0/16"}}, "v");
  ASSERT_TRUE(vpc.create().has_value());
  ProviderStep table = step("AWS::EC2::RouteTable", {{"VpcId", vpc.made.physical_id}}, "r");
  ASSERT_TRUE(table.create().has_value());
  ProviderStep route = step("AWS::EC2::Route", {{"RouteTableId", table.made.physical_id},
                                                {"DestinationCidrBlock", "10.1.0.0/16"},
                                                {"VpcPeeringConnectionId", "pcx-1"}});
  EXPECT_EQ(route.create().error().message, "The vpcPeeringConnection ID 'pcx-1' does not exist");
  recording.elsewhere.ids.insert("pcx-1");
  ASSERT_TRUE(route.create().has_value());
  EXPECT_EQ(route.made.physical_id, table.made.physical_id + "|10.1.0.0/16");
}

TEST_F(RecordedTest, IsThereAgainAfterARestart) {
  ProviderStep vpc = step("AWS::EC2::VPC", {{"CidrBlock", "10.0.0.0/16"}});
  ASSERT_TRUE(vpc.create().has_value());
  Records again(recording.store);
  ASSERT_TRUE(again.take(recording.store.documents).has_value());
  const Record* record = again.find("AWS::EC2::VPC", vpc.made.physical_id);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->attributes, vpc.made.attributes);
}

}  // namespace
}  // namespace aurora_global::services::cloudformation
