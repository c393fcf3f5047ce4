#include "awsclient/aws_client.h"

#include <algorithm>
#include <filesystem>

#include "awsapi/query_answer.h"
#include "base/host_port.h"
#include "base/json.h"
#include "base/rng.h"
#include "net/tls.h"

namespace aurora_global::awsclient {
namespace {

using namespace std::chrono_literals;

constexpr Duration kThrottledPause = 200ms;  // Doubled each time.
constexpr Duration kThrottledPauseMax = 5s;

// Where Linux systems keep the authorities they trust; Amazon Linux first.
constexpr const char* kTrustFiles[] = {"/etc/pki/tls/certs/ca-bundle.crt",
                                       "/etc/ssl/certs/ca-certificates.crt",
                                       "/var/task/aws-ca.pem"};

std::string default_ca_file() {
  for (const char* file : kTrustFiles) {
    std::error_code error;
    if (std::filesystem::exists(file, error)) return file;
  }
  return kTrustFiles[0];
}

// The error of a JSON answer: {"__type": "prefix#Code", "message": ...}.
Error json_error(const net::HttpResponse& response) {
  const auto body = parse_json(response.body);
  std::string code = net::header_value(response.headers, "x-amzn-ErrorType");
  std::string message;
  if (body.is_object()) {
    if (code.empty() && body.contains("__type") && body["__type"].is_string()) {
      code = body["__type"].get<std::string>();
    }
    for (const char* name : {"message", "Message"}) {
      if (body.contains(name) && body[name].is_string()) message = body[name].get<std::string>();
    }
  }
  code = code.substr(0, code.find(':'));
  if (const auto hash = code.rfind('#'); hash != std::string::npos) code = code.substr(hash + 1);
  if (message.empty()) message = "HTTP " + std::to_string(response.status);
  const ErrorKind kind = response.status >= 500   ? ErrorKind::unavailable
                         : response.status == 404 ? ErrorKind::not_found
                         : response.status == 403 ? ErrorKind::denied
                         : response.status == 429 ? ErrorKind::exhausted
                                                  : ErrorKind::invalid;
  return make_error(kind, std::move(message), std::move(code));
}

bool is_throttled(const net::HttpResponse& response) {
  if (response.status != 400 && response.status != 429 && response.status != 503) return false;
  constexpr std::string_view kOpen = "<Code>";
  const auto at = response.body.find(kOpen);
  if (at == std::string::npos) return awsapi::is_throttling(json_error(response).code);
  const std::string rest = response.body.substr(at + kOpen.size());
  return awsapi::is_throttling(rest.substr(0, rest.find('<')));
}

// What this client asks and may ask twice: it reads. A call with a token that lets the service tell
// that it has done it already would belong here, too; none of ours has one.
constexpr std::string_view kRepeatable[] = {
    "DescribeDBClusters", "DescribeDBInstances", "DescribeEvents",      "DescribeGlobalClusters",
    "DescribeKey",        "DescribeSecret",      "GetMetricStatistics", "GetSecretValue",
};

}  // namespace

bool is_repeatable(std::string_view operation) {
  return std::find(std::begin(kRepeatable), std::end(kRepeatable), operation) !=
         std::end(kRepeatable);
}

Result<Endpoint> parse_endpoint_url(const std::string& url, const std::string& ca_file) {
  Endpoint endpoint;
  const bool secure = url.rfind("https://", 0) == 0 || url.empty();
  if (secure) {
    TRY(endpoint.tls, net::client_tls(ca_file.empty() ? default_ca_file() : ca_file));
  }
  if (url.empty()) return endpoint;
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos || (!secure && url.rfind("http://", 0) != 0)) {
    return make_error(ErrorKind::invalid,
                      "an endpoint URL starts with http:// or https://; given: " + url);
  }
  std::string host = url.substr(scheme + 3);
  host = host.substr(0, host.find('/'));
  if (host.empty()) return make_error(ErrorKind::invalid, "no host in the endpoint URL " + url);
  if (host.find(':') == std::string::npos) host += secure ? ":443" : ":80";
  endpoint.address = host;
  return endpoint;
}

AwsClient::AwsClient(boost::asio::any_io_executor executor, std::string address,
                     awsapi::Credentials credentials)
    : AwsClient(executor, Endpoint{std::move(address), nullptr}, std::move(credentials)) {}

AwsClient::AwsClient(boost::asio::any_io_executor executor, Endpoint endpoint,
                     awsapi::Credentials credentials)
    : executor_(std::move(executor)),
      endpoint_(std::move(endpoint)),
      credentials_(std::move(credentials)) {}

