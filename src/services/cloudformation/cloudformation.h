// CloudFormation: what a template says, and which stacks there are: none yet. Query protocol, API
// 2010-05-15, over the core in src/cloudformation.
#pragma once

#include <string_view>
#include <vector>

#include "net/http.h"

namespace aurora_global::services::cloudformation {

std::vector<std::string_view> action_names();

net::Task<net::HttpResponse> serve(net::HttpRequest request);

}  // namespace aurora_global::services::cloudformation
