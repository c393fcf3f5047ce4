#include "services/sts/sts.h"

#include "services/call.h"

namespace aurora_global::services::sts {
namespace {

using nlohmann::json;
using Answer = net::Task<Result<json>>;

Answer get_caller_identity(const region::Facts& facts, Members members) {
  CO_TRY_VOID(members.finish());
  co_return json{{"UserId", facts.account_id},
                 {"Account", facts.account_id},
                 {"Arn", "arn:aws:iam::" + facts.account_id + ":root"}};
}

using Operation = Answer (*)(const region::Facts&, Members);
constexpr std::pair<std::string_view, Operation> kIdentityOperations[] = {
    {"GetCallerIdentity", get_caller_identity},
};

}  // namespace

std::vector<std::string_view> action_names() { return names_in(kIdentityOperations); }

net::Task<Result<nlohmann::json>> call(const region::Facts& facts, std::string operation,
                                       nlohmann::json input) {
  return run_in_table("sts", kIdentityOperations, std::move(operation), std::move(input), facts);
}

net::Task<net::HttpResponse> serve(const region::Facts& facts, net::HttpRequest request) {
  return serve_table("sts", kIdentityOperations, std::move(request), facts);
}

}  // namespace aurora_global::services::sts
