// The functions that make a value of others: Fn::Join, Fn::Select, Fn::Split, Fn::Sub, Fn::Cidr,
// Fn::Base64, Fn::Length, Fn::ToJsonString.
#include "base/base64.h"
#include "cloudformation/cidr.h"
#include "cloudformation/errors.h"
#include "cloudformation/evaluator.h"
#include "cloudformation/limits.h"
#include "cloudformation/members.h"
#include "model/fields.h"

namespace aurora_global::cloudformation {

using nlohmann::json;

Result<Value> Evaluator::join(const json& argument) {
  TRY(const auto values, arguments(argument, 2, 2, Function::join));
  if (!all_known(values)) return awaiting(values);
  const json& list = values[1].json;
  if (!values[0].json.is_string() || !list.is_array()) {
    return template_error(
        "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of "
        "strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) "
        "to be joined.");
  }
  const auto& delimiter = values[0].json.get_ref<const std::string&>();
  std::string joined;
  for (const json& one : list) {
    TRY(const std::string text, text_for(Function::join, one));
    if (&one != &list.front()) joined += delimiter;
    joined += text;
    if (joined.size() > kEvaluatedBytesMax) break;  // produced() refuses it.
  }
  return produced(std::move(joined));
}

Result<Value> Evaluator::select(const json& argument) {
  TRY(const auto values, arguments(argument, 2, 2, Function::select));
  if (!all_known(values)) return awaiting(values);
  const auto index = as_count(values[0].json);
  const json& list = values[1].json;
  if (!index || !list.is_array()) {
    return template_error(
        "every Fn::Select object requires two parameters, the index as a whole number and a list");
  }
  if (*index >= list.size()) {
    return template_error("Fn::Select cannot select nonexistent value at index " +
                          std::to_string(*index));
  }
  return produced(list[*index]);
}

Result<Value> Evaluator::split(const json& argument) {
  TRY(const auto values, arguments(argument, 2, 2, Function::split));
  if (!all_known(values)) return awaiting(values);
  if (!values[0].json.is_string() || !values[1].json.is_string() ||
      values[0].json.get_ref<const std::string&>().empty()) {
    return template_error(
        "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string "
        "to be split or a function that returns a string to be split.");
  }
  const auto& delimiter = values[0].json.get_ref<const std::string&>();
  std::string_view text = values[1].json.get_ref<const std::string&>();
  json parts = json::array();
  while (true) {
    const std::size_t at = text.find(delimiter);
    parts.push_back(std::string(text.substr(0, at)));
    if (at == text.npos) return produced(std::move(parts));
    text.remove_prefix(at + delimiter.size());
  }
}

// One ${name}: of the function's own map first.
Result<Value> Evaluator::sub_part(const std::string& name, const json& own) {
  if (const auto found = own.find(name); found != own.end()) return value(*found);
  auto [resource, attribute] = split_at_dot(name);
  return attribute.empty() ? ref(name) : this->attribute(resource, attribute);
}

Result<Value> Evaluator::sub(const json& argument) {
  const bool has_map = argument.is_array() && argument.size() == 2 && argument[1].is_object();
  const json& text = has_map ? argument[0] : argument;
  if (!text.is_string()) {
    return template_error(
        "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a "
        "string as first argument, and an optional second argument to specify a mapping of values "
        "to replace in the string");
  }
  TRY(const auto parts, parts_of_sub(text.get_ref<const std::string&>()));
  const json own = has_map ? argument[1] : json::object();
  std::string whole;
  std::vector<Value> unknown;
  for (const SubPart& part : parts) {
    if (!part.is_variable) {
      whole += part.text;
      continue;
    }
    TRY(Value one, sub_part(part.text, own));
    if (!one.known()) {
      unknown.push_back(std::move(one));
      continue;
    }
    TRY(const std::string written, text_for(Function::sub, one.json));
    whole += written;
  }
  if (!unknown.empty()) return awaiting(unknown);
  return produced(std::move(whole));
}

Result<Value> Evaluator::cidr(const json& argument) {
  TRY(const auto values, arguments(argument, 2, 3, Function::cidr));
  if (!all_known(values)) return awaiting(values);
  TRY(const std::string block, text_for(Function::cidr, values[0].json));
  const auto count = as_count(values[1].json);
  const auto bits = values.size() == 3 ? as_count(values[2].json) : std::uint64_t{8};
  if (!count || !bits) return template_error("Fn::Cidr requires whole numbers");
  TRY(const auto ranges, cidr_ranges(block, *count, *bits));
  return produced(ranges);
}

Result<Value> Evaluator::encode_base64(const json& argument) {
  TRY(const Value given, value(argument));
  if (!given.known()) return awaiting({given});
  TRY(const std::string text, text_for(Function::base64, given.json));
  return produced(base64(text));
}

Result<Value> Evaluator::length(const json& argument) {
  TRY(const Value given, value(argument));
  if (!given.known()) return awaiting({given});
  if (!given.json.is_array()) return template_error("Fn::Length requires a list");
  return produced(given.json.size());
}

Result<Value> Evaluator::to_json_string(const json& argument) {
  TRY(const Value given, value(argument));
  if (!given.known()) return awaiting({given});
  if (!given.json.is_structured()) {
    return template_error("Fn::ToJsonString requires an object or a list");
  }
  return produced(model::text_of(given.json));
}

}  // namespace aurora_global::cloudformation
