// What resource types say of themselves. Providers implement it; the core only asks.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cloudformation/deployment.h"
#include "cloudformation/tags.h"

namespace aurora_global::cloudformation {

// Whether a property can be changed without making the resource anew.
enum class Replacing { never, conditionally, always };

class Schema {
 public:
  virtual ~Schema() = default;
  // Of a top-level property that changes from `before` to `after`; null where it is not there.
  // `conditionally` only where values are not known yet, or while a change set is planned.
  virtual Replacing replacing(const std::string& type, const std::string& property,
                              const nlohmann::json& before, const nlohmann::json& after) const = 0;
  // The attribute stays what it is when the resource is modified in place, as an ARN does.
  virtual bool is_stable(const std::string& type, const std::string& attribute) const = 0;
  virtual TagsProperty tags_property(const std::string& type) const = 0;
};

// What has to be done to a resource that exists, so that its properties become `after`. Both are
// evaluated. A conditional replacement is none: the provider decides, and may give another
// physical id.
Decision decide(const Schema& schema, const std::string& type, const nlohmann::json& before,
                const nlohmann::json& after);

// The names of the top-level properties in which the two differ.
std::set<std::string> changed_properties(const nlohmann::json& before, const nlohmann::json& after);
// A member, or null.
const nlohmann::json& property_or_null(const nlohmann::json& properties, const std::string& name);

}  // namespace aurora_global::cloudformation
