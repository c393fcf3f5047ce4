#include "services/executeapi/executeapi.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/base64.h"
#include "base/rng.h"
#include "services/json_protocol.h"

namespace aurora_global::services::executeapi {
namespace {

using nlohmann::json;

bool same_name(std::string_view one, std::string_view other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  });
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

// "/prod/failover" -> "prod"; "" for any other path.
std::string_view stage_of(std::string_view target) {
  const std::string_view path = path_of(target);
  constexpr std::string_view kResource = "/failover";
  if (path.size() <= kResource.size() + 1 || path[0] != '/') return "";
  if (path.substr(path.size() - kResource.size()) != kResource) return "";
  const std::string_view stage = path.substr(1, path.size() - kResource.size() - 1);
  return stage.find('/') == std::string_view::npos ? stage : "";
}

// The event of a Lambda proxy integration (REST API, payload format 1.0), as far as it applies.
json proxy_event(const net::HttpRequest& request) {
  json headers = json::object();
  for (const auto& [name, value] : request.headers) {
    if (name != "Authorization") headers[name] = value;
  }
  json event = {{"resource", "/failover"},
                {"path", "/failover"},
                {"httpMethod", request.method},
                {"headers", headers},
                {"queryStringParameters", nullptr},
                {"pathParameters", nullptr},
                {"stageVariables", nullptr},
                {"requestContext",
                 {{"stage", std::string(stage_of(request.target))},
                  {"httpMethod", request.method},
                  {"resourcePath", "/failover"},
                  {"requestId", random_hex(16)}}},
                {"isBase64Encoded", false}};
  event["body"] = request.body.empty() ? json(nullptr) : json(request.body);
  return event;
}

// What a client may not be told by a function: these are the gateway's own.
constexpr std::string_view kOwnHeaders[] = {"Connection",       "Content-Length",    "Date",
                                            "Server",           "Transfer-Encoding", "Upgrade",
                                            "x-amzn-ErrorType", "x-amzn-RequestId",  "Keep-Alive"};

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// Adds the members of an object of texts, numbers and booleans as headers; false for anything else.
bool add_headers(net::Headers& headers, const json& given) {
  if (given.is_null()) return true;
  if (!given.is_object()) return false;
  for (const auto& [name, value] : given.items()) {
    if (value.is_structured() || value.is_null()) return false;
    const bool own = std::any_of(std::begin(kOwnHeaders), std::end(kOwnHeaders),
                                 [&](std::string_view one) { return same_name(one, name); });
    if (!own) headers.emplace_back(name, text_of(value));
  }
  return true;
}

// A function's answer in the form of a proxy integration (statusCode, headers, multiValueHeaders,
// body, isBase64Encoded); nullopt for one that API Gateway calls malformed.
std::optional<net::HttpResponse> response_in(const std::string& payload) {
  const json answer = parse_json(payload, kJsonValuesMax);
  if (!answer.is_object()) return std::nullopt;
  const auto member = [&](const char* name) {
    const auto found = answer.find(name);
    return found == answer.end() ? json(nullptr) : *found;
  };
  net::HttpResponse response;
  response.headers.emplace_back("x-amzn-RequestId", random_uuid());
  const json status = member("statusCode");
  const std::string digits =
      status.is_string() || status.is_number_integer() ? text_of(status) : "";
  const bool fine = digits.size() == 3 && digits[0] >= '2' && digits[0] <= '5' &&
                    std::isdigit(static_cast<unsigned char>(digits[1])) != 0 &&
                    std::isdigit(static_cast<unsigned char>(digits[2])) != 0;
  if (!fine || !add_headers(response.headers, member("headers"))) return std::nullopt;
  response.status = std::stoi(digits);
  const json many = member("multiValueHeaders");
  if (!many.is_null() && !many.is_object()) return std::nullopt;
  for (const auto& [name, values] : many.items()) {
    if (!values.is_array()) return std::nullopt;
    for (const json& value : values) {
      if (!add_headers(response.headers, {{name, value}})) return std::nullopt;
    }
  }
  const json body = member("body");
  if (!body.is_string() && !body.is_null()) return std::nullopt;
  response.body = body.is_null() ? "" : body.get<std::string>();
  if (member("isBase64Encoded") == true) {
    auto bytes = from_base64(response.body);
    if (!bytes) return std::nullopt;
    response.body = std::move(*bytes);
  }
  return net::is_fit(response) ? std::optional(std::move(response)) : std::nullopt;
}

}  // namespace

bool is_api_path(std::string_view target) { return !stage_of(target).empty(); }

net::HttpResponse refusal(int status, std::string_view type, std::string_view message) {
  net::HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "application/json");
  response.headers.emplace_back("x-amzn-RequestId", random_hex(16));
  response.headers.emplace_back("x-amzn-ErrorType", std::string(type));
  response.body =
      json{{"message", std::string(message)}}.dump(-1, ' ', false, json::error_handler_t::replace);
  return response;
}

net::Task<net::HttpResponse> serve(FunctionInvoker& invoker, net::HttpRequest request) {
  const bool method = request.method == "POST" || request.method == "GET";
  if (!is_api_path(request.target) || !method) {
    co_return refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
  }
  const std::string event =
      proxy_event(request).dump(-1, ' ', false, json::error_handler_t::replace);
  const auto answer = co_await invoker.invoke_function(
      std::string(kFailoverFunction), event, net::header_value(request.headers, "X-Amzn-Trace-Id"));
  // As AWS: what Lambda refuses (a throttled function, one that is not there) is 500, whatever
  // Lambda's own status is; what a function does wrong is 502.
  if (answer.has_error()) {
    co_return refusal(500, "InternalServerErrorException", "Internal server error");
  }
  if (answer->function_error.empty()) {
    if (auto response = response_in(answer->payload)) co_return std::move(*response);
  }
  co_return refusal(502, "InternalServerErrorException", "Internal server error");
}

}  // namespace aurora_global::services::executeapi
