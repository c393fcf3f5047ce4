// A world of lookups for tests: what is put in is there, everything else is not known yet.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "cloudformation/errors.h"
#include "cloudformation/evaluate.h"

namespace aurora_global::cloudformation::testing {

class World final : public Lookups {
 public:
  std::optional<std::string> physical_id(const std::string& logical_id) const override {
    const auto found = ids.find(logical_id);
    return found == ids.end() ? std::nullopt : std::optional(found->second);
  }
  Result<std::optional<nlohmann::json>> attribute(const std::string& logical_id,
                                                  const std::string& name) const override {
    const auto found = attributes.find({logical_id, name});
    if (found == attributes.end()) return std::optional<nlohmann::json>();
    return std::optional(found->second);
  }
  std::optional<std::string> export_value(const std::string& name) const override {
    const auto found = exports.find(name);
    return found == exports.end() ? std::nullopt : std::optional(found->second);
  }
  Result<nlohmann::json> stack_output(const std::string& stack, const std::string& output,
                                      const std::string& region) const override {
    const auto found = outputs.find(stack + "/" + output + "/" + region);
    if (found == outputs.end()) return validation_error("Stack " + stack + " does not exist");
    return found->second;
  }
  Result<std::vector<std::string>> availability_zones(const std::string& region) const override {
    return std::vector<std::string>{region + "a", region + "b"};
  }

  std::map<std::string, std::string> ids;
  std::map<std::pair<std::string, std::string>, nlohmann::json> attributes;
  std::map<std::string, std::string> exports;
  std::map<std::string, nlohmann::json> outputs;
};

}  // namespace aurora_global::cloudformation::testing
