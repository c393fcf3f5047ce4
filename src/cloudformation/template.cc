#include "cloudformation/template.h"

#include <algorithm>
#include <cctype>

#include "base/check.h"
#include "cloudformation/errors.h"
#include "cloudformation/limits.h"
#include "cloudformation/members.h"
#include "cloudformation/references.h"
#include "cloudformation/template_text.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

constexpr std::string_view kPseudoParameters[] = {
    "AWS::AccountId", "AWS::NotificationARNs", "AWS::NoValue",   "AWS::Partition",
    "AWS::Region",    "AWS::StackId",          "AWS::StackName", "AWS::URLSuffix"};

constexpr std::string_view kSections[] = {"AWSTemplateFormatVersion",
                                          "Description",
                                          "Metadata",
                                          "Parameters",
                                          "Mappings",
                                          "Conditions",
                                          "Rules",
                                          "Transform",
                                          "Resources",
                                          "Outputs",
                                          "Hooks"};

struct Section {
  const char* name;
  const char* of_one;  // For the messages about a wrong name, and about too many.
  const char* of_many;
  std::size_t members_max;
};
constexpr Section kParameterSection = {"Parameters", "Parameter", "parameters", kParametersMax};
constexpr Section kMappingSection = {"Mappings", "Mapping", "mappings", kMappingsMax};
constexpr Section kConditionSection = {"Conditions", "Condition", "conditions", kConditionsMax};
constexpr Section kRuleSection = {"Rules", "Rule", "rules", kRulesMax};
constexpr Section kResourceSection = {"Resources", "Resource", "resources", kResourcesMax};
constexpr Section kOutputSection = {"Outputs", "Output", "outputs", kOutputsMax};

bool is_alphanumeric(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0; });
}

// The members of a section, counted and named as they may be; an empty object if there is none.
Result<json> section_of(const json& document, const Section& section) {
  const auto found = document.find(section.name);
  if (found == document.end()) return json::object();
  if (!found->is_object()) {
    return format_error("Every " + std::string(section.name) + " object must be a map.");
  }
  if (found->size() > section.members_max) {
    return format_error("Number of " + std::string(section.of_many) + ", " +
                        std::to_string(found->size()) + ", is greater than maximum allowed, " +
                        std::to_string(section.members_max));
  }
  for (const auto& [name, value] : found->items()) {
    if (!is_alphanumeric(name)) {
      return format_error(std::string(section.of_one) + " name " + shown(name) +
                          " is non alphanumeric.");
    }
  }
  return *found;
}

// Null stands for nothing in a template; the path says where it was found.
Result<void> check_no_null(const json& value, const std::string& path) {
  if (value.is_null()) {
    return format_error("[" + shown(path) + "] 'null' values are not allowed in templates");
  }
  if (!value.is_structured()) return ok();
  for (const auto& [name, inner] : value.items()) {
    TRY_VOID(check_no_null(inner, path.size() > kNameBytesMax ? path : path + "/" + name));
  }
  return ok();
}

Result<RemovalPolicy> read_policy(const std::string& name, const char* member,
                                  RemovalPolicy otherwise) {
  if (name.empty()) return otherwise;
  const auto policy = removal_policy_named(name);
  const bool only_on_deletion = policy == RemovalPolicy::retain_except_on_create;
  if (!policy || (only_on_deletion && std::string_view(member) != "DeletionPolicy")) {
    return format_error("Unrecognized " + std::string(member) + " " + shown(name));
  }
  return *policy;
}

Result<std::set<std::string>> read_depends_on(const json* given, const std::string& where) {
  std::set<std::string> names;
  if (given == nullptr) return names;
  const json list = given->is_array() ? *given : json::array({*given});
  for (const json& one : list) {
    if (!one.is_string()) {
      return format_error("[" + where + "/DependsOn] must be a string or a list of strings");
    }
    names.insert(one.get<std::string>());
  }
  return names;
}

