// Which resource of a template depends on which, its conditions applied.
#pragma once

#include <string>

#include "base/result.h"
#include "cloudformation/conditions.h"
#include "cloudformation/order.h"
#include "cloudformation/template.h"

namespace aurora_global::cloudformation {

// The resources that the template has under these conditions, each with those that it names: by
// Ref, Fn::GetAtt, Fn::Sub and DependsOn. A DependsOn on a resource whose condition is false is
// passed over, as in CloudFormation.
//
// Fails with "Unresolved resource dependencies" for a reference to a resource whose condition is
// false, in Resources and in Outputs, and with "Circular dependency between resources: [A, B]".
Result<Dependencies> resource_graph(const Template& of, const ConditionValues& conditions);

// Fails for conditions that depend on themselves, and for resources that do so whatever the
// parameters are: by references outside of Fn::If, and by DependsOn on what is there whenever they
// are.
Result<void> check_no_cycle(const Template& of);

// No condition, or one that is true.
bool applies(const std::string& condition, const ConditionValues& conditions);

}  // namespace aurora_global::cloudformation
