// Goal: a template that makes identities or permissions says so, in CloudFormation's words.
#include "cloudformation/capabilities.h"

#include <gtest/gtest.h>

#include "cloudformation/template.h"

namespace aurora_global::cloudformation {
namespace {

// "NAME: types", or "" for none.
std::string needed_by(const std::string& resources) {
  const auto made = read_template("Resources: {" + resources + "}");
  EXPECT_TRUE(made.has_value()) << made.error().message;
  const auto needed = needed_capability(*made);
  return needed ? needed->name + ": " + needed->reason() : "";
}

TEST(Capabilities, AreThoseOfTheResources) {
  const std::string reason = ": The following resource(s) require capabilities: ";
  EXPECT_EQ(needed_by("Q: {Type: AWS::SQS::Queue}"), "");
  EXPECT_EQ(needed_by("B: {Type: AWS::IAM::Role}, A: {Type: AWS::IAM::Policy}, "
                      "C: {Type: AWS::IAM::Role}, Q: {Type: AWS::SQS::Queue}"),
            "CAPABILITY_IAM" + reason + "[AWS::IAM::Policy, AWS::IAM::Role]");
  EXPECT_EQ(needed_by("R: {Type: AWS::IAM::Role, Properties: {RoleName: r}}, "
                      "U: {Type: AWS::IAM::User}"),
            "CAPABILITY_NAMED_IAM" + reason + "[AWS::IAM::Role, AWS::IAM::User]");
  // The name of a policy is no identity's, and the name of a user may be given elsewhere.
  EXPECT_EQ(needed_by("P: {Type: AWS::IAM::Policy, Properties: {PolicyName: p}}"),
            "CAPABILITY_IAM" + reason + "[AWS::IAM::Policy]");
  EXPECT_EQ(needed_by("K: {Type: AWS::IAM::AccessKey, Properties: {UserName: u}}"),
            "CAPABILITY_IAM" + reason + "[AWS::IAM::AccessKey]");
}

}  // namespace
}  // namespace aurora_global::cloudformation
