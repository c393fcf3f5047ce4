// Security Token Service: who a client is. Every access key of the platform is the account's root.
#pragma once

#include "net/http.h"
#include "region/region.h"

namespace aurora_global::services::sts {

std::vector<std::string_view> action_names();

net::Task<net::HttpResponse> serve(const region::Facts& facts, net::HttpRequest request);

}  // namespace aurora_global::services::sts
