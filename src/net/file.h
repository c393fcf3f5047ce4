// Reads a whole file, within a limit.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace aurora_global::net {

inline constexpr std::size_t kFileBytesMax = 16 * 1024 * 1024;

// Fails with `not_found` for what cannot be read, with `exhausted` for more than `bytes_max`.
Result<std::string> read_file(const std::filesystem::path& file,
                              std::size_t bytes_max = kFileBytesMax);

}  // namespace aurora_global::net
