// Goal: a template is read as CloudFormation reads it, and refused in its words.
// Method: small templates in JSON and YAML, each with one thing that matters.
#include "cloudformation/template.h"

#include <gtest/gtest.h>

#include "cloudformation/limits.h"
#include "cloudformation/template_text.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

constexpr std::string_view kQueue = R"("Q": {"Type": "AWS::SQS::Queue"})";

std::string with_sections(std::string_view more) {
  return R"({"Resources": {)" + std::string(kQueue) + "}" + std::string(more) + "}";
}

std::string refusal(std::string_view text) {
  const auto made = read_template(text);
  if (made.has_value()) return "";
  EXPECT_EQ(made.error().code, "ValidationError");
  EXPECT_EQ(made.error().kind, ErrorKind::invalid);
  return made.error().message;
}

TEST(TemplateText, TakesTheShortTagsOfYaml) {
  const auto read = read_template_text(R"(
Resources:
  A:
    Type: T
    Properties:
      R: !Ref B
      G: !GetAtt B.Endpoint.Address
      L: !GetAtt [B, Arn]
      S: !Sub ["${x}", {x: !Ref C}]
      J: !Join [",", [a, !Select [0, !GetAZs ""]]]
      I: !If [IsThere, "yes", !Ref AWS::NoValue]
Conditions:
  IsThere: !And [!Condition Other, !Equals [a, b]]
)");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ((*read)["Resources"]["A"]["Properties"], json::parse(R"({
    "R": {"Ref": "B"}, "G": {"Fn::GetAtt": ["B", "Endpoint.Address"]},
    "L": {"Fn::GetAtt": ["B", "Arn"]},
    "S": {"Fn::Sub": ["${x}", {"x": {"Ref": "C"}}]},
    "J": {"Fn::Join": [",", ["a", {"Fn::Select": [0, {"Fn::GetAZs": ""}]}]]},
    "I": {"Fn::If": ["IsThere", "yes", {"Ref": "AWS::NoValue"}]}})"));
  EXPECT_EQ((*read)["Conditions"]["IsThere"], json::parse(R"(
    {"Fn::And": [{"Condition": "Other"}, {"Fn::Equals": ["a", "b"]}]})"));
}

TEST(TemplateText, KeepsWhatOnlyLooksLikeANumberOrADate) {
  const auto read = read_template_text(R"(
version: 2010-09-09
account: 012345678901
count: 12
rate: 0.5
quoted: "12"
truth: true
no: yes
negative: -3
address: 10.0.0.0/16
)");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(*read, json::parse(R"({"version": "2010-09-09", "account": "012345678901",
    "count": 12, "rate": 0.5, "quoted": "12", "truth": true, "no": true, "negative": -3,
    "address": "10.0.0.0/16"})"));
}

TEST(TemplateText, SaysWhereItIsNotWellFormed) {
  EXPECT_EQ(refusal("{\n  \"a\": }"),
            "Template format error: JSON not well-formed. (line 2, column 8)");
  EXPECT_EQ(refusal("a: [1, 2\nb: }"),
            "Template format error: YAML not well-formed. (line 2, column 2)");
  EXPECT_EQ(refusal(""), "Template format error: The template is empty");
  EXPECT_EQ(refusal("a: 1\n---\nb: 2"), "Template format error: There is more than one document");
  EXPECT_EQ(refusal("\xff\xfe"), "Template format error: The template is no text in UTF-8");
}

TEST(TemplateText, RefusesWhatWouldGrowOrGoDeep) {
  EXPECT_EQ(refusal("a: &x [1]\nb: *x"),
            "Template format error: YAML aliases are not allowed in CloudFormation templates "
            "(line 2, column 4)");
  for (const auto& [open, close] : {std::pair("{\"a\":", "}"), std::pair("[", "]")}) {
    std::string deep;
    for (int i = 0; i < 200; ++i) deep += open;
    EXPECT_TRUE(refusal("{\"a\":" + deep + "}").starts_with("Template format error: ")) << open;
    deep += "1";
    for (int i = 0; i < 200; ++i) deep += close;
    EXPECT_NE(refusal("a: " + deep).find("nested too deeply"), std::string::npos) << open;
  }
  EXPECT_NE(refusal(std::string(100'000, '[')), "");
  EXPECT_NE(refusal("a: 1\na: 2").find("Duplicate name 'a'"), std::string::npos);
  EXPECT_NE(refusal(R"({"a": 1, "a": 2})").find("Duplicate name 'a'"), std::string::npos);
  EXPECT_NE(refusal("a: !!binary aGVsbG8=").find("is not allowed"), std::string::npos);
  EXPECT_NE(refusal(std::string(kTemplateUrlBytesMax + 1, ' ')), "");
}

TEST(Template, HasItsSections) {
  const auto made = read_template(R"(
AWSTemplateFormatVersion: 2010-09-09
Description: A queue
Parameters:
  Name: {Type: String, Default: q, NoEcho: "true", MinLength: "1", AllowedPattern: "[a-z]+"}
Mappings:
  Sizes: {small: {Bytes: 1024}}
Conditions:
  IsNamed: !Not [!Equals [!Ref Name, ""]]
Resources:
  Dead: {Type: AWS::SQS::Queue, DeletionPolicy: RetainExceptOnCreate}
  Q:
    Type: AWS::SQS::Queue
    DependsOn: Dead
    Condition: IsNamed
    UpdateReplacePolicy: Snapshot
    Properties: {QueueName: !Ref Name, Limit: !FindInMap [Sizes, small, Bytes]}
Outputs:
  Url: {Value: !Ref Q, Condition: IsNamed, Export: {Name: !Sub "${AWS::StackName}-url"}}
)");
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_EQ(made->version, "2010-09-09");
  EXPECT_EQ(made->description, "A queue");
  EXPECT_TRUE(made->parameters.at("Name").no_echo);
  EXPECT_EQ(made->parameters.at("Name").min_length, 1u);
  const ResourceDefinition& queue = made->resources.at("Q");
  EXPECT_EQ(queue.depends_on, std::set<std::string>{"Dead"});
  EXPECT_EQ(queue.condition, "IsNamed");
  EXPECT_EQ(queue.deletion_policy, RemovalPolicy::remove);
  EXPECT_EQ(queue.update_replace_policy, RemovalPolicy::snapshot);
  EXPECT_EQ(made->resources.at("Dead").deletion_policy, RemovalPolicy::retain_except_on_create);
  EXPECT_FALSE(made->outputs.at("Url").export_name.is_null());
}

TEST(Template, ACustomResourceHasAVersion) {
  for (const char* type : {"Custom::Thing", "AWS::CloudFormation::CustomResource"}) {
    const std::string text = std::string(R"({"Resources": {"Q": {"Type": ")") + type +
                             R"(", "Version": 1.0, "Properties": {"ServiceToken": "x"}}}})";
    EXPECT_TRUE(read_template(text).has_value()) << type;
  }
}

TEST(Template, RefusesInCloudFormationsWords) {
  const struct {
    std::string text;
    std::string message;
  } cases[] = {
      {"{}", "Template format error: At least one Resources member must be defined."},
      {"[1]", "Template format error: unsupported structure."},
      {with_sections(R"(,"Resource": {})"),
       "Template validation error: Invalid template property or properties [Resource]"},
      {with_sections(R"(,"Transform": "AWS::Serverless-2016-10-31")"),
       "Template validation error: Transform AWS::Serverless-2016-10-31 is not supported by this "
       "platform"},
      {with_sections(R"(,"Transform": ["A", {"Name": "AWS::Include"}, [1]])"),
       "Template validation error: Transform A, AWS::Include is not supported by this platform"},
      {R"({"Resources": {"Q": {"Type": "T", "Version": "1.0"}}})",
       "Template format error: [/Resources/Q] Invalid member 'Version'"},
      {with_sections(R"(,"Outputs": {"O": {"Value": {"Ref": "X"}}})"),
       "Template format error: Unresolved resource dependencies [X] in the Outputs block of the "
       "template"},
      {R"({"Resources": {"Q": {"Type": "T", "DependsOn": ["A", "B"]}}})",
       "Template format error: Unresolved resource dependencies [A, B] in the Resources block of "
       "the template"},
      {R"({"Resources": {"Q": {"Type": "T", "Properties": {"P": {"Fn::Sub": "${X.Arn}"}}}}})",
       "Template error: instance of Fn::GetAtt references undefined resource X"},
      {R"({"Resources": {"Q": {"Type": "T", "Properties": {"P": null}}}})",
       "Template format error: [/Resources/Q/Properties/P] 'null' values are not allowed in "
       "templates"},
      {R"({"Resources": {"Q-1": {"Type": "T"}}})",
       "Template format error: Resource name Q-1 is non alphanumeric."},
      {R"({"Resources": {"Q": {}}})",
       "Template format error: [/Resources/Q] Every Resources object must contain a Type member."},
      {R"({"Resources": {"Q": {"Type": "T", "Condition": "C"}}})",
       "Template format error: Unresolved condition dependency C in the Resources block of the "
       "template"},
      {with_sections(R"(,"Conditions": {"C": {"Fn::Equals": [{"Ref": "Q"}, "a"]}})"),
       "Template validation error: Template error: Unresolved dependencies [Q]. Cannot reference "
       "resources in the Conditions block of the template"},
      {with_sections(R"(,"Parameters": {"P": {"Type": "Text"}})"),
       "Template format error: Unrecognized parameter type: Text"},
      {R"({"Resources": {"Q": {"Type": "T", "Properties": {"P": {"Fn::FindInMap": ["M", "a", "b"]}}}}})",
       "Template validation error: Template error: Mapping named 'M' is not present in the "
       "'Mappings' section of template."},
  };
  for (const auto& one : cases) EXPECT_EQ(refusal(one.text), one.message) << one.text;
  EXPECT_TRUE(refusal(R"({"Resources": {"Q": {"Type": "T", "Properties": {"P": {"Fn::No": 1}}}}})")
                  .starts_with("Template validation error: Template error: Encountered unsupported "
                               "function: Fn::No Supported functions are: [Ref, "));
}

TEST(Template, KeepsToTheQuotas) {
  json many = {{"Resources", json::object()}};
  for (std::size_t i = 0; i < kResourcesMax; ++i) {
    many["Resources"]["R" + std::to_string(i)] = {{"Type", "T"}};
  }
  EXPECT_EQ(refusal(many.dump()), "");
  many["Resources"]["More"] = {{"Type", "T"}};
  EXPECT_EQ(refusal(many.dump()),
            "Template format error: Number of resources, 501, is greater than maximum allowed, "
            "500");
  const std::string name(kNameBytesMax + 1, 'a');
  EXPECT_NE(refusal(json{{"Resources", {{name, {{"Type", "T"}}}}}}.dump()), "");
  const std::string text(kDescriptionBytesMax + 1, 'a');
  EXPECT_NE(refusal(with_sections(",\"Description\": \"" + text + "\"")), "");
}

}  // namespace
}  // namespace aurora_global::cloudformation
