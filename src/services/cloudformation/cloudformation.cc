#include "services/cloudformation/cloudformation.h"

#include "cloudformation/capabilities.h"
#include "cloudformation/errors.h"
#include "cloudformation/graph.h"
#include "cloudformation/limits.h"
#include "cloudformation/template.h"
#include "services/call.h"

namespace aurora_global::services::cloudformation {
namespace {

namespace core = aurora_global::cloudformation;
using nlohmann::json;
using Answer = net::Task<Result<json>>;

Error no_such_stack(const std::string& name) {
  return core::validation_error("Stack with id " + core::shown(name) + " does not exist");
}

// There are no pages, so no token for the next one is ours.
void take_no_token(Members& members) {
  const std::string token = members.text("NextToken");
  if (!token.empty()) {
    members.problem("The NextToken is none that this region gave: " + core::shown(token));
  }
}

// ---- templates

Result<core::Template> checked_template(const std::string& body) {
  if (body.empty()) {
    return core::validation_error("Either Template URL or Template Body must be specified.");
  }
  if (body.size() > core::kTemplateBodyBytesMax) {
    return core::validation_error(
        "1 validation error detected: Value '" + core::shown(body) +
        "' at 'templateBody' failed to satisfy constraint: Member must have length less than or "
        "equal to " +
        std::to_string(core::kTemplateBodyBytesMax));
  }
  TRY(core::Template made, core::read_template(body));
  TRY_VOID(core::check_no_cycle(made));
  return made;
}

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

Answer validate_template(Members members) {
  const std::string body = members.text("TemplateBody");
  CO_TRY_VOID(members.finish());
  CO_TRY(const core::Template made, checked_template(body));
  co_return told_of(made, parameter_of);
}

Answer get_template_summary(Members members) {
  const std::string body = members.text("TemplateBody");
  const std::string stack = members.text("StackName");
  CO_TRY_VOID(members.finish());
  if (!body.empty() && !stack.empty()) {
    co_return core::validation_error("TemplateBody and StackName cannot both be specified.");
  }
  if (!stack.empty()) co_return no_such_stack(stack);
  CO_TRY(const core::Template made, checked_template(body));
  json told = told_of(made, declaration_of);
  std::set<std::string> types;
  for (const auto& [name, resource] : made.resources) types.insert(resource.type);
  told["ResourceTypes"] = types;
  if (!made.version.empty()) told["Version"] = made.version;
  if (!made.metadata.empty()) told["Metadata"] = made.metadata.dump();
  co_return told;
}

// ---- stacks, of which there are none

Answer list_stacks(Members members) {
  members.texts("StackStatusFilter");
  take_no_token(members);
  CO_TRY_VOID(members.finish());
  co_return json{{"StackSummaries", json::array()}};
}

Answer describe_stacks(Members members) {
  const auto stack = members.optional_text("StackName");
  take_no_token(members);
  CO_TRY_VOID(members.finish());
  if (stack) co_return no_such_stack(*stack);
  co_return json{{"Stacks", json::array()}};
}

Answer list_exports(Members members) {
  take_no_token(members);
  CO_TRY_VOID(members.finish());
  co_return json{{"Exports", json::array()}};
}

using Operation = Answer (*)(Members);
constexpr std::pair<std::string_view, Operation> kOperations[] = {
    {"ValidateTemplate", validate_template},
    {"GetTemplateSummary", get_template_summary},
    {"ListStacks", list_stacks},
    {"DescribeStacks", describe_stacks},
    {"ListExports", list_exports},
};

}  // namespace

std::vector<std::string_view> action_names() { return names_in(kOperations); }

net::Task<net::HttpResponse> serve(net::HttpRequest request) {
  return serve_table("cloudformation", kOperations, std::move(request));
}

}  // namespace aurora_global::services::cloudformation
