#include "cloudformation/tags.h"

#include <algorithm>

#include "cloudformation/schema.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

bool has_key(const json& list, const std::string& key) {
  return std::any_of(list.begin(), list.end(),
                     [&key](const json& one) { return property_or_null(one, "Key") == key; });
}

}  // namespace

void add_stack_tags(TagsProperty kind, const Tags& stack_tags, json& properties) {
  if (kind == TagsProperty::none || stack_tags.empty()) return;
  json& own = properties["Tags"];
  if (own.is_null()) own = kind == TagsProperty::list ? json::array() : json::object();
  for (const auto& [key, value] : stack_tags) {
    if (own.is_object()) own.emplace(key, value);
    if (own.is_array() && !has_key(own, key)) own.push_back({{"Key", key}, {"Value", value}});
  }
}

}  // namespace aurora_global::cloudformation
