// Policies of secrets: kept and shown.
#include "services/policy_document.h"
#include "services/secretsmanager/told.h"

namespace aurora_global::services::secretsmanager {

Answer put_resource_policy(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const std::string policy = members.required("ResourcePolicy");
  const bool block = members.flag("BlockPublicPolicy");
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(check_policy(policy));
  if (block && is_public(policy)) {
    co_return refuse("PublicPolicyException",
                     "Can't add this resource policy to the secret because the policy grants "
                     "broad access to the secret.");
  }
  CO_TRY(const Told told, find(region, wanted));
  const auto edit = [&](SecretDocument& document) -> Result<bool> {
    document.about["policy"] = policy;
    return true;
  };
  auto changing = change_about(region, told.name, edit);
  CO_TRY_VOID(co_await std::move(changing));
  co_return json{{"ARN", told.arn}, {"Name", told.name}};
}

Answer get_resource_policy(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  CO_TRY_VOID(members.finish());
  CO_TRY(const Told told, find(region, wanted));
  json answer = {{"ARN", told.arn}, {"Name", told.name}};
  if (told.document.about.contains("policy")) {
    answer["ResourcePolicy"] = told.document.about["policy"];
  }
  co_return answer;
}

Answer delete_resource_policy(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  CO_TRY_VOID(members.finish());
  CO_TRY(const Told told, find(region, wanted));
  const auto edit = [](SecretDocument& document) -> Result<bool> {
    return document.about.erase("policy") > 0;
  };
  auto changing = change_about(region, told.name, edit);
  CO_TRY_VOID(co_await std::move(changing));
  co_return json{{"ARN", told.arn}, {"Name", told.name}};
}

Answer validate_resource_policy(Region& region, Members members) {
  const std::string wanted = members.text("SecretId");
  const std::string policy = members.required("ResourcePolicy");
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(check_policy(policy));
  if (!wanted.empty()) CO_TRY_VOID(find(region, wanted));
  json answer = {{"PolicyValidationPassed", !is_public(policy)},
                 {"ValidationErrors", json::array()}};
  if (is_public(policy)) {
    answer["ValidationErrors"].push_back(
        {{"CheckName", "Public access"},
         {"ErrorMessage", "The policy grants access to the secret to everybody."}});
  }
  co_return answer;
}

}  // namespace aurora_global::services::secretsmanager
