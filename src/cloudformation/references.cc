#include "cloudformation/references.h"

#include "cloudformation/errors.h"
#include "cloudformation/functions.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

// Walks over a value. What a function's argument refers to is found by walking over it as well,
// unless its texts mean something. The depth is that of the template, which is bounded.
class Walk {
 public:
  Walk(Branches branches, References& found) : branches_(branches), found_(found) {}

  Result<void> over(const json& value) {
    if (!value.is_structured()) return ok();
    if (value.is_object()) TRY_VOID(check_no_stray_function(value));
    const auto call = call_in(value);
    if (!call) return over_members(value);
    switch (call->function) {
      case Function::ref: return over_ref(*call->argument);
      case Function::get_att: return over_attribute(*call->argument);
      case Function::sub: return over_sub(*call->argument);
      case Function::choose: return over_if(*call->argument);
      case Function::find_in_map: return over_map(*call->argument);
      default: break;
    }
    if (gives_truth(call->function)) return over_condition(value);
    return over(*call->argument);
  }

  Result<void> over_condition(const json& value) {
    if (value.is_object()) TRY_VOID(check_no_stray_function(value));
    const auto call = condition_call(value);
    if (!call || !gives_truth(call->function)) return over(value);
    if (call->function == Function::condition) return over_name_of_condition(*call->argument);
    if (!call->argument->is_array()) return over(*call->argument);
    for (const json& one : *call->argument) TRY_VOID(over_condition(one));
    return ok();
  }

 private:
  Result<void> over_members(const json& value) {
    for (const json& inner : value) TRY_VOID(over(inner));
    return ok();
  }

  Result<void> over_name_of_condition(const json& name) {
    if (!name.is_string()) return template_error("Condition requires the name of a condition");
    found_.conditions.insert(name.get<std::string>());
    return ok();
  }

  Result<void> over_ref(const json& name) {
    if (!name.is_string()) {
      return template_error("every Ref object must have a single String value.");
    }
    found_.names.insert(name.get<std::string>());
    return ok();
  }

  Result<void> over_attribute(const json& argument) {
    TRY(const AttributeName named, attribute_in(argument));
    found_.attributes.emplace(named.resource, named.text);
    return named.text.empty() ? over(*named.attribute) : ok();
  }

  Result<void> over_sub(const json& argument) {
    const bool has_map = argument.is_array();
    const bool is_formed =
        has_map ? argument.size() == 2 && argument[0].is_string() && argument[1].is_object()
                : argument.is_string();
    if (!is_formed) {
      return template_error(
          "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a "
          "string as first argument, and an optional second argument to specify a mapping of "
          "values to replace in the string");
    }
    const json& text = has_map ? argument[0] : argument;
    TRY(const auto parts, parts_of_sub(text.get_ref<const std::string&>()));
    for (const SubPart& part : parts) {
      if (!part.is_variable || (has_map && argument[1].contains(part.text))) continue;
      auto [name, attribute] = split_at_dot(part.text);
      if (attribute.empty()) {
        found_.names.insert(std::move(name));
      } else {
        found_.attributes.emplace(std::move(name), std::move(attribute));
      }
    }
    if (!has_map) return ok();
    return over_members(argument[1]);
  }

  Result<void> over_if(const json& argument) {
    if (!argument.is_array() || argument.size() != 3 || !argument[0].is_string()) {
      return template_error("Fn::If requires a list argument with three elements");
    }
    const auto& name = argument[0].get_ref<const std::string&>();
    found_.conditions.insert(name);
    if (branches_.none) return ok();
    if (branches_.chosen != nullptr) {
      const auto value = branches_.chosen->find(name);
      if (value != branches_.chosen->end()) return over(argument[value->second ? 1 : 2]);
    }
    TRY_VOID(over(argument[1]));
    return over(argument[2]);
  }

