// One process per pid file: an exclusive lock that lives as long as the process.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "base/result.h"

namespace aurora_global::net {

class PidFile {
 public:
  // Locks the file and writes our pid into it; waits at most 100 ms for those who only look at it.
  // Fails with `conflict`, naming the process that holds it, `denied` or `unavailable`.
  static Result<PidFile> acquire(const std::filesystem::path& path);
  PidFile(PidFile&& other) noexcept;
  PidFile& operator=(PidFile&&) = delete;
  ~PidFile();

 private:
  explicit PidFile(int fd) : fd_(fd) {}
  static Result<PidFile> write_own_pid(PidFile file, const std::filesystem::path& path);

  int fd_;
};

// The pid in the file if a living process holds its lock.
std::optional<pid_t> running_pid(const std::filesystem::path& path);

}  // namespace aurora_global::net
