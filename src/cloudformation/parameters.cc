#include "cloudformation/parameters.h"

#include <algorithm>
#include <cctype>

#include "cloudformation/errors.h"
#include "cloudformation/limits.h"
#include "cloudformation/members.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

// What may stand in List<...> and in AWS::SSM::Parameter::Value<...> as well.
constexpr std::string_view kAwsTypes[] = {
    "AWS::EC2::AvailabilityZone::Name",
    "AWS::EC2::Image::Id",
    "AWS::EC2::Instance::Id",
    "AWS::EC2::KeyPair::KeyName",
    "AWS::EC2::SecurityGroup::GroupName",
    "AWS::EC2::SecurityGroup::Id",
    "AWS::EC2::Subnet::Id",
    "AWS::EC2::Volume::Id",
    "AWS::EC2::VPC::Id",
    "AWS::Route53::HostedZone::Id",
};
constexpr std::string_view kSsmValue = "AWS::SSM::Parameter::Value<";

bool is_aws_type(std::string_view type) {
  return std::find(std::begin(kAwsTypes), std::end(kAwsTypes), type) != std::end(kAwsTypes);
}

// "Outer<inner>" -> inner.
std::optional<std::string_view> inside(std::string_view type, std::string_view outer) {
  if (!type.starts_with(outer) || !type.ends_with('>')) return std::nullopt;
  return type.substr(outer.size(), type.size() - outer.size() - 1);
}

bool is_value_type(std::string_view type) {
  if (type == "String" || type == "CommaDelimitedList" || is_aws_type(type)) return true;
  const auto inner = inside(type, "List<");
  return inner && (*inner == "String" || is_aws_type(*inner));
}

bool is_type(std::string_view type) {
  if (type == "Number" || type == "List<Number>" || type == "AWS::SSM::Parameter::Name") {
    return true;
  }
  if (const auto inner = inside(type, kSsmValue)) return is_value_type(*inner);
  return type != "List<String>" && is_value_type(type);
}

Result<void> check_definition(const std::string& name, const ParameterDefinition& one) {
  const std::string where = "Parameter '" + shown(name) + "' ";
  if (one.type.empty()) {
    return format_error("Every Parameters object must contain a Type member.");
  }
  if (!is_type(one.type)) {
    return format_error("Unrecognized parameter type: " + shown(one.type));
  }
  if (one.min_length && one.max_length && *one.min_length > *one.max_length) {
    return template_validation_error(where + "has a MinLength above its MaxLength");
  }
  if (one.min_value && one.max_value && *one.min_value > *one.max_value) {
    return template_validation_error(where + "has a MinValue above its MaxValue");
  }
  const bool is_number = one.type == "Number" || one.type == "List<Number>";
  if (!is_number && (one.min_value || one.max_value)) {
    return template_validation_error(where + "has a MinValue or MaxValue, but is no Number");
  }
  if (is_number && (one.min_length || one.max_length)) {
    return template_validation_error(where + "has a MinLength or MaxLength, but is a Number");
  }
  return ok();
}

}  // namespace

bool ParameterDefinition::is_from_ssm() const { return type.starts_with(kSsmValue); }

bool ParameterDefinition::is_list() const {
  const std::string_view value_type = inside(type, kSsmValue).value_or(std::string_view(type));
  return value_type == "CommaDelimitedList" || value_type.starts_with("List<");
}

Result<std::map<std::string, ParameterDefinition>> read_parameters(const json& section) {
  std::map<std::string, ParameterDefinition> all;
  for (const auto& [name, given] : section.items()) {
    ParameterDefinition one;
    TemplateMembers members(given, "/Parameters/" + shown(name));
    members.text("Type", one.type, kNameBytesMax)
        .text("Default", one.default_value, kParameterValueBytesMax)
        .texts("AllowedValues", one.allowed_values, kAllowedValuesMax)
        .text("AllowedPattern", one.allowed_pattern, kPatternBytesMax)
        .text("ConstraintDescription", one.constraint_description, kParameterValueBytesMax)
        .text("Description", one.description, kParameterValueBytesMax)
        .count("MinLength", one.min_length)
        .count("MaxLength", one.max_length)
        .number("MinValue", one.min_value)
        .number("MaxValue", one.max_value)
        .truth("NoEcho", one.no_echo);
    TRY_VOID(members.finish());
    TRY_VOID(check_definition(name, one));
    all.emplace(name, std::move(one));
  }
  return all;
}

}  // namespace aurora_global::cloudformation