Result<ResourceDefinition> read_resource(const std::string& name, const json& given) {
  const std::string where = "/Resources/" + name;
  ResourceDefinition one;
  std::string deletion;
  std::string replacement;
  TemplateMembers members(given, where);
  members.text("Type", one.type, kNameBytesMax)
      .object("Properties", one.properties)
      .text("Condition", one.condition, kNameBytesMax)
      .text("DeletionPolicy", deletion, kNameBytesMax)
      .text("UpdateReplacePolicy", replacement, kNameBytesMax)
      .object("Metadata", one.metadata)
      .object("CreationPolicy", one.creation_policy)
      .object("UpdatePolicy", one.update_policy);
  const bool has_version = members.find("Version") != nullptr;
  TRY(one.depends_on, read_depends_on(members.find("DependsOn"), where));
  TRY_VOID(members.finish());
  if (one.type.empty()) {
    return format_error("[" + where + "] Every Resources object must contain a Type member.");
  }
  // Whoever makes a custom resource has versions of it.
  const bool is_custom =
      one.type.starts_with("Custom::") || one.type == "AWS::CloudFormation::CustomResource";
  if (has_version && !is_custom) return format_error("[" + where + "] Invalid member 'Version'");
  one.has_deletion_policy = !deletion.empty();
  TRY(one.deletion_policy, read_policy(deletion, "DeletionPolicy", RemovalPolicy::remove));
  TRY(one.update_replace_policy,
      read_policy(replacement, "UpdateReplacePolicy", RemovalPolicy::remove));
  return one;
}

Result<OutputDefinition> read_output(const std::string& name, const json& given) {
  const std::string where = "/Outputs/" + name;
  OutputDefinition one;
  json exported = json::object();
  TemplateMembers members(given, where);
  members.text("Description", one.description, kDescriptionBytesMax)
      .text("Condition", one.condition, kNameBytesMax)
      .object("Export", exported);
  const json* value = members.find("Value");
  TRY_VOID(members.finish());
  if (value == nullptr) {
    return format_error("Output " + name + " is malformed. The Value member is missing.");
  }
  one.value = *value;
  if (exported.empty()) return one;
  TemplateMembers of_export(exported, where + "/Export");
  const json* export_name = of_export.find("Name");
  TRY_VOID(of_export.finish());
  if (export_name != nullptr) one.export_name = *export_name;
  return one;
}

Result<Rule> read_rule(const std::string& name, const json& given) {
  const std::string where = "/Rules/" + name;
  Rule one;
  TemplateMembers members(given, where);
  if (const json* condition = members.find("RuleCondition")) one.condition = *condition;
  const json* assertions = members.find("Assertions");
  TRY_VOID(members.finish());
  if (assertions == nullptr || !assertions->is_array() || assertions->size() > kRulesMax) {
    return format_error("[" + where + "/Assertions] must be a list");
  }
  for (const json& assertion : *assertions) {
    Assertion read;
    TemplateMembers inner(assertion, where + "/Assertions");
    inner.text("AssertDescription", read.description, kParameterValueBytesMax);
    const json* assert = inner.find("Assert");
    TRY_VOID(inner.finish());
    if (assert == nullptr) return format_error("[" + where + "/Assertions] has no Assert");
    read.condition = *assert;
    one.assertions.push_back(std::move(read));
  }
  return one;
}

Result<void> check_mappings(const json& mappings) {
  for (const auto& [name, map] : mappings.items()) {
    if (!map.is_object() || map.size() > kMappingAttributesMax) {
      return format_error("Every Mappings member " + name + " must be a map of at most " +
                          std::to_string(kMappingAttributesMax) + " members.");
    }
    for (const auto& [top, values] : map.items()) {
      const auto malformed = [&, &name = name, &top = top] {
        return format_error("Mapping attribute " + name + "/" + shown(top) +
                            " must be a map of strings and lists of strings.");
      };
      if (!values.is_object() || values.size() > kMappingAttributesMax) return malformed();
      for (const json& value : values) {
        if (value.is_object()) return malformed();
        for (const json& one : value) {
          if (one.is_structured()) return malformed();
        }
      }
    }
  }
  return ok();
}

