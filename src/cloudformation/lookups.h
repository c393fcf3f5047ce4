// Lookups of a stack under way, over those of the world outside.
#pragma once

#include "cloudformation/deployment.h"
#include "cloudformation/evaluate.h"

namespace aurora_global::cloudformation {

// What does not depend on this stack's resources is asked of `outside`, which outlives this.
class LookupsOutside : public Lookups {
 public:
  explicit LookupsOutside(const Lookups& outside) : outside_(outside) {}

  std::optional<std::string> export_value(const std::string& name) const override;
  Result<nlohmann::json> stack_output(const std::string& stack, const std::string& output,
                                      const std::string& region) const override;
  Result<std::vector<std::string>> availability_zones(const std::string& region) const override;

 private:
  const Lookups& outside_;
};

// The resources are those that a deployment has. It outlives this. For the properties of a step
// that is ready: what it depends on is there, so nothing is awaited.
class DeployedLookups final : public LookupsOutside {
 public:
  DeployedLookups(const Deployment& deployment, const Lookups& outside)
      : LookupsOutside(outside), deployment_(deployment) {}

  std::optional<std::string> physical_id(const std::string& logical_id) const override;
  Result<std::optional<nlohmann::json>> attribute(const std::string& logical_id,
                                                  const std::string& name) const override;

 private:
  const Deployment& deployment_;
};

// An attribute of a resource that is there. Fails if its provider gave none of that name.
Result<nlohmann::json> attribute_or_error(const std::string& logical_id,
                                          const PhysicalResource& what, const std::string& name);

}  // namespace aurora_global::cloudformation
