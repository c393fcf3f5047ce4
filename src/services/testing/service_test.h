// A test of one service that keeps what it has in a directory: called by the names of AWS, past the
// API server, with answers and refusals as JSON.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "net/testing/run.h"
#include "region/region.h"
#include "services/call.h"

namespace aurora_global::services::testing {

template <typename Service>
class ServiceTest : public ::testing::Test {
 protected:
  // `name`: of the service in a credential scope.
  explicit ServiceTest(const char* name) : name_(name) {
    char place[] = "/tmp/aurora-global-service-XXXXXX";
    home_ = mkdtemp(place);
  }
  ~ServiceTest() override { std::filesystem::remove_all(home_); }

  // The output of an operation; of a refusal, {"code", "message"}.
  net::Task<nlohmann::json> call(std::string operation, nlohmann::json input) {
    auto read = read_input(name_, operation, input);
    if (read.has_error()) co_return nlohmann::json{{"code", read.error().code}};
    auto calling = service_->call(std::move(operation), std::move(*read));
    const auto answer = co_await std::move(calling);
    if (answer.has_value()) co_return *answer;
    co_return nlohmann::json{{"code", answer.error().code}, {"message", answer.error().message}};
  }
  net::Task<std::string> code(std::string operation, nlohmann::json input) {
    const nlohmann::json answer = co_await call(std::move(operation), std::move(input));
    co_return answer.value("code", "none");
  }

  std::filesystem::path home_;
  region::Facts facts_{RegionId{"us-east-1"}, "123456789012", "", "", {}};
  Service* service_ = nullptr;  // While one lives.

 private:
  const char* name_;
};

}  // namespace aurora_global::services::testing
