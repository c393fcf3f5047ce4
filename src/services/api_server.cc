#include "services/api_server.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "awsapi/query.h"
#include "awsapi/sigv4.h"
#include "base/rng.h"
#include "services/rds/rds.h"

namespace aurora_global::services {
namespace {

constexpr std::string_view kStatusService = "aurora-global";

// Query protocols talk XML; the others JSON. Told apart by what the request looks like.
bool wants_json(const net::HttpRequest& request) {
  const std::string type = net::header_value(request.headers, "Content-Type");
  return type.find("json") != std::string::npos || request.method == "GET";
}

net::HttpResponse answer_error(const net::HttpRequest& request, std::string_view code,
                               std::string_view message) {
  net::HttpResponse response;
  response.status = awsapi::http_status_of(code);
  const std::string id = random_hex(16);
  response.headers.emplace_back("x-amzn-RequestId", id);
  if (wants_json(request)) {
    response.headers.emplace_back("Content-Type", "application/json");
    response.headers.emplace_back("x-amzn-ErrorType", std::string(code));
    const nlohmann::json document{{"__type", std::string(code)}, {"message", std::string(message)}};
    response.body = document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  } else {
    response.headers.emplace_back("Content-Type", "text/xml");
    response.body = awsapi::error_document(code, message, id);
  }
  return response;
}

// JSON and XML carry text only, and so does the way to the other regions.
bool is_text(const net::HttpRequest& request) {
  return awsapi::is_valid_utf8(request.target) && awsapi::is_valid_utf8(request.body) &&
         std::all_of(request.headers.begin(), request.headers.end(),
                     [](const auto& header) { return awsapi::is_valid_utf8(header.second); });
}

net::Task<net::HttpResponse> pass_on(region::Region& region, RegionId target,
                                     net::HttpRequest request) {
  region::RawRequest raw{request.method, request.target, request.headers, request.body};
  auto answer = co_await region.pass_on(target, std::move(raw));
  if (answer.has_error()) {
    const std::string code = awsapi::code_of(answer.error());
    co_return answer_error(request, code, answer.error().message);
  }
  net::HttpResponse response;
  response.status = answer->status;
  response.headers = std::move(answer->headers);
  response.body = std::move(answer->body);
  co_return response;
}

net::Task<net::HttpResponse> status(region::Region& region, net::HttpRequest request) {
  const auto text = co_await region.status_json();
  if (text.has_error()) {
    co_return answer_error(request, awsapi::code_of(text.error()), text.error().message);
  }
  net::HttpResponse response;
  response.headers.emplace_back("Content-Type", "application/json");
  response.body = *text;
  co_return response;
}

net::Task<net::HttpResponse> serve(region::Region& region, net::HttpRequest request) {
  if (request.target == "/-/health") {
    net::HttpResponse response;
    response.headers.emplace_back("Content-Type", "application/json");
    response.body = nlohmann::json{{"region", region.facts().region.name}, {"status", "ok"}}.dump();
    co_return response;
  }
  if (!is_text(request)) {
    co_return answer_error(request, "InvalidParameterValue",
                           "The request has bytes that are no UTF-8 text");
  }
  const awsapi::HttpMessage message{request.method, request.target, request.headers, request.body};
  const auto named = awsapi::scope_of(message);
  if (named.has_error()) {
    co_return answer_error(request, named.error().code, named.error().message);
  }
  if (named->region != region.facts().region.name) {
    co_return co_await pass_on(region, RegionId{named->region}, std::move(request));
  }
  const auto secret_of = [&](std::string_view id) { return region.secret_key(id); };
  const auto scope = awsapi::verify(message, secret_of, SystemClock().wall_now());
  if (scope.has_error()) {
    co_return answer_error(request, scope.error().code, scope.error().message);
  }
  if (scope->service == kStatusService && request.target == "/-/status") {
    co_return co_await status(region, std::move(request));
  }
  if (scope->service == "rds") co_return co_await rds::serve(region, std::move(request));
  const std::string code = wants_json(request) ? "UnknownOperationException" : "InvalidAction";
  co_return answer_error(request, code,
                         "The service '" + scope->service +
                             "' is not served here (docs/reference/api.md lists what is)");
}

}  // namespace

net::HttpHandler make_api_handler(region::Region& region) {
  return [&region](net::HttpRequest request) { return serve(region, std::move(request)); };
}

}  // namespace aurora_global::services
