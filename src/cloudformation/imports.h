// What exists already and is to become a stack's: a change set of type IMPORT, before it is
// planned.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cloudformation/evaluate.h"
#include "cloudformation/inventory.h"

namespace aurora_global::cloudformation {

// One of ResourcesToImport.
struct ResourceToImport {
  std::string type;
  std::string logical_id;
  std::map<std::string, std::string> identifier;  // Property -> value.
};

// Logical id -> physical id.
using ImportIds = std::map<std::string, std::string>;

// What `wanted` names, as the template of `scope` has it. `inventory` is what the stack has
// already. `identifier_of(type)` is the one property that tells resources of a type apart, and
// whose value Ref gives; empty: the type cannot be imported. Each resource that is new in the
// template must be wanted, and keep itself by a DeletionPolicy, whatever it is. Fails with
// ValidationError and CloudFormation's words.
Result<ImportIds> import_ids(
    const std::vector<ResourceToImport>& wanted, const Scope& scope, const Inventory& inventory,
    const std::function<std::string_view(const std::string&)>& identifier_of);

}  // namespace aurora_global::cloudformation
