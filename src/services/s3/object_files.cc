#include "services/s3/object_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace aurora_global::services::s3 {
namespace {

constexpr std::size_t kPiece = 1u << 20;

Error file_error(const char* what) {
  const bool full = errno == ENOSPC || errno == EDQUOT;
  if (errno == ENOENT) {  // The object has gone since it was looked up.
    return make_error(ErrorKind::not_found, "The specified key does not exist.", "NoSuchKey");
  }
  return make_error(full ? ErrorKind::exhausted : ErrorKind::internal,
                    std::string(what) + " an object's file: " + std::strerror(errno),
                    full ? "ServiceUnavailable" : "InternalError");
}

class Descriptor {
 public:
  Descriptor(const std::filesystem::path& file, int flags)
      : number_(::open(file.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

Result<void> write_all(int to, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(to, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return file_error("write");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return ok();
}

Result<std::string> read_at(int from, off_t at, std::size_t size) {
  std::string content(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::pread(from, content.data() + done, size - done, at + static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error("read");
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  content.resize(done);
  return content;
}

// The content, and the name in its directory.
Result<void> sync(const Descriptor& file, const std::filesystem::path& path) {
  if (::fsync(file.number()) != 0) return file_error("sync");
  const Descriptor directory(path.parent_path(), O_RDONLY | O_DIRECTORY);
  if (directory.number() < 0 || ::fsync(directory.number()) != 0) return file_error("sync");
  return ok();
}

class OpenFile final : public ObjectFile {
 public:
  OpenFile(int number, std::uint64_t size, std::string etag, std::string version_id)
      : number_(number), size_(size), etag_(std::move(etag)), version_id_(std::move(version_id)) {}
  ~OpenFile() override { ::close(number_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  std::filesystem::path path() const override { return "/proc/self/fd/" + std::to_string(number_); }
  std::uint64_t size() const override { return size_; }
  std::string etag() const override { return etag_; }
  std::string version_id() const override { return version_id_; }

 private:
  int number_;
  std::uint64_t size_;
  std::string etag_, version_id_;
};

template <typename Fill>
Result<void> make_file(const std::filesystem::path& path, const Fill& fill) {
  const Descriptor file(path, O_WRONLY | O_CREAT | O_EXCL);
  if (file.number() < 0) return file_error("create");
  Result<void> outcome = fill(file.number());
  if (outcome.has_value()) outcome = sync(file, path);
  if (outcome.has_error()) ::unlink(path.c_str());
  return outcome;
}

}  // namespace

Result<void> write_object_file(const std::filesystem::path& path, std::string_view content) {
  return make_file(path, [&](int to) { return write_all(to, content); });
}

Result<void> join_object_files(const std::filesystem::path& path,
                               const std::vector<std::filesystem::path>& parts) {
  return make_file(path, [&](int to) -> Result<void> {
    for (const auto& part : parts) {
      const Descriptor from(part, O_RDONLY);
      if (from.number() < 0) return file_error("open");
      for (off_t at = 0;;) {
        TRY(const std::string piece, read_at(from.number(), at, kPiece));
        if (piece.empty()) break;
        TRY_VOID(write_all(to, piece));
        at += static_cast<off_t>(piece.size());
      }
    }
    return ok();
  });
}

Result<std::string> read_object_file(const std::filesystem::path& path, off_t from,
                                     std::size_t size) {
  const Descriptor file(path, O_RDONLY);
  if (file.number() < 0) return file_error("open");
  return read_at(file.number(), from, size);
}

Result<std::shared_ptr<const ObjectFile>> open_object_file(const std::filesystem::path& path,
                                                           std::uint64_t size, std::string etag,
                                                           std::string version_id) {
  Descriptor file(path, O_RDONLY);
  if (file.number() < 0) return file_error("open");
  return std::shared_ptr<const ObjectFile>(
      std::make_shared<OpenFile>(file.release(), size, std::move(etag), std::move(version_id)));
}

}  // namespace aurora_global::services::s3
