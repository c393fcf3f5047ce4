// Goal: each constraint of a parameter is held, with CloudFormation's message.
// Method: one definition and one value a case.
#include "cloudformation/parameters.h"

#include <gtest/gtest.h>

#include "cloudformation/errors.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

Result<std::string> ssm_of_test(const std::string& name) {
  if (name == "/version") return std::string("21");
  if (name == "/list") return std::string("a, b");
  return validation_error("Unable to fetch parameters [" + name + "]");
}

Result<ParameterValues> values_of(const json& section, ParameterInput input) {
  TRY(const auto definitions, read_parameters(section));
  return parameter_values(definitions, input, ssm_of_test);
}

// The value of a parameter P, or the refusal as text.
json value_of(json definition, std::optional<std::string> given) {
  ParameterInput input;
  if (given) input.given["P"] = *given;
  const auto values = values_of({{"P", std::move(definition)}}, input);
  return values.has_value() ? values->at("P").value : json(values.error().message);
}

TEST(Parameters, GiveTextsAndLists) {
  EXPECT_EQ(value_of({{"Type", "String"}}, "a"), "a");
  EXPECT_EQ(value_of({{"Type", "String"}, {"Default", 12}}, std::nullopt), "12");
  EXPECT_EQ(value_of({{"Type", "Number"}}, "1.50"), "1.50");
  EXPECT_EQ(value_of({{"Type", "CommaDelimitedList"}}, "a, b ,c"), json({"a", "b", "c"}));
  EXPECT_EQ(value_of({{"Type", "List<Number>"}}, "1,2"), json({"1", "2"}));
  EXPECT_EQ(value_of({{"Type", "List<AWS::EC2::Subnet::Id>"}}, "s-1,s-2"), json({"s-1", "s-2"}));
  EXPECT_EQ(value_of({{"Type", "AWS::EC2::VPC::Id"}}, "vpc-1"), "vpc-1");
  EXPECT_EQ(value_of({{"Type", "AWS::SSM::Parameter::Value<String>"}}, "/version"), "21");
  EXPECT_EQ(value_of({{"Type", "AWS::SSM::Parameter::Value<List<String>>"}}, "/list"),
            json({"a", "b"}));
}

TEST(Parameters, HoldTheirConstraints) {
  const struct {
    json definition;
    std::string given;
    std::string message;
  } cases[] = {
      {{{"Type", "Number"}}, "x", "Parameter 'P' must be a number"},
      {{{"Type", "Number"}, {"MinValue", 3}},
       "2",
       "Parameter 'P' must be a number not less than 3.0"},
      {{{"Type", "Number"}, {"MaxValue", "3"}},
       "4",
       "Parameter 'P' must be a number not greater than 3.0"},
      {{{"Type", "String"}, {"AllowedValues", {"a", "b"}}},
       "c",
       "Parameter 'P' must be one of AllowedValues"},
      {{{"Type", "String"}, {"MinLength", 2}},
       "a",
       "Parameter 'P' must contain at least 2 characters"},
      {{{"Type", "String"}, {"MaxLength", 2}},
       "abc",
       "Parameter 'P' must contain at most 2 characters"},
      {{{"Type", "String"}, {"AllowedPattern", "[a-z]+"}},
       "a1",
       "Parameter 'P' must match pattern [a-z]+"},
      {{{"Type", "String"}, {"AllowedPattern", "(a*)*b"}},
       std::string(4000, 'a'),
       "Parameter 'P' must match pattern (a*)*b"},
      {{{"Type", "CommaDelimitedList"}, {"AllowedPattern", "[a-z]+"}},
       "a,1",
       "Parameter 'P' must match pattern [a-z]+"},
      {{{"Type", "String"}, {"AllowedPattern", "["}}, "a", "Parameter 'P' must match pattern ["},
      {{{"Type", "String"}, {"AllowedPattern", "x"}, {"ConstraintDescription", "be an x"}},
       "a",
       "Parameter P failed to satisfy constraint: be an x"},
      {{{"Type", "AWS::SSM::Parameter::Value<String>"}}, "/no", "Unable to fetch parameters [/no]"},
      {{{"Type", "String"}},
       std::string(5000, 'a'),
       "Parameter 'P' must contain at most 4096 characters"},
  };
  for (const auto& one : cases) EXPECT_EQ(value_of(one.definition, one.given), one.message);
}

TEST(Parameters, MustHaveValuesAndBeKnown) {
  EXPECT_EQ(value_of({{"Type", "String"}}, std::nullopt), "Parameters: [P] must have values");
  const auto unknown = values_of(json::object(), {.given = {{"X", "1"}}});
  ASSERT_TRUE(unknown.has_error());
  EXPECT_EQ(unknown.error().message, "Parameters: [X] do not exist in the template");
  const json section = {{"P", {{"Type", "String"}, {"Default", "d"}}}};
  EXPECT_EQ(values_of(section, {.use_previous = {"P"}, .previous = {{"P", "old"}}})->at("P").value,
            "old");
  EXPECT_TRUE(values_of(section, {.use_previous = {"P"}}).has_error());
}

TEST(Parameters, AreDefinedWithoutContradiction) {
  for (const json& definition :
       {json{{"Default", "a"}}, json{{"Type", "List<String>"}}, json{{"Type", "AWS::EC2::No::Id"}},
        json{{"Type", "String"}, {"MinLength", 3}, {"MaxLength", 2}},
        json{{"Type", "String"}, {"MinValue", 3}}, json{{"Type", "String"}, {"Wrong", 3}},
        json{{"Type", "String"}, {"NoEcho", "perhaps"}}, json("String")}) {
    EXPECT_TRUE(read_parameters({{"P", definition}}).has_error()) << definition;
  }
}

}  // namespace
}  // namespace aurora_global::cloudformation
