#include "cloudformation/inventory.h"

namespace aurora_global::cloudformation {

std::optional<nlohmann::json> attribute_of(const PhysicalResource& what, std::string_view name) {
  const nlohmann::json* at = &what.attributes;
  while (at->is_object()) {
    if (const auto found = at->find(std::string(name)); found != at->end()) return *found;
    const std::size_t dot = name.find('.');
    if (dot == name.npos) break;
    const auto inner = at->find(std::string(name.substr(0, dot)));
    if (inner == at->end()) break;
    at = &*inner;
    name.remove_prefix(dot + 1);
  }
  return std::nullopt;
}

}  // namespace aurora_global::cloudformation
