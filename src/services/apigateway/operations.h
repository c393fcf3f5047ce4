// API Gateway's operations on one REST API, which is one document:
//
//   {"api": RestApi, "resources": {id: Resource}, "models": {name: Model},
//    "validators": {id: RequestValidator}, "stages": {name: Stage},
//    "deployments": {id: Deployment with "snapshot": {"resources", "models", "validators"}}}
//
// with the members of API Gateway's own answers in each. Pure, but for ids and the time.
#pragma once

#include "region/region.h"
#include "services/json_protocol.h"

namespace aurora_global::services::apigateway {

struct Place {
  std::string region, account_id;
};

// A new API's document. Fails with BadRequestException.
Result<nlohmann::json> new_api(Members& members);

// What an operation makes of a document, and its output.
using Change = Result<nlohmann::json> (*)(const Place&, nlohmann::json& api, Members&);
struct ApiOperation {
  std::string_view name;
  Change change;
  bool writes;
};
// Every operation that names an API by restApiId.
std::span<const ApiOperation> api_operations();

// The document's tags at "/restapis/ID" or "/restapis/ID/stages/NAME"; null: no such place.
nlohmann::json* tags_at(nlohmann::json& api, std::string_view path);
Result<void> check_tags(const nlohmann::json& tags);

}  // namespace aurora_global::services::apigateway
