// A template, read and checked: every section in its own form, every reference leads somewhere.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cloudformation/parameters.h"

namespace aurora_global::cloudformation {

// DeletionPolicy and UpdateReplacePolicy.
enum class RemovalPolicy { remove, retain, retain_except_on_create, snapshot };
std::string_view name_of(RemovalPolicy policy);
std::optional<RemovalPolicy> removal_policy_named(std::string_view name);

struct ResourceDefinition {
  std::string type;
  nlohmann::json properties = nlohmann::json::object();  // With functions.
  std::set<std::string> depends_on;                      // As DependsOn says.
  std::string condition;                                 // Empty: none.
  RemovalPolicy deletion_policy = RemovalPolicy::remove;
  bool has_deletion_policy = false;
  RemovalPolicy update_replace_policy = RemovalPolicy::remove;
  // Kept and compared; nothing is done by them.
  nlohmann::json metadata = nlohmann::json::object();
  nlohmann::json creation_policy = nlohmann::json::object();
  nlohmann::json update_policy = nlohmann::json::object();
};

struct OutputDefinition {
  nlohmann::json value;
  std::string description;
  std::string condition;       // Empty: none.
  nlohmann::json export_name;  // Null: not exported.
};

struct Assertion {
  nlohmann::json condition;
  std::string description;
};
struct Rule {
  nlohmann::json condition;  // Null: always.
  std::vector<Assertion> assertions;
};

struct Template {
  std::string version;  // "2010-09-09"; empty if it says none.
  std::string description;
  nlohmann::json metadata = nlohmann::json::object();
  std::map<std::string, ParameterDefinition> parameters;
  nlohmann::json mappings = nlohmann::json::object();
  std::map<std::string, nlohmann::json> conditions;
  std::map<std::string, Rule> rules;
  std::map<std::string, ResourceDefinition> resources;
  std::map<std::string, OutputDefinition> outputs;
};

// Names that Ref takes in every template: "AWS::Region".
bool is_pseudo_parameter(std::string_view name);

// Reads JSON or YAML. Fails with ValidationError and CloudFormation's words: no template, over a
// limit, a transform (none is known here), a reference to nothing. Conditions are not applied yet,
// so references in a branch of Fn::If that is never taken must lead somewhere, too.
Result<Template> read_template(std::string_view text);

}  // namespace aurora_global::cloudformation
