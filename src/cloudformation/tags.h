// Tags of a stack, which its resources have beside their own.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace aurora_global::cloudformation {

using Tags = std::vector<std::pair<std::string, std::string>>;

// What the property Tags of a type is: a list of {Key, Value} or an object, or there is none.
enum class TagsProperty { none, list, object };

// Adds to `properties`, evaluated, the tags of the stack whose keys the resource's own do not have.
// Own tags that are neither list nor object, for they are not known yet, stay as they are.
void add_stack_tags(TagsProperty kind, const Tags& stack_tags, nlohmann::json& properties);

}  // namespace aurora_global::cloudformation
