// EC2: which regions and availability zones there are. Its own kind of Query, API 2016-11-15.
#pragma once

#include <nlohmann/json.hpp>

#include "net/http.h"
#include "region/region.h"

namespace aurora_global::services::ec2 {

std::vector<std::string_view> action_names();

net::Task<net::HttpResponse> serve(const region::Facts& facts, net::HttpRequest request);
// As ServiceCaller has it; `input` has passed the model.
net::Task<Result<nlohmann::json>> call(const region::Facts& facts, std::string operation,
                                       nlohmann::json input);

}  // namespace aurora_global::services::ec2
