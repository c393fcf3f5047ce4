#include "cloudformation/graph.h"

#include "cloudformation/errors.h"
#include "cloudformation/references.h"

namespace aurora_global::cloudformation {
namespace {

// The resources that `found` names. Fails for one that is not among `there`.
Result<std::set<std::string>> resources_in(const References& found, const Template& of,
                                           const Dependencies& there, const char* block) {
  std::set<std::string> named;
  for (const std::string& name : found.names) {
    if (of.resources.contains(name)) named.insert(name);
  }
  for (const auto& [resource, attribute] : found.attributes) named.insert(resource);
  std::set<std::string> missing;
  for (const std::string& name : named) {
    if (!there.contains(name)) missing.insert(name);
  }
  if (!missing.empty()) return unresolved_resources(missing, block);
  return named;
}

Result<Dependencies> without_cycle(Dependencies graph) {
  const Ordered ordered = in_order(graph);
  if (!ordered.cycle.empty()) {
    return validation_error("Circular dependency between resources: " + listed(ordered.cycle));
  }
  return graph;
}

}  // namespace

bool applies(const std::string& condition, const ConditionValues& conditions) {
  if (condition.empty()) return true;
  const auto found = conditions.find(condition);
  return found != conditions.end() && found->second;
}

Result<Dependencies> resource_graph(const Template& of, const ConditionValues& conditions) {
  Dependencies graph;
  for (const auto& [name, resource] : of.resources) {
    if (applies(resource.condition, conditions)) graph[name];
  }
  for (auto& [name, on] : graph) {
    const ResourceDefinition& resource = of.resources.at(name);
    References found;
    TRY_VOID(add_references(resource.properties, {&conditions}, found));
    TRY(on, resources_in(found, of, graph, "Resources"));
    for (const std::string& other : resource.depends_on) {
      if (graph.contains(other)) on.insert(other);
    }
  }
  for (const auto& [name, output] : of.outputs) {
    if (!applies(output.condition, conditions)) continue;
    References found;
    TRY_VOID(add_references(output.value, {&conditions}, found));
    TRY_VOID(add_references(output.export_name, {&conditions}, found));
    TRY_VOID(resources_in(found, of, graph, "Outputs"));
  }
  return without_cycle(std::move(graph));
}

Result<void> check_no_cycle(const Template& of) {
  TRY_VOID(order_of_conditions(of));
  Dependencies graph;
  for (const auto& [name, resource] : of.resources) graph[name];
  for (auto& [name, on] : graph) {
    const ResourceDefinition& resource = of.resources.at(name);
    References found;
    TRY_VOID(add_references(resource.properties, {.none = true}, found));
    TRY(on, resources_in(found, of, graph, "Resources"));
    for (const std::string& other : resource.depends_on) {
      const auto there = of.resources.find(other);
      if (there == of.resources.end()) continue;
      const std::string& condition = there->second.condition;
      if (condition.empty() || condition == resource.condition) on.insert(other);
    }
  }
  TRY_VOID(without_cycle(std::move(graph)));
  return ok();
}

}  // namespace aurora_global::cloudformation
