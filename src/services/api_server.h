// The region's API address: verifies who asks, then hands the call to the service it is for.
//
// Service and region come from the signature's credential scope. A call for another region is
// passed on unmodified to that region's daemon, which verifies it itself.
#pragma once

#include <memory>

#include "net/http.h"
#include "region/region.h"
#include "services/apigateway/apigateway.h"
#include "services/cloudformation/cloudformation.h"
#include "services/cloudwatch/cloudwatch.h"
#include "services/custom_answers.h"
#include "services/lambda/lambda.h"
#include "services/logs/logs.h"
#include "services/s3/s3.h"
#include "services/sinks.h"
#include "services/sqs/sqs.h"
#include "services/ssm/ssm.h"
#include "services/sts/sts.h"

namespace aurora_global::services {

struct ApiOptions {
  std::filesystem::path home;       // Of the region: functions/ and the services' *.sqlite.
  std::string api_address;          // "127.0.1.1:4566"; functions are told to call it.
  awsapi::Credentials credentials;  // Given to the functions.
  Duration metrics_interval = std::chrono::seconds(60);
};

// What the dispatch tables have, by the service's name in a credential scope.
struct ServedActions {
  std::string_view service;
  std::vector<std::string_view> actions;
};
std::vector<ServedActions> served_actions();

// Of the API address's HttpServer.
net::LargeBodies large_bodies();

// Every service of one region, wired together.
class ApiServer final : public ServiceCaller {
 public:
  // `region` outlives the server.
  static Result<std::unique_ptr<ApiServer>> open(boost::asio::any_io_executor executor,
                                                 region::Region& region, ApiOptions options);
  // Takes up queued invocations, begins to publish the region's own metrics.
  void start();
  // Ends functions and whatever is under way.
  net::Task<void> stop();

  net::Task<Result<nlohmann::json>> call(std::string service, std::string operation,
                                         nlohmann::json input) override;

  ObjectReader& objects() { return *s3_; }

  // For the API address and for calls that other regions pass on. Valid as long as this object.
  net::HttpHandler handler();

 private:
  ApiServer(boost::asio::any_io_executor executor, region::Region& region, Duration interval)
      : region_(region), metrics_interval_(interval), tasks_(executor) {}
  net::Task<net::HttpResponse> serve(net::HttpRequest request);
  net::Task<net::HttpResponse> dispatch(std::string service, sts::Caller caller,
                                        net::HttpRequest request);
  net::Task<Result<awsapi::Verified>> verify(const awsapi::HttpMessage& message,
                                             sts::Caller& caller) const;
  bool is_for_here(const awsapi::CredentialScope& scope) const;
  net::Task<void> publish_metrics();

  region::Region& region_;
  Duration metrics_interval_;
  std::string permanent_key_id_;  // Of the calls that services make.
  net::TaskGroup tasks_;
  std::unique_ptr<logs::Logs> logs_;
  std::unique_ptr<cloudwatch::CloudWatch> cloudwatch_;
  std::unique_ptr<s3::S3> s3_;  // Lambda reads zips from it.
  std::unique_ptr<lambda::Lambda> lambda_;
  std::unique_ptr<apigateway::ApiGateway> apigateway_;
  std::unique_ptr<sqs::Sqs> sqs_;
  std::unique_ptr<CustomAnswers> custom_answers_;
  std::unique_ptr<cloudformation::CloudFormation> cloudformation_;
  std::unique_ptr<ssm::Ssm> ssm_;
};

}  // namespace aurora_global::services
