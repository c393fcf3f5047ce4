// The Parameters section: what a template asks for, and the values that it gets.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace aurora_global::cloudformation {

struct ParameterDefinition {
  std::string type;
  std::optional<std::string> default_value;
  std::vector<std::string> allowed_values;
  std::string allowed_pattern;         // Empty: none.
  std::string constraint_description;  // Empty: none.
  std::string description;
  std::optional<std::uint64_t> min_length;  // In bytes.
  std::optional<std::uint64_t> max_length;
  std::optional<double> min_value;
  std::optional<double> max_value;
  bool no_echo = false;

  // Its value is a list: CommaDelimitedList, List<...>.
  bool is_list() const;
  // Its value is the name of an SSM parameter, and what the template sees is that one's value.
  bool is_from_ssm() const;
};

// By name. Fails for a type that CloudFormation does not document, an unknown member, a member of a
// wrong type, a constraint that contradicts itself.
Result<std::map<std::string, ParameterDefinition>> read_parameters(const nlohmann::json& section);

struct ParameterInput {
  std::map<std::string, std::string> given;
  std::set<std::string> use_previous;
  std::map<std::string, std::string> previous;  // What the stack was last given.
};

struct ParameterValue {
  std::string given;     // As the caller wrote it, or the default.
  nlohmann::json value;  // What Ref gives: a text, or a list of texts.
  bool no_echo = false;
};
using ParameterValues = std::map<std::string, ParameterValue>;

// The value of an SSM parameter by its name; called at most once for each parameter of such a type.
using SsmLookup = std::function<Result<std::string>(const std::string& name)>;

// Values for all parameters. Fails with CloudFormation's words for one that is missing, unknown, or
// outside its constraints; with the lookup's error where that fails.
Result<ParameterValues> parameter_values(
    const std::map<std::string, ParameterDefinition>& definitions, const ParameterInput& input,
    const SsmLookup& ssm);

}  // namespace aurora_global::cloudformation
