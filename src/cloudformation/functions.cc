#include "cloudformation/functions.h"

#include <algorithm>
#include <cctype>
#include <span>

#include "base/check.h"
#include "cloudformation/errors.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;
struct FunctionName {
  Function function;
  std::string_view name;
};

std::span<const FunctionName> all_functions() {
  using enum Function;
  static constexpr FunctionName kFunctions[] = {
      {ref, "Ref"},
      {get_att, "Fn::GetAtt"},
      {join, "Fn::Join"},
      {select, "Fn::Select"},
      {split, "Fn::Split"},
      {sub, "Fn::Sub"},
      {choose, "Fn::If"},
      {find_in_map, "Fn::FindInMap"},
      {import_value, "Fn::ImportValue"},
      {cidr, "Fn::Cidr"},
      {get_azs, "Fn::GetAZs"},
      {base64, "Fn::Base64"},
      {get_stack_output, "Fn::GetStackOutput"},
      {length, "Fn::Length"},
      {to_json_string, "Fn::ToJsonString"},
      {condition, "Condition"},
      {all_of, "Fn::And"},
      {any_of, "Fn::Or"},
      {negated, "Fn::Not"},
      {equals, "Fn::Equals"},
      {contains, "Fn::Contains"},
      {each_member_equals, "Fn::EachMemberEquals"},
      {each_member_in, "Fn::EachMemberIn"},
      {ref_all, "Fn::RefAll"},
      {value_of, "Fn::ValueOf"},
      {value_of_all, "Fn::ValueOfAll"},
  };
  return kFunctions;
}

std::string supported() {
  std::string all;
  for (const FunctionName& one : all_functions()) {
    all += (all.empty() ? "" : ", ") + std::string(one.name);
  }
  return "[" + all + "]";
}

bool is_name_of_variable(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == ':' || c == '_';
  });
}

}  // namespace

std::string_view name_of(Function function) {
  for (const FunctionName& one : all_functions()) {
    if (one.function == function) return one.name;
  }
  CHECK(false && "a function without a name");
}

std::optional<Function> function_named(std::string_view name) {
  for (const FunctionName& one : all_functions()) {
    if (one.name == name) return one.function;
  }
  return std::nullopt;
}

bool gives_truth(Function function) {
  return function >= Function::condition && function <= Function::each_member_in;
}

std::optional<FunctionCall> condition_call(const json& value) {
  if (!value.is_object() || value.size() != 1) return std::nullopt;
  const auto member = value.begin();
  const auto function = function_named(member.key());
  if (!function) return std::nullopt;
  return FunctionCall{*function, &member.value()};
}

std::optional<FunctionCall> call_in(const json& value) {
  const auto call = condition_call(value);
  // Policies have members of that name.
  return call && call->function == Function::condition ? std::nullopt : call;
}

Result<void> check_no_stray_function(const json& value) {
  for (const auto& [name, inner] : value.items()) {
    if (!name.starts_with("Fn::")) continue;
    if (!function_named(name)) {
      return template_validation_error("Template error: Encountered unsupported function: " +
                                       shown(name) + " Supported functions are: " + supported());
    }
    if (value.size() != 1) {
      return template_error(name + " must be the only member of its object");
    }
  }
  return ok();
}

Result<AttributeName> attribute_in(const json& argument) {
  const auto malformed = [] {
    return template_error(
        "Fn::GetAtt object requires two non-empty parameters, the resource name and the resource "
        "attribute");
  };
  AttributeName found;
  if (argument.is_string()) {
    auto [resource, attribute] = split_at_dot(argument.get_ref<const std::string&>());
    found.resource = std::move(resource);
    found.text = std::move(attribute);
    found.attribute = &argument;
  } else if (argument.is_array() && argument.size() == 2 && argument[0].is_string()) {
    found.resource = argument[0].get_ref<const std::string&>();
    found.attribute = &argument[1];
    if (argument[1].is_string()) found.text = argument[1].get_ref<const std::string&>();
    if (argument[1].is_object()) return found;
  }
  if (found.resource.empty() || found.text.empty()) return malformed();
  return found;
}

Result<std::vector<SubPart>> parts_of_sub(std::string_view text) {
  std::vector<SubPart> parts;
  const auto literal = [&](std::string_view more) {
    if (parts.empty() || parts.back().is_variable) parts.push_back({"", false});
    parts.back().text += more;
  };
  while (!text.empty()) {
    const std::size_t begin = text.find("${");
    const std::size_t end = begin == text.npos ? text.npos : text.find('}', begin);
    if (end == text.npos) {
      literal(text);
      break;
    }
    if (begin > 0) literal(text.substr(0, begin));
    std::string_view name = text.substr(begin + 2, end - begin - 2);
    text.remove_prefix(end + 1);
    if (name.starts_with('!')) {
      literal("${" + std::string(name.substr(1)) + "}");
      continue;
    }
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (!is_name_of_variable(name)) {
      return template_error(
          "variable names in Fn::Sub syntax must contain only alphanumeric characters, "
          "underscores, periods, and colons");
    }
    parts.push_back({std::string(name), true});
  }
  return parts;
}

std::pair<std::string, std::string> split_at_dot(std::string_view name) {
  const std::size_t dot = name.find('.');
  if (dot == name.npos) return {std::string(name), ""};
  return {std::string(name.substr(0, dot)), std::string(name.substr(dot + 1))};
}

}  // namespace aurora_global::cloudformation
