// The region's API address: verifies who asks, then hands the call to the service it is for.
//
// Service and region come from the signature's credential scope. A call for another region is
// passed on unmodified to that region's daemon, which verifies it itself.
#pragma once

#include <memory>

#include "net/http.h"
#include "region/region.h"
#include "services/cloudformation/cloudformation.h"
#include "services/cloudwatch/cloudwatch.h"
#include "services/lambda/lambda.h"
#include "services/logs/logs.h"
#include "services/sinks.h"

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

  // For the API address and for calls that other regions pass on. Valid as long as this object.
  net::HttpHandler handler();

 private:
  ApiServer(boost::asio::any_io_executor executor, region::Region& region, Duration interval)
      : region_(region), metrics_interval_(interval), tasks_(executor) {}
  net::Task<net::HttpResponse> serve(net::HttpRequest request);
  net::Task<net::HttpResponse> dispatch(std::string service, net::HttpRequest request);
  net::Task<void> publish_metrics();

  region::Region& region_;
  Duration metrics_interval_;
  net::TaskGroup tasks_;
  std::unique_ptr<logs::Logs> logs_;
  std::unique_ptr<cloudwatch::CloudWatch> cloudwatch_;
  std::unique_ptr<lambda::Lambda> lambda_;
  std::unique_ptr<cloudformation::CloudFormation> cloudformation_;
};

}  // namespace aurora_global::services
