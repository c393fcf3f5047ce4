// What the values of a template refer to.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "base/result.h"
#include "cloudformation/conditions.h"
#include "cloudformation/template.h"

namespace aurora_global::cloudformation {

struct References {
  std::set<std::string> names;                               // Of Ref and ${name}.
  std::set<std::pair<std::string, std::string>> attributes;  // Of Fn::GetAtt and ${name.attribute}.
  std::set<std::string> conditions;                          // Of Fn::If and Condition.
  std::set<std::string> mappings;                            // Of Fn::FindInMap, where it is text.
};

// Which branches of Fn::If are read: both, with `chosen` only the one that is taken, or none.
struct Branches {
  const ConditionValues* chosen = nullptr;
  bool none = false;
};

// Adds to `found` what `value` refers to, at any depth. Fails for functions that are unknown, and
// for those of which one cannot say what they refer to.
Result<void> add_references(const nlohmann::json& value, Branches branches, References& found);
// The same where true or false is expected: an object {"Condition": name} is a reference.
Result<void> add_references_of_condition(const nlohmann::json& value, References& found);

// Each reference of each section leads somewhere, conditions are not applied.
Result<void> check_references(const Template& read);

}  // namespace aurora_global::cloudformation
