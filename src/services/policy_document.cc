#include "services/policy_document.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace aurora_global::services {
namespace {

using nlohmann::json;

Error malformed(const std::string& why) {
  return make_error(ErrorKind::invalid, "The policy is not well formed: " + why,
                    "MalformedPolicyDocumentException");
}

// One statement may stand without a list.
json statements_of(const json& policy) {
  const json all = policy.value("Statement", json());
  return all.is_array() ? all : json::array({all});
}

bool is_everybody(const json& principal) {
  if (principal.is_array()) return std::any_of(principal.begin(), principal.end(), is_everybody);
  return principal == "*";
}

}  // namespace

Result<void> check_policy(const std::string& text) {
  const json policy = parse_json(text);
  if (!policy.is_object()) return malformed("it is no JSON object");
  const json version = policy.value("Version", json("2008-10-17"));
  if (version != "2012-10-17" && version != "2008-10-17") {
    return malformed("Version must be 2012-10-17 or 2008-10-17");
  }
  if (!policy.contains("Statement")) return malformed("it has no Statement");
  for (const json& one : statements_of(policy)) {
    if (!one.is_object()) return malformed("a Statement is no object");
    const json effect = one.value("Effect", json());
    if (effect != "Allow" && effect != "Deny") return malformed("Effect must be Allow or Deny");
    if (!one.contains("Principal") && !one.contains("NotPrincipal")) {
      return malformed("a Statement has no Principal");
    }
    if (!one.contains("Action") && !one.contains("NotAction")) {
      return malformed("a Statement has no Action");
    }
  }
  return ok();
}

bool is_public(const std::string& text) {
  const json all = statements_of(parse_json(text));
  return std::any_of(all.begin(), all.end(), [](const json& one) {
    if (one.value("Effect", "") != "Allow" || one.contains("Condition")) return false;
    const json principal = one.value("Principal", json());
    return is_everybody(principal.is_object() ? principal.value("AWS", json()) : principal);
  });
}

}  // namespace aurora_global::services
