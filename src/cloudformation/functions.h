// CloudFormation's intrinsic functions, and how a value says that it is a call of one.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace aurora_global::cloudformation {

enum class Function {
  ref,
  get_att,
  join,
  select,
  split,
  sub,
  choose,  // Fn::If
  find_in_map,
  import_value,
  cidr,
  get_azs,
  base64,
  get_stack_output,
  length,
  to_json_string,
  // What follows gives true or false, in Conditions and Rules only.
  condition,
  all_of,   // Fn::And
  any_of,   // Fn::Or
  negated,  // Fn::Not
  equals,
  // In Rules only.
  contains,
  each_member_equals,
  each_member_in,
  ref_all,
  value_of,
  value_of_all,
};

std::string_view name_of(Function function);
std::optional<Function> function_named(std::string_view name);
bool gives_truth(Function function);

// A call: {"Fn::Join": argument}. The argument belongs to the value that it was found in.
struct FunctionCall {
  Function function;
  const nlohmann::json* argument;
};

// The call that `value` is; nullopt for plain data. An object is a call if its one member has a
// function's name. "Condition" is one only where a condition is expected, see condition_call().
std::optional<FunctionCall> call_in(const nlohmann::json& value);
// The same where true or false is expected.
std::optional<FunctionCall> condition_call(const nlohmann::json& value);

// Fails for an object that has a member "Fn::...", but is no call that this engine knows.
Result<void> check_no_stray_function(const nlohmann::json& value);

// What Fn::GetAtt names: [resource, attribute], or "resource.attribute". Where the attribute is
// itself a function, `attribute` is null and the argument holds it.
struct AttributeName {
  std::string resource;
  const nlohmann::json* attribute = nullptr;
  std::string text;  // The attribute, if it is text.
};
Result<AttributeName> attribute_in(const nlohmann::json& argument);

// A part of the text of Fn::Sub: literal, or the name in ${name}.
struct SubPart {
  std::string text;
  bool is_variable = false;
};
// "${!a}" is the literal "${a}". Fails for a name that Fn::Sub does not take.
Result<std::vector<SubPart>> parts_of_sub(std::string_view text);
// "resource.attribute" -> both; second empty: a name alone.
std::pair<std::string, std::string> split_at_dot(std::string_view name);

}  // namespace aurora_global::cloudformation
