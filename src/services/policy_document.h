// Policies of resources: kept and shown, and looked at for their form. Nothing is decided by them,
// for every access key of the platform is the account's root. Pure.
#pragma once

#include <string>

#include "base/result.h"

namespace aurora_global::services {

// An object with a version of IAM's language and statements, each with an effect, a principal and
// an action. Fails with MalformedPolicyDocumentException.
Result<void> check_policy(const std::string& text);
// It allows something to everybody, without a condition. `text` has passed check_policy().
bool is_public(const std::string& text);

}  // namespace aurora_global::services
