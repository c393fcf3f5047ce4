// {{resolve:...}} in values: what is looked up at the moment when a provider gets its properties.
//
// Properties are stored and compared as they are written, with the reference: so a secret is never
// stored with a stack, and a new version of it is no change of the template, as in CloudFormation.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aurora_global::cloudformation {

enum class ReferencedService { ssm, ssm_secure, secretsmanager };
std::string_view name_of(ReferencedService service);

struct DynamicReference {
  ReferencedService service = ReferencedService::ssm;
  std::string name;           // Of the parameter; name or ARN of the secret.
  std::string version;        // ssm: a number. Empty: the newest.
  std::string json_key;       // secretsmanager: a member of the secret's JSON. Empty: all of it.
  std::string version_stage;  // secretsmanager; one of the two, or none: AWSCURRENT.
  std::string version_id;
};

// A reference without its braces: "resolve:ssm:name:1". Fails with CloudFormation's words.
Result<DynamicReference> parse_dynamic_reference(std::string_view text);

// Those in the texts of `value`, in the order of the walk. At most kDynamicReferencesMax.
Result<std::vector<DynamicReference>> dynamic_references(const nlohmann::json& value);

// Called once for each reference; an error ends the resolution with it.
using Resolver = std::function<Result<std::string>(const DynamicReference&)>;

// `value` with what the resolver gave in the place of each reference. What it gave is not looked
// through for references again.
Result<nlohmann::json> resolve_dynamic_references(const nlohmann::json& value,
                                                  const Resolver& resolver);

}  // namespace aurora_global::cloudformation
