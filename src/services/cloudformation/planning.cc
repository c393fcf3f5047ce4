#include "services/cloudformation/planning.h"

#include <algorithm>

#include "awsapi/http_message.h"
#include "base/base64.h"
#include "cloudformation/capabilities.h"
#include "cloudformation/errors.h"
#include "cloudformation/functions.h"
#include "cloudformation/limits.h"
#include "cloudformation/lookups.h"
#include "cloudformation/outputs.h"
#include "cloudformation/references.h"
#include "services/cloudformation/identifiers.h"
#include "services/cloudformation/names.h"
#include "services/cloudformation/template_url.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr std::size_t kTagsMax = 50;

Tags tags_in(Members& members) {
  Tags tags;
  for (const json& one : members.list("Tags")) {
    tags.emplace_back(text_of(one, "Key"), text_of(one, "Value"));
  }
  for (const auto& [key, value] : tags) {
    if (key.starts_with("aws:")) {
      members.problem("aws: prefixed tag key names are not allowed for external use.");
    }
  }
  if (tags.size() > kTagsMax) members.problem("A stack has at most 50 tags");
  return tags;
}

core::ParameterInput parameters_in(Members& members) {
  core::ParameterInput input;
  for (const json& one : members.list("Parameters")) {
    const std::string key = text_of(one, "ParameterKey");
    const json& previous = core::property_or_null(one, "UsePreviousValue");
    if (previous == true) {
      input.use_previous.insert(key);
    } else if (!input.given.emplace(key, text_of(one, "ParameterValue")).second) {
      members.problem("The parameter " + awsapi::shown(key) + " is given twice");
    }
  }
  return input;
}

Result<void> check_capabilities(const core::Template& of, const Asked& asked) {
  const auto needed = core::needed_capability(of);
  if (!needed) return ok();
  const auto has = [&asked](std::string_view name) {
    return std::find(asked.capabilities.begin(), asked.capabilities.end(), name) !=
           asked.capabilities.end();
  };
  if (has("CAPABILITY_NAMED_IAM") || (needed->name == "CAPABILITY_IAM" && has("CAPABILITY_IAM"))) {
    return ok();
  }
  return make_error(ErrorKind::denied, "Requires capabilities : [" + needed->name + "]",
                    "InsufficientCapabilitiesException");
}

// The properties of a resource, each by itself; of what nothing is known yet only the names.
struct Evaluated {
  json properties = json::object();
  std::set<std::string> unknown;
};
Result<Evaluated> evaluate_each(const core::Scope& scope, const json& properties) {
  Evaluated all;
  if (core::call_in(properties)) {
    TRY(const core::Value whole, core::evaluate(scope, properties));
    if (whole.json.is_object()) all.properties = whole.json;
    for (const auto& [name, value] : all.properties.items()) {
      if (!whole.known()) all.unknown.insert(name);
    }
    return all;
  }
  for (const auto& [name, given] : properties.items()) {
    TRY(core::Value value, core::evaluate(scope, given));
    if (value.is_no_value) continue;
    if (!value.known()) all.unknown.insert(name);
    all.properties[name] = std::move(value.json);
  }
  return all;
}

json outputs_of(const core::Template& of) {
  json all = json::object();
  for (const auto& [name, output] : of.outputs) {
    all[name] = {output.value, output.description, output.condition, output.export_name};
  }
  return all;
}

}  // namespace

Result<void> check_unowned(const Book& book, const core::Template& of,
                           const core::ImportIds& imports) {
  for (const Stack* stack : book.stacks()) {
    if (!stack->deployment) continue;
    const auto owned = stack->deployment->owned();
    for (const auto& [logical_id, physical_id] : imports) {
      const std::string& type = of.resources.at(logical_id).type;
      if (!owned.contains({type, physical_id})) continue;
      return core::validation_error("Resource " + core::shown(physical_id) + " of type " + type +
                                    " already belongs to stack " + stack->record.id);
    }
  }
  return ok();
}

