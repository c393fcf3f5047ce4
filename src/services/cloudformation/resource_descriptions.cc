// What a stack has, and what has happened to it.
#include "cloudformation/errors.h"
#include "services/cloudformation/pages.h"
#include "services/cloudformation/service.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr int kEventsOfAPage = 100;
constexpr std::size_t kResourcesOfAPage = 100;
constexpr std::size_t kResourcesDescribedMax = 100;

json resource_shown(const StackRecord& stack, const std::string& logical_id,
                    const ResourceView& view, const char* time_name) {
  json one = {{"LogicalResourceId", logical_id},
              {"ResourceType", view.type},
              {time_name, seconds_of(view.at)},
              {"ResourceStatus", view.status},
              {"DriftInformation", {{"StackResourceDriftStatus", "NOT_CHECKED"}}}};
  if (!view.physical_id.empty()) one["PhysicalResourceId"] = view.physical_id;
  if (!view.reason.empty()) one["ResourceStatusReason"] = view.reason;
  if (std::string_view(time_name) == "Timestamp") {
    one["StackName"] = stack.name;
    one["StackId"] = stack.id;
  }
  return one;
}

Error no_such_resource(const std::string& logical_id, const StackRecord& stack) {
  return core::validation_error("Resource " + core::shown(logical_id) +
                                " does not exist for stack " + stack.name);
}

}  // namespace

Answer describe_stack_events(Service& service, Members members) {
  const std::string name = members.text("StackName");
  // The token is the number of the last event that was shown.
  const auto token = members.page_token("NextToken", "", "ValidationError");
  CO_TRY_VOID(members.finish());
  auto required = service.book.require(name);
  // Clients ask so of a stack that they have deleted.
  if (required.has_error()) {
    co_return core::validation_error("Stack [" + core::shown(name) + "] does not exist");
  }
  const std::int64_t before = *token == 0 ? INT64_MAX : *token;
  auto reading = service.book.store().events((*required)->record.id, before, kEventsOfAPage);
  CO_TRY(const auto events, co_await std::move(reading));
  json told = {{"StackEvents", json::array()}};
  for (const StoredEvent& one : events) told["StackEvents"].push_back(one.event);
  if (!events.empty() && events.back().number > 1) {
    told["NextToken"] = std::to_string(events.back().number);
  }
  co_return told;
}

Answer describe_stack_resource(Service& service, Members members) {
  const std::string name = members.text("StackName");
  const std::string logical_id = members.text("LogicalResourceId");
  CO_TRY_VOID(members.finish());
  CO_TRY(const Stack* stack, service.book.require(name));
  const auto found = stack->record.resources.find(logical_id);
  if (found == stack->record.resources.end()) {
    co_return no_such_resource(logical_id, stack->record);
  }
  json one = resource_shown(stack->record, logical_id, found->second, "LastUpdatedTimestamp");
  one["StackName"] = stack->record.name;
  one["StackId"] = stack->record.id;
  const StackRecord record = stack->record;
  if (const Source* source = record.shown_source()) {
    auto reading = service.planner.blueprint_of(*source, record);
    const auto blueprint = co_await std::move(reading);
    if (blueprint.has_value()) {
      const auto of = (*blueprint)->of.resources.find(logical_id);
      const bool has_metadata =
          of != (*blueprint)->of.resources.end() && !of->second.metadata.empty();
      if (has_metadata) one["Metadata"] = of->second.metadata.dump();
    }
  }
  co_return json{{"StackResourceDetail", std::move(one)}};
}

Answer describe_stack_resources(Service& service, Members members) {
  const std::string name = members.text("StackName");
  const std::string logical_id = members.text("LogicalResourceId");
  const std::string physical_id = members.text("PhysicalResourceId");
  CO_TRY_VOID(members.finish());
  if (name.empty() == physical_id.empty()) {
    co_return core::validation_error(
        "You must specify either StackName or PhysicalResourceId, but not both.");
  }
  const Stack* stack = service.book.find(name);
  for (const Stack* one : service.book.stacks()) {
    if (stack != nullptr || physical_id.empty() || core::is_gone(one->record.status)) continue;
    for (const auto& [id, view] : one->record.resources) {
      if (view.physical_id == physical_id) stack = one;
    }
  }
  if (stack == nullptr) {
    const std::string& what = name.empty() ? physical_id : name;
    co_return core::validation_error((name.empty() ? "Stack for " : "Stack with id ") +
                                     core::shown(what) + " does not exist");
  }
  json told = {{"StackResources", json::array()}};
  for (const auto& [id, view] : stack->record.resources) {
    if (!logical_id.empty() && id != logical_id) continue;
    if (told["StackResources"].size() >= kResourcesDescribedMax) break;
    told["StackResources"].push_back(resource_shown(stack->record, id, view, "Timestamp"));
  }
  if (!logical_id.empty() && told["StackResources"].empty()) {
    co_return no_such_resource(logical_id, stack->record);
  }
  co_return told;
}

Answer list_stack_resources(Service& service, Members members) {
  const std::string name = members.text("StackName");
  Page page(members, kResourcesOfAPage);
  CO_TRY_VOID(members.finish());
  CO_TRY(const Stack* stack, service.book.require(name));
  std::vector<std::string> ids;
  for (const auto& [id, view] : stack->record.resources) ids.push_back(id);
  json told = {{"StackResourceSummaries", json::array()}};
  for (const std::string& id : page.of(ids, told)) {
    told["StackResourceSummaries"].push_back(
        resource_shown(stack->record, id, stack->record.resources.at(id), "LastUpdatedTimestamp"));
  }
  co_return told;
}

}  // namespace aurora_global::services::cloudformation
