// The region daemon as a process: wires the controller, the services and the API address.
#pragma once

#include <filesystem>

namespace aurora_global::cli {

// Runs until SIGTERM or SIGINT, which also stop PostgreSQL; killed otherwise, PostgreSQL goes on
// and the next daemon adopts it. Returns an exit code.
int run_region(const std::filesystem::path& config_file);

// Runs the daemon and the router of the region in `region_dir`, starts them again with back-off
// when they end, ends them on SIGTERM. Returns an exit code.
int run_supervisor(const std::filesystem::path& region_dir);

}  // namespace aurora_global::cli
