#include "services/api_server.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "awsapi/query.h"
#include "awsapi/sigv4.h"
#include "base/rng.h"
#include "services/executeapi/executeapi.h"
#include "services/json_protocol.h"
#include "services/kms/kms.h"
#include "services/prometheus.h"
#include "services/rds/rds.h"
#include "services/region_metrics.h"
#include "services/secretsmanager/secretsmanager.h"

namespace aurora_global::services {
namespace {

constexpr std::string_view kStatusService = "aurora-global";

// AWS's protocols. Before it is known who asks for which service, a request is told by its looks.
enum class Protocol { query, json, rest };

Protocol protocol_of(const net::HttpRequest& request) {
  const std::string type = net::header_value(request.headers, "Content-Type");
  if (type.find("x-amz-json") != std::string::npos || !operation_of(request).empty()) {
    return Protocol::json;
  }
  const std::string_view target = request.target;
  return target.substr(0, target.find('?')) == "/" ? Protocol::query : Protocol::rest;
}

// What the Query protocol calls it, and what the JSON protocols do.
struct Refusal {
  std::string_view query, json;
  bool about_signature;
};
constexpr Refusal kRefusals[] = {
    {"MissingAuthenticationToken", "MissingAuthenticationTokenException", true},
    {"IncompleteSignature", "IncompleteSignatureException", true},
    {"InvalidClientTokenId", "UnrecognizedClientException", true},
    {"SignatureDoesNotMatch", "InvalidSignatureException", true},
    {"InvalidParameterValue", "SerializationException", false},
    {"InvalidAction", "UnknownOperationException", false},
    {"ServiceUnavailable", "ServiceUnavailableException", false},
};

// An error found before any service was asked, in the words and with the status of the protocol.
net::HttpResponse refuse(const net::HttpRequest& request, const Error& error) {
  const std::string code = awsapi::code_of(error);
  const int status = awsapi::http_status_of(code);
  const Protocol protocol = protocol_of(request);
  if (protocol == Protocol::query) {
    net::HttpResponse response;
    const std::string id = random_hex(16);
    response.status = status;
    response.headers.emplace_back("x-amzn-RequestId", id);
    response.headers.emplace_back("Content-Type", "text/xml");
    response.body = awsapi::error_document(code, error.message, id);
    return response;
  }
  const auto* known = std::find_if(std::begin(kRefusals), std::end(kRefusals),
                                   [&](const Refusal& one) { return one.query == code; });
  const std::string_view name = known == std::end(kRefusals) ? code : known->json;
  const std::string_view message = code == "MissingAuthenticationToken"
                                       ? "Missing Authentication Token"
                                       : std::string_view(error.message);
  const bool about_signature = known != std::end(kRefusals) && known->about_signature;
  if (protocol == Protocol::json) {
    auto response = json_refusal(about_signature ? 400 : status, name, message);
    answer_in_version_of(request, response);
    return response;
  }
  return executeapi::refusal(about_signature ? 403 : status, name, message);
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
    co_return refuse(request, answer.error());
  }
  net::HttpResponse response;
  response.status = answer->status;
  response.headers = std::move(answer->headers);
  response.body = std::move(answer->body);
  co_return response;
}

net::Task<net::HttpResponse> status(region::Region& region, net::HttpRequest request) {
  const auto answer = co_await region.status();
  if (answer.has_error()) co_return refuse(request, answer.error());
  net::HttpResponse response;
  response.headers.emplace_back("Content-Type", "application/json");
  response.body = model::text_of(*answer);
  co_return response;
}

}  // namespace

std::vector<ServedActions> served_actions() {
  return {
      {"rds", rds::action_names()},
      {"lambda", lambda::action_names()},
      {"monitoring", cloudwatch::action_names()},
      {"logs", logs::action_names()},
      {"secretsmanager", secretsmanager::action_names()},
      {"kms", kms::action_names()},
  };
}

