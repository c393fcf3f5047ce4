#include "services/executeapi/executeapi.h"

#include <nlohmann/json.hpp>

#include "base/rng.h"

namespace aurora_global::services::executeapi {
namespace {

using nlohmann::json;

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
  const std::string event = proxy_event(request).dump();
  const auto answer = co_await invoker.invoke_function(std::string(kFailoverFunction), event);
  const json body = answer.has_value() ? json::parse(answer->payload, nullptr, false) : json();
  const bool proxied = body.is_object() && body.contains("statusCode") &&
                       body["statusCode"].is_number_integer() && body.contains("body") &&
                       body["body"].is_string();
  if (answer.has_error() || !answer->function_error.empty() || !proxied) {
    co_return refusal(502, "InternalServerErrorException", "Internal server error");
  }
  net::HttpResponse response;
  response.status = body["statusCode"].get<int>();
  response.headers.emplace_back("x-amzn-RequestId", random_hex(16));
  for (const auto& [name, value] : body.value("headers", json::object()).items()) {
    if (value.is_string()) response.headers.emplace_back(name, value.get<std::string>());
  }
  response.body = body["body"].get<std::string>();
  co_return response;
}

}  // namespace aurora_global::services::executeapi
