// KMS: the region's symmetric keys. JSON 1.1, API 2014-11-01.
//
// What a key may do and when is decided by region/key_ring.h; here are KMS's requests and answers.
#pragma once

#include "net/http.h"
#include "region/region.h"

namespace aurora_global::services::kms {

std::vector<std::string_view> action_names();

// `region` outlives the call.
net::Task<net::HttpResponse> serve(region::Region& region, net::HttpRequest request);

}  // namespace aurora_global::services::kms
