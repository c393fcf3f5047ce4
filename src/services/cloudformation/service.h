// What the operations of CloudFormation work on, and which there are. Only its own files include
// this.
#pragma once

#include "services/cloudformation/driver.h"
#include "services/json_protocol.h"

namespace aurora_global::services::cloudformation {

struct Service {
  Book& book;
  Planner& planner;
  Driver& driver;
  ServiceCaller& services;
};

using Answer = net::Task<Result<nlohmann::json>>;

// change_sets.cc
Answer create_change_set(Service& service, Members members);
Answer describe_change_set(Service& service, Members members);
Answer execute_change_set(Service& service, Members members);
Answer delete_change_set(Service& service, Members members);
Answer list_change_sets(Service& service, Members members);
// stack_operations.cc
Answer create_stack(Service& service, Members members);
Answer update_stack(Service& service, Members members);
Answer delete_stack(Service& service, Members members);
Answer update_termination_protection(Service& service, Members members);
// rollbacks.cc
Answer cancel_update_stack(Service& service, Members members);
Answer continue_update_rollback(Service& service, Members members);
Answer rollback_stack(Service& service, Members members);
// descriptions.cc
Answer describe_stacks(Service& service, Members members);
Answer list_stacks(Service& service, Members members);
Answer list_exports(Service& service, Members members);
Answer list_imports(Service& service, Members members);
Answer get_template(Service& service, Members members);
// resource_descriptions.cc
Answer describe_stack_events(Service& service, Members members);
Answer describe_stack_resource(Service& service, Members members);
Answer describe_stack_resources(Service& service, Members members);
Answer list_stack_resources(Service& service, Members members);
// templates.cc
Answer validate_template(Service& service, Members members);
Answer get_template_summary(Service& service, Members members);

double seconds_of(WallTime at);
// {"ParameterKey", "ParameterValue", "ResolvedValue"}, hidden where it must be.
nlohmann::json parameters_shown(const core::ParameterValues& parameters);

// What an operation begins with.
struct Beginning {
  Source source;
  std::map<std::string, core::Target> targets;
  StackFailure on_failure = StackFailure::roll_back;
  bool retains_except_on_create = false;
  std::string client_token;
  std::string change_set_id;
};
struct Begun {
  StackRecord record;
  core::Deployment deployment;
};
// The record and the deployment of an operation on a stack that has `inventory`. Fails with
// ValidationError where the stack's status does not take it.
Result<Begun> begun(StackRecord record, core::Inventory inventory, core::StackEvent event,
                    Beginning beginning);

}  // namespace aurora_global::services::cloudformation
