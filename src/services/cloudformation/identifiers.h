// How a resource that exists is named to CloudFormation, as `primaryIdentifier` in the type's
// schema (AWS CloudFormation registry, resource provider schemas).
#pragma once

#include <string_view>

namespace aurora_global::services::cloudformation {

// The property that tells resources of the type apart, and whose value is their physical id. Empty:
// there is none, or it takes several properties; resources of the type cannot be imported.
std::string_view identifier_of(std::string_view type);

}  // namespace aurora_global::services::cloudformation
