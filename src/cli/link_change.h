// What `link set` was told.
#pragma once

#include <optional>
#include <string>

#include "cli/home.h"

namespace aurora_global::cli {

struct LinkChange {
  std::optional<double> latency_ms, jitter_ms, bandwidth_mbit;
  std::string partition;  // none, both, out; empty: as it is.
  std::string from, to;   // Empty: every region.
};

// Asks the running link for it, unless it would change nothing. Gives the exit code.
int change_link(const Home& home, const LinkChange& change);

}  // namespace aurora_global::cli
