// What a template may ask of the world outside of its stack: exports, outputs of other stacks here
// and in other regions, availability zones, parameters of SSM, secrets.
//
// The core asks without waiting, so what is not known here is noted, the evaluation fails, and is
// repeated once the answers have been fetched.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "awsapi/query.h"
#include "awsapi/sigv4.h"
#include "cloudformation/dynamic_references.h"
#include "cloudformation/evaluate.h"
#include "services/cloudformation/book.h"
#include "services/cloudformation/recorded.h"
#include "services/sinks.h"

namespace aurora_global::services::cloudformation {

class Outside final : public core::Lookups {
 public:
  // `book` outlives this.
  explicit Outside(const Book& book) : book_(book) {}

  // Nothing of the stack itself is known to it.
  std::optional<std::string> physical_id(const std::string&) const override { return std::nullopt; }
  Result<std::optional<nlohmann::json>> attribute(const std::string&,
                                                  const std::string&) const override {
    return std::optional<nlohmann::json>();
  }
  std::optional<std::string> export_value(const std::string& name) const override;
  Result<nlohmann::json> stack_output(const std::string& stack, const std::string& output,
                                      const std::string& region) const override;
  Result<std::vector<std::string>> availability_zones(const std::string& region) const override;
  Result<std::string> ssm_parameter(const std::string& name) const;

  // The exports that were asked for.
  const std::set<std::string>& imports() const { return imports_; }

 private:
  friend class Fetcher;
  struct Remote {
    std::string region;
    std::string stack;
    auto operator<=>(const Remote&) const = default;
  };
  using Outputs = std::map<std::string, std::string>;

  const Book& book_;
  mutable std::set<std::string> imports_;
  mutable std::set<Remote> missing_stacks_;
  mutable std::set<std::string> missing_parameters_;
  std::map<Remote, Result<Outputs>> stacks_;
  std::map<std::string, Result<std::string>> parameters_;
};

class Fetcher final : public Elsewhere {
 public:
  // All outlive the fetcher. `credentials` sign calls to other regions.
  Fetcher(region::Region& region, ServiceCaller& services, awsapi::Credentials credentials)
      : region_(region), services_(services), credentials_(std::move(credentials)) {}

  // `evaluate(outside)`, again until everything it asks for is there. Fails with what it fails
  // with.
  template <typename T>
  net::Task<Result<T>> evaluated(Outside& outside, std::function<Result<T>()> evaluate) {
    // A template cannot ask for more, and what was fetched is not asked for again.
    constexpr int kRoundsMax = 500;
    for (int round = 0; round < kRoundsMax; ++round) {
      outside.missing_stacks_.clear();
      outside.missing_parameters_.clear();
      Result<T> value = evaluate();
      if (outside.missing_stacks_.empty() && outside.missing_parameters_.empty()) co_return value;
      auto fetching = fetch(outside);
      co_await std::move(fetching);
    }
    co_return make_error(ErrorKind::exhausted, "the template asks other stacks for too much");
  }

  // Whether a stack of any other region has the resource. Fails if a region does not answer and no
  // other one has it.
  net::Task<Result<bool>> has(std::string physical_id) override;

  // `value` with what its dynamic references stand for.
  net::Task<Result<nlohmann::json>> resolved(nlohmann::json value);

 private:
  net::Task<void> fetch(Outside& outside);
  net::Task<Result<region::RawResponse>> ask(std::string region, awsapi::Form form);
  net::Task<Result<Outside::Outputs>> outputs_of(std::string region, std::string stack);
  net::Task<Result<std::string>> ssm(std::string name);
  net::Task<Result<std::string>> secret(core::DynamicReference reference);

  region::Region& region_;
  ServiceCaller& services_;
  awsapi::Credentials credentials_;
};

}  // namespace aurora_global::services::cloudformation
