// Goal: a change set says before anything is done what will be done, and why.
// Method: a stack of three resources that stands, and templates that differ from its own in one
// way.
#include "cloudformation/plan.h"

#include <gtest/gtest.h>

#include "cloudformation/testing/world.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

// Name: always replaced. Class: perhaps. Arn: stays.
class SchemaOfTest final : public Schema {
 public:
  Replacing replacing(const std::string&, const std::string& property, const json&,
                      const json&) const override {
    if (property == "Name") return Replacing::always;
    return property == "Class" ? Replacing::conditionally : Replacing::never;
  }
  bool is_stable(const std::string&, const std::string& attribute) const override {
    return attribute == "Arn";
  }
  TagsProperty tags_property(const std::string& type) const override {
    return type == "Untagged" ? TagsProperty::none : TagsProperty::list;
  }
};

constexpr std::string_view kStanding = R"({
  "Parameters": {"Size": {"Type": "String", "Default": "1"},
                 "Password": {"Type": "String", "Default": "secret", "NoEcho": true}},
  "Resources": {
    "A": {"Type": "T", "Properties": {"Name": "a", "Size": {"Ref": "Size"}, "Class": "c"}},
    "B": {"Type": "T", "Properties": {"Name": {"Ref": "A"}, "Arn": {"Fn::GetAtt": ["A", "Arn"]},
                                      "Port": {"Fn::GetAtt": ["A", "Port"]}}},
    "C": {"Type": "T", "DeletionPolicy": "Retain",
          "Properties": {"Secret": {"Fn::Sub": "<${Password}>"}}}}})";

class Plan : public ::testing::Test {
 protected:
  void SetUp() override {
    old_template_ = *read_template(kStanding);
    old_parameters_ = values(old_template_, {});
    inventory_.resources = {{"A", {"a-1"}}, {"B", {"b-1"}}, {"C", {"c-1"}}};
    inventory_.existing[{"A", "a-1"}] = {
        .type = "T",
        .properties = {{"Name", "a"}, {"Size", "1"}, {"Class", "c"}},
        .attributes = {{"Arn", "arn:a-1"}, {"Port", "5432"}}};
    inventory_.existing[{"B", "b-1"}] = {
        .type = "T", .properties = {{"Name", "a-1"}, {"Arn", "arn:a-1"}, {"Port", "5432"}}};
    inventory_.existing[{"C", "c-1"}] = {.type = "T",
                                         .properties = {{"Secret", "<secret>"}},
                                         .deletion_policy = RemovalPolicy::retain};
  }

  static ParameterValues values(const Template& of, std::map<std::string, std::string> given) {
    const auto no_ssm = [](const std::string&) { return Result<std::string>(std::string()); };
    return *parameter_values(of.parameters, {.given = std::move(given)}, no_ssm);
  }

  Result<std::vector<ResourceChange>> plan(const json& document,
                                           std::map<std::string, std::string> given = {},
                                           const Tags& stack_tags = {}) {
    TRY(new_template_, read_template(document.dump()));
    new_parameters_ = values(new_template_, std::move(given));
    const PseudoParameters pseudo;
    const ConditionValues none;
    const testing::World world;
    const Scope scope{&new_template_, &new_parameters_, &pseudo, &none, &world};
    return plan_changes(
        scope, {&old_template_, &old_parameters_, &inventory_, imports_ ? &*imports_ : nullptr},
        SchemaOfTest(), stack_tags);
  }
  static json standing() { return json::parse(kStanding); }

  Template old_template_;
  Template new_template_;
  ParameterValues old_parameters_;
  ParameterValues new_parameters_;
  Inventory inventory_;
  std::optional<ImportIds> imports_;
};

TEST_F(Plan, IsEmptyWithoutAChange) {
  const auto changes = plan(standing());
  ASSERT_TRUE(changes.has_value()) << changes.error().message;
  EXPECT_TRUE(changes->empty());
}