void check_deployment_config(Members& members) {
  const json config = members.object("DeploymentConfig");
  if (config.value("Mode", "STANDARD") != "STANDARD" || config.contains("DisableRollback")) {
    members.problem("Only the DeploymentConfig with Mode STANDARD is supported here");
  }
}

Asked read_asked(Members& members) {
  check_deployment_config(members);
  Asked asked;
  asked.body = members.text("TemplateBody");
  asked.url = members.text("TemplateURL");
  asked.previous_template = members.flag("UsePreviousTemplate");
  asked.parameters = parameters_in(members);
  asked.capabilities = members.texts("Capabilities");
  if (members.has("Tags")) asked.tags = tags_in(members);
  asked.notification_arns = members.texts("NotificationARNs");
  asked.role_arn = members.text("RoleARN");
  return asked;
}

net::Task<Result<std::string>> fetch_template(ServiceCaller& services, std::string body,
                                              std::string url) {
  if (!body.empty() && !url.empty()) {
    co_return core::validation_error("Only one of TemplateURL and TemplateBody can be specified.");
  }
  if (body.empty() && url.empty()) {
    co_return core::validation_error("Either Template URL or Template Body must be specified.");
  }
  if (!body.empty()) {
    if (body.size() <= core::kTemplateBodyBytesMax) co_return body;
    co_return core::validation_error(
        "1 validation error detected: Value '" + core::shown(body) +
        "' at 'templateBody' failed to satisfy constraint: Member must have length less than or "
        "equal to " +
        std::to_string(core::kTemplateBodyBytesMax));
  }
  CO_TRY(const awsapi::S3Address object, object_named(url));
  json input = {{"Bucket", object.bucket}, {"Key", object.key}};
  if (!object.version_id.empty()) input["VersionId"] = object.version_id;
  auto asking = services.call("s3", "GetObject", std::move(input));
  const auto answer = co_await std::move(asking);
  if (answer.has_error()) {
    co_return core::validation_error("S3 error: " + answer.error().message);
  }
  const auto text = from_base64(text_of(*answer, "Body"));
  if (!text) co_return core::validation_error("S3 error: the object is no text");
  if (text->size() > core::kTemplateUrlBytesMax) {
    co_return core::validation_error("Template may not exceed " +
                                     std::to_string(core::kTemplateUrlBytesMax) +
                                     " bytes in size.");
  }
  co_return *text;
}

core::PseudoParameters Planner::pseudo_of(const StackRecord& stack) const {
  const region::Facts& facts = book_.facts();
  return {.account_id = facts.account_id,
          .region = facts.region.name,
          .url_suffix = facts.url_suffix,
          .stack_name = stack.name,
          .stack_id = stack.id};
}

