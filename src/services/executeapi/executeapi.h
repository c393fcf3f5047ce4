// API Gateway as far as /{stage}/failover goes: the request becomes a proxy event of the failover
// function, its answer the response.
#pragma once

#include "net/http.h"
#include "services/sinks.h"

namespace aurora_global::services::executeapi {

inline constexpr std::string_view kFailoverFunction = "failover";
// What API Gateway waits for an integration.
inline constexpr std::chrono::seconds kIntegrationLimit{29};

// Whether the path is one of ours: /<stage>/failover.
bool is_api_path(std::string_view target);

// {"message": ...} with x-amzn-ErrorType, as API Gateway and AWS's REST services refuse.
net::HttpResponse refusal(int status, std::string_view type, std::string_view message);

// `invoker` outlives the call.
net::Task<net::HttpResponse> serve(FunctionInvoker& invoker, net::HttpRequest request);

}  // namespace aurora_global::services::executeapi
