#include "cloudformation/lookups.h"

#include "cloudformation/errors.h"

namespace aurora_global::cloudformation {

using nlohmann::json;

std::optional<std::string> LookupsOutside::export_value(const std::string& name) const {
  return outside_.export_value(name);
}

Result<json> LookupsOutside::stack_output(const std::string& stack, const std::string& output,
                                          const std::string& region) const {
  return outside_.stack_output(stack, output, region);
}

Result<std::vector<std::string>> LookupsOutside::availability_zones(
    const std::string& region) const {
  return outside_.availability_zones(region);
}

std::optional<std::string> DeployedLookups::physical_id(const std::string& logical_id) const {
  return deployment_.physical_id(logical_id);
}

Result<std::optional<json>> DeployedLookups::attribute(const std::string& logical_id,
                                                       const std::string& name) const {
  const PhysicalResource* what = deployment_.find(logical_id);
  if (what == nullptr) return std::optional<json>();
  TRY(json found, attribute_or_error(logical_id, *what, name));
  return std::optional<json>(std::move(found));
}

Result<json> attribute_or_error(const std::string& logical_id, const PhysicalResource& what,
                                const std::string& name) {
  if (auto found = attribute_of(what, name)) return *found;
  return template_error("resource " + shown(logical_id) + " does not support attribute type " +
                        shown(name) + " in Fn::GetAtt");
}

}  // namespace aurora_global::cloudformation
