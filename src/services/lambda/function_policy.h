// Who may invoke a function: the statements of its resource policy. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "services/sinks.h"

namespace aurora_global::services::lambda {

inline constexpr std::size_t kPolicyBytesMax = 20'480;

// The statement that an input of AddPermission makes. Fails with InvalidParameterValueException for
// a principal that is none.
Result<nlohmann::json> statement_of(const nlohmann::json& input, const std::string& function_arn,
                                    const std::string& account);
// Whether one of the statements lets it invoke the function.
bool permits(const nlohmann::json& statements, const FunctionCaller& caller);
// The policy as a document; `statements` is not empty.
nlohmann::json policy_document(const nlohmann::json& statements);

}  // namespace aurora_global::services::lambda
