// Secrets Manager: the cluster's credentials. JSON 1.1, API 2017-10-17.
//
// A secret is one replicated document of the region: its versions with their staging labels. Their
// texts are sealed by the key that the secret names in this region.
#pragma once

#include <nlohmann/json.hpp>

#include "net/http.h"
#include "region/region.h"

namespace aurora_global::services::secretsmanager {

std::vector<std::string_view> action_names();

// `region` outlives the call.
net::Task<net::HttpResponse> serve(region::Region& region, net::HttpRequest request);
// As ServiceCaller has it; `input` has passed the model.
net::Task<Result<nlohmann::json>> call(region::Region& region, std::string operation,
                                       nlohmann::json input);

}  // namespace aurora_global::services::secretsmanager
