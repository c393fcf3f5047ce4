// AWS calls to a region's endpoint: signed, sent, and read back as the model's nouns.
//
// Knows an endpoint address and credentials, nothing else; the same calls work on AWS.
#pragma once

#include <nlohmann/json.hpp>

#include "awsapi/rds_shapes.h"
#include "awsapi/sigv4.h"
#include "model/operation.h"
#include "net/http.h"

namespace aurora_global::drill {

class AwsClient {
 public:
  // `address`: "127.0.1.1:4566". One client serves calls for every region of the platform: a call
  // for another one is passed on.
  AwsClient(boost::asio::any_io_executor executor, std::string address,
            awsapi::Credentials credentials);

  net::Task<Result<net::HttpResponse>> rds(RegionId region, awsapi::Form form, Deadline deadline);
  // A call whose result does not matter.
  net::Task<Result<void>> rds_do(RegionId region, awsapi::Form form, Deadline deadline);

  net::Task<Result<std::vector<awsapi::GlobalClusterView>>> describe_global_clusters(
      RegionId region, Deadline deadline);
  net::Task<Result<std::vector<model::DbCluster>>> describe_db_clusters(RegionId region,
                                                                        Deadline deadline);
  net::Task<Result<std::vector<model::DbInstance>>> describe_db_instances(RegionId region,
                                                                          Deadline deadline);
  net::Task<Result<std::vector<model::Event>>> describe_events(RegionId region, int minutes,
                                                               Deadline deadline);
  // SwitchoverGlobalCluster, or FailoverGlobalCluster with AllowDataLoss.
  net::Task<Result<void>> move_writer(RegionId region, std::string global_cluster,
                                      std::string target_arn, model::OperationKind kind,
                                      Deadline deadline);
  // The platform's own status; `not_found` on AWS.
  net::Task<Result<nlohmann::json>> platform_status(RegionId region, Deadline deadline);
  // No signature needed.
  net::Task<Result<void>> health(Deadline deadline);

 private:
  net::Task<Result<net::HttpResponse>> send(RegionId region, std::string service,
                                            awsapi::HttpMessage message, Deadline deadline);

  std::string address_;
  awsapi::Credentials credentials_;
  net::HttpClient http_;
};

}  // namespace aurora_global::drill
