// What a template says, without a stack.
#include "cloudformation/capabilities.h"
#include "cloudformation/errors.h"
#include "cloudformation/graph.h"
#include "services/cloudformation/identifiers.h"
#include "services/cloudformation/service.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

// What ValidateTemplate and GetTemplateSummary both say of a parameter.
json parameter_of(const std::string& name, const core::ParameterDefinition& definition) {
  json one = {{"ParameterKey", name}, {"NoEcho", definition.no_echo}};
  if (definition.default_value) one["DefaultValue"] = *definition.default_value;
  if (!definition.description.empty()) one["Description"] = definition.description;
  return one;
}

json declaration_of(const std::string& name, const core::ParameterDefinition& definition) {
  json one = parameter_of(name, definition);
  one["ParameterType"] = definition.type;
  one["ParameterConstraints"] = json::object();
  if (!definition.allowed_values.empty()) {
    one["ParameterConstraints"]["AllowedValues"] = definition.allowed_values;
  }
  return one;
}

// The members that both answers have, around their own form of the parameters.
json told_of(const core::Template& made,
             json (*parameter)(const std::string&, const core::ParameterDefinition&)) {
  json told = {{"Parameters", json::array()}};
  for (const auto& [name, definition] : made.parameters) {
    told["Parameters"].push_back(parameter(name, definition));
  }
  if (!made.description.empty()) told["Description"] = made.description;
  if (const auto needed = core::needed_capability(made)) {
    told["Capabilities"] = json::array({needed->name});
    told["CapabilitiesReason"] = needed->reason();
  }
  return told;
}

net::Task<Result<core::Template>> checked_template(ServiceCaller& services, std::string body,
                                                   std::string url) {
  auto fetching = fetch_template(services, std::move(body), std::move(url));
  CO_TRY(const std::string text, co_await std::move(fetching));
  CO_TRY(core::Template made, core::read_template(text));
  CO_TRY_VOID(core::check_no_cycle(made));
  co_return made;
}

}  // namespace

Answer validate_template(Service& service, Members members) {
  std::string body = members.text("TemplateBody");
  std::string url = members.text("TemplateURL");
  CO_TRY_VOID(members.finish());
  auto checking = checked_template(service.services, std::move(body), std::move(url));
  CO_TRY(const core::Template made, co_await std::move(checking));
  co_return told_of(made, parameter_of);
}

Answer get_template_summary(Service& service, Members members) {
  std::string body = members.text("TemplateBody");
  std::string url = members.text("TemplateURL");
  const std::string name = members.text("StackName");
  CO_TRY_VOID(members.finish());
  core::Template made;
  if (name.empty()) {
    auto checking = checked_template(service.services, std::move(body), std::move(url));
    CO_TRY(made, co_await std::move(checking));
  } else {
    if (!body.empty() || !url.empty()) {
      co_return core::validation_error("TemplateBody and StackName cannot both be specified.");
    }
    CO_TRY(const Stack* stack, service.book.require(name));
    const Source* source = stack->record.shown_source();
    if (source == nullptr) {
      co_return core::validation_error("Stack " + core::shown(name) + " has no template yet");
    }
    auto reading = service.book.store().read(source->template_key);
    CO_TRY(const auto text, co_await std::move(reading));
    CO_TRY(made, core::read_template(text.value_or("")));
  }
  json told = told_of(made, declaration_of);
  std::set<std::string> types;
  json identified = json::object();
  for (const auto& [id, resource] : made.resources) {
    types.insert(resource.type);
    const std::string_view identifier = identifier_of(resource.type);
    if (identifier.empty()) continue;
    json& summary = identified[resource.type];
    summary["ResourceType"] = resource.type;
    summary["ResourceIdentifiers"] = {identifier};
    summary["LogicalResourceIds"].push_back(id);
  }
  told["ResourceTypes"] = types;
  told["ResourceIdentifierSummaries"] = json::array();
  for (json& summary : identified) told["ResourceIdentifierSummaries"].push_back(summary);
  if (!made.version.empty()) told["Version"] = made.version;
  if (!made.metadata.empty()) told["Metadata"] = made.metadata.dump();
  co_return told;
}

}  // namespace aurora_global::services::cloudformation
