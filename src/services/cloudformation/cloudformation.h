// CloudFormation: stacks and their change sets. Query protocol, API 2010-05-15, over the core in
// src/cloudformation.
//
// What a stack is made of is asked of the region's other services, by providers.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "awsapi/sigv4.h"
#include "net/http.h"
#include "region/region.h"
#include "services/sinks.h"

namespace aurora_global::services {
class CustomAnswers;
}

namespace aurora_global::services::cloudformation {

std::vector<std::string_view> action_names();

struct CloudFormationOptions {
  std::filesystem::path file;       // stacks.sqlite
  awsapi::Credentials credentials;  // For calls to other regions.
  // Where custom resources answer, which outlives the service; null: they cannot.
  CustomAnswers* answers = nullptr;
};

class CloudFormation {
 public:
  // `region` and `services` outlive the service; `services` is not called before start().
  static Result<std::unique_ptr<CloudFormation>> open(boost::asio::any_io_executor executor,
                                                      region::Region& region,
                                                      ServiceCaller& services,
                                                      CloudFormationOptions options);
  ~CloudFormation();

  // Takes up the deployments that an earlier process left.
  void start();
  // Ends what is under way: the next process goes on with it.
  net::Task<void> stop();

  net::Task<net::HttpResponse> serve(net::HttpRequest request);
  // As ServiceCaller has it; `input` has passed the model.
  net::Task<Result<nlohmann::json>> call(std::string operation, nlohmann::json input);

 private:
  struct Parts;
  explicit CloudFormation(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace aurora_global::services::cloudformation
