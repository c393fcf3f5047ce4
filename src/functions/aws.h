// What both functions share: an AWS client from Lambda's environment, and payload fields.
#pragma once

#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "awsclient/aws_client.h"

namespace aurora_global::functions {

// AWS_ACCESS_KEY_ID ..., AWS_ENDPOINT_URL (unset: AWS itself), AWS_CA_BUNDLE.
Result<std::unique_ptr<awsclient::AwsClient>> aws_from_environment(
    boost::asio::any_io_executor executor);

// The global cluster GLOBAL_CLUSTER_ID as the RDS API of `region` sees it. A vanished endpoint is
// tried again until the deadline.
net::Task<Result<awsapi::GlobalClusterView>> global_cluster(awsclient::AwsClient& aws,
                                                            RegionId region, std::string identifier,
                                                            Deadline deadline);

// Reads the fields of a payload; each error names the field, what was given, what would be right.
class Payload {
 public:
  explicit Payload(const nlohmann::json& object) : object_(object) {}
  Result<void> only(std::initializer_list<std::string_view> fields) const;
  Result<bool> flag(const char* field, bool otherwise) const;
  Result<std::optional<std::int64_t>> number(const char* field, std::int64_t min,
                                             std::int64_t max) const;
  Result<std::string> one_of(const char* field, std::initializer_list<std::string_view> choices,
                             std::string otherwise) const;
  Result<std::string> text(const char* field) const;
  // 1 to 32 letters, digits and hyphens; "" if the field is not there.
  Result<std::string> name(const char* field) const;

 private:
  const nlohmann::json& object_;
};

}  // namespace aurora_global::functions
