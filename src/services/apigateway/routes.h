// From a request's method and path to the deployed method that serves it. Pure.
#pragma once

#include "services/api_routes.h"

namespace aurora_global::services::apigateway {

// In a stage of an API's document (operations.h). `path`: below the stage, as sent. Fails with
// MissingAuthenticationTokenException, as API Gateway does for what is not there.
Result<ApiRoute> route_in(const nlohmann::json& api, const std::string& stage,
                          const std::string& method, std::string_view path);

}  // namespace aurora_global::services::apigateway
