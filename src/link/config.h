// What the peering link starts from (docs/reference/control.md, "link.toml").
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aurora_global::link {

struct Route {
  std::string from;  // Region whose side listens.
  std::string to;
  std::string listen;
  std::string target;
  std::string source;  // Address the far side sees; empty: the system's choice.
};

struct LinkConfig {
  std::filesystem::path control;
  std::filesystem::path pid_file;
  double latency_ms = 31;
  double jitter_ms = 0;
  double bandwidth_mbit_s = 0;  // 0: no limit.
  std::vector<Route> routes;
};

// Both fail with `invalid` (what, where in the file, what was expected), load with `not_found`,
// too.
Result<LinkConfig> parse_link_config(std::string_view text, const std::string& file);
Result<LinkConfig> load_link_config(const std::filesystem::path& file);

}  // namespace aurora_global::link
