// The Conditions and Rules sections: decided by the parameters, before there is any resource.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace aurora_global::cloudformation {

struct Template;
struct Scope;

using ConditionValues = std::map<std::string, bool>;

// The conditions of the template, each behind those that it names. Fails for conditions that depend
// on themselves.
Result<std::vector<std::string>> order_of_conditions(const Template& of);

// The value of each condition of the template. Fails for conditions that depend on themselves, and
// for functions that are used wrongly. `scope` needs template, parameters and pseudo parameters.
Result<ConditionValues> evaluate_conditions(const Scope& scope);

// Fails with the description of the first assertion that does not hold. Rules with Fn::RefAll,
// Fn::ValueOf or Fn::ValueOfAll are passed over: they ask an account what it has.
Result<void> check_rules(const Scope& scope);

}  // namespace aurora_global::cloudformation
