// AWS calls to an endpoint: signed, sent, and read back.
//
// Knows addresses and credentials, nothing else. With one endpoint (a region of a platform of ours,
// AWS_ENDPOINT_URL) every call goes there: a call for another region is passed on. Without one,
// calls go to AWS itself: https://<service>.<region>.amazonaws.com. A throttled call is sent again,
// with growing pauses, until its deadline; what AWS says then is the answer.
#pragma once

#include <map>
#include <nlohmann/json.hpp>

#include "awsapi/metric_shapes.h"
#include "awsapi/rds_shapes.h"
#include "awsapi/sigv4.h"
#include "model/operation.h"
#include "net/http.h"

namespace aurora_global::awsclient {

struct Endpoint {
  std::string address;  // "127.0.1.1:4566" or "host:port"; empty: AWS.
  net::TlsContext tls;  // Null: plain HTTP.
};
// "http://127.0.1.1:4566", "https://host"; "" is AWS. `ca_file`: who signs HTTPS servers; "" asks
// the well-known places of a Linux system. Fails with `invalid`.
Result<Endpoint> parse_endpoint_url(const std::string& url, const std::string& ca_file);

// Whether an operation may be sent again when its connection breaks before an answer: it is known
// to do no harm twice. All others are sent once, over a connection of their own, so that a
// SwitchoverGlobalCluster whose answer was lost is not done again.
bool is_repeatable(std::string_view operation);

class AwsClient {
 public:
  // Plain HTTP to one address, "127.0.1.1:4566".
  AwsClient(boost::asio::any_io_executor executor, std::string address,
            awsapi::Credentials credentials);
  AwsClient(boost::asio::any_io_executor executor, Endpoint endpoint,
            awsapi::Credentials credentials);

  const awsapi::Credentials& credentials() const { return credentials_; }
  // Between two looks at a state that is waited for. AWS throttles who asks more often; what is
  // reached in the clear is a platform of ours.
  Duration poll_interval() const {
    return endpoint_.tls == nullptr ? std::chrono::milliseconds(100) : std::chrono::seconds(1);
  }

  net::Task<Result<net::HttpResponse>> rds(RegionId region, awsapi::Form form, Deadline deadline);
  // A call whose result does not matter.
  net::Task<Result<void>> rds_do(RegionId region, awsapi::Form form, Deadline deadline);

  // All, or the one named (`not_found` if there is none): a policy may allow to see only that one.
  net::Task<Result<std::vector<awsapi::GlobalClusterView>>> describe_global_clusters(
      RegionId region, Deadline deadline, std::string identifier = "");
  net::Task<Result<std::vector<model::DbCluster>>> describe_db_clusters(RegionId region,
                                                                        Deadline deadline);
  net::Task<Result<std::vector<model::DbInstance>>> describe_db_instances(RegionId region,
                                                                          Deadline deadline);
  net::Task<Result<std::vector<model::Event>>> describe_events(RegionId region, int minutes,
                                                               Deadline deadline);
  // SwitchoverGlobalCluster, or FailoverGlobalCluster with AllowDataLoss. `drain` is for our own
  // regions: AWS refuses it.
  net::Task<Result<void>> move_writer(RegionId region, std::string global_cluster,
                                      std::string target_arn, model::OperationKind kind,
                                      Deadline deadline, std::optional<model::Drain> drain = {});

  // CloudFormation: the members of the list `list` in the answer to `form`, all pages, each with
  // its elements that are text.
  net::Task<Result<std::vector<std::map<std::string, std::string>>>> cloudformation_list(
      RegionId region, awsapi::Form form, std::string list, Deadline deadline);

  // GetMetricStatistics; nullopt: no value of that time has arrived.
  net::Task<Result<std::optional<awsapi::MetricStatistics>>> metric_statistics(
      RegionId region, awsapi::MetricQuery metric, Deadline deadline);

  // Services with a JSON protocol, e.g. service "secretsmanager", target "secretsmanager",
  // operation "GetSecretValue". An error answer becomes an Error with AWS's code.
  net::Task<Result<nlohmann::json>> json_call(RegionId region, std::string service,
                                              std::string target, nlohmann::json request,
                                              Deadline deadline);

  struct Invocation {
    int status = 0;
    std::string function_error;  // X-Amz-Function-Error; empty: the function returned.
    std::string payload;
  };
  // `asynchronous`: InvocationType Event. Not repeated when the connection breaks.
  net::Task<Result<Invocation>> invoke(RegionId region, std::string function,
                                       nlohmann::json payload, bool asynchronous,
                                       Deadline deadline);

  // The platform's own status; `not_found` on AWS.
  net::Task<Result<nlohmann::json>> platform_status(RegionId region, Deadline deadline);
  // No signature needed.
  net::Task<Result<void>> health(Deadline deadline);

 private:
  net::Task<Result<net::HttpResponse>> query(RegionId region, std::string service,
                                             awsapi::Form form, Deadline deadline);
  net::Task<Result<net::HttpResponse>> send(RegionId region, std::string service,
                                            awsapi::HttpMessage message, bool repeatable,
                                            Deadline deadline);
  net::HttpClient& client_of(const std::string& service, const RegionId& region, std::string& host);

  boost::asio::any_io_executor executor_;
  Endpoint endpoint_;
  awsapi::Credentials credentials_;
  std::map<std::string, net::HttpClient> clients_;  // By host.
};

}  // namespace aurora_global::awsclient
