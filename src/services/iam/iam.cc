#include "services/iam/iam.h"

#include "awsapi/http_message.h"
#include "awsapi/session_token.h"
#include "services/call.h"

namespace aurora_global::services::iam {
namespace {

using nlohmann::json;
using Answer = net::Task<Result<json>>;

constexpr double kCreated = 1'767'225'600;  // Roles are always there: 2026-01-01.

Answer get_role(const region::Facts& facts, Members members) {
  const std::string name = members.required("RoleName");
  CO_TRY_VOID(members.finish());
  const std::string root = "arn:aws:iam::" + facts.account_id + ":root";
  const json trust = {
      {"Version", "2012-10-17"},
      {"Statement",
       {{{"Effect", "Allow"}, {"Principal", {{"AWS", root}}}, {"Action", "sts:AssumeRole"}}}}};
  co_return json{{"Role",
                  {{"Path", "/"},
                   {"RoleName", name},
                   {"RoleId", awsapi::role_id(facts.account_id, name)},
                   {"Arn", "arn:aws:iam::" + facts.account_id + ":role/" + name},
                   {"CreateDate", kCreated},
                   {"AssumeRolePolicyDocument", awsapi::percent_encode(trust.dump())},
                   {"MaxSessionDuration", 43'200}}}};
}

using Operation = Answer (*)(const region::Facts&, Members);
constexpr std::pair<std::string_view, Operation> kRoleOperations[] = {{"GetRole", get_role}};

}  // namespace

std::vector<std::string_view> action_names() { return names_in(kRoleOperations); }

net::Task<Result<json>> call(const region::Facts& facts, std::string operation, json input) {
  return run_in_table("iam", kRoleOperations, std::move(operation), std::move(input), facts);
}

net::Task<net::HttpResponse> serve(const region::Facts& facts, net::HttpRequest request) {
  return serve_table("iam", kRoleOperations, std::move(request), facts);
}

}  // namespace aurora_global::services::iam
