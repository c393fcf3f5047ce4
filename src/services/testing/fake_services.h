// Services that a provider calls, in a test: each operation is a function of its input.
#pragma once

#include <functional>
#include <map>

#include "services/sinks.h"

namespace aurora_global::services::testing {

class FakeServices final : public ServiceCaller {
 public:
  using Operation = std::function<Result<nlohmann::json>(const nlohmann::json& input)>;

  std::map<std::string, Operation> operations;  // By "ssm.PutParameter".
  std::vector<std::string> asked;

  net::Task<Result<nlohmann::json>> call(std::string service, std::string operation,
                                         nlohmann::json input) override {
    const std::string name = service + "." + operation;
    asked.push_back(name);
    const auto found = operations.find(name);
    if (found == operations.end()) {
      co_return make_error(ErrorKind::invalid, "there is no " + name, "InvalidAction");
    }
    co_return found->second(input);
  }
};

}  // namespace aurora_global::services::testing
