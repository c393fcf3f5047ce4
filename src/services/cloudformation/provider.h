// What stands behind a resource type: a table of what the type has, and who makes, changes and
// removes resources of it. One file of providers/ has a family of types.
//
// A step may be done twice, for the daemon may end at any moment. So a create that is repeated must
// find what it made. How depends on who names the resource:
//   CloudFormation   generated_name() is the same again: what has that name is the step's own
//   the template     claim() before anything is made: if `claimed` is that name, it is the step's
//                    own; else the resource that is there is somebody else's, and the create fails
//   the service      step_tag() at the resource, where its service takes tags
// Updates and removals are repeated as they are: removing what is not there succeeds.
//
// Providers call services by AWS's names through a ServiceCaller, never another service's headers.
// A stop of the daemon cancels them at their next wait; the step is taken up by the next process.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cloudformation/deployment.h"
#include "net/task.h"
#include "services/cloudformation/type_table.h"
#include "services/sinks.h"

namespace aurora_global::services {
class CustomAnswers;
}

namespace aurora_global::services::cloudformation {

// What was made: its physical id, and every attribute of the type's table ("Endpoint.Address" as
// {"Endpoint": {"Address": ...}} or by the whole name).
using Made = core::Made;

using core::Tags;

// Where a provider writes down what it is about to make.
class Claims {
 public:
  virtual ~Claims() = default;
  // Durable when it returns: the step's resource is the one of that name, which is not there yet.
  virtual net::Task<Result<void>> claim(std::string name) = 0;
};

// One step of a stack.
struct ResourceRequest {
  std::string token;  // Of this step, in no other stack or operation; the same when it is repeated.
  std::string stack_name;
  std::string stack_id;  // The ARN.
  std::string logical_id;
  std::string type;
  std::string region;
  std::string account_id;
  std::string physical_id;  // Of what there is; empty for a create.
  // Evaluated, dynamic references resolved, the stack's tags among its own; for a removal as they
  // are written.
  nlohmann::json properties = nlohmann::json::object();
  // What it was last made of, dynamic references as they are written; for a create nothing.
  nlohmann::json former_properties = nlohmann::json::object();
  // Names of the top-level properties that differ between the two, references as written.
  std::set<std::string> changed;
  std::string claimed;  // What an earlier try of this step claimed.
  Claims* claims = nullptr;
  // The operation has failed elsewhere: a wait may end, with `cancelled`. Null: never.
  const bool* called_off = nullptr;

  bool is_called_off() const { return called_off != nullptr && *called_off; }
};

class Provider {
 public:
  virtual ~Provider() = default;

  virtual const TypeTable& table() const = 0;

  // More than the table says, of values that are known: those that are not are kKnownAfterApply in
  // the midst of them. Asked when a change set is made and again before the step; fails with
  // `invalid` and a sentence that names the property.
  virtual Result<void> check(const nlohmann::json& properties) const;

  // Sets `made.physical_id` as soon as there is something, also if it fails afterwards: that is
  // then removed. Returns when the resource can be used. Fails with any kind; the message becomes
  // the reason in the stack's events.
  virtual net::Task<Result<void>> create(const ResourceRequest& request, Made& made) = 0;
  // Makes the resource what `properties` say. `made` has the physical id already; another one means
  // that the resource was replaced, and the former is removed when the stack's update is over. Only
  // called where a property differs whose Replacing is not `always`.
  virtual net::Task<Result<void>> update(const ResourceRequest& request, Made& made) = 0;
  virtual net::Task<Result<void>> remove(const ResourceRequest& request) = 0;
  // What there is now of `physical_id`: its attributes. Fails with `not_found`.
  virtual net::Task<Result<void>> read(const ResourceRequest& request, Made& made) = 0;
};

class Records;
class Elsewhere;

// What a provider may use; all of it outlives the provider.
struct ProviderContext {
  ServiceCaller& services;
  // Of recorded.h, for what is nothing but recorded; a provider that needs them says so.
  Records* records = nullptr;
  Elsewhere* elsewhere = nullptr;
  CustomAnswers* answers = nullptr;  // Where custom resources answer; null: they cannot.
};

class Providers {
 public:
  void add(std::unique_ptr<Provider> provider);
  // Null: the type is not known. "Custom::Anything" is the provider of "Custom::*".
  Provider* find(std::string_view type) const;
  std::vector<const TypeTable*> tables() const;

 private:
  std::vector<std::unique_ptr<Provider>> providers_;
};

// The core's questions, answered from the tables.
class ProviderSchema final : public core::Schema {
 public:
  explicit ProviderSchema(const Providers& providers) : providers_(providers) {}
  core::Replacing replacing(const std::string& type, const std::string& property,
                            const nlohmann::json& before,
                            const nlohmann::json& after) const override;
  bool is_stable(const std::string& type, const std::string& attribute) const override;
  core::TagsProperty tags_property(const std::string& type) const override;

 private:
  const Providers& providers_;
};

}  // namespace aurora_global::services::cloudformation
