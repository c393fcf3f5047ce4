// Reads and replaces whole files.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace aurora_global::net {

inline constexpr std::size_t kFileBytesMax = 16 * 1024 * 1024;

// Fails with `not_found` for what cannot be read, with `exhausted` for more than `bytes_max`.
Result<std::string> read_file(const std::filesystem::path& file,
                              std::size_t bytes_max = kFileBytesMax);

// Replaces a file atomically; `mode` as in chmod. After a loss of power it is the old one or the
// new one, and the new one for sure after sync_directory(). Fails with `exhausted` or
// `unavailable`.
Result<void> replace_file(const std::filesystem::path& file, std::string_view text, int mode);
// What was written stays. Fails with `unavailable`.
Result<void> sync_file(const std::filesystem::path& file);
// What was created, renamed or removed in it stays so. Fails with `unavailable`.
Result<void> sync_directory(const std::filesystem::path& directory);

}  // namespace aurora_global::net
