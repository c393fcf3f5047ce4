// A provider's steps in a test, without a stack.
#pragma once

#include <string>

#include "net/testing/run.h"
#include "services/cloudformation/provider.h"
#include "services/testing/fake_services.h"

namespace aurora_global::services::cloudformation::testing {

class FakeClaims final : public Claims {
 public:
  std::string claimed;
  net::Task<Result<void>> claim(std::string name) override {
    claimed = std::move(name);
    co_return ok();
  }
};

// Drives one provider: what a step gave is what the next one gets.
struct ProviderStep {
  ProviderStep(Provider& of, std::string type, nlohmann::json properties) : provider(of) {
    request = {.token = "0b8f1c3e/1/1/0",
               .stack_name = "my-stack",
               .stack_id = "arn:aws:cloudformation:us-east-1:123456789012:stack/my-stack/0b8f1c3e",
               .logical_id = "Thing",
               .type = std::move(type),
               .region = "us-east-1",
               .account_id = "123456789012",
               .properties = std::move(properties),
               .claims = &claims};
  }

  Result<void> create() {
    made = {};
    Result<void> outcome = ok();
    net::testing::run([&](net::TaskGroup&) -> net::Task<void> {
      auto running = provider.create(request, made);
      outcome = co_await std::move(running);
    });
    request.physical_id = made.physical_id;
    return outcome;
  }
  // As the daemon does that found the create begun.
  Result<void> create_again() {
    request.claimed = claims.claimed;
    request.physical_id.clear();
    return create();
  }
  // `changed`: where what is written differs in another way than what it stands for.
  Result<void> update(nlohmann::json properties,
                      std::optional<std::set<std::string>> changed = std::nullopt) {
    request.former_properties = std::exchange(request.properties, std::move(properties));
    request.changed = changed
                          ? std::move(*changed)
                          : core::changed_properties(request.former_properties, request.properties);
    made = {.physical_id = request.physical_id};
    Result<void> outcome = ok();
    net::testing::run([&](net::TaskGroup&) -> net::Task<void> {
      auto running = provider.update(request, made);
      outcome = co_await std::move(running);
    });
    return outcome;
  }
  Result<void> remove() {
    Result<void> outcome = ok();
    net::testing::run([&](net::TaskGroup&) -> net::Task<void> {
      auto running = provider.remove(request);
      outcome = co_await std::move(running);
    });
    return outcome;
  }
  Result<void> read() {
    made = {};
    Result<void> outcome = ok();
    net::testing::run([&](net::TaskGroup&) -> net::Task<void> {
      auto running = provider.read(request, made);
      outcome = co_await std::move(running);
    });
    return outcome;
  }

  Provider& provider;
  FakeClaims claims;
  ResourceRequest request;
  Made made;
};

}  // namespace aurora_global::services::cloudformation::testing
