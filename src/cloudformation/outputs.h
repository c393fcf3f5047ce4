// The Outputs of a stack, once its resources are there.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "cloudformation/evaluate.h"

namespace aurora_global::cloudformation {

struct Output {
  std::string value;
  std::string description;
  std::string export_name;  // Empty: not exported.
};

// The text that an output's value is. Fails in CloudFormation's words for a list or an object.
Result<std::string> output_text(const nlohmann::json& value);

// By name; without those whose condition is false. Fails for a value that is no text, and with
// `internal` for one that is not known, which means that a resource is not there.
Result<std::map<std::string, Output>> evaluate_outputs(const Scope& scope);

}  // namespace aurora_global::cloudformation
