#include "services/lambda/function_store.h"

#include <openssl/sha.h>

#include <optional>
#include <set>

#include "base/base64.h"
#include "base/json.h"
#include "base/rng.h"
#include "net/file.h"
#include "net/log.h"
#include "services/lambda/function_config.h"
#include "services/lambda/function_record.h"

namespace aurora_global::services::lambda {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t kZipBytesMax = kUnzippedBytesMax;

std::string sha256_base64(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  return base64({reinterpret_cast<const char*>(digest), sizeof digest});
}

fs::path record_of(const fs::path& directory, const std::string& name) {
  return directory / (name + ".json");
}

// The zips that records name, now or a moment ago: an invocation may be about to unpack the former.
// Nullopt if a record cannot be read.
std::optional<std::set<std::string>> named_zips(const fs::path& directory) {
  std::set<std::string> named;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".json") continue;
    const auto stored = load_record(entry.path());
    if (stored.has_error()) {
      log::warn("{}", stored.error().message);
      return std::nullopt;
    }
    for (const char* member : {"Code", "FormerCode"}) {
      named.insert(stored->record.value(member, ""));
    }
  }
  return named;
}

// Only what is of this function, if one is named.
void remove_unnamed(const fs::path& directory, const std::string& name) {
  const auto named = named_zips(directory);
  if (!named) return;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory / kCodeFolder, error)) {
    const std::string file = entry.path().filename();
    const bool theirs = name.empty() || file.substr(0, file.rfind('-')) == name;
    std::error_code ignored;
    if (theirs && !named->contains(file)) fs::remove(entry.path(), ignored);
  }
}

// Whether it holds what a function needs, by unpacking it.
Result<void> try_code(const fs::path& zip, const fs::path& trial) {
  std::error_code ignored;
  auto unpacked = unzip(zip, trial);
  const fs::path program = trial / "bootstrap";
  const auto mode = fs::status(program, ignored);
  const bool there = fs::is_regular_file(mode);
  const bool runs = (mode.permissions() & fs::perms::others_exec) != fs::perms::none ||
                    (mode.permissions() & fs::perms::owner_exec) != fs::perms::none;
  fs::remove_all(trial, ignored);
  if (unpacked.has_error() && unpacked.error().kind != ErrorKind::invalid) return unpacked;
  if (unpacked.has_error()) {
    // Without the place of the file here.
    std::string why = unpacked.error().message;
    if (why.rfind(zip.string() + ": ", 0) == 0) why.erase(0, zip.string().size() + 2);
    return refused(
        "Could not unzip uploaded file. Please check your file, then try to upload again. (It " +
        why + ")");
  }
  if (!there) return refused("The uploaded file has no 'bootstrap' at its top");
  if (!runs) return refused("The 'bootstrap' of the uploaded file is not executable");
  return ok();
}

Result<std::string> bytes_of(const ZipSource& source) {
  if (source.object == nullptr) return source.bytes;
  auto bytes = net::read_file(source.object->path(), kZipBytesMax);
  if (bytes.has_error() && bytes.error().kind == ErrorKind::exhausted) {
    return refused("The object is larger than 250 MB");
  }
  return bytes;
}

Result<StoredCode> store_code(const fs::path& directory, const std::string& name,
                              const ZipSource& source, const fs::path& trial) {
  TRY(const std::string zip, bytes_of(source));
  const fs::path folder = directory / kCodeFolder;
  std::error_code error;
  fs::create_directories(folder, error);
  StoredCode code{name + "-" + random_hex(8) + ".zip", sha256_base64(zip), zip.size()};
  const fs::path file = folder / code.file;
  auto stored = net::replace_file(file, zip, 0600);
  if (stored.has_value()) stored = net::sync_directory(folder);
  if (stored.has_value()) stored = try_code(file, trial);
  if (stored.has_value()) return code;
  fs::remove(file, error);
  return stored.error();
}

}  // namespace

FunctionStore::FunctionStore(fs::path directory) : directory_(std::move(directory)) {
  remove_unnamed(directory_, "");
}

net::Task<Result<StoredCode>> FunctionStore::put_code(std::string name, ZipSource zip) {
  const fs::path trial = directory_ / "unpacked" / ("trial-" + std::to_string(trials_++));
  auto job = [directory = directory_, name = std::move(name), zip = std::move(zip), trial] {
    return store_code(directory, name, zip, trial);
  };
  co_return co_await worker_.run<StoredCode>(std::move(job));
}

net::Task<void> FunctionStore::drop_code(StoredCode code) {
  auto job = [file = directory_ / kCodeFolder / code.file]() -> Result<void> {
    std::error_code ignored;
    fs::remove(file, ignored);
    return ok();
  };
  (co_await worker_.run<void>(std::move(job))).has_error();
}

net::Task<Result<void>> FunctionStore::put(std::string name, json record) {
  auto job = [directory = directory_, name = std::move(name),
              text = record.dump(2, ' ', false, json::error_handler_t::replace)]() -> Result<void> {
    // Variables may be secrets.
    TRY_VOID(net::replace_file(record_of(directory, name), text + "\n", 0600));
    TRY_VOID(net::sync_directory(directory));
    remove_unnamed(directory, name);
    return ok();
  };
  co_return co_await worker_.run<void>(std::move(job));
}

net::Task<Result<void>> FunctionStore::remove(std::string name) {
  auto job = [directory = directory_, name = std::move(name)]() -> Result<void> {
    std::error_code error;
    fs::remove(record_of(directory, name), error);
    if (error) {
      return make_error(ErrorKind::unavailable, "cannot remove the function: " + error.message());
    }
    TRY_VOID(net::sync_directory(directory));
    remove_unnamed(directory, name);
    return ok();
  };
  co_return co_await worker_.run<void>(std::move(job));
}

}  // namespace aurora_global::services::lambda
