// Goal: every function gives what CloudFormation's documentation says, and refuses what it must.
// Method: an expression in a template with a few parameters, against a small world of lookups.
#include "cloudformation/evaluate.h"

#include <gtest/gtest.h>

#include "cloudformation/cidr.h"
#include "cloudformation/testing/world.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

constexpr std::string_view kAround = R"({
  "Parameters": {"Name": {"Type": "String", "Default": "db"},
                 "List": {"Type": "CommaDelimitedList", "Default": "a,b,c"}},
  "Mappings": {"M": {"k": {"v": "found", "l": ["x", "y"]}}},
  "Conditions": {"Yes": {"Fn::Equals": [{"Ref": "Name"}, "db"]},
                 "No": {"Fn::Not": [{"Condition": "Yes"}]}},
  "Resources": {"A": {"Type": "T"}, "B": {"Type": "T"}, "Off": {"Type": "T", "Condition": "No"}}
})";

class Evaluation : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = read_template(kAround);
    ASSERT_TRUE(made.has_value()) << made.error().message;
    template_ = std::move(*made);
    const auto no_ssm = [](const std::string&) { return Result<std::string>(std::string()); };
    parameters_ = *parameter_values(template_.parameters, {}, no_ssm);
    pseudo_.account_id = "111122223333";
    pseudo_.region = "us-east-1";
    pseudo_.stack_name = "stack";
    scope_ = {.of = &template_, .parameters = &parameters_, .pseudo = &pseudo_};
    auto conditions = evaluate_conditions(scope_);
    ASSERT_TRUE(conditions.has_value()) << conditions.error().message;
    conditions_ = *conditions;
    scope_.conditions = &conditions_;
    scope_.lookups = &world_;
    world_.ids["A"] = "a-1";
    world_.attributes[{"A", "Endpoint.Address"}] = "host";
    world_.exports["shared"] = "exported";
    world_.outputs["Other/Out/us-west-2"] = "far";
  }

  // The value of an expression; its error as text behind "! ".
  json of(std::string_view expression) {
    const auto value = evaluate(scope_, json::parse(expression));
    return value.has_value() ? value->json : json("! " + value.error().message);
  }

  Template template_;
  ParameterValues parameters_;
  PseudoParameters pseudo_;
  ConditionValues conditions_;
  testing::World world_;
  Scope scope_;
};

TEST_F(Evaluation, GivesWhatEachFunctionIsFor) {
  const struct {
    const char* expression;
    json value;
  } cases[] = {
      {R"({"Ref": "A"})", "a-1"},
      {R"({"Ref": "Name"})", "db"},
      {R"({"Ref": "List"})", {"a", "b", "c"}},
      {R"({"Ref": "AWS::Region"})", "us-east-1"},
      {R"({"Fn::GetAtt": ["A", "Endpoint.Address"]})", "host"},
      {R"({"Fn::GetAtt": "A.Endpoint.Address"})", "host"},
      {R"({"Fn::GetAtt": ["A", {"Fn::Sub": "Endpoint.Address"}]})", "host"},
      {R"({"Fn::Join": ["-", ["a", 1, true, {"Ref": "Name"}]]})", "a-1-true-db"},
      {R"({"Fn::Join": ["", {"Ref": "List"}]})", "abc"},
      {R"({"Fn::Select": ["1", {"Ref": "List"}]})", "b"},
      {R"({"Fn::Select": [2, {"Fn::Split": [":", "x:y:z"]}]})", "z"},
      {R"({"Fn::Split": ["--", "x----y"]})", {"x", "", "y"}},
      {R"({"Fn::Sub": "${Name}/${A}/${A.Endpoint.Address}/${!Keep}/${AWS::AccountId}$"})",
       "db/a-1/host/${Keep}/111122223333$"},
      {R"({"Fn::Sub": ["${x}-${Name}", {"x": {"Ref": "A"}}]})", "a-1-db"},
      {R"({"Fn::Sub": "open ${Name"})", "open ${Name"},
      {R"({"Fn::If": ["Yes", 1, 2]})", 1},
      {R"({"Fn::If": ["No", 1, {"Ref": "Name"}]})", "db"},
      {R"({"Fn::FindInMap": ["M", "k", "v"]})", "found"},
      {R"({"Fn::FindInMap": ["M", {"Fn::Sub": "k"}, "l"]})", {"x", "y"}},
      {R"({"Fn::FindInMap": ["M", "k", "no", {"DefaultValue": {"Ref": "Name"}}]})", "db"},
      {R"({"Fn::ImportValue": {"Fn::Sub": "shared"}})", "exported"},
      {R"({"Fn::GetStackOutput": {"StackName": "Other", "OutputName": "Out",
           "Region": "us-west-2"}})",
       "far"},
      {R"({"Fn::GetAZs": ""})", {"us-east-1a", "us-east-1b"}},
      {R"({"Fn::Select": [0, {"Fn::GetAZs": {"Ref": "AWS::Region"}}]})", "us-east-1a"},
      {R"({"Fn::Cidr": ["10.0.0.0/16", 3, 8]})", {"10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"}},
      {R"({"Fn::Base64": "hello"})", "aGVsbG8="},
      {R"({"Fn::Length": {"Ref": "List"}})", 3},
      {R"({"Fn::ToJsonString": {"a": {"Ref": "Name"}}})", R"({"a":"db"})"},
      {R"({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}, 2]})", {{"b", {1, 2}}}},
      {R"({"Condition": {"StringEquals": {"a": "b"}}})",
       {{"Condition", {{"StringEquals", {{"a", "b"}}}}}}},
  };
  for (const auto& one : cases) EXPECT_EQ(of(one.expression), one.value) << one.expression;
}

