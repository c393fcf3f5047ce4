// Identity and Access Management, as far as tools look at the roles that they assume. Query
// protocol, API 2010-05-08. Every role of the account is there.
#pragma once

#include <nlohmann/json.hpp>

#include "net/http.h"
#include "region/region.h"

namespace aurora_global::services::iam {

std::vector<std::string_view> action_names();

net::Task<net::HttpResponse> serve(const region::Facts& facts, net::HttpRequest request);
// As ServiceCaller has it; `input` has passed the model.
net::Task<Result<nlohmann::json>> call(const region::Facts& facts, std::string operation,
                                       nlohmann::json input);

}  // namespace aurora_global::services::iam