// "A", {"Name": "A"}, ["A", {"Name": "B"}] as "A", "A", "A, B".
std::string names_in(const json& given) {
  if (given.is_string()) return given.get<std::string>();
  if (given.is_object()) {
    const auto name = given.find("Name");
    return name == given.end() ? "" : names_in(*name);
  }
  std::string all;
  if (!given.is_array()) return all;
  for (const json& one : given) {
    if (one.is_array()) continue;
    const std::string name = names_in(one);
    if (!name.empty()) all += (all.empty() ? "" : ", ") + name;
  }
  return all;
}

Result<void> check_top(const json& document) {
  if (!document.is_object()) return format_error("unsupported structure.");
  std::set<std::string> unknown;
  for (const auto& [name, value] : document.items()) {
    const auto* end = std::end(kSections);
    if (std::find(std::begin(kSections), end, name) == end) unknown.insert(name);
  }
  if (!unknown.empty()) {
    return template_validation_error("Invalid template property or properties " + listed(unknown));
  }
  for (const char* refused : {"Transform", "Hooks"}) {
    const auto found = document.find(refused);
    if (found == document.end()) continue;
    const std::string which = shown(names_in(*found));
    return template_validation_error(std::string(refused) + (which.empty() ? "" : " " + which) +
                                     " is not supported by this platform");
  }
  const auto version = document.find("AWSTemplateFormatVersion");
  if (version != document.end() && *version != "2010-09-09") {
    return format_error("unsupported value for AWSTemplateFormatVersion.");
  }
  return check_no_null(document, "");
}

// Reads each member of a section into `out`.
template <typename Map, typename Read>
Result<void> read_members(const json& document, const Section& section, Map& out, Read read) {
  TRY(const json members, section_of(document, section));
  for (const auto& [name, given] : members.items()) {
    TRY(auto one, read(name, given));
    out.emplace(name, std::move(one));
  }
  return ok();
}

}  // namespace

std::string_view name_of(RemovalPolicy policy) {
  switch (policy) {
    case RemovalPolicy::remove: return "Delete";
    case RemovalPolicy::retain: return "Retain";
    case RemovalPolicy::retain_except_on_create: return "RetainExceptOnCreate";
    case RemovalPolicy::snapshot: return "Snapshot";
  }
  CHECK(false);
}

std::optional<RemovalPolicy> removal_policy_named(std::string_view name) {
  for (const auto policy : {RemovalPolicy::remove, RemovalPolicy::retain,
                            RemovalPolicy::retain_except_on_create, RemovalPolicy::snapshot}) {
    if (name_of(policy) == name) return policy;
  }
  return std::nullopt;
}

bool is_pseudo_parameter(std::string_view name) {
  const auto* end = std::end(kPseudoParameters);
  return std::find(std::begin(kPseudoParameters), end, name) != end;
}

Result<Template> read_template(std::string_view text) {
  TRY(const json document, read_template_text(text));
  TRY_VOID(check_top(document));
  Template made;
  if (const auto found = document.find("AWSTemplateFormatVersion"); found != document.end()) {
    made.version = found->get<std::string>();
  }
  if (const auto found = document.find("Description"); found != document.end()) {
    if (!found->is_string() || found->get_ref<const std::string&>().size() > kDescriptionBytesMax) {
      return format_error("Template Description must be a string of at most " +
                          std::to_string(kDescriptionBytesMax) + " bytes");
    }
    made.description = found->get<std::string>();
  }
  if (const auto found = document.find("Metadata"); found != document.end()) {
    if (!found->is_object()) return format_error("Metadata must be a map.");
    made.metadata = *found;
  }
  TRY(const json parameters, section_of(document, kParameterSection));
  TRY(made.parameters, read_parameters(parameters));
  TRY(made.mappings, section_of(document, kMappingSection));
  TRY_VOID(check_mappings(made.mappings));
  TRY_VOID(read_members(document, kConditionSection, made.conditions,
                        [](const auto&, const json& given) { return Result<json>(given); }));
  TRY_VOID(read_members(document, kRuleSection, made.rules, read_rule));
  TRY_VOID(read_members(document, kResourceSection, made.resources, read_resource));
  TRY_VOID(read_members(document, kOutputSection, made.outputs, read_output));
  if (made.resources.empty()) {
    return format_error("At least one Resources member must be defined.");
  }
  TRY_VOID(check_references(made));
  return made;
}

}  // namespace aurora_global::cloudformation
