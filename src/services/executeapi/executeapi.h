// What API Gateway has deployed, served: the request becomes a proxy event of the method's
// function, its answer the response. A region without APIs serves /{stage}/failover, of the
// function failover.
#pragma once

#include "net/http.h"
#include "region/region.h"
#include "services/api_routes.h"
#include "services/sinks.h"

namespace aurora_global::services::executeapi {

inline constexpr std::string_view kFailoverFunction = "failover";
// What API Gateway waits for an integration.
inline constexpr std::chrono::seconds kIntegrationLimit{29};

// Whether the path is one of ours: /<stage>/failover.
bool is_api_path(std::string_view target);

// {"message": ...} with x-amzn-ErrorType, as API Gateway and AWS's REST services refuse.
net::HttpResponse refusal(int status, std::string_view type, std::string_view message);

// Which API and method a request is for: the API by its host (ID.execute-api.REGION...) or by the
// header x-apigw-api-id, else it is the one that has the stage.
ApiRequestLine line_of(const net::HttpRequest& request);
// Whether it is for a method that needs no signature.
bool is_open(const ApiRoutes& routes, const net::HttpRequest& request);

// All outlive the call. The request is signed, or is_open().
net::Task<net::HttpResponse> serve(FunctionInvoker& invoker, const ApiRoutes& routes,
                                   const region::Facts& facts, net::HttpRequest request);

}  // namespace aurora_global::services::executeapi
