// Errors in CloudFormation's words. All of them are ErrorKind::invalid with the code
// ValidationError.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "awsapi/http_message.h"
#include "base/result.h"

namespace aurora_global::cloudformation {

// The message as it is.
Error validation_error(std::string message);
// "Template format error: ...": the document is not what a template looks like.
Error format_error(std::string_view what);
// "Template validation error: ...": a member that no template has, a value outside its limits.
Error template_validation_error(std::string_view what);
// "Template error: ...": a function that is used wrongly or has no value.
Error template_error(std::string_view what);

// A name from outside, as a message may hold it.
using awsapi::shown;
// "[A, B]": the first twenty of them.
std::string listed(const std::set<std::string>& names);

// "Template format error: Unresolved resource dependencies [X] in the Resources block of the
// template".
Error unresolved_resources(const std::set<std::string>& names, std::string_view block);

}  // namespace aurora_global::cloudformation