Result<std::unique_ptr<ApiServer>> ApiServer::open(boost::asio::any_io_executor executor,
                                                   region::Region& region, ApiOptions options) {
  std::unique_ptr<ApiServer> server(new ApiServer(executor, region, options.metrics_interval));
  const region::Facts& facts = region.facts();
  TRY(server->logs_, logs::Logs::open(server->tasks_, facts, options.home / "logs.sqlite"));
  TRY(server->cloudwatch_,
      cloudwatch::CloudWatch::open(server->tasks_, options.home / "metrics.sqlite"));
  lambda::LambdaOptions functions;
  functions.directory = options.home / "functions";
  functions.endpoint_url = "http://" + options.api_address;
  functions.listen_host = options.api_address.substr(0, options.api_address.rfind(':'));
  functions.credentials = options.credentials;
  TRY(server->lambda_, lambda::Lambda::open(executor, facts, std::move(functions), *server->logs_,
                                            *server->cloudwatch_));
  return server;
}

void ApiServer::start() {
  lambda_->start();
  tasks_.spawn("metrics of the region", publish_metrics());
}

net::Task<void> ApiServer::stop() {
  co_await lambda_->stop();
  tasks_.stop();
  co_await tasks_.join();
}

net::HttpHandler ApiServer::handler() {
  return [this](net::HttpRequest request) { return serve(std::move(request)); };
}

net::Task<void> ApiServer::publish_metrics() {
  RegionMetrics metrics;
  while (!tasks_.stopping()) {
    const auto status = co_await region_.status();
    if (status.has_value()) {
      cloudwatch_->put_metrics(metrics.take(*status, SystemClock().wall_now()));
    }
    co_await net::sleep_for(metrics_interval_);
  }
}

net::Task<net::HttpResponse> ApiServer::dispatch(std::string service, net::HttpRequest request) {
  if (service == "rds") co_return co_await rds::serve(region_, std::move(request));
  if (service == "lambda") co_return co_await lambda_->serve(std::move(request));
  if (service == "monitoring") co_return co_await cloudwatch_->serve(std::move(request));
  if (service == "logs") co_return co_await logs_->serve(std::move(request));
  if (service == "secretsmanager") {
    co_return co_await secretsmanager::serve(region_, std::move(request));
  }
  if (service == "kms") co_return co_await kms::serve(region_, std::move(request));
  if (service == "execute-api") co_return co_await executeapi::serve(*lambda_, std::move(request));
  if (service == kStatusService && request.target == "/-/status") {
    co_return co_await status(region_, std::move(request));
  }
  co_return refuse(request, make_error(ErrorKind::invalid,
                                       "The service '" + service +
                                           "' is not served here (docs/reference/api.md lists "
                                           "what is)",
                                       "InvalidAction"));
}

net::Task<net::HttpResponse> ApiServer::serve(net::HttpRequest request) {
  if (request.target == "/-/health") {
    net::HttpResponse response;
    response.headers.emplace_back("Content-Type", "application/json");
    response.body =
        nlohmann::json{{"region", region_.facts().region.name}, {"status", "ok"}}.dump();
    co_return response;
  }
  if (request.target == "/metrics") {
    net::HttpResponse response;
    response.headers.emplace_back("Content-Type", kPrometheusContentType);
    if (const auto status = co_await region_.status(); status.has_value()) {
      response.body = prometheus_text(*status);
    }
    co_return response;
  }
  if (!is_text(request)) {
    co_return refuse(request,
                     make_error(ErrorKind::invalid, "The request has bytes that are no UTF-8 text",
                                "InvalidParameterValue"));
  }
  const awsapi::HttpMessage message{request.method, request.target, request.headers, request.body};
  const auto named = awsapi::scope_of(message);
  if (named.has_error()) co_return refuse(request, named.error());
  if (named->region != region_.facts().region.name) {
    co_return co_await pass_on(region_, RegionId{named->region}, std::move(request));
  }
  const auto secret_of = [&](std::string_view id) { return region_.secret_key(id); };
  const auto scope = awsapi::verify(message, secret_of, SystemClock().wall_now());
  if (scope.has_error()) co_return refuse(request, scope.error());
  co_return co_await dispatch(scope->service, std::move(request));
}

}  // namespace aurora_global::services
