#include "services/sts/sts.h"

#include "services/call.h"

namespace aurora_global::services::sts {

std::vector<std::string_view> action_names() { return {"GetCallerIdentity"}; }

net::HttpResponse serve(const region::Facts& facts, const net::HttpRequest& request) {
  const auto call = read_call("sts", request);
  if (call.has_error()) return refuse(request, call.error(), awsapi::service_model("sts"));
  const nlohmann::json identity = {{"UserId", facts.account_id},
                                   {"Account", facts.account_id},
                                   {"Arn", "arn:aws:iam::" + facts.account_id + ":root"}};
  return answer_of(*call, identity, request);
}

}  // namespace aurora_global::services::sts
