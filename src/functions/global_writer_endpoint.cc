#include "functions/global_writer_endpoint.h"

#include "base/host_port.h"
#include "functions/aws.h"

namespace aurora_global::functions {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration kCallLimit = 10s;
constexpr Duration kPoll = 1s;
constexpr Duration kReserve = 15s;  // Of the function's time, to deliver the answer in.
constexpr Duration kPostLimit = 4s;
constexpr Duration kPostPause = 500ms;

struct Function {
  boost::asio::any_io_executor executor;
  std::unique_ptr<awsclient::AwsClient> aws;
  RegionId region;
};

// What CloudFormation sends.
struct Request {
  std::string type, response_url, stack_id, request_id, logical_id, physical_id, global_cluster;
};

Result<Request> read_request(const json& event) {
  Request request;
  const auto text = [](const json& object, const char* field) {
    return object.is_object() && object.contains(field) && object[field].is_string()
               ? object[field].get<std::string>()
               : std::string();
  };
  request.type = text(event, "RequestType");
  request.response_url = text(event, "ResponseURL");
  request.stack_id = text(event, "StackId");
  request.request_id = text(event, "RequestId");
  request.logical_id = text(event, "LogicalResourceId");
  request.physical_id = text(event, "PhysicalResourceId");
  const json properties = event.is_object() ? event.value("ResourceProperties", json()) : json();
  request.global_cluster = text(properties, "GlobalClusterIdentifier");
  if (request.response_url.empty()) {
    return make_error(ErrorKind::invalid,
                      "this is no request of CloudFormation: there is no ResponseURL",
                      "InvalidPayload");
  }
  return request;
}

// A global cluster that was just made may not be described, or have no endpoint, for a moment.
net::Task<Result<std::string>> find_endpoint(Function& function, std::string identifier,
                                             Deadline deadline) {
  if (identifier.empty()) {
    co_return make_error(ErrorKind::invalid, "the property GlobalClusterIdentifier is missing");
  }
  for (;;) {
    const auto view = co_await global_cluster(*function.aws, function.region, identifier,
                                              deadline.at_most(kCallLimit));
    if (view.has_value() && !view->endpoint.empty()) co_return view->endpoint;
    if (deadline.left() < kPoll * 2) {
      if (view.has_error()) co_return view.error();
      co_return make_error(ErrorKind::timeout,
                           "global cluster " + identifier + " has no global writer endpoint");
    }
    co_await net::sleep_for(kPoll);
  }
}

// The URL is a credential: it is never printed.
net::Task<Result<void>> answer(Function& function, std::string url, json body, Deadline deadline) {
  CO_TRY(auto endpoint, awsclient::parse_endpoint_url(url, environment("AWS_CA_BUNDLE")));
  const std::size_t path = url.find('/', url.find("://") + 3);
  const std::string host = split_host_port(endpoint.address).host;
  net::HttpClient client(function.executor, endpoint.address, endpoint.tls, host);
  for (;;) {
    net::HttpRequest request;
    request.method = "PUT";
    request.target = path == std::string::npos ? "/" : url.substr(path);
    // The signature in the URL covers an empty Content-Type.
    request.headers = {{"Host", endpoint.tls ? host : endpoint.address}, {"Content-Type", ""}};
    request.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
    const auto sent = co_await client.request(std::move(request), deadline.at_most(kPostLimit));
    if (sent.has_value() && sent->status / 100 == 2) co_return ok();
    if (deadline.left() < kPostPause * 2) {
      if (sent.has_error()) co_return sent.error().in("answer CloudFormation");
      co_return make_error(ErrorKind::unavailable, "CloudFormation's ResponseURL answered HTTP " +
                                                       std::to_string(sent->status));
    }
    co_await net::sleep_for(kPostPause);
  }
}

net::Task<Result<json>> handle(std::shared_ptr<Function> shared, json event, Context context) {
  Function& function = *shared;
  CO_TRY(const Request request, read_request(event));
  json body = {{"Status", "SUCCESS"},
               {"PhysicalResourceId",
                request.physical_id.empty() ? request.logical_id : request.physical_id},
               {"StackId", request.stack_id},
               {"RequestId", request.request_id},
               {"LogicalResourceId", request.logical_id}};
  if (request.type != "Delete") {
    const Duration reserve = std::min<Duration>(kReserve, context.deadline.left() / 2);
    const auto found = co_await find_endpoint(function, request.global_cluster,
                                              Deadline(context.deadline.at() - reserve));
    if (found.has_value()) {
      // Another global cluster is another resource: CloudFormation then deletes the old one.
      body["PhysicalResourceId"] = request.global_cluster;
      body["Data"] = {{"Endpoint", *found}};
    } else {
      body["Status"] = "FAILED";
      body["Reason"] = found.error().message;
    }
  }
  CO_TRY_VOID(co_await answer(function, request.response_url, body, context.deadline));
  co_return body;
}

}  // namespace

Result<Handler> make_global_writer_endpoint_handler(boost::asio::any_io_executor executor) {
  auto function = std::make_shared<Function>();
  function->executor = executor;
  TRY(function->aws, aws_from_environment(executor));
  TRY(function->region.name, required_environment("AWS_REGION"));
  return Handler([function](json event, Context context) {
    return handle(function, std::move(event), std::move(context));
  });
}

}  // namespace aurora_global::functions