  Result<void> over_map(const json& argument) {
    if (!argument.is_array() || argument.size() < 3) {
      return template_error(
          "every Fn::FindInMap object requires three parameters, the map name, "
          "map key and the attribute for return value");
    }
    if (argument[0].is_string()) found_.mappings.insert(argument[0].get<std::string>());
    return over_members(argument);
  }

  Branches branches_;
  References& found_;
};

// What `found` says must be in the template. `block` is the section's name in messages.
Result<void> check_found(const Template& in, const References& found, const char* block) {
  std::set<std::string> unresolved;
  for (const std::string& name : found.names) {
    if (!is_pseudo_parameter(name) && !in.parameters.contains(name) &&
        !in.resources.contains(name)) {
      unresolved.insert(name);
    }
  }
  if (!unresolved.empty()) return unresolved_resources(unresolved, block);
  for (const auto& [resource, attribute] : found.attributes) {
    if (!in.resources.contains(resource)) {
      return template_error("instance of Fn::GetAtt references undefined resource " +
                            shown(resource));
    }
  }
  for (const std::string& name : found.conditions) {
    if (!in.conditions.contains(name)) {
      return format_error("Unresolved condition dependency " + shown(name) + " in the " + block +
                          " block of the template");
    }
  }
  for (const std::string& name : found.mappings) {
    if (!in.mappings.contains(name)) {
      return template_validation_error("Template error: Mapping named '" + shown(name) +
                                       "' is not present in the 'Mappings' section of template.");
    }
  }
  return ok();
}

Result<void> check_resources(const Template& in) {
  for (const auto& [name, resource] : in.resources) {
    References found;
    for (const json* part : {&resource.properties, &resource.metadata, &resource.creation_policy,
                             &resource.update_policy}) {
      TRY_VOID(add_references(*part, {}, found));
    }
    found.names.insert(resource.depends_on.begin(), resource.depends_on.end());
    if (!resource.condition.empty()) found.conditions.insert(resource.condition);
    TRY_VOID(check_found(in, found, "Resources"));
  }
  return ok();
}

// Conditions and rules are decided before there is any resource.
Result<void> check_no_resource(const Template& in, const References& found, const char* block) {
  std::set<std::string> resources;
  for (const std::string& name : found.names) {
    if (!is_pseudo_parameter(name) && !in.parameters.contains(name)) resources.insert(name);
  }
  for (const auto& [resource, attribute] : found.attributes) resources.insert(resource);
  if (resources.empty()) return ok();
  return template_validation_error("Template error: Unresolved dependencies " + listed(resources) +
                                   ". Cannot reference resources in the " + block +
                                   " block of the template");
}

}  // namespace

Result<void> add_references(const json& value, Branches branches, References& found) {
  return Walk(branches, found).over(value);
}

Result<void> add_references_of_condition(const json& value, References& found) {
  return Walk({}, found).over_condition(value);
}

Result<void> check_references(const Template& read) {
  TRY_VOID(check_resources(read));
  for (const auto& [name, output] : read.outputs) {
    References found;
    TRY_VOID(add_references(output.value, {}, found));
    TRY_VOID(add_references(output.export_name, {}, found));
    if (!output.condition.empty()) found.conditions.insert(output.condition);
    TRY_VOID(check_found(read, found, "Outputs"));
  }
  for (const auto& [name, condition] : read.conditions) {
    References found;
    TRY_VOID(add_references_of_condition(condition, found));
    TRY_VOID(check_no_resource(read, found, "Conditions"));
    TRY_VOID(check_found(read, found, "Conditions"));
  }
  for (const auto& [name, rule] : read.rules) {
    References found;
    TRY_VOID(add_references_of_condition(rule.condition, found));
    for (const Assertion& one : rule.assertions) {
      TRY_VOID(add_references_of_condition(one.condition, found));
    }
    TRY_VOID(check_no_resource(read, found, "Rules"));
    TRY_VOID(check_found(read, found, "Rules"));
  }
  return ok();
}

}  // namespace aurora_global::cloudformation
