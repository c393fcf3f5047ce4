// Security Token Service: who a client is, and credentials for a role. Every access key of the
// platform is the account's root, and every role of the account may be assumed.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "awsapi/session_token.h"
#include "net/http.h"
#include "region/region.h"

namespace aurora_global::services::sts {

std::vector<std::string_view> action_names();

// Who asks, and with which permanent key.
struct Caller {
  std::string permanent_key_id;
  std::optional<awsapi::Session> session;
};

net::Task<net::HttpResponse> serve(region::Region& region, Caller caller, net::HttpRequest request);
// As ServiceCaller has it; `input` has passed the model.
net::Task<Result<nlohmann::json>> call(region::Region& region, Caller caller, std::string operation,
                                       nlohmann::json input);

}  // namespace aurora_global::services::sts
