#include "cloudformation/schema.h"

namespace aurora_global::cloudformation {

using nlohmann::json;

const json& property_or_null(const json& properties, const std::string& name) {
  static const json kNull;
  if (!properties.is_object()) return kNull;
  const auto found = properties.find(name);
  return found == properties.end() ? kNull : *found;
}

std::set<std::string> changed_properties(const json& before, const json& after) {
  std::set<std::string> names;
  for (const json* one : {&before, &after}) {
    if (!one->is_object()) continue;
    for (const auto& [name, value] : one->items()) {
      if (property_or_null(before, name) != property_or_null(after, name)) names.insert(name);
    }
  }
  return names;
}

Decision decide(const Schema& schema, const std::string& type, const json& before,
                const json& after) {
  const auto changed = changed_properties(before, after);
  if (changed.empty()) return Decision::unchanged;
  for (const std::string& name : changed) {
    if (schema.replacing(type, name, property_or_null(before, name),
                         property_or_null(after, name)) == Replacing::always) {
      return Decision::replace;
    }
  }
  return Decision::modify;
}

}  // namespace aurora_global::cloudformation
