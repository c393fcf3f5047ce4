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
  const Ordered ordered = in_order(graph);
  if (!ordered.cycle.empty()) {
    return validation_error("Circular dependency between resources: " + listed(ordered.cycle));
  }
  return graph;
}

}  // namespace aurora_global::cloudformation
