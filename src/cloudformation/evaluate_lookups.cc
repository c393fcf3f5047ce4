// The functions that ask the template or the world: Ref, Fn::GetAtt, Fn::If, Fn::FindInMap,
// Fn::ImportValue, Fn::GetAZs, Fn::GetStackOutput.
#include "cloudformation/errors.h"
#include "cloudformation/evaluator.h"
#include "cloudformation/members.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

Value awaiting_resource(const std::string& resource, const std::string& attribute) {
  return {.json = std::string(kKnownAfterApply), .awaited = {{resource, attribute}}};
}

std::optional<json> pseudo_value(const PseudoParameters& pseudo, std::string_view name) {
  if (name == "AWS::AccountId") return pseudo.account_id;
  if (name == "AWS::Region") return pseudo.region;
  if (name == "AWS::Partition") return pseudo.partition;
  if (name == "AWS::URLSuffix") return pseudo.url_suffix;
  if (name == "AWS::StackName") return pseudo.stack_name;
  if (name == "AWS::StackId") return pseudo.stack_id;
  if (name == "AWS::NotificationARNs") return pseudo.notification_arns;
  return std::nullopt;
}

// Whether the template has the resource, its condition applied.
bool has_resource(const Scope& scope, const std::string& name) {
  const auto found = scope.of->resources.find(name);
  if (found == scope.of->resources.end()) return false;
  const std::string& condition = found->second.condition;
  if (condition.empty() || scope.conditions == nullptr) return true;
  const auto value = scope.conditions->find(condition);
  return value != scope.conditions->end() && value->second;
}

}  // namespace

Result<Value> Evaluator::ref(const std::string& name) {
  if (name == "AWS::NoValue") return Value{.is_no_value = true};
  if (const auto pseudo = pseudo_value(*scope_.pseudo, name)) return produced(*pseudo);
  const auto parameter = scope_.parameters->find(name);
  if (parameter != scope_.parameters->end()) return produced(parameter->second.value);
  if (scope_.lookups == nullptr || !has_resource(scope_, name)) {
    return unresolved_resources({name}, "Resources");
  }
  const auto id = scope_.lookups->physical_id(name);
  if (!id) return awaiting_resource(name, "");
  return produced(*id);
}

Result<Value> Evaluator::get_att(const json& argument) {
  TRY(const AttributeName named, attribute_in(argument));
  if (!named.text.empty()) return attribute(named.resource, named.text);
  TRY(const Value name, value(*named.attribute));
  if (!name.known()) return awaiting({name});
  TRY(const std::string text, text_for(Function::get_att, name.json));
  return attribute(named.resource, text);
}

Result<Value> Evaluator::attribute(const std::string& resource, const std::string& name) {
  if (scope_.lookups == nullptr || !has_resource(scope_, resource)) {
    return template_error("instance of Fn::GetAtt references undefined resource " +
                          shown(resource));
  }
  TRY(const auto found, scope_.lookups->attribute(resource, name));
  if (!found) return awaiting_resource(resource, name);
  return produced(*found);
}

Result<Value> Evaluator::choose(const json& argument) {
  if (!argument.is_array() || argument.size() != 3 || !argument[0].is_string()) {
    return template_error("Fn::If requires a list argument with three elements");
  }
  const auto& name = argument[0].get_ref<const std::string&>();
  if (decided_ != nullptr) {
    const auto found = decided_->find(name);
    if (found != decided_->end()) return value(argument[found->second ? 1 : 2]);
  }
  return template_error("Fn::If references undefined condition " + shown(name));
}

Result<Value> Evaluator::find_in_map(const json& argument) {
  const bool has_default = argument.is_array() && argument.size() == 4;
  const json keys = has_default ? json(argument.begin(), argument.begin() + 3) : argument;
  TRY(const auto values, arguments(keys, 3, 3, Function::find_in_map));
  if (!all_known(values)) return awaiting(values);
  const json* at = &scope_.of->mappings;
  std::string path;
  for (const Value& one : values) {
    TRY(const std::string key, text_for(Function::find_in_map, one.json));
    path += (path.empty() ? "" : "::") + shown(key);
    const auto found = at->is_object() ? at->find(key) : at->end();
    if (found == at->end()) {
      if (has_default && argument[3].is_object() && argument[3].contains("DefaultValue")) {
        return value(argument[3]["DefaultValue"]);
      }
      return template_error("Unable to get mapping for " + path);
    }
    at = &*found;
  }
  return produced(*at);
}

Result<Value> Evaluator::import_value(const json& argument) {
  TRY(const Value name, value(argument));
  if (!name.known()) return awaiting({name});
  TRY(const std::string text, text_for(Function::import_value, name.json));
  if (scope_.lookups != nullptr) {
    if (const auto found = scope_.lookups->export_value(text)) return produced(*found);
  }
  return validation_error("No export named " + shown(text) + " found.");
}

Result<Value> Evaluator::get_azs(const json& argument) {
  TRY(const Value given, value(argument));
  if (!given.known()) return awaiting({given});
  TRY(std::string region, text_for(Function::get_azs, given.json));
  if (region.empty()) region = scope_.pseudo->region;
  if (scope_.lookups == nullptr) return template_error("Fn::GetAZs is not allowed here");
  TRY(const auto zones, scope_.lookups->availability_zones(region));
  return produced(zones);
}

Result<Value> Evaluator::get_stack_output(const json& argument) {
  TRY(const Value given, value(argument));
  if (!given.known()) return awaiting({given});
  std::string stack;
  std::string output;
  std::string region = scope_.pseudo->region;
  std::string role;  // Every credential of the platform is the account's.
  TemplateMembers members(given.json, "Fn::GetStackOutput");
  members.text("StackName", stack, 2048)
      .text("OutputName", output, 255)
      .text("Region", region, 255)
      .text("RoleArn", role, 2048);
  TRY_VOID(members.finish());
  if (stack.empty() || output.empty()) {
    return template_error("Fn::GetStackOutput requires StackName and OutputName");
  }
  if (scope_.lookups == nullptr) return template_error("Fn::GetStackOutput is not allowed here");
  TRY(const auto found, scope_.lookups->stack_output(stack, output, region));
  return produced(found);
}

}  // namespace aurora_global::cloudformation