TEST_F(Evaluation, RefusesWhatHasNoValue) {
  const struct {
    const char* expression;
    const char* message;
  } cases[] = {
      {R"({"Fn::Select": [3, {"Ref": "List"}]})",
       "! Template error: Fn::Select cannot select nonexistent value at index 3"},
      {R"({"Fn::FindInMap": ["M", "k", "no"]})",
       "! Template error: Unable to get mapping for M::k::no"},
      {R"({"Fn::ImportValue": "no"})", "! No export named no found."},
      {R"({"Ref": "Off"})",
       "! Template format error: Unresolved resource dependencies [Off] in the Resources block of "
       "the template"},
      {R"({"Fn::Equals": [1, 1]})",
       "! Template error: Fn::Equals is allowed in conditions and rules only"},
      {R"({"Fn::GetStackOutput": {"StackName": "No", "OutputName": "Out"}})",
       "! Stack No does not exist"},
      {R"({"Fn::Base64": ["a"]})", "! Template error: Fn::Base64 requires a string; given: array"},
  };
  for (const auto& one : cases) EXPECT_EQ(of(one.expression), one.message) << one.expression;
  for (const char* wrong :
       {R"({"Fn::Join": "a"})", R"({"Fn::Join": ["a", "b"]})", R"({"Fn::Select": ["x", ["a"]]})",
        R"({"Fn::Split": ["", "a"]})", R"({"Fn::Sub": ["a"]})", R"({"Fn::Sub": "${a b}"})",
        R"({"Fn::If": ["Nowhere", 1, 2]})", R"({"Fn::GetAtt": ["A"]})", R"({"Ref": ["A"]})",
        R"({"Fn::Cidr": ["10.0.0.0/24", 300, 2]})", R"({"Fn::Length": "a"})",
        R"({"Fn::ToJsonString": "a"})", R"({"Fn::Join": ["", [["a"]]]})"}) {
    EXPECT_TRUE(of(wrong).get<std::string>().starts_with("! Template error: ")) << wrong;
  }
}

TEST_F(Evaluation, SaysWhatItWaitsFor) {
  const auto value = evaluate(scope_, json::parse(R"({
    "Known": {"Ref": "A"}, "Id": {"Ref": "B"},
    "Text": {"Fn::Join": ["", ["x", {"Fn::GetAtt": ["B", "Arn"]}]]},
    "Sub": {"Fn::Sub": "${A.Port}-${Name}"}})"));
  ASSERT_TRUE(value.has_value()) << value.error().message;
  EXPECT_EQ(value->json["Known"], "a-1");
  for (const char* name : {"Id", "Text", "Sub"}) EXPECT_EQ(value->json[name], kKnownAfterApply);
  EXPECT_EQ(value->awaited, (std::set<AwaitedValue>{{"B", ""}, {"B", "Arn"}, {"A", "Port"}}));
}

TEST_F(Evaluation, IsBounded) {
  parameters_["Name"].value = std::string(4096, 'x');
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "${Name}";
  EXPECT_NE(of(json{{"Fn::Sub", text}}.dump()).get<std::string>().find("produce more than"),
            std::string::npos);
  json nested = {{"a", std::string(1000, '"')}};
  for (int i = 0; i < 45; ++i) nested = {{"a", {{"Fn::ToJsonString", nested}}}};
  EXPECT_NE(of(nested.dump()).get<std::string>().find("produce more than"), std::string::npos);
  json deep = "a";
  for (int i = 0; i < 500; ++i) deep = json::array({deep});
  EXPECT_NE(of(deep.dump()).get<std::string>().find("nested too deeply"), std::string::npos);
}

TEST(Cidr, CutsRanges) {
  EXPECT_EQ(*cidr_ranges("192.168.0.77/24", 2, 5),
            (std::vector<std::string>{"192.168.0.0/27", "192.168.0.32/27"}));
  EXPECT_EQ(*cidr_ranges("2001:db8::/56", 2, 64),
            (std::vector<std::string>{"2001:db8::/64", "2001:db8:0:1::/64"}));
  EXPECT_EQ(cidr_ranges("10.0.0.0/16", 256, 8)->back(), "10.0.255.0/24");
  EXPECT_EQ(*cidr_ranges("::/0", 1, 128), std::vector<std::string>{"::/0"});
  for (const char* wrong : {"10.0.0.0", "10.0.0/16", "10.0.0.0/33", "x/8", "10.0.0.0/-1", "/8"}) {
    EXPECT_TRUE(cidr_ranges(wrong, 1, 8).has_error()) << wrong;
  }
  EXPECT_TRUE(cidr_ranges("10.0.0.0/16", 0, 8).has_error());
  EXPECT_TRUE(cidr_ranges("10.0.0.0/16", 257, 1).has_error());
  EXPECT_TRUE(cidr_ranges("10.0.0.0/24", 2, 8).has_error());
}

}  // namespace
}  // namespace aurora_global::cloudformation
