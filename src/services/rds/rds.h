// RDS: the part of the API (2014-10-31) that a global database needs.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "net/http.h"
#include "region/region.h"

namespace aurora_global::services::rds {

// Answers a verified request. Unknown actions get InvalidAction, never a silent success.
net::Task<net::HttpResponse> serve(region::Region& region, net::HttpRequest request);

// As ServiceCaller has it; `input` has passed the model.
net::Task<Result<nlohmann::json>> call(region::Region& region, std::string operation,
                                       nlohmann::json input);

struct ActionInfo {
  std::string_view name;
  std::string_view summary;
};
// The dispatch table, in the order of docs/reference/api.md.
std::vector<ActionInfo> actions();
std::vector<std::string_view> action_names();

}  // namespace aurora_global::services::rds