net::HttpClient& AwsClient::client_of(const std::string& service, const RegionId& region,
                                      std::string& host) {
  std::string address = endpoint_.address;
  host = address;
  if (address.empty()) {
    host = service + "." + region.name + ".amazonaws.com";
    address = host + ":443";
  }
  const std::string name = split_host_port(address).host;
  return clients_.try_emplace(address, executor_, address, endpoint_.tls, name).first->second;
}

net::Task<Result<net::HttpResponse>> AwsClient::send(RegionId region, std::string service,
                                                     awsapi::HttpMessage message, bool repeatable,
                                                     Deadline deadline) {
  std::string host;
  net::HttpClient& client = client_of(service, region, host);
  Rng rng(static_cast<std::uint64_t>(SystemClock().now().time_since_epoch().count()));
  Duration pause = kThrottledPause;
  for (;;) {
    awsapi::HttpMessage own = message;  // Each attempt has a signature of its own time.
    awsapi::sign(own, credentials_, host, region.name, service, SystemClock().wall_now());
    net::HttpRequest request;
    request.method = std::move(own.method);
    request.target = std::move(own.target);
    request.headers = std::move(own.headers);
    request.body = std::move(own.body);
    request.repeatable = repeatable;
    auto response = co_await client.request(std::move(request), deadline);
    if (response.has_error() || !is_throttled(*response) || deadline.left() < pause) {
      co_return response;
    }
    co_await net::sleep_for(Duration(1 + rng.below(static_cast<std::uint64_t>(pause.count()))));
    pause = std::min(2 * pause, kThrottledPauseMax);
  }
}

net::Task<Result<net::HttpResponse>> AwsClient::rds(RegionId region, awsapi::Form form,
                                                    Deadline deadline) {
  form["Version"] = std::string(awsapi::kRdsVersion);
  co_return co_await query(region, "rds", std::move(form), deadline);
}

net::Task<Result<net::HttpResponse>> AwsClient::query(RegionId region, std::string service,
                                                      awsapi::Form form, Deadline deadline) {
  const bool repeatable = is_repeatable(form["Action"]);
  awsapi::HttpMessage message{"POST", "/", {}, awsapi::encode_form(form)};
  message.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  co_return co_await send(region, std::move(service), std::move(message), repeatable, deadline);
}

net::Task<Result<void>> AwsClient::rds_do(RegionId region, awsapi::Form form, Deadline deadline) {
  const std::string action = form["Action"];
  CO_TRY(const auto response, co_await rds(region, std::move(form), deadline));
  auto acknowledged = awsapi::parse_acknowledgement(response.status, response.body);
  if (acknowledged.has_error()) co_return acknowledged.error().in(action);
  co_return ok();
}

net::Task<Result<std::vector<awsapi::GlobalClusterView>>> AwsClient::describe_global_clusters(
    RegionId region, Deadline deadline, std::string identifier) {
  awsapi::Form form = {{"Action", "DescribeGlobalClusters"}};
  if (!identifier.empty()) form["GlobalClusterIdentifier"] = std::move(identifier);
  CO_TRY(const auto response, co_await rds(region, std::move(form), deadline));
  co_return awsapi::parse_global_clusters(response.status, response.body);
}

net::Task<Result<std::vector<std::map<std::string, std::string>>>> AwsClient::cloudformation_list(
    RegionId region, awsapi::Form form, std::string list, Deadline deadline) {
  constexpr std::size_t kMembersMax = 100'000;
  form["Version"] = "2010-05-15";
  std::vector<std::map<std::string, std::string>> members;
  while (members.size() < kMembersMax) {
    CO_TRY(const auto response, co_await query(region, "cloudformation", form, deadline));
    pugi::xml_document document;
    CO_TRY(const pugi::xml_node result,
           awsapi::result_of(document, response.status, response.body));
    for (const auto& member : result.child(list.c_str()).children("member")) {
      auto& texts = members.emplace_back();
      for (const auto& element : member.children()) {
        const bool is_text = element.first_child().type() != pugi::node_element;
        if (is_text) texts[element.name()] = element.text().get();
      }
    }
    form["NextToken"] = awsapi::text_of(result, "NextToken");
    if (form["NextToken"].empty()) break;
  }
  co_return members;
}

net::Task<Result<std::vector<model::DbCluster>>> AwsClient::describe_db_clusters(
    RegionId region, Deadline deadline) {
  awsapi::Form form = {{"Action", "DescribeDBClusters"}};
  CO_TRY(const auto response, co_await rds(region, std::move(form), deadline));
  co_return awsapi::parse_db_clusters(response.status, response.body);
}

net::Task<Result<std::vector<model::DbInstance>>> AwsClient::describe_db_instances(
    RegionId region, Deadline deadline) {
  awsapi::Form form = {{"Action", "DescribeDBInstances"}};
  CO_TRY(const auto response, co_await rds(region, std::move(form), deadline));
  co_return awsapi::parse_db_instances(response.status, response.body);
}

