#include "drill/aws_client.h"

namespace aurora_global::drill {

AwsClient::AwsClient(boost::asio::any_io_executor executor, std::string address,
                     awsapi::Credentials credentials)
    : address_(address), credentials_(std::move(credentials)), http_(executor, address) {}

net::Task<Result<net::HttpResponse>> AwsClient::send(RegionId region, std::string service,
                                                     awsapi::HttpMessage message,
                                                     Deadline deadline) {
  awsapi::sign(message, credentials_, address_, region.name, service, SystemClock().wall_now());
  net::HttpRequest request;
  request.method = std::move(message.method);
  request.target = std::move(message.target);
  request.headers = std::move(message.headers);
  request.body = std::move(message.body);
  co_return co_await http_.request(std::move(request), deadline);
}

net::Task<Result<net::HttpResponse>> AwsClient::rds(RegionId region, awsapi::Form form,
                                                    Deadline deadline) {
  form["Version"] = std::string(awsapi::kRdsVersion);
  awsapi::HttpMessage message{"POST", "/", {}, awsapi::encode_form(form)};
  message.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  co_return co_await send(region, "rds", std::move(message), deadline);
}

net::Task<Result<void>> AwsClient::rds_do(RegionId region, awsapi::Form form, Deadline deadline) {
  const std::string action = form["Action"];
  CO_TRY(const auto response, co_await rds(region, std::move(form), deadline));
  auto acknowledged = awsapi::parse_acknowledgement(response.status, response.body);
  if (acknowledged.has_error()) co_return acknowledged.error().in(action);
  co_return ok();
}

net::Task<Result<std::vector<awsapi::GlobalClusterView>>> AwsClient::describe_global_clusters(
    RegionId region, Deadline deadline) {
  awsapi::Form form = {{"Action", "DescribeGlobalClusters"}};
  CO_TRY(const auto response, co_await rds(region, std::move(form), deadline));
  co_return awsapi::parse_global_clusters(response.status, response.body);
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
                                               Deadline deadline) {
  awsapi::Form form = {{"GlobalClusterIdentifier", global_cluster},
                       {"TargetDbClusterIdentifier", target_arn}};
  if (kind == model::OperationKind::switchover) {
    form["Action"] = "SwitchoverGlobalCluster";
  } else {
    form["Action"] = "FailoverGlobalCluster";
    form["AllowDataLoss"] = "true";
  }
  co_return co_await rds_do(region, std::move(form), deadline);
}

net::Task<Result<nlohmann::json>> AwsClient::platform_status(RegionId region, Deadline deadline) {
  awsapi::HttpMessage message{"GET", "/-/status", {}, ""};
  CO_TRY(const auto response, co_await send(region, "aurora-global", std::move(message), deadline));
  auto json = nlohmann::json::parse(response.body, nullptr, false);
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
  CO_TRY(const auto response, co_await http_.request(std::move(request), deadline));
  if (response.status == 200) co_return ok();
  co_return make_error(ErrorKind::unavailable, "HTTP " + std::to_string(response.status));
}

}  // namespace aurora_global::drill
