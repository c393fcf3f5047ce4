#include "services/lambda/code_digest.h"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <map>
#include <memory>

#include "base/base64.h"
#include "services/lambda/function_config.h"

namespace aurora_global::services::lambda {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChunkBytes = 64 * 1024;

Error cannot_read(const fs::path& file) {
  return make_error(ErrorKind::unavailable, "cannot read " + file.string());
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }
  void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  // Returns how much it was.
  Result<std::uint64_t> add_file(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return cannot_read(file);
    std::array<char, kChunkBytes> chunk;
    std::uint64_t bytes = 0;
    while (stream.read(chunk.data(), chunk.size()) || stream.gcount() > 0) {
      const auto size = static_cast<std::size_t>(stream.gcount());
      add({chunk.data(), size});
      bytes += size;
    }
    if (stream.bad()) return cannot_read(file);
    return bytes;
  }
  std::string finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
    return base64({reinterpret_cast<const char*>(digest.data()), size});
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

// Path below the folder -> file.
Result<std::map<std::string, fs::path>> files_in(const fs::path& folder) {
  std::map<std::string, fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    std::error_code odd;
    if (!at->is_regular_file(odd)) continue;
    files[at->path().lexically_relative(folder).string()] = at->path();
    if (files.size() > static_cast<std::size_t>(kUnzippedEntriesMax)) {
      return make_error(ErrorKind::exhausted, "too many files in " + folder.string());
    }
  }
  if (error) return cannot_read(folder);
  return files;
}

}  // namespace

Result<CodeDigest> digest_of(const fs::path& code) {
  Sha256 sha256;
  CodeDigest digest;
  std::error_code error;
  if (!fs::is_directory(code, error)) {
    TRY(digest.bytes, sha256.add_file(code));
  } else {
    TRY(const auto files, files_in(code));
    for (const auto& [name, file] : files) {
      const std::uint64_t size = fs::file_size(file, error);
      if (error) return cannot_read(file);
      sha256.add(name + std::string(1, '\0') + std::to_string(size) + std::string(1, '\0'));
      TRY(const std::uint64_t bytes, sha256.add_file(file));
      digest.bytes += bytes;
    }
  }
  digest.sha256 = sha256.finish();
  return digest;
}

}  // namespace aurora_global::services::lambda
