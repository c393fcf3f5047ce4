// What the resource types of API Gateway have in common.
#pragma once

#include "services/cloudformation/providers/service_call.h"

namespace aurora_global::services::cloudformation {

// One type of API Gateway: its table, and calls of the service.
class ApiPart : public Provider {
 public:
  ApiPart(const ProviderContext& context, const TypeTable& table)
      : services_(context.services), table_(table) {}
  const TypeTable& table() const override { return table_; }

 protected:
  net::Task<Result<nlohmann::json>> ask(std::string operation, nlohmann::json input) {
    return call_typed(services_, "apigateway", std::move(operation), std::move(input));
  }
  // Makes the tags of what has `arn`, `present`, what they are to be.
  net::Task<Result<void>> tag(std::string arn, nlohmann::json present, nlohmann::json wanted) {
    return retag(services_, {.service = "apigateway", .resource = {{"resourceArn", arn}}},
                 std::move(present), std::move(wanted));
  }
  // {"restApiId": ..., and `more`}
  static nlohmann::json of_api(const ResourceRequest& request, nlohmann::json more = {});
  // Asks for the end of what `member` names, by its physical id; and whether it is there.
  net::Task<Result<void>> remove_by(const ResourceRequest& request, std::string operation,
                                    const char* member);
  net::Task<Result<void>> read_by(const ResourceRequest& request, std::string operation,
                                  const char* member, Made& made);
  // Members whose name in the service is the property's with a small first letter.
  static nlohmann::json lowered(const nlohmann::json& properties,
                                std::initializer_list<const char*> names);
  // For what the service names by itself and cannot mark: writes down the ids that are there before
  // it makes one, so that a repeated step finds its own among those that came since. Answers that
  // id, empty where there is none yet.
  net::Task<Result<std::string>> claim_new(const ResourceRequest& request, std::string operation);

 private:
  ServiceCaller& services_;
  const TypeTable& table_;
};

}  // namespace aurora_global::services::cloudformation
