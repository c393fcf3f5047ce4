// What a caller has to acknowledge before a template is deployed: that it makes identities and
// permissions.
#pragma once

#include <optional>
#include <set>
#include <string>

namespace aurora_global::cloudformation {

struct Template;

struct NeededCapability {
  std::string name;             // "CAPABILITY_IAM", or "CAPABILITY_NAMED_IAM" if it names any.
  std::set<std::string> types;  // The types of resources that need it.

  // In CloudFormation's words.
  std::string reason() const;
};
// Conditions are not applied. Nullopt for a template that needs none.
std::optional<NeededCapability> needed_capability(const Template& of);

}  // namespace aurora_global::cloudformation
