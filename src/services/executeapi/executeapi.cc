#include "services/executeapi/executeapi.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "awsapi/query.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/rng.h"
#include "net/log.h"
#include "services/body_schema.h"
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

bool is_signature(std::string_view authorization) { return authorization.starts_with("AWS4-"); }

// What the function may read: the signature is the gateway's, a token of the client's is not.
net::Headers headers_for_function(const net::HttpRequest& request) {
  net::Headers headers = request.headers;
  std::erase_if(headers, [](const auto& header) {
    return is_signature(header.second) && !net::header_value({header}, "Authorization").empty();
  });
  return headers;
}

// The event of a Lambda proxy integration (REST API, payload format 1.0), as far as it applies.
json proxy_event(const net::HttpRequest& request) {
  json headers = json::object();
  for (const auto& [name, value] : headers_for_function(request)) headers[name] = value;
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

namespace {

net::HttpResponse failed(int status) {
  return refusal(status, "InternalServerErrorException", "Internal server error");
}

net::HttpResponse refusal_of(const Error& error) { return refusal(403, error.code, error.message); }

// The parameters of the query: the last of each, and all of each. Null where there are none.
struct Query {
  json last, all;
};
Query query_in(const std::string& target) {
  Query query;
  const auto question = target.find('?');
  if (question == std::string::npos) return query;
  const auto pairs = awsapi::parse_pairs(target.substr(question + 1));
  if (pairs.has_error()) return query;
  for (const auto& [name, value] : *pairs) {
    query.last[name] = value;
    query.all[name].push_back(value);
  }
  return query;
}

json request_context(const ApiRoute& route, const region::Facts& facts,
                     const net::HttpRequest& request) {
  return {{"accountId", facts.account_id},
          {"apiId", route.api_id},
          {"resourceId", route.resource_id},
          {"resourcePath", route.resource_path},
          {"path", "/" + route.stage + route.path},
          {"stage", route.stage},
          {"httpMethod", request.method},
          {"protocol", "HTTP/1.1"},
          {"requestId", random_uuid()},
          {"identity",
           {{"userAgent", net::header_value(request.headers, "User-Agent")},
            {"sourceIp", "127.0.0.1"}}}};
}

json routed_event(const ApiRoute& route, const region::Facts& facts,
                  const net::HttpRequest& request) {
  json event = proxy_event(request);
  const Query query = query_in(request.target);
  json all_headers = json::object();
  for (const auto& [name, value] : headers_for_function(request)) {
    all_headers[name].push_back(value);
  }
  event["resource"] = route.resource_path;
  event["path"] = route.path;
  event["multiValueHeaders"] = all_headers;
  event["queryStringParameters"] = query.last;
  event["multiValueQueryStringParameters"] = query.all;
  if (!route.path_parameters.empty()) event["pathParameters"] = route.path_parameters;
  event["stageVariables"] = route.stage_variables;
  event["requestContext"] = request_context(route, facts, request);
  return event;
}

// "arn:aws:execute-api:us-east-1:123456789012:a1b2/prod/POST/orders/*"
std::string source_arn(const ApiRoute& route, const region::Facts& facts,
                       const std::string& method) {
  std::string path = route.resource_path;
  for (auto open = path.find('{'); open != std::string::npos; open = path.find('{')) {
    const auto close = path.find('}', open);
    if (close == std::string::npos) break;
    path.replace(open, close - open + 1, "*");
  }
  return "arn:aws:execute-api:" + facts.region.name + ":" + facts.account_id + ":" + route.api_id +
         "/" + route.stage + "/" + method + path;
}

bool has_parameter(const net::HttpRequest& request, const ApiRoute& route,
                   const std::string& name) {
  const auto dot = name.find('.');
  const std::string where = name.substr(0, dot), what = name.substr(dot + 1);
  if (where == "header") return !net::header_value(request.headers, what).empty();
  if (where == "path") return route.path_parameters.contains(what);
  const json given = query_in(request.target).last;
  return given.is_object() && given.contains(what);
}

// What a request validator finds; nullopt: nothing. A body that is not there, or of a content type
// that has no model, is not looked at.
std::optional<net::HttpResponse> validate(const ApiRoute& route, const net::HttpRequest& request) {
  std::string absent;
  for (const std::string& name : route.required) {
    if (has_parameter(request, route, name)) continue;
    absent += (absent.empty() ? "" : ", ") + name.substr(name.find('.') + 1);
  }
  if (!absent.empty()) {
    return refusal(400, "BadRequestException",
                   "Missing required request parameters: [" + absent + "]");
  }
  if (request.body.empty() || !route.body_schemas.is_object()) return std::nullopt;
  std::string type = net::header_value(request.headers, "Content-Type");
  type = type.substr(0, type.find_first_of("; "));
  const auto schema = route.body_schemas.find(type.empty() ? "application/json" : type);
  if (schema == route.body_schemas.end()) return std::nullopt;
  const json body = parse_json(request.body);
  if (!body.is_discarded() && is_valid(*schema, body)) return std::nullopt;
  return refusal(400, "BadRequestException", "Invalid request body");
}

net::Task<net::HttpResponse> invoke(FunctionInvoker& invoker, std::string function, json event,
                                    std::string trace_id) {
  std::string text = event.dump(-1, ' ', false, json::error_handler_t::replace);
  auto invoking =
      invoker.invoke_function(std::move(function), std::move(text), std::move(trace_id));
  const auto answer = co_await std::move(invoking);
  // As AWS: what Lambda refuses (a throttled function, one that is not there) is 500, whatever
  // Lambda's own status is; what a function does wrong is 502.
  if (answer.has_error()) co_return failed(500);
  if (answer->function_error.empty()) {
    if (auto response = response_in(answer->payload)) co_return std::move(*response);
  }
  co_return failed(502);
}

}  // namespace

ApiRequestLine line_of(const net::HttpRequest& request) {
  constexpr std::string_view kService = "execute-api";
  ApiRequestLine line{net::header_value(request.headers, "x-apigw-api-id"), request.method,
                      std::string(path_of(request.target))};
  const std::string host = net::header_value(request.headers, "Host");
  const auto dot = host.find('.');
  if (dot == std::string::npos) return line;
  const auto next = std::min(host.find('.', dot + 1), host.size());
  if (host.substr(dot + 1, next - dot - 1) == kService) line.api_id = host.substr(0, dot);
  return line;
}

bool is_open(const ApiRoutes& routes, const net::HttpRequest& request) {
  if (!routes.has_apis()) return false;
  const ApiRequestLine line = line_of(request);
  const bool is_signed = is_signature(net::header_value(request.headers, "Authorization")) ||
                         request.target.find("X-Amz-Signature=") != std::string::npos;
  // A call of a service has a path that might be a stage's: it is signed, and names no API.
  if (line.api_id.empty() && is_signed) return false;
  const auto route = routes.find_route(line);
  return route.has_value() && !route->is_signed;
}

net::Task<net::HttpResponse> serve(FunctionInvoker& invoker, const ApiRoutes& routes,
                                   const region::Facts& facts, net::HttpRequest request) {
  const std::string trace_id = net::header_value(request.headers, "X-Amzn-Trace-Id");
  if (!routes.has_apis()) {
    const bool method = request.method == "POST" || request.method == "GET";
    if (!is_api_path(request.target) || !method) {
      co_return refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
    }
    auto invoking = invoke(invoker, std::string(kFailoverFunction), proxy_event(request), trace_id);
    co_return co_await std::move(invoking);
  }
  const auto route = routes.find_route(line_of(request));
  if (route.has_error()) co_return refusal_of(route.error());
  if (auto wrong = validate(*route, request)) co_return std::move(*wrong);
  const FunctionCaller caller{"apigateway.amazonaws.com", source_arn(*route, facts, request.method),
                              facts.account_id};
  const auto permitted = invoker.may_invoke(route->function_arn, caller);
  if (permitted.has_error()) {
    log::warn("API {}: {}", route->api_id, permitted.error().message);
    co_return failed(500);
  }
  auto invoking =
      invoke(invoker, route->function_arn, routed_event(*route, facts, request), trace_id);
  co_return co_await std::move(invoking);
}

}  // namespace aurora_global::services::executeapi
