#include "functions/runtime.h"

#include <cstdio>
#include <cstdlib>

#include "base/json.h"
#include "net/http.h"
#include "net/main_loop.h"

namespace aurora_global::functions {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration kPostLimit = 10s;
constexpr Duration kForever = std::chrono::hours(24 * 365);
constexpr const char* kRoot = "/2018-06-01/runtime/";
constexpr std::size_t kResponseBytesMax = 6'291'456;

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json error_body(const Error& error) {
  const std::string type = error.code.empty() ? std::string(name_of(error.kind)) : error.code;
  return {{"errorType", type}, {"errorMessage", error.message}, {"stackTrace", json::array()}};
}

net::Task<Result<void>> post(net::HttpClient& api, std::string path, const json& body,
                             std::string error_type) {
  net::HttpRequest request;
  request.method = "POST";
  request.target = kRoot + path;
  request.body = dump(body);
  request.headers.emplace_back("Content-Type", "application/json");
  if (!error_type.empty()) {
    request.headers.emplace_back("Lambda-Runtime-Function-Error-Type", error_type);
  }
  CO_TRY(const auto response, co_await api.request(std::move(request), Deadline::in(kPostLimit)));
  if (response.status == 202) co_return ok();
  co_return make_error(ErrorKind::conflict, "the Runtime API answered " +
                                                std::to_string(response.status) + " to " + path);
}

Context context_of(const net::HttpResponse& next) {
  Context context{net::header_value(next.headers, "Lambda-Runtime-Aws-Request-Id"),
                  net::header_value(next.headers, "Lambda-Runtime-Invoked-Function-Arn"),
                  Deadline::in(60s)};
  const long long until =
      std::atoll(net::header_value(next.headers, "Lambda-Runtime-Deadline-Ms").c_str());
  if (until > 0) {
    const auto now = SystemClock().wall_now().time_since_epoch();
    context.deadline = Deadline::in(std::chrono::milliseconds(until) - now);
  }
  return context;
}

net::Task<Result<json>> handle(const Handler& handler, json event, Context context) {
  std::string problem;
  try {
    auto handling = handler(std::move(event), std::move(context));
    co_return co_await std::move(handling);
  } catch (const json::exception& error) {
    problem = error.what();
  }
  co_return make_error(ErrorKind::invalid, "the event is malformed: " + problem);
}

net::Task<Result<void>> serve_one(net::HttpClient& api, const Handler& handler) {
  net::HttpRequest request;
  request.method = "GET";
  request.target = std::string(kRoot) + "invocation/next";
  CO_TRY(const auto next, co_await api.request(std::move(request), Deadline::in(kForever)));
  if (next.status != 200) {
    co_return make_error(ErrorKind::unavailable,
                         "no invocation: HTTP " + std::to_string(next.status));
  }
  const Context context = context_of(next);
  const std::string path = "invocation/" + context.request_id;
  Result<json> result = make_error(ErrorKind::invalid, "the event is no JSON document");
  json event = parse_json(next.body);
  if (!event.is_discarded()) result = co_await handle(handler, std::move(event), context);
  if (result.has_value() && dump(*result).size() > kResponseBytesMax) {
    result = make_error(ErrorKind::exhausted, "the result is over 6 MB; ask for fewer operations");
  }
  if (result.has_value()) co_return co_await post(api, path + "/response", *result, "");
  const json body = error_body(result.error());
  std::printf("%s\n", dump(body).c_str());
  std::fflush(stdout);
  co_return co_await post(api, path + "/error", body, body.at("errorType").get<std::string>());
}

net::Task<int> serve(const MakeHandler& make, boost::asio::any_io_executor executor) {
  const std::string address = environment("AWS_LAMBDA_RUNTIME_API");
  if (address.empty()) {
    std::fprintf(stderr,
                 "bootstrap: AWS_LAMBDA_RUNTIME_API is not set; this program is started by AWS "
                 "Lambda or by a region daemon\n");
    co_return 2;
  }
  net::HttpClient api(executor, address);
  auto handler = make(executor);
  if (handler.has_error()) {
    const json body = error_body(handler.error());
    co_await post(api, "init/error", body, "Runtime.InitError");
    co_return 1;
  }
  for (;;) {
    const auto served = co_await serve_one(api, *handler);
    if (served.has_value()) continue;
    std::fprintf(stderr, "bootstrap: %s\n", served.error().message.c_str());
    co_return 1;
  }
}

}  // namespace

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<std::string> required_environment(const char* name) {
  std::string value = environment(name);
  if (!value.empty()) return value;
  return make_error(ErrorKind::invalid,
                    std::string("the environment variable ") + name + " is not set");
}

int run_function(const MakeHandler& make) {
  return net::run_main(
      [&](boost::asio::any_io_executor executor, net::Event&) { return serve(make, executor); });
}

}  // namespace aurora_global::functions