net::Task<Result<std::vector<model::Event>>> AwsClient::describe_events(RegionId region,
                                                                        int minutes,
                                                                        Deadline deadline) {
  awsapi::Form form = {{"Action", "DescribeEvents"}, {"Duration", std::to_string(minutes)}};
  CO_TRY(const auto response, co_await rds(region, std::move(form), deadline));
  co_return awsapi::parse_events(response.status, response.body);
}

net::Task<Result<void>> AwsClient::move_writer(RegionId region, std::string global_cluster,
                                               std::string target_arn, model::OperationKind kind,
                                               Deadline deadline,
                                               std::optional<model::Drain> drain) {
  awsapi::Form form = {{"GlobalClusterIdentifier", global_cluster},
                       {"TargetDbClusterIdentifier", target_arn}};
  if (kind == model::OperationKind::switchover) {
    form["Action"] = "SwitchoverGlobalCluster";
  } else {
    form["Action"] = "FailoverGlobalCluster";
    form["AllowDataLoss"] = "true";
  }
  if (drain) {
    form["DrainTimeoutMs"] = std::to_string(
        std::chrono::duration_cast<std::chrono::milliseconds>(drain->timeout).count());
    form["DrainPolicy"] = std::string(model::name_of(drain->policy));
  }
  co_return co_await rds_do(region, std::move(form), deadline);
}

net::Task<Result<std::optional<awsapi::MetricStatistics>>> AwsClient::metric_statistics(
    RegionId region, awsapi::MetricQuery metric, Deadline deadline) {
  CO_TRY(const auto response,
         co_await query(region, "monitoring", awsapi::metric_form(metric), deadline));
  co_return awsapi::parse_metric_statistics(response.status, response.body);
}

net::Task<Result<nlohmann::json>> AwsClient::json_call(RegionId region, std::string service,
                                                       std::string target, nlohmann::json request,
                                                       Deadline deadline) {
  awsapi::HttpMessage message{"POST", "/", {}, request.dump()};
  message.headers.emplace_back("Content-Type", "application/x-amz-json-1.1");
  message.headers.emplace_back("X-Amz-Target", target);
  const bool repeatable = is_repeatable(target.substr(target.rfind('.') + 1));
  CO_TRY(const auto response,
         co_await send(region, service, std::move(message), repeatable, deadline));
  if (response.status != 200) co_return json_error(response).in(target);
  auto answer = parse_json(response.body.empty() ? "{}" : response.body);
  if (!answer.is_object()) co_return make_error(ErrorKind::corrupt, target + ": no JSON object");
  co_return answer;
}

net::Task<Result<AwsClient::Invocation>> AwsClient::invoke(RegionId region, std::string function,
                                                           nlohmann::json payload,
                                                           bool asynchronous, Deadline deadline) {
  awsapi::HttpMessage message{
      "POST",
      "/2015-03-31/functions/" + awsapi::percent_encode(function) + "/invocations",
      {},
      payload.dump()};
  message.headers.emplace_back("Content-Type", "application/json");
  message.headers.emplace_back("X-Amz-Invocation-Type", asynchronous ? "Event" : "RequestResponse");
  CO_TRY(const auto response, co_await send(region, "lambda", std::move(message), false, deadline));
  if (response.status != 200 && response.status != 202) {
    co_return json_error(response).in("invoke " + function);
  }
  co_return Invocation{response.status, net::header_value(response.headers, "X-Amz-Function-Error"),
                       response.body};
}

net::Task<Result<nlohmann::json>> AwsClient::platform_status(RegionId region, Deadline deadline) {
  if (endpoint_.address.empty()) {
    co_return make_error(ErrorKind::not_found, "AWS has no platform status");
  }
  awsapi::HttpMessage message{"GET", "/-/status", {}, ""};
  CO_TRY(const auto response,
         co_await send(region, "aurora-global", std::move(message), true, deadline));
  auto json = parse_json(response.body);
  if (response.status != 200 || !json.is_object()) {
    co_return make_error(response.status >= 500 ? ErrorKind::unavailable : ErrorKind::not_found,
                         "no platform status (HTTP " + std::to_string(response.status) + ")");
  }
  co_return json;
}

net::Task<Result<void>> AwsClient::health(Deadline deadline) {
  net::HttpRequest request;
  request.method = "GET";
  request.target = "/-/health";
  std::string host;
  net::HttpClient& client = client_of("health", RegionId{}, host);
  CO_TRY(const auto response, co_await client.request(std::move(request), deadline));
  if (response.status == 200) co_return ok();
  co_return make_error(ErrorKind::unavailable, "HTTP " + std::to_string(response.status));
}

}  // namespace aurora_global::awsclient
