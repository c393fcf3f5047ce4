#include "net/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace aurora_global::net {

Result<std::string> read_file(const std::filesystem::path& file, std::size_t bytes_max) {
  std::ifstream in(file, std::ios::binary);
  std::string text;
  char piece[16 * 1024];
  while (in.read(piece, sizeof piece) || in.gcount() > 0) {
    text.append(piece, static_cast<std::size_t>(in.gcount()));
    if (text.size() > bytes_max) {
      return make_error(ErrorKind::exhausted,
                        file.string() + " is larger than " + std::to_string(bytes_max) + " bytes");
    }
  }
  // A folder opens, and fails at the first read.
  if (!in.eof() || in.bad()) {
    return make_error(ErrorKind::not_found, "cannot read " + file.string());
  }
  return text;
}

Result<void> replace_file(const std::filesystem::path& file, std::string_view text, int mode) {
  // Two commands of the command line may write the same file at once.
  const std::filesystem::path fresh = file.string() + ".new" + std::to_string(getpid());
  const auto failed = [&](const char* what) {
    const ErrorKind kind = errno == ENOSPC ? ErrorKind::exhausted : ErrorKind::unavailable;
    return make_error(kind, std::string(what) + " " + fresh.string() + ": " + strerror(errno));
  };
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return failed("open");
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = write(fd, text.data() + done, text.size() - done);
    if (wrote < 0) {
      close(fd);
      return failed("write");
    }
    done += static_cast<std::size_t>(wrote);
  }
  fchmod(fd, static_cast<mode_t>(mode));
  const bool synced = fsync(fd) == 0;
  close(fd);
  if (!synced) return failed("sync");
  if (rename(fresh.c_str(), file.c_str()) != 0) return failed("rename");
  return ok();
}

namespace {

Result<void> sync_opened(const std::filesystem::path& what, int flags) {
  const int fd = open(what.c_str(), O_RDONLY | O_CLOEXEC | flags);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (synced) return ok();
  return make_error(ErrorKind::unavailable, "sync " + what.string() + ": " + strerror(error));
}

}  // namespace

Result<void> sync_file(const std::filesystem::path& file) { return sync_opened(file, 0); }

Result<void> sync_directory(const std::filesystem::path& directory) {
  return sync_opened(directory, O_DIRECTORY);
}

}  // namespace aurora_global::net
