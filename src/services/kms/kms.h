// KMS: the region's symmetric keys. JSON 1.1, API 2014-11-01.
//
// What a key may do and when is decided by region/key_ring.h; here are KMS's requests and answers.
#pragma once

#include <nlohmann/json.hpp>

#include "net/http.h"
#include "region/region.h"

namespace aurora_global::services::kms {

std::vector<std::string_view> action_names();

// `region` outlives the call.
net::Task<net::HttpResponse> serve(region::Region& region, net::HttpRequest request);
// As ServiceCaller has it; `input` has passed the model.
net::Task<Result<nlohmann::json>> call(region::Region& region, std::string operation,
                                       nlohmann::json input);

}  // namespace aurora_global::services::kms
