// What stacks there are, what they are made of and what they export.
#include "cloudformation/errors.h"
#include "services/cloudformation/names.h"
#include "services/cloudformation/pages.h"
#include "services/cloudformation/service.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr std::size_t kStacksOfAPage = 100;
constexpr std::size_t kExportsOfAPage = 100;

json outputs_shown(const std::map<std::string, core::Output>& outputs) {
  json shown = json::array();
  for (const auto& [name, output] : outputs) {
    json one = {{"OutputKey", name}, {"OutputValue", output.value}};
    if (!output.description.empty()) one["Description"] = output.description;
    if (!output.export_name.empty()) one["ExportName"] = output.export_name;
    shown.push_back(std::move(one));
  }
  return shown;
}

// What DescribeStacks and ListStacks both say.
json told_of(const StackRecord& of) {
  json told = {{"StackId", of.id},
               {"StackName", of.name},
               {"CreationTime", seconds_of(of.created)},
               {"StackStatus", core::name_of(of.status)},
               {"DriftInformation", {{"StackDriftStatus", "NOT_CHECKED"}}}};
  if (of.updated) told["LastUpdatedTime"] = seconds_of(*of.updated);
  if (of.deleted) told["DeletionTime"] = seconds_of(*of.deleted);
  if (!of.reason.empty()) told["StackStatusReason"] = of.reason;
  return told;
}

json stack_shown(const StackRecord& of) {
  json told = told_of(of);
  told["DisableRollback"] = of.on_failure == StackFailure::keep;
  told["EnableTerminationProtection"] = of.is_protected;
  told["RollbackConfiguration"] = json::object();
  if (!of.change_set_id.empty()) told["ChangeSetId"] = of.change_set_id;
  if (!of.outputs.empty()) told["Outputs"] = outputs_shown(of.outputs);
  const Source* source = of.shown_source();
  if (source == nullptr) {
    told["Tags"] = json::array();
    told["NotificationARNs"] = json::array();
    return told;
  }
  told["Tags"] = list_of(source->tags);
  told["NotificationARNs"] = source->notification_arns;
  if (!source->capabilities.empty()) told["Capabilities"] = source->capabilities;
  if (!source->description.empty()) told["Description"] = source->description;
  if (!source->role_arn.empty()) told["RoleARN"] = source->role_arn;
  if (!source->parameters.empty()) told["Parameters"] = parameters_shown(source->parameters);
  return told;
}

}  // namespace

double seconds_of(WallTime at) { return static_cast<double>(at.time_since_epoch().count()) / 1e6; }

json parameters_shown(const core::ParameterValues& parameters) {
  json shown = json::array();
  for (const auto& [name, parameter] : parameters) {
    json one = {
        {"ParameterKey", name},
        {"ParameterValue", parameter.no_echo ? std::string(core::kHidden) : parameter.given}};
    const json given(parameter.given);
    const bool is_resolved = parameter.value.is_string() && parameter.value != given;
    if (is_resolved && !parameter.no_echo) one["ResolvedValue"] = parameter.value;
    shown.push_back(std::move(one));
  }
  return shown;
}

Answer describe_stacks(Service& service, Members members) {
  const auto name = members.optional_text("StackName");
  Page page(members, kStacksOfAPage);
  CO_TRY_VOID(members.finish());
  std::vector<Stack*> stacks;
  if (name) {
    CO_TRY(Stack * stack, service.book.require(*name));
    stacks.push_back(stack);
  } else {
    for (Stack* stack : service.book.stacks()) {
      if (!core::is_gone(stack->record.status)) stacks.push_back(stack);
    }
  }
  json told = {{"Stacks", json::array()}};
  for (const Stack* stack : page.of(stacks, told)) {
    told["Stacks"].push_back(stack_shown(stack->record));
  }
  co_return told;
}

Answer list_stacks(Service& service, Members members) {
  const auto filter = members.texts("StackStatusFilter");
  Page page(members, kStacksOfAPage);
  CO_TRY_VOID(members.finish());
  std::vector<Stack*> stacks = service.book.stacks();
  std::erase_if(stacks, [&filter](const Stack* stack) {
    return !filter.empty() && std::find(filter.begin(), filter.end(),
                                        core::name_of(stack->record.status)) == filter.end();
  });
  json told = {{"StackSummaries", json::array()}};
  for (const Stack* stack : page.of(stacks, told)) {
    json one = told_of(stack->record);
    const Source* source = stack->record.shown_source();
    if (source != nullptr && !source->description.empty()) {
      one["TemplateDescription"] = source->description;
    }
    told["StackSummaries"].push_back(std::move(one));
  }
  co_return told;
}

Answer list_exports(Service& service, Members members) {
  Page page(members, kExportsOfAPage);
  CO_TRY_VOID(members.finish());
  std::vector<json> exports;
  for (const auto& [name, of] : service.book.exports()) {
    exports.push_back(
        {{"Name", name}, {"Value", of.second}, {"ExportingStackId", of.first->record.id}});
  }
  json told = {{"Exports", json::array()}};
  for (json& one : page.of(exports, told)) told["Exports"].push_back(std::move(one));
  co_return told;
}

Answer list_imports(Service& service, Members members) {
  const std::string name = members.text("ExportName");
  Page page(members, kExportsOfAPage);
  CO_TRY_VOID(members.finish());
  const auto importers = service.book.importers(name, nullptr);
  if (importers.empty()) {
    co_return core::validation_error("Export '" + core::shown(name) +
                                     "' is not imported by any stack.");
  }
  std::vector<std::string> names(importers.begin(), importers.end());
  json told = json::object();
  const auto shown = page.of(names, told);
  told["Imports"] = shown;
  co_return told;
}

Answer get_template(Service& service, Members members) {
  const std::string name = members.text("StackName");
  const std::string change_set = members.text("ChangeSetName");
  members.text("TemplateStage");  // No transform is known, so both stages are the same.
  CO_TRY_VOID(members.finish());
  const Source* source = nullptr;
  if (!change_set.empty()) {
    const ChangeSetRecord* found = service.book.find_change_set(change_set, name);
    if (found == nullptr) {
      co_return make_error(ErrorKind::not_found,
                           "ChangeSet [" + core::shown(change_set) + "] does not exist",
                           "ChangeSetNotFound");
    }
    source = &found->source;
  } else {
    CO_TRY(const Stack* stack, service.book.require(name));
    source = stack->record.shown_source();
  }
  json told = {{"TemplateBody", "{}"}, {"StagesAvailable", {"Original", "Processed"}}};
  // A stack that is being reviewed has no template of its own yet.
  if (source == nullptr) co_return told;
  auto reading = service.book.store().read(source->template_key);
  CO_TRY(const auto text, co_await std::move(reading));
  if (!text) co_return make_error(ErrorKind::corrupt, "the stack's template is not there");
  told["TemplateBody"] = *text;
  co_return told;
}

}  // namespace aurora_global::services::cloudformation
