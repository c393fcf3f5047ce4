// Security Token Service: who a client is. Every access key of the platform is the account's root.
#pragma once

#include <nlohmann/json.hpp>

#include "net/http.h"
#include "region/region.h"

namespace aurora_global::services::sts {

std::vector<std::string_view> action_names();

net::Task<net::HttpResponse> serve(const region::Facts& facts, net::HttpRequest request);
// As ServiceCaller has it; `input` has passed the model.
net::Task<Result<nlohmann::json>> call(const region::Facts& facts, std::string operation,
                                       nlohmann::json input);

}  // namespace aurora_global::services::sts
