// The part of JSON Schema (draft 4) that models of API Gateway are held to here. Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace aurora_global::services {

inline constexpr int kSchemaDepthMax = 32;

// Fails with BadRequestException for what is no schema, and for a keyword that is not looked at.
Result<void> check_schema(const nlohmann::json& schema);
// Whether a value is what a schema that passed check_schema() says.
bool is_valid(const nlohmann::json& schema, const nlohmann::json& value);

}  // namespace aurora_global::services
