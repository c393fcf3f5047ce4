// What API Gateway has deployed, for execute-api to serve.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace aurora_global::services {

struct ApiRequestLine {
  std::string api_id;  // Empty: the one that has the stage.
  std::string method;
  std::string path;  // "/prod/failover", as sent.
};

// The method of a deployed stage that a request is for.
struct ApiRoute {
  std::string api_id, stage;
  std::string resource_id, resource_path;  // "/orders/{id}"
  std::string path;                        // Without the stage, decoded.
  std::string http_method;                 // Of the method: maybe ANY.
  bool is_signed = true;                   // AWS_IAM.
  std::string function_arn;
  std::map<std::string, std::string> path_parameters;
  nlohmann::json stage_variables;     // Null: none.
  nlohmann::json body_schemas;        // Content type -> schema, where the body is validated.
  std::vector<std::string> required;  // "querystring.x", "header.y", where they are.
};

class ApiRoutes {
 public:
  virtual ~ApiRoutes() = default;
  // Whether there is any API: without one the region serves /{stage}/failover as it is.
  virtual bool has_apis() const = 0;
  // Fails with `denied` (MissingAuthenticationTokenException, ForbiddenException), as API Gateway
  // does for a path that is none of its own.
  virtual Result<ApiRoute> find_route(const ApiRequestLine& request) const = 0;
};

}  // namespace aurora_global::services