TEST_F(Plan, NamesTheParameterThatChanges) {
  const auto changes = plan(standing(), {{"Size", "2"}});
  ASSERT_TRUE(changes.has_value()) << changes.error().message;
  ASSERT_EQ(changes->size(), 2u);  // B reads A's port, which might change with it.
  const json change = describe_change((*changes)[0], PropertyValues::included)["ResourceChange"];
  EXPECT_EQ(change, json::parse(R"({
    "Action": "Modify", "LogicalResourceId": "A", "PhysicalResourceId": "a-1",
    "ResourceType": "T", "Replacement": "False", "Scope": ["Properties"],
    "BeforeContext": "{\"Properties\":{\"Class\":\"c\",\"Name\":\"a\",\"Size\":\"1\"}}",
    "AfterContext": "{\"Properties\":{\"Class\":\"c\",\"Name\":\"a\",\"Size\":\"2\"}}",
    "Details": [{"ChangeSource": "ParameterReference", "CausingEntity": "Size",
                 "Evaluation": "Static",
                 "Target": {"Attribute": "Properties", "Name": "Size", "Path": "/Properties/Size",
                            "RequiresRecreation": "Never", "AttributeChangeType": "Modify",
                            "BeforeValue": "1", "AfterValue": "2"}}]})"));
  const ResourceChange& behind = (*changes)[1];
  ASSERT_EQ(behind.details.size(), 1u);
  EXPECT_EQ(behind.details[0].source, ChangeSource::resource_attribute);
  EXPECT_EQ(behind.details[0].causing_entity, "A.Port");
  EXPECT_TRUE(behind.details[0].is_dynamic);
}

TEST_F(Plan, ReplacesAndWhatDependsOnItPerhaps) {
  json document = standing();
  document["Resources"]["A"]["Properties"]["Name"] = "other";
  document["Resources"]["A"]["UpdateReplacePolicy"] = "Retain";
  const auto changes = plan(document);
  ASSERT_TRUE(changes.has_value()) << changes.error().message;
  ASSERT_EQ(changes->size(), 2u);
  const json first = describe_change((*changes)[0], PropertyValues::left_out)["ResourceChange"];
  EXPECT_EQ(first["Replacement"], "True");
  EXPECT_EQ(first["PolicyAction"], "ReplaceAndRetain");
  EXPECT_EQ(first["Scope"], (json{"Properties", "UpdateReplacePolicy"}));
  EXPECT_EQ(first["Details"][0]["ChangeSource"], "DirectModification");
  EXPECT_FALSE(first.contains("AfterContext"));
  const ResourceChange& second = (*changes)[1];
  EXPECT_EQ(second.replacement, Replacement::conditional);
  EXPECT_EQ(second.details.size(), 3u);
  EXPECT_EQ(second.after["Name"], kKnownAfterApply);
}

TEST_F(Plan, IsConditionalWhereTheTypeSaysSo) {
  json document = standing();
  document["Resources"]["A"]["Properties"]["Class"] = "d";
  const auto changes = plan(document);
  ASSERT_TRUE(changes.has_value()) << changes.error().message;
  EXPECT_EQ((*changes)[0].replacement, Replacement::conditional);
  EXPECT_EQ((*changes)[1].logical_id, "B");
}

TEST_F(Plan, AddsAndRemoves) {
  json document = standing();
  document["Resources"].erase("C");
  document["Resources"]["D"] = {{"Type", "T"}, {"Properties", {{"Of", {{"Ref", "E"}}}}}};
  document["Resources"]["E"] = {{"Type", "T"}};
  const auto changes = plan(document);
  ASSERT_TRUE(changes.has_value()) << changes.error().message;
  std::vector<std::string> all;
  for (const ResourceChange& change : *changes) {
    const json one = describe_change(change, PropertyValues::left_out)["ResourceChange"];
    all.push_back(one["Action"].get<std::string>() + one["LogicalResourceId"].get<std::string>());
  }
  EXPECT_EQ(all, (std::vector<std::string>{"AddE", "AddD", "RemoveC"}));
  EXPECT_EQ(
      describe_change(changes->back(), PropertyValues::left_out)["ResourceChange"]["PolicyAction"],
      "Retain");
  EXPECT_EQ((*changes)[1].after["Of"], kKnownAfterApply);
}

TEST_F(Plan, HidesWhatIsNotToBeEchoed) {
  const auto changes = plan(standing(), {{"Password", "another"}});
  ASSERT_TRUE(changes.has_value()) << changes.error().message;
  ASSERT_EQ(changes->size(), 1u);
  const std::string shown = describe_change((*changes)[0], PropertyValues::included).dump();
  EXPECT_EQ(shown.find("secret"), shown.npos) << shown;
  EXPECT_EQ(shown.find("another"), shown.npos) << shown;
  EXPECT_NE(shown.find(kHidden), shown.npos) << shown;
}

TEST_F(Plan, SeesPoliciesAndMetadata) {
  json document = standing();
  document["Resources"]["A"]["Metadata"] = {{"a", "b"}};
  document["Resources"]["B"]["DeletionPolicy"] = "Retain";
  const auto changes = plan(document);
  ASSERT_TRUE(changes.has_value()) << changes.error().message;
  ASSERT_EQ(changes->size(), 2u);
  EXPECT_EQ((*changes)[0].details[0].part, ChangedPart::metadata);
  EXPECT_EQ((*changes)[1].details[0].part, ChangedPart::deletion_policy);
}

