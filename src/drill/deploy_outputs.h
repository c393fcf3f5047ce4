// What `cdk deploy --outputs-file` says of the stacks of the regions.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace aurora_global::drill {

inline constexpr std::size_t kOutputsBytesMax = 1024 * 1024;

// The outputs of one region's stack that a drill needs.
struct RegionOutputs {
  std::string stack;
  RegionId region;
  std::string crud_global_endpoint, crud_write_forwarding;  // Names of functions.
};

struct DeployOutputs {
  std::string global_cluster;
  std::vector<RegionOutputs> regions;  // In the order of the stacks' names; at least two.
};

// {"<Stack>": {"<Output>": "<value>"}}. A region's stack is one with the outputs Region and
// GlobalClusterIdentifier; others are of no concern. Fails with `invalid`, naming `file` and the
// stack and output that is missing.
Result<DeployOutputs> parse_outputs(std::string_view text, const std::string& file);
// Fails with `not_found` where there is no such file.
Result<DeployOutputs> load_outputs(const std::filesystem::path& file);

}  // namespace aurora_global::drill
