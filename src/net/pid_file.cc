#include "net/pid_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace aurora_global::net {
namespace {

std::optional<pid_t> read_pid(int fd) {
  char text[32] = "";
  if (pread(fd, text, sizeof text - 1, 0) <= 0) return std::nullopt;
  const long pid = std::strtol(text, nullptr, 10);
  if (pid <= 1) return std::nullopt;
  return static_cast<pid_t>(pid);
}

}  // namespace

Result<PidFile> PidFile::acquire(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return make_error(ErrorKind::unavailable, "open " + path.string() + ": " + strerror(errno));
  }
  PidFile file(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const auto pid = read_pid(fd);
    return make_error(ErrorKind::conflict, path.string() + " is held by process " +
                                               (pid ? std::to_string(*pid) : "(unknown)") +
                                               ", which does this work already");
  }
  const std::string text = std::to_string(getpid()) + "\n";
  if (ftruncate(fd, 0) != 0 || pwrite(fd, text.data(), text.size(), 0) < 0) {
    return make_error(ErrorKind::exhausted, "write " + path.string() + ": " + strerror(errno));
  }
  return file;
}

PidFile::PidFile(PidFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

PidFile::~PidFile() {
  if (fd_ >= 0) close(fd_);
}

std::optional<pid_t> running_pid(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::optional<pid_t> pid;
  if (flock(fd, LOCK_SH | LOCK_NB) != 0) pid = read_pid(fd);
  close(fd);
  return pid;
}

}  // namespace aurora_global::net