TEST_F(Plan, TagsOfTheStackAreTheResourcesToo) {
  json document = standing();
  document["Resources"]["C"]["Properties"]["Tags"] = {{{"Key", "team"}, {"Value", "own"}}};
  inventory_.existing[{"C", "c-1"}].properties["Tags"] =
      document["Resources"]["C"]["Properties"]["Tags"];
  const auto changes = plan(document, {}, {{"team", "stack"}});
  ASSERT_TRUE(changes.has_value()) << changes.error().message;
  ASSERT_EQ(changes->size(), 2u);
  EXPECT_EQ((*changes)[0].logical_id, "A");
  EXPECT_EQ((*changes)[0].replacement, Replacement::no);
  EXPECT_EQ((*changes)[1].logical_id, "B");
  const json told = describe_change((*changes)[0], PropertyValues::included)["ResourceChange"];
  EXPECT_EQ(told["Scope"], json{"Tags"}) << told;
  EXPECT_EQ(told["Details"][0]["Target"],
            (json{{"Attribute", "Tags"},
                  {"RequiresRecreation", "Never"},
                  {"Path", "/Properties/Tags"},
                  {"AttributeChangeType", "Add"},
                  {"AfterValue", R"([{"Key":"team","Value":"stack"}])"}}));
}

TEST_F(Plan, DoesAgainWhatFailed) {
  inventory_.resources["C"].status = ResourceStatus::update_failed;
  const auto changes = plan(standing());
  ASSERT_TRUE(changes.has_value()) << changes.error().message;
  ASSERT_EQ(changes->size(), 1u);
  EXPECT_EQ((*changes)[0].logical_id, "C");
}

TEST_F(Plan, RefusesAnotherTypeAndAnUnknownAttribute) {
  json document = standing();
  document["Resources"]["A"]["Type"] = "Other";
  const auto refused = plan(document);
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().message,
            "Update of resource type is not permitted. The new template modifies resource type of "
            "the following resources: [A]");
  document = standing();
  document["Resources"]["B"]["Properties"]["No"] = {{"Fn::GetAtt", {"A", "Nothing"}}};
  const auto unknown = plan(document);
  ASSERT_TRUE(unknown.has_error());
  EXPECT_EQ(unknown.error().message,
            "Template error: resource A does not support attribute type Nothing in Fn::GetAtt");
}

TEST_F(Plan, TakesInWhatExistsAndChangesNothingElse) {
  json document = standing();
  document["Resources"]["D"] = {{"Type", "T"}, {"Properties", {{"Of", {{"Ref", "A"}}}}}};
  imports_ = ImportIds{{"D", "d-1"}};
  const auto changes = plan(document);
  ASSERT_TRUE(changes.has_value()) << changes.error().message;
  ASSERT_EQ(changes->size(), 1u);
  const json told = describe_change((*changes)[0], PropertyValues::included)["ResourceChange"];
  EXPECT_EQ(told["Action"], "Import");
  EXPECT_EQ(told["PhysicalResourceId"], "d-1");
  EXPECT_FALSE(told.contains("BeforeContext"));
  document["Resources"]["A"]["Properties"]["Size"] = "2";
  document["Resources"].erase("C");
  const auto refused = plan(document);
  ASSERT_TRUE(refused.has_error());
  EXPECT_TRUE(refused.error().message.starts_with("You have modified resources [A, B, C] in your "))
      << refused.error().message;
}

TEST(Decide, ComparesProperties) {
  const SchemaOfTest schema;
  EXPECT_EQ(decide(schema, "T", {{"a", 1}}, {{"a", 1}}), Decision::unchanged);
  EXPECT_EQ(decide(schema, "T", {{"a", 1}}, {{"a", 2}}), Decision::modify);
  EXPECT_EQ(decide(schema, "T", {{"a", 1}}, json::object()), Decision::modify);
  EXPECT_EQ(decide(schema, "T", {{"Name", 1}}, {{"Name", 2}, {"a", 1}}), Decision::replace);
  EXPECT_EQ(decide(schema, "T", {{"Class", 1}}, {{"Class", 2}}), Decision::modify);
}

TEST(Attributes, AreFlatOrNested) {
  const PhysicalResource what{
      .attributes = {{"Endpoint.Port", "1"}, {"Endpoint", {{"Address", "h"}}}}};
  EXPECT_EQ(attribute_of(what, "Endpoint.Port"), json("1"));
  EXPECT_EQ(attribute_of(what, "Endpoint.Address"), json("h"));
  EXPECT_FALSE(attribute_of(what, "Endpoint.No").has_value());
  EXPECT_FALSE(attribute_of(what, "No").has_value());
}

}  // namespace
}  // namespace aurora_global::cloudformation
