#include "cloudformation/imports.h"

#include "cloudformation/deployment.h"
#include "cloudformation/errors.h"
#include "cloudformation/graph.h"

namespace aurora_global::cloudformation {
namespace {

using IdentifierOf = std::function<std::string_view(const std::string&)>;

Result<std::string> physical_id_of(const ResourceToImport& one, const Scope& scope,
                                   const IdentifierOf& identifier_of) {
  const auto resource = scope.of->resources.find(one.logical_id);
  if (resource == scope.of->resources.end() ||
      !applies(resource->second.condition, *scope.conditions)) {
    return validation_error("Resources [" + shown(one.logical_id) +
                            "] to import must be present in the template");
  }
  if (resource->second.type != one.type) {
    return validation_error("Resource " + shown(one.logical_id) + " is of type " +
                            resource->second.type + " in the template, not of type " +
                            shown(one.type));
  }
  const std::string_view name = identifier_of(one.type);
  if (name.empty()) {
    return validation_error("ResourceTypes [" + one.type + "] are not supported for Import");
  }
  const auto given = one.identifier.find(std::string(name));
  if (one.identifier.size() != 1 || given == one.identifier.end() || given->second.empty()) {
    return validation_error("Invalid ResourceIdentifier of " + one.logical_id + ": " + one.type +
                            " takes [" + std::string(name) + "]");
  }
  if (given->second.size() > kPhysicalIdBytesMax) {
    return validation_error("Invalid ResourceIdentifier of " + one.logical_id + ": " +
                            std::string(name) + " is longer than " +
                            std::to_string(kPhysicalIdBytesMax) + " bytes");
  }
  if (!resource->second.has_deletion_policy) {
    return validation_error("Resources [" + one.logical_id +
                            "] must have DeletionPolicy attribute specified in the template.");
  }
  return given->second;
}

}  // namespace

Result<ImportIds> import_ids(const std::vector<ResourceToImport>& wanted, const Scope& scope,
                             const Inventory& inventory, const IdentifierOf& identifier_of) {
  ImportIds ids;
  std::map<std::pair<std::string, std::string>, std::string> named;  // Type, id -> logical id.
  for (const ResourceToImport& one : wanted) {
    TRY(std::string id, physical_id_of(one, scope, identifier_of));
    if (inventory.resources.contains(one.logical_id)) {
      return validation_error("Resources [" + one.logical_id +
                              "] passed in ResourceToImport already belong to the stack");
    }
    const auto [first, is_first] = named.emplace(std::pair{one.type, id}, one.logical_id);
    if (!is_first && first->second != one.logical_id) {
      return validation_error("Resources [" + first->second + ", " + one.logical_id +
                              "] have the same ResourceIdentifier " + shown(id));
    }
    if (!ids.emplace(one.logical_id, std::move(id)).second) {
      return validation_error("Resource " + one.logical_id +
                              " is given twice in ResourcesToImport");
    }
  }
  std::set<std::string> missing;
  for (const auto& [name, resource] : scope.of->resources) {
    const bool is_new = applies(resource.condition, *scope.conditions) &&
                        !inventory.resources.contains(name) && !ids.contains(name);
    if (is_new) missing.insert(name);
  }
  if (missing.empty()) return ids;
  return validation_error("Resources " + listed(missing) +
                          " is missing from ResourceToImport list");
}

}  // namespace aurora_global::cloudformation
