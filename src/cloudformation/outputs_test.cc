// Goal: from the text of a template to its outputs, through a deployment, as a driver does it.
// Method: a stack of two resources; each step gets its properties from what is deployed so far.
#include "cloudformation/outputs.h"

#include <gtest/gtest.h>

#include "cloudformation/graph.h"
#include "cloudformation/lookups.h"
#include "cloudformation/testing/world.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

constexpr std::string_view kStack = R"(
Conditions: {Never: !Equals [a, b]}
Resources:
  Key: {Type: T}
  Secret: {Type: T, Properties: {Key: !GetAtt Key.Arn, Name: !Sub "of-${Key}"}}
Outputs:
  Name: {Value: !Ref Secret, Description: the name, Export: {Name: !Sub "${AWS::StackName}-name"}}
  Number: {Value: 12}
  Gone: {Value: !Ref Key, Condition: Never}
)";

class Outputs : public ::testing::Test {
 protected:
  void SetUp() override {
    template_ = *read_template(kStack);
    pseudo_.stack_name = "stack";
    scope_ = {.of = &template_, .parameters = &parameters_, .pseudo = &pseudo_};
    conditions_ = *evaluate_conditions(scope_);
    scope_.conditions = &conditions_;
    deployment_ = *Deployment::begin(StackStatus::review_in_progress, StackEvent::created, {},
                                     targets_of(template_, *resource_graph(template_, conditions_)),
                                     OnFailure::roll_back);
  }
  // Makes the one resource that is ready; returns its properties.
  json make_next() {
    const DeployedLookups lookups(*deployment_, outside_);
    scope_.lookups = &lookups;
    const Step step = deployment_->ready().at(0);
    const auto value = evaluate(scope_, template_.resources.at(step.logical_id).properties);
    EXPECT_TRUE(value.has_value() && value->known());
    EXPECT_TRUE(deployment_->begin_apply(step.id, value->json, Decision::create).has_value());
    const std::string id = step.logical_id + "-1";
    EXPECT_TRUE(deployment_->succeeded(step.id, {id, {{"Arn", "arn:" + id}}}).has_value());
    return value->json;
  }

  Template template_;
  ParameterValues parameters_;
  PseudoParameters pseudo_;
  ConditionValues conditions_;
  testing::World outside_;
  Scope scope_;
  std::optional<Deployment> deployment_;
};

TEST_F(Outputs, AreWhatTheResourcesCameTo) {
  make_next();
  EXPECT_EQ(make_next(), (json{{"Key", "arn:Key-1"}, {"Name", "of-Key-1"}}));
  EXPECT_EQ(deployment_->status(), StackStatus::create_complete);
  const DeployedLookups lookups(*deployment_, outside_);
  scope_.lookups = &lookups;
  const auto outputs = evaluate_outputs(scope_);
  ASSERT_TRUE(outputs.has_value()) << outputs.error().message;
  ASSERT_EQ(outputs->size(), 2u);
  EXPECT_EQ(outputs->at("Name").value, "Secret-1");
  EXPECT_EQ(outputs->at("Name").description, "the name");
  EXPECT_EQ(outputs->at("Name").export_name, "stack-name");
  EXPECT_EQ(outputs->at("Number").value, "12");
}

TEST_F(Outputs, MustBeTextAndThere) {
  const DeployedLookups lookups(*deployment_, outside_);
  scope_.lookups = &lookups;
  const auto early = evaluate_outputs(scope_);
  ASSERT_TRUE(early.has_error());
  EXPECT_EQ(early.error().kind, ErrorKind::internal);
  template_.outputs = {{"List", {.value = {"a", "b"}}}};
  const auto list = evaluate_outputs(scope_);
  ASSERT_TRUE(list.has_error());
  EXPECT_EQ(list.error().message,
            "Template format error: The Value field of every Outputs member must evaluate to a "
            "String.");
}

TEST_F(Outputs, HaveExportNamesOfAnEnd) {
  const auto exported = [&](std::size_t bytes) {
    template_.outputs = {{"O", {.value = "v", .export_name = std::string(bytes, 'x')}}};
    const auto outputs = evaluate_outputs(scope_);
    return outputs.has_error() ? outputs.error().message : outputs->at("O").export_name;
  };
  EXPECT_EQ(exported(255), std::string(255, 'x'));
  for (const std::size_t bytes : {0, 256}) {
    EXPECT_EQ(exported(bytes), "Export name of output O must have 1 to 255 characters");
  }
}

TEST_F(Outputs, NameNoAttributeThatIsNotThere) {
  make_next();
  const DeployedLookups lookups(*deployment_, outside_);
  scope_.lookups = &lookups;
  EXPECT_TRUE(evaluate(scope_, {{"Fn::GetAtt", {"Key", "Nothing"}}}).has_error());
}

}  // namespace
}  // namespace aurora_global::cloudformation
