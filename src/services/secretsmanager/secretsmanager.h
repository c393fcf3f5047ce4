// Secrets Manager: the cluster's credentials. JSON 1.1, API 2017-10-17.
//
// A secret is one replicated document of the region: its versions with their staging labels. Their
// texts are sealed by the key that the secret names in this region.
#pragma once

#include "net/http.h"
#include "region/region.h"

namespace aurora_global::services::secretsmanager {

std::vector<std::string_view> action_names();

// `region` outlives the call.
net::Task<net::HttpResponse> serve(region::Region& region, net::HttpRequest request);

}  // namespace aurora_global::services::secretsmanager
