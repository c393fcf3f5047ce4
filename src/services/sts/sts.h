// Security Token Service: who a client is. Every access key of the platform is the account's root.
#pragma once

#include "net/http.h"
#include "region/region.h"

namespace aurora_global::services::sts {

std::vector<std::string_view> action_names();

net::HttpResponse serve(const region::Facts& facts, const net::HttpRequest& request);

}  // namespace aurora_global::services::sts