net::Task<Result<Planner::Draft>> Planner::draft(Asked asked, StackRecord stack) {
  Draft draft;
  const Source* previous = stack.shown_source();
  if (asked.previous_template) {
    if (previous == nullptr || !asked.body.empty() || !asked.url.empty()) {
      co_return core::validation_error(
          previous == nullptr ? "There is no previous template to use"
                              : "UsePreviousTemplate cannot be given with another template");
    }
    auto reading = book_.store().read(previous->template_key);
    CO_TRY(const auto text, co_await std::move(reading));
    if (!text) co_return make_error(ErrorKind::corrupt, "the stack's template is not there");
    draft.text = *text;
  } else {
    auto fetching = fetch_template(services_, asked.body, asked.url);
    CO_TRY(draft.text, co_await std::move(fetching));
  }
  draft.blueprint = std::make_shared<Blueprint>();
  Blueprint& blueprint = *draft.blueprint;
  CO_TRY(blueprint.of, core::read_template(draft.text));
  CO_TRY_VOID(core::check_no_cycle(blueprint.of));
  CO_TRY_VOID(check_types(blueprint.of, nullptr));
  blueprint.pseudo = pseudo_of(stack);
  blueprint.pseudo.notification_arns = asked.notification_arns;
  if (previous != nullptr) {
    for (const auto& [name, value] : previous->parameters) {
      asked.parameters.previous[name] = value.given;
    }
  }
  Outside outside(book_);
  auto valuing = fetcher_.evaluated<core::ParameterValues>(outside, [&] {
    return core::parameter_values(
        blueprint.of.parameters, asked.parameters,
        [&outside](const std::string& name) { return outside.ssm_parameter(name); });
  });
  CO_TRY(blueprint.parameters, co_await std::move(valuing));
  CO_TRY_VOID(check_capabilities(blueprint.of, asked));
  CO_TRY(blueprint.conditions, core::evaluate_conditions(blueprint.scope(outside)));
  CO_TRY_VOID(core::check_rules(blueprint.scope(outside)));
  CO_TRY_VOID(check_types(blueprint.of, &blueprint.conditions));
  draft.source = {.description = blueprint.of.description,
                  .parameters = blueprint.parameters,
                  .tags = asked.tags            ? *asked.tags
                          : previous != nullptr ? previous->tags
                                                : Tags{},
                  .capabilities = asked.capabilities,
                  .notification_arns = asked.notification_arns,
                  .role_arn = asked.role_arn};
  if (draft.source.role_arn.empty() && previous != nullptr) {
    draft.source.role_arn = previous->role_arn;
  }
  blueprint.stack_tags = draft.source.tags;
  co_return draft;
}

// In CloudFormation's words, all of them at once.
Result<void> Planner::check_types(const core::Template& of,
                                  const core::ConditionValues* conditions) const {
  std::set<std::string> unknown;
  for (const auto& [name, resource] : of.resources) {
    const bool is_certain = conditions != nullptr ? core::applies(resource.condition, *conditions)
                                                  : resource.condition.empty();
    if (!is_certain) continue;
    if (providers_.find(resource.type) == nullptr) unknown.insert(resource.type);
  }
  if (unknown.empty()) return ok();
  return core::format_error("Unrecognized resource types: " + core::listed(unknown));
}

Result<void> check_resource(const Provider& provider, const std::string& logical_id,
                            const json& properties, const std::set<std::string>& unknown) {
  Result<void> checked = check_properties(provider.table(), properties, unknown);
  if (checked.has_value()) checked = provider.check(properties);
  if (checked.has_value()) return ok();
  return core::validation_error("Resource " + logical_id + ": " + checked.error().message);
}

// What {{resolve:ssm:NAME}} names is there. A version of it may still not be.
Result<void> check_references(const json& properties, const Outside& outside) {
  TRY(const auto references, core::dynamic_references(properties));
  for (const core::DynamicReference& one : references) {
    if (one.service != core::ReferencedService::ssm) continue;
    if (outside.ssm_parameter(one.name).has_value()) continue;
    return core::validation_error("Parameters: [ssm:" + core::shown(one.name) +
                                  "] cannot be found.");
  }
  return ok();
}

Result<void> Planner::check_values(const Blueprint& blueprint, const Outside& outside) const {
  const core::Scope scope = blueprint.scope(outside);
  core::References found;
  for (const auto& [name, resource] : blueprint.of.resources) {
    if (!core::applies(resource.condition, blueprint.conditions)) continue;
    TRY(const Evaluated values, evaluate_each(scope, resource.properties));
    TRY_VOID(
        check_resource(*providers_.find(resource.type), name, values.properties, values.unknown));
    TRY_VOID(check_references(values.properties, outside));
    TRY_VOID(core::add_references(resource.properties, {&blueprint.conditions}, found));
  }
  for (const auto& [name, output] : blueprint.of.outputs) {
    if (!core::applies(output.condition, blueprint.conditions)) continue;
    TRY_VOID(core::add_references(output.value, {&blueprint.conditions}, found));
    TRY_VOID(core::add_references(output.export_name, {&blueprint.conditions}, found));
    // Asks for what it imports, too.
    TRY(const core::Value value, core::evaluate(scope, output.value));
    if (value.known()) TRY_VOID(core::output_text(value.json));
  }
  for (const auto& [resource, attribute] : found.attributes) {
    const auto of = blueprint.of.resources.find(resource);
    if (of == blueprint.of.resources.end()) continue;
    const TypeTable& table = providers_.find(of->second.type)->table();
    if (table.takes_any || has_attribute(table, attribute)) continue;
    return core::template_error("resource " + resource + " does not support attribute type " +
                                core::shown(attribute) + " in Fn::GetAtt");
  }
  return ok();
}

