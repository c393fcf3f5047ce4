// What the values of a template are, once its functions are called.
//
// Whatever is outside of the template is asked of Lookups. What does not exist yet is not an error:
// the value then says which resources it waits for, so that a change can be planned before anything
// is made.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cloudformation/conditions.h"
#include "cloudformation/template.h"

namespace aurora_global::cloudformation {

// What stands in the place of a value that is not known yet.
inline constexpr std::string_view kKnownAfterApply = "{{changeSet:KNOWN_AFTER_APPLY}}";

// The world outside of the template. Called on the caller's thread, and must not call back.
class Lookups {
 public:
  virtual ~Lookups() = default;
  // Nullopt: the resource is not made yet, or will be replaced.
  virtual std::optional<std::string> physical_id(const std::string& logical_id) const = 0;
  // Nullopt as above. Fails if its type has no such attribute.
  virtual Result<std::optional<nlohmann::json>> attribute(const std::string& logical_id,
                                                          const std::string& name) const = 0;
  // Of this account and region. Nullopt: there is no such export.
  virtual std::optional<std::string> export_value(const std::string& name) const = 0;
  virtual Result<nlohmann::json> stack_output(const std::string& stack, const std::string& output,
                                              const std::string& region) const = 0;
  virtual Result<std::vector<std::string>> availability_zones(const std::string& region) const = 0;
};

struct PseudoParameters {
  std::string account_id;
  std::string region;
  std::string partition = "aws";
  std::string url_suffix = "amazonaws.com";
  std::string stack_name;
  std::string stack_id;
  std::vector<std::string> notification_arns;
};

// What an evaluation sees. All of it outlives the evaluation.
struct Scope {
  const Template* of = nullptr;
  const ParameterValues* parameters = nullptr;
  const PseudoParameters* pseudo = nullptr;
  const ConditionValues* conditions = nullptr;  // Null while they are being evaluated.
  const Lookups* lookups = nullptr;             // Null: nothing outside may be asked.
};

// A resource, and what of it: empty for its physical id, else the name of an attribute.
using AwaitedValue = std::pair<std::string, std::string>;

struct Value {
  nlohmann::json json;
  std::set<AwaitedValue> awaited;  // Not empty: some of `json` is kKnownAfterApply.
  bool is_no_value = false;        // AWS::NoValue: the member that it stands in is left out.

  bool known() const { return awaited.empty(); }
};

// Fails with "Template error: ..." for a function that is used wrongly or has no value, and when
// more than kEvaluatedBytesMax would come of it; with the lookup's error where that fails.
Result<Value> evaluate(const Scope& scope, const nlohmann::json& value);

}  // namespace aurora_global::cloudformation
