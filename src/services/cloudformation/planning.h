// What a caller asks a stack to be, checked as far as it can be before anything is made.
#pragma once

#include <memory>
#include <string>

#include "cloudformation/graph.h"
#include "cloudformation/plan.h"
#include "services/cloudformation/outside.h"
#include "services/json_protocol.h"

namespace aurora_global::services::cloudformation {

// A template with values for all that it asks for.
struct Blueprint {
  core::Template of;
  core::ParameterValues parameters;
  core::PseudoParameters pseudo;
  core::ConditionValues conditions;
  Tags stack_tags;

  core::Scope scope(const core::Lookups& lookups) const {
    return {&of, &parameters, &pseudo, &conditions, &lookups};
  }
};

// What the CDK says of every deployment; there is one way to make one.
void check_deployment_config(Members& members);

// The members that CreateStack, UpdateStack and CreateChangeSet have in common.
struct Asked {
  std::string body;
  std::string url;
  bool previous_template = false;
  core::ParameterInput parameters;
  std::vector<std::string> capabilities;
  std::optional<Tags> tags;
  std::vector<std::string> notification_arns;
  std::string role_arn;
};
Asked read_asked(Members& members);

// What is imported is of no stack yet. Fails in CloudFormation's words.
Result<void> check_unowned(const Book& book, const core::Template& of,
                           const core::ImportIds& imports);

// The text of a template in the call or in our own S3. Fails in CloudFormation's words.
net::Task<Result<std::string>> fetch_template(ServiceCaller& services, std::string body,
                                              std::string url);

struct Plan {
  std::string text;
  Source source;  // Without the template's key.
  std::map<std::string, core::Target> targets;
  std::vector<core::ResourceChange> changes;
  core::ImportIds imports;
  bool has_changes = false;
};

class Planner {
 public:
  // All outlive the planner.
  Planner(Book& book, Fetcher& fetcher, ServiceCaller& services, const Providers& providers)
      : book_(book), fetcher_(fetcher), services_(services), providers_(providers) {}

  // What is wrong with the call itself: no template, parameters that are missing, capabilities.
  // Resolves SSM parameters. `stack`: what there is, of that name or a new one.
  struct Draft {
    std::string text;
    std::shared_ptr<Blueprint> blueprint;
    Source source;
    // Nullopt: it is no import.
    std::optional<std::vector<core::ResourceToImport>> imports = std::nullopt;
  };
  net::Task<Result<Draft>> draft(Asked asked, StackRecord stack);
  // What will be done, and whether all types and properties can be had. Nothing of the stack is
  // changed.
  net::Task<Result<Plan>> plan(Draft draft, std::string stack_uuid);

  // What a stack was made of, again.
  net::Task<Result<std::shared_ptr<Blueprint>>> blueprint_of(Source source, StackRecord stack);

 private:
  core::PseudoParameters pseudo_of(const StackRecord& stack) const;
  // Without conditions: of what depends on none, before anything is looked up.
  Result<void> check_types(const core::Template& of, const core::ConditionValues* conditions) const;
  Result<void> check_values(const Blueprint& blueprint, const Outside& outside) const;

  Book& book_;
  Fetcher& fetcher_;
  ServiceCaller& services_;
  const Providers& providers_;
};

// More than the table says is asked of the provider where all of the properties is known.
Result<void> check_resource(const Provider& provider, const std::string& logical_id,
                            const nlohmann::json& properties, const std::set<std::string>& unknown);

}  // namespace aurora_global::services::cloudformation
