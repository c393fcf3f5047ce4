#include "services/sts/sts.h"

#include <algorithm>

#include "base/rng.h"
#include "services/call.h"

namespace aurora_global::services::sts {
namespace {

using nlohmann::json;
using Answer = net::Task<Result<json>>;

constexpr std::int64_t kDurationStandard = 3600;
constexpr std::size_t kRoleNameMax = 64;
constexpr std::size_t kRolePathMax = 512;

struct Asked {
  region::Region& region;
  Caller caller;
};

std::string upper_hex(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string session_arn(const std::string& account, const awsapi::Session& session) {
  return "arn:aws:sts::" + account + ":assumed-role/" + session.role_name + "/" + session.name;
}

Answer get_caller_identity(Asked& asked, Members members) {
  CO_TRY_VOID(members.finish());
  const std::string& account = asked.region.facts().account_id;
  const auto& session = asked.caller.session;
  if (!session) {
    co_return json{
        {"UserId", account}, {"Account", account}, {"Arn", "arn:aws:iam::" + account + ":root"}};
  }
  co_return json{{"UserId", awsapi::role_id(account, session->role_name) + ":" + session->name},
                 {"Account", account},
                 {"Arn", session_arn(account, *session)}};
}

// "arn:aws:iam::ACCOUNT:role/PATH/NAME" -> NAME.
Result<std::string> role_name_in(const std::string& arn, const Asked& asked) {
  const std::string prefix = "arn:aws:iam::" + asked.region.facts().account_id + ":role/";
  const auto slash = arn.rfind('/');
  const std::string name = slash == std::string::npos ? "" : arn.substr(slash + 1);
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("+=,.@_-").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (!arn.starts_with("arn:") || arn.find(":role/") == std::string::npos || name.empty() ||
      name.size() > kRoleNameMax || arn.size() > prefix.size() + kRolePathMax || !plain) {
    return make_error(ErrorKind::invalid, arn + " is invalid", "ValidationError");
  }
  if (arn.starts_with(prefix)) return name;
  const auto& session = asked.caller.session;
  const std::string& account = asked.region.facts().account_id;
  const std::string who =
      session ? session_arn(account, *session) : "arn:aws:iam::" + account + ":root";
  return make_error(
      ErrorKind::denied,
      "User: " + who + " is not authorized to perform: sts:AssumeRole on resource: " + arn,
      "AccessDenied");
}

Answer assume_role(Asked& asked, Members members) {
  const std::string arn = members.required("RoleArn");
  awsapi::Session session;
  session.name = members.required("RoleSessionName");
  const std::int64_t seconds =
      members.number("DurationSeconds", 900, 43'200).value_or(kDurationStandard);
  CO_TRY_VOID(members.finish());
  CO_TRY(session.role_name, role_name_in(arn, asked));
  session.access_key_id = std::string(awsapi::kSessionKeyPrefix) + upper_hex(random_hex(8));
  session.permanent_key_id = asked.caller.permanent_key_id;
  session.expires = std::chrono::floor<std::chrono::seconds>(SystemClock().wall_now()) +
                    std::chrono::seconds(seconds);
  const auto permanent = asked.region.secret_key(session.permanent_key_id);
  if (!permanent) co_return awsapi::invalid_token();
  const awsapi::Credentials made = awsapi::session_credentials(session, *permanent);
  const std::string& account = asked.region.facts().account_id;
  co_return json{
      {"Credentials",
       {{"AccessKeyId", made.access_key_id},
        {"SecretAccessKey", made.secret_access_key},
        {"SessionToken", made.session_token},
        {"Expiration", std::chrono::duration<double>(session.expires.time_since_epoch()).count()}}},
      {"AssumedRoleUser",
       {{"AssumedRoleId", awsapi::role_id(account, session.role_name) + ":" + session.name},
        {"Arn", session_arn(account, session)}}}};
}

using Operation = Answer (*)(Asked&, Members);
constexpr std::pair<std::string_view, Operation> kIdentityOperations[] = {
    {"GetCallerIdentity", get_caller_identity},
    {"AssumeRole", assume_role},
};

}  // namespace

std::vector<std::string_view> action_names() { return names_in(kIdentityOperations); }

net::Task<Result<nlohmann::json>> call(region::Region& region, Caller caller, std::string operation,
                                       nlohmann::json input) {
  Asked asked{region, std::move(caller)};
  auto running =
      run_in_table("sts", kIdentityOperations, std::move(operation), std::move(input), asked);
  co_return co_await std::move(running);
}

net::Task<net::HttpResponse> serve(region::Region& region, Caller caller,
                                   net::HttpRequest request) {
  Asked asked{region, std::move(caller)};
  auto serving = serve_table("sts", kIdentityOperations, std::move(request), asked);
  co_return co_await std::move(serving);
}

}  // namespace aurora_global::services::sts
