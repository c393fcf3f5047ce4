#include "net/pid_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace aurora_global::net {
namespace {

constexpr int kLooks = 40;
constexpr useconds_t kLookUs = 2500;

std::optional<pid_t> read_pid(int fd) {
  char text[32] = "";
  if (pread(fd, text, sizeof text - 1, 0) <= 0) return std::nullopt;
  const long pid = std::strtol(text, nullptr, 10);
  if (pid <= 1) return std::nullopt;
  return static_cast<pid_t>(pid);
}

bool is_at(int fd, const std::filesystem::path& path) {
  struct stat ours {
  }, there{};
  return fstat(fd, &ours) == 0 && stat(path.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
         ours.st_dev == there.st_dev;
}

}  // namespace

Result<PidFile> PidFile::acquire(const std::filesystem::path& path) {
  for (int tries = 1;; ++tries) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
      const ErrorKind kind = errno == EACCES ? ErrorKind::denied : ErrorKind::unavailable;
      return make_error(kind, "open " + path.string() + ": " + strerror(errno));
    }
    PidFile file(fd);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
      if (!is_at(fd, path)) continue;  // Removed by its last holder meanwhile.
      return write_own_pid(std::move(file), path);
    }
    const auto pid = read_pid(fd);
    const bool alive = pid && kill(*pid, 0) != 0 ? errno == EPERM : pid.has_value();
    // Whoever looks at it holds it for a moment, under the pid of a holder that has ended.
    if (!alive && tries < kLooks) {
      usleep(kLookUs);
      continue;
    }
    return make_error(ErrorKind::conflict, path.string() + " is held by process " +
                                               (pid ? std::to_string(*pid) : "(unknown)") +
                                               ", which does this work already");
  }
}

Result<PidFile> PidFile::write_own_pid(PidFile file, const std::filesystem::path& path) {
  const int fd = file.fd_;
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
