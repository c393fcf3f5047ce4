// What a router starts from, and where it sends whom (docs/reference/control.md).
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace aurora_global::router {

struct EndpointConfig {
  std::string name;  // global-writer | cluster | reader
  std::string listen;
};

struct RouterConfig {
  std::string region;
  std::filesystem::path control;
  std::filesystem::path pid_file;
  std::filesystem::path topology_file;
  Duration hold_timeout = std::chrono::seconds(60);
  Duration connect_timeout = std::chrono::seconds(5);
  int max_connections = 2000;  // Per endpoint.
  std::vector<EndpointConfig> endpoints;
};

Result<RouterConfig> load_router_config(const std::filesystem::path& file);

// One snapshot of where everything is. Immutable; swapped whole.
struct Topology {
  Epoch epoch;
  std::uint64_t version = 0;
  std::string region;
  std::string writer_region;
  std::map<std::string, std::vector<std::string>> backends;  // By endpoint name.

  bool older_than(const Topology& other) const;
};

// Fails with `invalid` for missing members, unknown members or malformed addresses.
Result<Topology> parse_topology(const nlohmann::json& json);

}  // namespace aurora_global::router
