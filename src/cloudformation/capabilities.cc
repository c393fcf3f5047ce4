#include "cloudformation/capabilities.h"

#include <algorithm>

#include "cloudformation/template.h"

namespace aurora_global::cloudformation {
namespace {

// As the documentation of CreateStack lists them.
struct IamType {
  std::string_view type;
  std::string_view name;  // The property that gives it a name; empty: it has no name of its own.
};
constexpr IamType kIamTypes[] = {
    {"AWS::IAM::AccessKey", ""},
    {"AWS::IAM::Group", "GroupName"},
    {"AWS::IAM::InstanceProfile", "InstanceProfileName"},
    {"AWS::IAM::ManagedPolicy", "ManagedPolicyName"},
    {"AWS::IAM::Policy", ""},
    {"AWS::IAM::Role", "RoleName"},
    {"AWS::IAM::User", "UserName"},
    {"AWS::IAM::UserToGroupAddition", ""},
};

}  // namespace

std::string NeededCapability::reason() const {
  std::string text = "The following resource(s) require capabilities: [";
  for (const std::string& type : types) text += (text.ends_with('[') ? "" : ", ") + type;
  return text + "]";
}

std::optional<NeededCapability> needed_capability(const Template& of) {
  NeededCapability needed{.name = "CAPABILITY_IAM"};
  for (const auto& [id, resource] : of.resources) {
    const auto* type = std::find_if(std::begin(kIamTypes), std::end(kIamTypes),
                                    [&](const IamType& one) { return one.type == resource.type; });
    if (type == std::end(kIamTypes)) continue;
    needed.types.insert(resource.type);
    const bool named = !type->name.empty() && resource.properties.contains(type->name);
    if (named) needed.name = "CAPABILITY_NAMED_IAM";
  }
  if (needed.types.empty()) return std::nullopt;
  return needed;
}

}  // namespace aurora_global::cloudformation
