#include "functions/aws.h"

#include <algorithm>

#include "functions/runtime.h"

namespace aurora_global::functions {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration kCallLimit = 5s;
constexpr Duration kPause = 200ms;

Error bad(const char* field, const json& given, const std::string& right) {
  std::string shown = given.dump(-1, ' ', false, json::error_handler_t::replace);
  if (shown.size() > 100) shown = shown.substr(0, 100) + "...";
  return make_error(ErrorKind::invalid,
                    std::string("the field '") + field + "' must be " + right + "; given: " + shown,
                    "InvalidPayload");
}

}  // namespace

Result<std::unique_ptr<awsclient::AwsClient>> aws_from_environment(
    boost::asio::any_io_executor executor) {
  TRY(auto endpoint,
      awsclient::parse_endpoint_url(environment("AWS_ENDPOINT_URL"), environment("AWS_CA_BUNDLE")));
  awsapi::Credentials credentials;
  TRY(credentials.access_key_id, required_environment("AWS_ACCESS_KEY_ID"));
  TRY(credentials.secret_access_key, required_environment("AWS_SECRET_ACCESS_KEY"));
  credentials.session_token = environment("AWS_SESSION_TOKEN");
  return std::make_unique<awsclient::AwsClient>(executor, std::move(endpoint),
                                                std::move(credentials));
}

net::Task<Result<awsapi::GlobalClusterView>> global_cluster(awsclient::AwsClient& aws,
                                                            RegionId region, std::string identifier,
                                                            Deadline deadline) {
  for (;;) {
    const auto found =
        co_await aws.describe_global_clusters(region, deadline.at_most(kCallLimit), identifier);
    if (found.has_value()) {
      for (const auto& view : *found) {
        if (view.global.identifier == identifier) co_return view;
      }
      co_return make_error(ErrorKind::not_found,
                           "there is no global cluster " + identifier + " (GLOBAL_CLUSTER_ID)",
                           "GlobalClusterNotFoundFault");
    }
    const ErrorKind kind = found.error().kind;
    const bool passing = kind == ErrorKind::unavailable || kind == ErrorKind::timeout;
    if (!passing || deadline.left() < kPause * 2) {
      co_return found.error().in("describe global cluster " + identifier);
    }
    co_await net::sleep_for(kPause);
  }
}

Result<void> Payload::only(std::initializer_list<std::string_view> fields) const {
  if (!object_.is_object()) {
    return make_error(ErrorKind::invalid, "the payload must be a JSON object", "InvalidPayload");
  }
  for (const auto& [name, value] : object_.items()) {
    if (std::find(fields.begin(), fields.end(), name) != fields.end()) continue;
    std::string known;
    for (const auto& field : fields) known += (known.empty() ? "" : ", ") + std::string(field);
    return make_error(ErrorKind::invalid, "unknown field '" + name + "'; there are: " + known,
                      "InvalidPayload");
  }
  return ok();
}

Result<bool> Payload::flag(const char* field, bool otherwise) const {
  if (!object_.contains(field)) return otherwise;
  if (object_[field].is_boolean()) return object_[field].get<bool>();
  return bad(field, object_[field], "true or false");
}

Result<std::optional<std::int64_t>> Payload::number(const char* field, std::int64_t min,
                                                    std::int64_t max) const {
  if (!object_.contains(field)) return std::optional<std::int64_t>();
  const json& value = object_[field];
  const std::string right =
      "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX);
  if (!fits || value.get<std::int64_t>() < min || value.get<std::int64_t>() > max) {
    return bad(field, value, right);
  }
  return std::optional<std::int64_t>(value.get<std::int64_t>());
}

Result<std::string> Payload::one_of(const char* field,
                                    std::initializer_list<std::string_view> choices,
                                    std::string otherwise) const {
  if (!object_.contains(field)) return otherwise;
  std::string right;
  for (const auto& choice : choices) {
    if (object_[field] == std::string(choice)) return std::string(choice);
    right += (right.empty() ? "one of " : ", ") + std::string(choice);
  }
  return bad(field, object_[field], right);
}

Result<std::string> Payload::text(const char* field) const {
  if (!object_.contains(field)) return std::string();
  // An empty one is a variable that was not set where the event was made.
  if (object_[field].is_string() && !object_[field].get_ref<const std::string&>().empty()) {
    return object_[field].get<std::string>();
  }
  return bad(field, object_[field], "a string that is not empty");
}

Result<std::string> Payload::name(const char* field) const {
  TRY(std::string value, text(field));
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; };
  const bool right = value.size() <= 32 && std::all_of(value.begin(), value.end(), allowed);
  if (right && (!value.empty() || !object_.contains(field))) return value;
  return bad(field, object_[field], "1 to 32 letters, digits and hyphens");
}

}  // namespace aurora_global::functions
