// What a stack has: its resources as they were made, between and during its operations.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "cloudformation/resource_state.h"
#include "cloudformation/template.h"

namespace aurora_global::cloudformation {

// Logical id and physical id. One logical id has two physical resources while it is replaced.
using PhysicalKey = std::pair<std::string, std::string>;

// One physical resource, and what it was last made of.
struct PhysicalResource {
  std::string type;
  nlohmann::json properties =
      nlohmann::json::object();  // Evaluated; dynamic references as written.
  nlohmann::json attributes = nlohmann::json::object();  // What Fn::GetAtt gives.
  std::set<PhysicalKey> depends_on;                      // What it must not outlive.
  RemovalPolicy deletion_policy = RemovalPolicy::remove;
  RemovalPolicy update_replace_policy = RemovalPolicy::remove;
  bool is_made_by_operation = false;  // By the one that is under way.

  bool operator==(const PhysicalResource&) const = default;
};

// An attribute by its name: "Arn", "Endpoint.Address", which may be a member of "Endpoint".
// Nullopt: the provider gave none of that name.
std::optional<nlohmann::json> attribute_of(const PhysicalResource& what, std::string_view name);

struct StackResource {
  std::string physical_id;
  ResourceStatus status = ResourceStatus::create_complete;

  bool operator==(const StackResource&) const = default;
};

struct Inventory {
  // By logical id; each has its physical resource in `existing`.
  std::map<std::string, StackResource> resources;
  // Also what failed to be made, and what was replaced by an update that failed and was kept: the
  // next operation that cleans up removes it.
  std::map<PhysicalKey, PhysicalResource> existing;

  bool operator==(const Inventory&) const = default;
};

}  // namespace aurora_global::cloudformation
