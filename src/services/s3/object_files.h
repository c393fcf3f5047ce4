// The files that hold the content of objects. These calls block.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "services/sinks.h"

namespace aurora_global::services::s3 {

// Writes a new file and its name to the disk. Fails with `exhausted` for a full disk.
Result<void> write_object_file(const std::filesystem::path& file, std::string_view content);
// The same of several files, one after the other.
Result<void> join_object_files(const std::filesystem::path& file,
                               const std::vector<std::filesystem::path>& parts);
Result<std::string> read_object_file(const std::filesystem::path& file, off_t from,
                                     std::size_t size);
Result<std::shared_ptr<const ObjectFile>> open_object_file(const std::filesystem::path& file,
                                                           std::uint64_t size, std::string etag,
                                                           std::string version_id);

}  // namespace aurora_global::services::s3
