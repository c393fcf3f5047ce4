#include "cloudformation/conditions.h"

#include "cloudformation/errors.h"
#include "cloudformation/evaluator.h"
#include "cloudformation/order.h"
#include "cloudformation/references.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

// Rules with these ask the account which resources it has.
bool asks_the_account(const json& value) {
  if (!value.is_structured()) return false;
  const auto call = condition_call(value);
  if (call && call->function >= Function::ref_all) return true;
  for (const json& inner : value) {
    if (asks_the_account(inner)) return true;
  }
  return false;
}

bool is_checked(const Rule& rule) {
  if (asks_the_account(rule.condition)) return false;
  for (const Assertion& one : rule.assertions) {
    if (asks_the_account(one.condition)) return false;
  }
  return true;
}

}  // namespace

Result<std::vector<std::string>> order_of_conditions(const Template& of) {
  Dependencies dependencies;
  for (const auto& [name, condition] : of.conditions) {
    References found;
    TRY_VOID(add_references_of_condition(condition, found));
    dependencies[name] = std::move(found.conditions);
  }
  Ordered ordered = in_order(dependencies);
  if (!ordered.cycle.empty()) {
    return template_validation_error(
        "Template error: Found circular condition dependency between " + listed(ordered.cycle));
  }
  return std::move(ordered.order);
}

Result<ConditionValues> evaluate_conditions(const Scope& scope) {
  TRY(const auto order, order_of_conditions(*scope.of));
  // One after another, so that the depth is that of one condition, not of a chain of them.
  ConditionValues values;
  for (const std::string& name : order) {
    TRY(values[name], Evaluator(scope, &values).truth(scope.of->conditions.at(name)));
  }
  return values;
}

Result<void> check_rules(const Scope& scope) {
  for (const auto& [name, rule] : scope.of->rules) {
    if (!is_checked(rule)) continue;
    Evaluator evaluator(scope);
    bool applies = true;
    if (!rule.condition.is_null()) {
      TRY(applies, evaluator.truth(rule.condition));
    }
    if (!applies) continue;
    for (const Assertion& one : rule.assertions) {
      TRY(const bool holds, evaluator.truth(one.condition));
      if (holds) continue;
      return template_validation_error(
          "Rule " + name +
          " failed: " + (one.description.empty() ? "an assertion does not hold" : one.description));
    }
  }
  return ok();
}

}  // namespace aurora_global::cloudformation
