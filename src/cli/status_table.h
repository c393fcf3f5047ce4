// What `status` shows: regions as a table that a terminal of 80 columns holds, and what goes with
// it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace aurora_global::cli {

// `all` is what `status --json` prints.
std::string status_table(const nlohmann::json& all);
// What an operator should know, as the regions say it.
std::string status_warnings(const nlohmann::json& all);

}  // namespace aurora_global::cli
