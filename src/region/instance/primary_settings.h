// The settings of a primary that a standby must have at least as high: with lower ones its replay
// pauses, and it does not start again. WAL brings the primary's into the standby's control file.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace aurora_global::region {

// PostgreSQL's names, in the order of the control file.
inline constexpr std::array kPrimarySettings = {"max_connections", "max_worker_processes",
                                                "max_wal_senders", "max_prepared_transactions",
                                                "max_locks_per_transaction"};
using PrimarySettings = std::array<std::int32_t, kPrimarySettings.size()>;

// The server's arguments for those that its own files, `configuration` and what ALTER SYSTEM has
// written, set lower than the primary has them. Fails as read_control_file().
Result<std::vector<std::string>> raised_settings(const std::filesystem::path& data_dir,
                                                 const std::filesystem::path& configuration);

}  // namespace aurora_global::region
