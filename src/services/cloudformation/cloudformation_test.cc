// Goal: templates are judged in CloudFormation's words, and where no stack is, none is shown.
#include "services/cloudformation/cloudformation.h"

#include <gtest/gtest.h>

#include "awsapi/query.h"
#include "services/testing/call.h"

namespace aurora_global::services::cloudformation {
namespace {

using testing::code_in;
using testing::element_in;

constexpr const char* kRole = R"(
AWSTemplateFormatVersion: 2010-09-09
Description: A role & its name
Metadata: {Origin: {By: [hand, 1]}}
Parameters:
  Name: {Type: String, Default: r, Description: Its name, AllowedValues: [r, s]}
  Secret: {Type: Number, NoEcho: true}
Resources:
  R: {Type: AWS::IAM::Role, Properties: {RoleName: !Ref Name}}
  S: {Type: AWS::IAM::Role}
  Q: {Type: AWS::SQS::Queue}
)";

net::HttpResponse ask(const std::string& action, awsapi::Form form = {}) {
  testing::FakeRegion region;
  form["Action"] = action;
  form["Version"] = "2010-05-15";
  return testing::send(
      region, testing::signed_request("POST", "/", awsapi::encode_form(form), "cloudformation"));
}

// "Code: message" of a refusal.
std::string refusal_of(const std::string& action, awsapi::Form form = {}) {
  const auto answer = ask(action, std::move(form));
  EXPECT_EQ(answer.status, 400) << answer.body;
  return code_in(answer) + ": " + element_in(answer, "Message");
}

std::string result_of(const std::string& action, awsapi::Form form = {}) {
  const auto answer = ask(action, std::move(form));
  EXPECT_EQ(answer.status, 200) << answer.body;
  return element_in(answer, action + "Result");
}

TEST(CloudFormation, ValidatesATemplate) {
  EXPECT_EQ(result_of("ValidateTemplate", {{"TemplateBody", kRole}}),
            "<Capabilities><member>CAPABILITY_NAMED_IAM</member></Capabilities>"
            "<CapabilitiesReason>The following resource(s) require capabilities: [AWS::IAM::Role]"
            "</CapabilitiesReason><Description>A role &amp; its name</Description><Parameters>"
            "<member><DefaultValue>r</DefaultValue><Description>Its name</Description>"
            "<NoEcho>false</NoEcho><ParameterKey>Name</ParameterKey></member>"
            "<member><NoEcho>true</NoEcho><ParameterKey>Secret</ParameterKey></member>"
            "</Parameters>");
  EXPECT_EQ(result_of("ValidateTemplate",
                      {{"TemplateBody", R"({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})"}}),
            "<Parameters></Parameters>");
}

TEST(CloudFormation, SumsUpATemplate) {
  const std::string told = result_of("GetTemplateSummary", {{"TemplateBody", kRole}});
  for (const char* part :
       {"<member><DefaultValue>r</DefaultValue><Description>Its name</Description>"
        "<NoEcho>false</NoEcho><ParameterConstraints><AllowedValues><member>r</member>"
        "<member>s</member></AllowedValues></ParameterConstraints>"
        "<ParameterKey>Name</ParameterKey><ParameterType>String</ParameterType></member>",
        "<member><NoEcho>true</NoEcho><ParameterConstraints></ParameterConstraints>"
        "<ParameterKey>Secret</ParameterKey><ParameterType>Number</ParameterType></member>",
        "<ResourceTypes><member>AWS::IAM::Role</member><member>AWS::SQS::Queue</member>"
        "</ResourceTypes><Version>2010-09-09</Version>",
        "<Metadata>{&quot;Origin&quot;:{&quot;By&quot;:[&quot;hand&quot;,1]}}</Metadata>"}) {
    EXPECT_NE(told.find(part), std::string::npos) << part << "\nin " << told;
  }
}

TEST(CloudFormation, RefusesWhatIsNoTemplate) {
  const std::pair<std::string, std::string> cases[] = {
      {"Resources: {A: {Type: T, DependsOn: A}}", "Circular dependency between resources: [A]"},
      {"Resources: {A: {Type: T, Properties: {P: !Ref B}}}",
       "Template format error: Unresolved resource dependencies [B] in the Resources block of the "
       "template"},
      {"t.yaml", "Template format error: unsupported structure."},
  };
  for (const char* action : {"ValidateTemplate", "GetTemplateSummary"}) {
    for (const auto& [body, message] : cases) {
      EXPECT_EQ(refusal_of(action, {{"TemplateBody", body}}), "ValidationError: " + message);
    }
    EXPECT_EQ(refusal_of(action),
              "ValidationError: Either Template URL or Template Body must be specified.");
    EXPECT_EQ(refusal_of(action, {{"TemplateURL", "https://example.com/t"}}),
              "ValidationError: TemplateURL must be a supported URL: https://example.com/t is "
              "elsewhere: only objects of this platform's S3 are templates");
    std::string at_the_limit = "Resources: {A: {Type: T}}";
    at_the_limit.resize(51'200, ' ');
    EXPECT_NE(result_of(action, {{"TemplateBody", at_the_limit}}), "");
    const std::string larger = refusal_of(action, {{"TemplateBody", at_the_limit + " "}});
    EXPECT_TRUE(
        larger.ends_with("at 'templateBody' failed to satisfy constraint: Member must have "
                         "length less than or equal to 51200"))
        << larger;
  }
}

TEST(CloudFormation, HasNoStacks) {
  EXPECT_EQ(result_of("ListStacks", {{"StackStatusFilter.member.1", "CREATE_COMPLETE"}}),
            "<StackSummaries></StackSummaries>");
  EXPECT_EQ(result_of("DescribeStacks"), "<Stacks></Stacks>");
  EXPECT_EQ(result_of("ListExports"), "<Exports></Exports>");
  for (const char* action : {"DescribeStacks", "GetTemplateSummary"}) {
    EXPECT_EQ(refusal_of(action, {{"StackName", "my-stack"}}),
              "ValidationError: Stack with id my-stack does not exist");
  }
  for (const char* action : {"ListStacks", "DescribeStacks", "ListExports"}) {
    EXPECT_EQ(refusal_of(action, {{"NextToken", "x"}}),
              "ValidationError: The NextToken is none that this region gave: x");
  }
  EXPECT_TRUE(refusal_of("ListStacks", {{"StackStatusFilter.member.1", "GONE"}})
                  .starts_with("ValidationError: 1 validation error detected: "));
  EXPECT_EQ(refusal_of("DetectStackDrift", {{"StackName", "my-stack"}}),
            "InvalidAction: Could not find operation DetectStackDrift for version 2010-05-15");
}

}  // namespace
}  // namespace aurora_global::services::cloudformation
