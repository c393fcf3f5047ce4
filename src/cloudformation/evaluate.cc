#include "cloudformation/evaluate.h"

#include "cloudformation/errors.h"
#include "cloudformation/evaluator.h"
#include "cloudformation/limits.h"
#include "cloudformation/members.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

// What a value takes, its members included: enough to bound what an evaluation makes.
std::size_t size_of(const json& value) {
  std::size_t bytes = 16;
  if (value.is_string()) bytes += value.get_ref<const std::string&>().size();
  if (value.is_structured()) {
    for (const json& inner : value) bytes += size_of(inner);
  }
  return bytes;
}

}  // namespace

Result<Value> evaluate(const Scope& scope, const json& value) {
  return Evaluator(scope).value(value);
}

Value awaiting(const std::vector<Value>& parts) {
  Value value;
  value.json = std::string(kKnownAfterApply);
  for (const Value& part : parts) value.awaited.insert(part.awaited.begin(), part.awaited.end());
  return value;
}

bool all_known(const std::vector<Value>& parts) {
  for (const Value& part : parts) {
    if (!part.known()) return false;
  }
  return true;
}

Result<std::string> text_for(Function function, const json& value) {
  if (auto text = as_text(value)) return *text;
  return template_error(std::string(name_of(function)) +
                        " requires a string; given: " + value.type_name());
}

Result<Value> Evaluator::produced(json json) {
  bytes_ += size_of(json);
  if (bytes_ > kEvaluatedBytesMax) {
    return template_error("the functions of the template produce more than " +
                          std::to_string(kEvaluatedBytesMax) + " bytes");
  }
  return Value{.json = std::move(json)};
}

Result<Value> Evaluator::value(const json& value) {
  if (!value.is_structured()) return produced(value);
  // Also of what lookups gave, which no template has bounded.
  if (++depth_ > kNestingMax) return template_error("the template is nested too deeply");
  const auto found = call_in(value);
  auto result = found ? call(*found) : members(value);
  --depth_;
  return result;
}

Result<Value> Evaluator::members(const json& value) {
  Value whole;
  whole.json = value.is_array() ? json::array() : json::object();
  for (const auto& [name, given] : value.items()) {
    TRY(Value one, this->value(given));
    if (one.is_no_value) continue;
    whole.awaited.merge(one.awaited);
    if (value.is_array()) {
      whole.json.push_back(std::move(one.json));
    } else {
      whole.json[name] = std::move(one.json);
    }
  }
  return whole;
}

Result<Value> Evaluator::call(const FunctionCall& call) {
  const json& argument = *call.argument;
  switch (call.function) {
    case Function::ref:
      if (argument.is_string()) return ref(argument.get_ref<const std::string&>());
      return template_error("every Ref object must have a single String value.");
    case Function::get_att: return get_att(argument);
    case Function::join: return join(argument);
    case Function::select: return select(argument);
    case Function::split: return split(argument);
    case Function::sub: return sub(argument);
    case Function::choose: return choose(argument);
    case Function::find_in_map: return find_in_map(argument);
    case Function::import_value: return import_value(argument);
    case Function::cidr: return cidr(argument);
    case Function::get_azs: return get_azs(argument);
    case Function::base64: return encode_base64(argument);
    case Function::get_stack_output: return get_stack_output(argument);
    case Function::length: return length(argument);
    case Function::to_json_string: return to_json_string(argument);
    case Function::condition:
    case Function::all_of:
    case Function::any_of:
    case Function::negated:
    case Function::equals:
    case Function::contains:
    case Function::each_member_equals:
    case Function::each_member_in:
    case Function::ref_all:
    case Function::value_of:
    case Function::value_of_all: break;
  }
  return template_error(std::string(name_of(call.function)) +
                        " is allowed in conditions and rules only");
}

Result<std::vector<Value>> Evaluator::arguments(const json& argument, std::size_t least,
                                                std::size_t most, Function function) {
  if (!argument.is_array() || argument.size() < least || argument.size() > most) {
    return template_error("every " + std::string(name_of(function)) + " object requires " +
                          (least == most ? std::to_string(least)
                                         : std::to_string(least) + " to " + std::to_string(most)) +
                          " parameters");
  }
  std::vector<Value> values;
  for (const json& one : argument) {
    TRY(values.emplace_back(), value(one));
  }
  return values;
}

}  // namespace aurora_global::cloudformation
