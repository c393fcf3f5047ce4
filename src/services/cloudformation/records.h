// Stacks and change sets as they are stored: what is known of them beside the steps of a
// deployment.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cloudformation/imports.h"
#include "cloudformation/outputs.h"
#include "cloudformation/parameters.h"
#include "cloudformation/resource_state.h"
#include "cloudformation/stack_state.h"
#include "services/cloudformation/provider.h"

namespace aurora_global::services::cloudformation {

// What a stack is made of, or is to be.
struct Source {
  std::string template_key;  // Of its text in the store.
  std::string description;   // Of the template.
  core::ParameterValues parameters;
  Tags tags;
  std::vector<std::string> capabilities;
  std::vector<std::string> notification_arns;
  std::string role_arn;
  std::set<std::string> imports;  // Names of exports.
};

// The last that happened to a resource.
struct ResourceView {
  std::string type;
  std::string physical_id;
  std::string status;
  std::string reason;
  WallTime at{};
};

// What CreateStack and ExecuteChangeSet say is done when a stack cannot be made.
enum class StackFailure { roll_back, keep, remove };

struct StackRecord {
  std::string id;  // The ARN.
  std::string uuid;
  std::string name;
  core::StackStatus status = core::StackStatus::review_in_progress;
  std::string reason;  // Of the status.
  WallTime created{};
  std::optional<WallTime> updated;
  std::optional<WallTime> deleted;
  // `current` is what the stack was last made of, `wanted` what is being made of it, or what has
  // failed and was not taken back.
  std::optional<Source> current;
  std::optional<Source> wanted;
  StackFailure on_failure = StackFailure::roll_back;
  bool is_protected = false;
  std::map<std::string, core::Output> outputs;
  std::map<std::string, ResourceView> resources;
  std::string change_set_id;  // The last that was executed.
  std::string client_token;   // Of the last operation.
  std::string create_token;   // Of CreateStack.
  std::int64_t operations = 0;
  std::int64_t events = 0;

  // What it is shown with.
  const Source* shown_source() const { return wanted ? &*wanted : current ? &*current : nullptr; }
};

struct ChangeSetRecord {
  std::string id;
  std::string uuid;
  std::string name;
  std::string stack_uuid;
  std::string type;    // CREATE, UPDATE or IMPORT.
  std::string status;  // CREATE_COMPLETE, FAILED.
  std::string reason;
  std::string execution_status;  // AVAILABLE, UNAVAILABLE, EXECUTE_COMPLETE.
  std::string description;
  std::string client_token;
  WallTime created{};
  StackFailure on_failure = StackFailure::roll_back;
  bool has_on_failure = false;
  core::ImportIds imports;  // Of type IMPORT.
  Source source;
};

nlohmann::json json_of(const StackRecord& of);
nlohmann::json json_of(const ChangeSetRecord& of);
// Fail with `corrupt`.
Result<StackRecord> stack_record_of(std::string_view text);
Result<ChangeSetRecord> change_set_record_of(std::string_view text);

// The keys of the store.
std::string stack_key(const std::string& uuid);
std::string deployment_key(const std::string& uuid);
std::string claims_key(const std::string& uuid);  // With a slash.
std::string change_set_key(const ChangeSetRecord& of);
std::string changes_key(const ChangeSetRecord& of);

}  // namespace aurora_global::services::cloudformation
