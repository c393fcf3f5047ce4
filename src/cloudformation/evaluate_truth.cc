// The functions that give true or false, in Conditions and Rules.
#include <algorithm>

#include "cloudformation/errors.h"
#include "cloudformation/evaluator.h"
#include "cloudformation/limits.h"
#include "cloudformation/members.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

// Texts, numbers and truth values are compared as they are written.
bool is_same(const json& left, const json& right) {
  const auto one = as_text(left);
  const auto other = as_text(right);
  return one && other ? *one == *other : left == right;
}

bool is_member(const json& value, const json& list) {
  return std::any_of(list.begin(), list.end(),
                     [&](const json& one) { return is_same(one, value); });
}

}  // namespace

Result<bool> Evaluator::truth(const json& value) {
  const auto call = condition_call(value);
  if (!call || !gives_truth(call->function)) {
    return template_error("a condition must be a function that gives true or false");
  }
  switch (call->function) {
    case Function::equals: return equal(*call->argument);
    case Function::contains:
    case Function::each_member_equals:
    case Function::each_member_in: return membership(*call);
    case Function::condition: break;
    default: return all_or_any(*call);
  }
  if (call->argument->is_string() && decided_ != nullptr) {
    const auto found = decided_->find(call->argument->get_ref<const std::string&>());
    if (found != decided_->end()) return found->second;
  }
  return template_error("Condition references an undefined condition");
}

Result<bool> Evaluator::equal(const json& argument) {
  TRY(const auto values, arguments(argument, 2, 2, Function::equals));
  return is_same(values[0].json, values[1].json);
}

Result<bool> Evaluator::all_or_any(const FunctionCall& call) {
  const bool negates = call.function == Function::negated;
  const std::size_t least = negates ? 1 : 2;
  const std::size_t most = negates ? 1 : kConditionArgumentsMax;
  const json& list = *call.argument;
  if (!list.is_array() || list.size() < least || list.size() > most) {
    return template_error("every " + std::string(name_of(call.function)) + " object requires a " +
                          "list of " + (negates ? "1 condition" : "2 to " + std::to_string(most)) +
                          " boolean parameters.");
  }
  bool all = true;
  bool any = false;
  for (const json& one : list) {
    if (++depth_ > kNestingMax) return template_error("the template is nested too deeply");
    TRY(const bool holds, truth(one));
    --depth_;
    all = all && holds;
    any = any || holds;
  }
  if (negates) return !any;
  return call.function == Function::all_of ? all : any;
}

Result<bool> Evaluator::membership(const FunctionCall& call) {
  TRY(const auto values, arguments(*call.argument, 2, 2, call.function));
  const json& first = values[0].json;
  const json& second = values[1].json;
  const bool is_list_needed = call.function == Function::each_member_in;
  if (!first.is_array() || (is_list_needed && !second.is_array())) {
    return template_error(std::string(name_of(call.function)) + " requires a list");
  }
  if (call.function == Function::contains) return is_member(second, first);
  return std::all_of(first.begin(), first.end(), [&](const json& one) {
    return is_list_needed ? is_member(one, second) : is_same(one, second);
  });
}

}  // namespace aurora_global::cloudformation
