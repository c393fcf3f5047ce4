#include "services/api_server.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "awsapi/query.h"
#include "awsapi/sigv4.h"
#include "base/host_port.h"
#include "net/run_blocking.h"
#include "services/call.h"
#include "services/compression.h"
#include "services/ec2/ec2.h"
#include "services/executeapi/executeapi.h"
#include "services/iam/iam.h"
#include "services/kms/kms.h"
#include "services/prometheus.h"
#include "services/rds/rds.h"
#include "services/region_metrics.h"
#include "services/secretsmanager/secretsmanager.h"
#include "services/ssm/ssm.h"
#include "services/sts/sts.h"

namespace aurora_global::services {
namespace {

constexpr Duration kDrainLimit = std::chrono::seconds(5);
constexpr std::size_t kChunkingRoom = 1u << 20;  // What the coding of a body adds.
constexpr std::string_view kStatusService = "aurora-global";

// What is found before any service is asked: what the Query protocol calls it, what the others do.
// About a signature the JSON protocols answer 400, REST 403.
struct ErrorWord {
  std::string_view query, json;
  int json_status, rest_status;
};
constexpr ErrorWord kErrorWords[] = {
    {"MissingAuthenticationToken", "MissingAuthenticationTokenException", 400, 403},
    {"IncompleteSignature", "IncompleteSignatureException", 400, 403},
    {"InvalidClientTokenId", "UnrecognizedClientException", 400, 403},
    {"SignatureDoesNotMatch", "InvalidSignatureException", 400, 403},
    {"ExpiredToken", "ExpiredTokenException", 400, 403},
    {"InvalidParameterValue", "SerializationException", 400, 400},
    {"InvalidAction", "UnknownOperationException", 400, 400},
    {"ServiceUnavailable", "ServiceUnavailableException", 503, 503},
};

net::HttpResponse refuse_early(const net::HttpRequest& request, Error error,
                               std::string_view service = "") {
  if (service == "s3") return s3::refusal(request, error);
  if (service == "ec2") return refuse(request, error, awsapi::service_model(service));
  const std::string code = awsapi::code_of(error);
  const Wire wire = wire_of(request);
  const auto* word = std::find_if(std::begin(kErrorWords), std::end(kErrorWords),
                                  [&](const ErrorWord& one) { return one.query == code; });
  if (wire == Wire::query || word == std::end(kErrorWords)) return refuse(request, error);
  error.code = word->json;
  if (code == "MissingAuthenticationToken") error.message = "Missing Authentication Token";
  net::HttpResponse response = refuse(request, error);
  response.status = wire == Wire::rest ? word->rest_status : word->json_status;
  // Of a gate in front of the service, API Gateway's as Lambda's: it has no members of a service.
  if (wire == Wire::rest) response.body = nlohmann::json{{"message", error.message}}.dump();
  return response;
}

net::HttpResponse internal_failure(const net::HttpRequest& request, const std::string& id) {
  return refuse(request,
                make_error(ErrorKind::internal,
                           "The request processing has failed because of an unknown error; the log "
                           "of the region has it as request " +
                               id,
                           "InternalFailure"),
                nullptr, id);
}

// JSON and XML carry text only. CBOR, what is compressed and what S3 gets is looked at when it is
// read.
bool is_text(const net::HttpRequest& request, std::string_view service) {
  const bool bytes = wire_of(request) == Wire::cbor || service == "s3" ||
                     !net::header_value(request.headers, "Content-Encoding").empty();
  return awsapi::is_valid_utf8(request.target) && (bytes || awsapi::is_valid_utf8(request.body)) &&
         std::all_of(request.headers.begin(), request.headers.end(),
                     [](const auto& header) { return awsapi::is_valid_utf8(header.second); });
}

net::Task<net::HttpResponse> pass_on(region::Region& region, RegionId target,
                                     net::HttpRequest request) {
  region::RawRequest raw{request.method, request.target, request.headers, request.body};
  auto answer = co_await region.pass_on(target, std::move(raw));
  if (answer.has_error()) {
    co_return refuse_early(request, answer.error());
  }
  net::HttpResponse response;
  response.status = answer->status;
  response.headers = std::move(answer->headers);
  response.body = std::move(answer->body);
  co_return response;
}

net::Task<net::HttpResponse> status(region::Region& region, net::HttpRequest request) {
  const auto answer = co_await region.status();
  if (answer.has_error()) co_return refuse_early(request, answer.error());
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
      {"apigateway", apigateway::action_names()},
      {"sqs", sqs::action_names()},
      {"monitoring", cloudwatch::action_names()},
      {"logs", logs::action_names()},
      {"secretsmanager", secretsmanager::action_names()},
      {"kms", kms::action_names()},
      {"sts", sts::action_names()},
      {"cloudformation", cloudformation::action_names()},
      {"ssm", ssm::action_names()},
      {"s3", s3::action_names()},
      {"iam", iam::action_names()},
      {"ec2", ec2::action_names()},
  };
}

Result<std::unique_ptr<ApiServer>> ApiServer::open(boost::asio::any_io_executor executor,
                                                   region::Region& region, ApiOptions options) {
  std::unique_ptr<ApiServer> server(new ApiServer(executor, region, options.metrics_interval));
  server->permanent_key_id_ = options.credentials.access_key_id;
  const region::Facts& facts = region.facts();
  TRY(server->logs_, logs::Logs::open(server->tasks_, facts, options.home / "logs.sqlite"));
  TRY(server->cloudwatch_,
      cloudwatch::CloudWatch::open(server->tasks_, facts, options.home / "metrics.sqlite"));
  TRY(server->s3_, s3::S3::open(facts, options.home / "s3"));
  lambda::LambdaOptions functions;
  functions.directory = options.home / "functions";
  functions.objects = server->s3_.get();
  functions.sandboxes = {facts.region.name, "http://" + options.api_address,
                         split_host_port(options.api_address).host, options.credentials};
  TRY(server->lambda_, lambda::Lambda::open(executor, facts, std::move(functions), *server->logs_,
                                            *server->cloudwatch_, *server));
  TRY(server->apigateway_,
      apigateway::ApiGateway::open(executor, facts, options.home / "apis.sqlite"));
  const std::string base_url = "http://" + options.api_address;
  TRY(server->sqs_, sqs::Sqs::open(executor, facts, base_url, options.home / "queues.sqlite"));
  server->custom_answers_ = std::make_unique<CustomAnswers>(executor, base_url);
  TRY(server->cloudformation_,
      cloudformation::CloudFormation::open(
          executor, region, *server,
          {options.home / "stacks.sqlite", options.credentials, server->custom_answers_.get()}));
  TRY(server->ssm_, ssm::Ssm::open(region, *server, options.home / "ssm.sqlite"));
  return server;
}

void ApiServer::start() {
  lambda_->start();
  cloudformation_->start();
  cloudwatch_->start();
  tasks_.spawn("metrics of the region", publish_metrics());
}

net::Task<void> ApiServer::stop() {
  co_await cloudformation_->stop();
  sqs_->stop();
  co_await lambda_->stop();
  const Deadline limit = Deadline::in(kDrainLimit);
  co_await logs_->drain(limit);
  co_await cloudwatch_->drain(limit);
  tasks_.stop();
  co_await tasks_.join();
}

// Guarded here, too: calls that other regions pass on come without an HttpServer of their own.
net::HttpHandler ApiServer::handler() {
  return net::guarded([this](net::HttpRequest request) { return serve(std::move(request)); },
                      internal_failure);
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

net::Task<Result<nlohmann::json>> ApiServer::call(std::string service, std::string operation,
                                                  nlohmann::json input) {
  CO_TRY(input, read_input(service, operation, input));
  if (service == "monitoring") co_return co_await cloudwatch_->call(operation, std::move(input));
  if (service == "logs") co_return co_await logs_->call(operation, std::move(input));
  if (service == "lambda") co_return co_await lambda_->call(operation, std::move(input));
  if (service == "apigateway") co_return co_await apigateway_->call(operation, std::move(input));
  if (service == "sqs") co_return co_await sqs_->call(operation, std::move(input));
  if (service == "secretsmanager") {
    co_return co_await secretsmanager::call(region_, operation, std::move(input));
  }
  if (service == "rds") co_return co_await rds::call(region_, operation, std::move(input));
  if (service == "kms") co_return co_await kms::call(region_, operation, std::move(input));
  if (service == "cloudformation") {
    co_return co_await cloudformation_->call(operation, std::move(input));
  }
  if (service == "sts") {
    auto calling = sts::call(region_, {permanent_key_id_, {}}, operation, std::move(input));
    co_return co_await std::move(calling);
  }
  if (service == "ssm") co_return co_await ssm_->call(operation, std::move(input));
  if (service == "s3") co_return co_await s3_->call(operation, std::move(input));
  if (service == "iam") co_return co_await iam::call(region_.facts(), operation, std::move(input));
  if (service == "ec2") co_return co_await ec2::call(region_.facts(), operation, std::move(input));
  co_return unknown_operation(operation);
}

net::Task<net::HttpResponse> ApiServer::dispatch(std::string service, sts::Caller caller,
                                                 net::HttpRequest request) {
  if (service == "rds") co_return co_await rds::serve(region_, std::move(request));
  if (service == "lambda") co_return co_await lambda_->serve(std::move(request));
  if (service == "monitoring") co_return co_await cloudwatch_->serve(std::move(request));
  if (service == "logs") co_return co_await logs_->serve(std::move(request));
  if (service == "secretsmanager") {
    co_return co_await secretsmanager::serve(region_, std::move(request));
  }
  if (service == "kms") co_return co_await kms::serve(region_, std::move(request));
  if (service == "apigateway") co_return co_await apigateway_->serve(std::move(request));
  if (service == "sqs") co_return co_await sqs_->serve(std::move(request));
  if (service == "cloudformation") co_return co_await cloudformation_->serve(std::move(request));
  if (service == "sts") {
    auto serving = sts::serve(region_, std::move(caller), std::move(request));
    co_return co_await std::move(serving);
  }
  if (service == "ssm") co_return co_await ssm_->serve(std::move(request));
  if (service == "iam") co_return co_await iam::serve(region_.facts(), std::move(request));
  if (service == "ec2") co_return co_await ec2::serve(region_.facts(), std::move(request));
  if (service == "execute-api") {
    co_return co_await executeapi::serve(*lambda_, *apigateway_, region_.facts(),
                                         std::move(request));
  }
  if (service == kStatusService && request.target == "/-/status") {
    co_return co_await status(region_, std::move(request));
  }
  co_return refuse_early(request,
                         make_error(ErrorKind::invalid,
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
  if (CustomAnswers::is_for_answers(request)) co_return custom_answers_->take(request);
  awsapi::HttpMessage message{request.method, request.target, request.headers, {}};
  const auto named = awsapi::scope_of(message);
  const std::string service = named.has_value() ? named->service : "";
  if (!is_text(request, service)) {
    co_return refuse_early(
        request,
        make_error(ErrorKind::invalid, "The request has bytes that are no UTF-8 text",
                   "InvalidParameterValue"),
        service);
  }
  if (executeapi::is_open(*apigateway_, request)) {
    co_return co_await executeapi::serve(*lambda_, *apigateway_, region_.facts(),
                                         std::move(request));
  }
  if (named.has_error()) co_return refuse_early(request, named.error());
  if (!is_for_here(*named)) {
    co_return co_await pass_on(region_, RegionId{named->region}, std::move(request));
  }
  sts::Caller caller;
  message.body = std::move(request.body);
  auto verifying = verify(message, caller);
  const auto verified = co_await std::move(verifying);
  request.body = std::move(message.body);
  if (verified.has_error()) co_return refuse_early(request, verified.error(), service);
  if (service == "s3") {
    auto serving = s3_->serve(*verified, std::move(request));
    co_return co_await std::move(serving);
  }
  if (const auto plain = decompress(request); plain.has_error()) {
    co_return refuse_early(request, plain.error(), service);
  }
  auto dispatching = dispatch(service, std::move(caller), std::move(request));
  co_return co_await std::move(dispatching);
}

// IAM is one for all regions, and its clients sign for us-east-1, whether the platform has it or
// not.
bool ApiServer::is_for_here(const awsapi::CredentialScope& scope) const {
  return scope.region == region_.facts().region.name || scope.service == "iam";
}

// Whose secret a request is signed with: a permanent key's, or a session's.
net::Task<Result<awsapi::Verified>> ApiServer::verify(const awsapi::HttpMessage& message,
                                                      sts::Caller& caller) const {
  const WallTime now = SystemClock().wall_now();
  const auto permanent = [&](std::string_view id) { return region_.secret_key(id); };
  const auto secret_of = [&](std::string_view id, const std::string& token) -> Result<std::string> {
    if (token.empty()) {
      caller.permanent_key_id = id;
      const auto secret = permanent(id);
      if (!secret) return awsapi::invalid_token();
      return *secret;
    }
    TRY(auto opened, awsapi::open_session(id, token, permanent, now));
    caller = {opened.session.permanent_key_id, std::move(opened.session)};
    return std::move(opened.secret_access_key);
  };
  if (message.body.size() <= net::kHttpBodyBytesMax) {
    co_return awsapi::verify(message, secret_of, now);
  }
  // A large body is hashed beside the loop.
  auto running = net::run_blocking([&] { return awsapi::verify(message, secret_of, now); });
  co_return co_await std::move(running);
}

// What has a larger body than other requests: an object, or a part of one, on its way to S3.
net::LargeBodies large_bodies() {
  return {static_cast<std::size_t>(s3::kPutBytesMax) + kChunkingRoom,
          2 * (static_cast<std::size_t>(s3::kPutBytesMax) + kChunkingRoom),
          [](const net::HttpRequest& head) {
            const auto scope =
                awsapi::scope_of({head.method, head.target, head.headers, std::string()});
            return head.method == "PUT" && scope.has_value() && scope->service == "s3";
          }};
}

}  // namespace aurora_global::services