net::Task<Result<Plan>> Planner::plan(Draft draft, std::string stack_uuid) {
  const std::shared_ptr<Blueprint> blueprint = draft.blueprint;
  CO_TRY(const core::Dependencies graph,
         core::resource_graph(blueprint->of, blueprint->conditions));
  Plan plan{.text = std::move(draft.text), .source = std::move(draft.source)};
  plan.targets = core::targets_of(blueprint->of, graph);

  // What there is. A stack that is being reviewed has nothing.
  std::shared_ptr<Blueprint> before;
  core::Inventory inventory;
  std::optional<Source> previous;
  if (const Stack* stack = book_.find_uuid(stack_uuid)) {
    const Source* shown = stack->record.shown_source();
    if (shown != nullptr && stack->record.status != core::StackStatus::review_in_progress) {
      previous = *shown;
      inventory = stack->inventory();
      auto reading = blueprint_of(*shown, stack->record);
      CO_TRY(before, co_await std::move(reading));
    }
  }
  core::OldStack old;
  if (before != nullptr) old = {&before->of, &before->parameters, &inventory};

  const ProviderSchema schema(providers_);
  Outside outside(book_);
  if (draft.imports) {
    CO_TRY(plan.imports,
           core::import_ids(*draft.imports, blueprint->scope(outside), inventory, identifier_of));
    CO_TRY_VOID(check_unowned(book_, blueprint->of, plan.imports));
    if (outputs_of(blueprint->of) != (before ? outputs_of(before->of) : json::object())) {
      co_return core::validation_error(
          "As part of the import operation, you cannot modify or add [Outputs]");
    }
    old.imports = &plan.imports;
  }
  using Changes = std::vector<core::ResourceChange>;
  auto planning = fetcher_.evaluated<Changes>(outside, [&]() -> Result<Changes> {
    TRY_VOID(check_values(*blueprint, outside));
    return core::plan_changes(blueprint->scope(outside), old, schema, blueprint->stack_tags);
  });
  CO_TRY(plan.changes, co_await std::move(planning));
  plan.source.imports = outside.imports();
  plan.has_changes = !plan.changes.empty() || before == nullptr;
  if (!plan.has_changes) {
    plan.has_changes =
        plan.source.tags != previous->tags || outputs_of(blueprint->of) != outputs_of(before->of);
  }
  co_return plan;
}

net::Task<Result<std::shared_ptr<Blueprint>>> Planner::blueprint_of(Source source,
                                                                    StackRecord stack) {
  auto reading = book_.store().read(source.template_key);
  CO_TRY(const auto text, co_await std::move(reading));
  if (!text) co_return make_error(ErrorKind::corrupt, "the stack's template is not there");
  auto blueprint = std::make_shared<Blueprint>();
  CO_TRY(blueprint->of, core::read_template(*text));
  blueprint->parameters = source.parameters;
  blueprint->pseudo = pseudo_of(stack);
  blueprint->pseudo.notification_arns = source.notification_arns;
  blueprint->stack_tags = source.tags;
  const Outside nothing(book_);
  CO_TRY(blueprint->conditions, core::evaluate_conditions(blueprint->scope(nothing)));
  co_return blueprint;
}

}  // namespace aurora_global::services::cloudformation
