#include "services/lambda/function_config.h"

#include <sys/stat.h>
#include <zip.h>

#include <toml++/toml.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

namespace aurora_global::services::lambda {
namespace {

namespace fs = std::filesystem;

constexpr int kRetryDelayMaxS = 6 * 3600;  // The age at which an event ends.

Error bad(const fs::path& file, const std::string& what) {
  return make_error(ErrorKind::invalid, file.string() + ": " + what);
}

Result<int> number(const toml::table& table, const fs::path& file, const char* key, int otherwise,
                   int min, int max) {
  if (!table.contains(key)) return otherwise;
  const auto value = table[key].value<std::int64_t>();
  if (value && *value >= min && *value <= max) return static_cast<int>(*value);
  return bad(file, std::string(key) + " must be a whole number from " + std::to_string(min) +
                       " to " + std::to_string(max));
}

// A string or true and false, by the type of `otherwise`.
template <typename T>
Result<T> plain(const toml::table& table, const fs::path& file, const char* key, T otherwise) {
  if (!table.contains(key)) return otherwise;
  const auto value = table[key].value_exact<T>();
  if (value) return *value;
  return bad(file, std::string(key) + " must be " +
                       (std::is_same_v<T, bool> ? "true or false" : "a string"));
}

Result<std::map<std::string, std::string>> texts(const toml::table& table, const fs::path& file,
                                                 const char* key) {
  std::map<std::string, std::string> all;
  if (!table.contains(key)) return all;
  const toml::table* inner = table[key].as_table();
  if (inner == nullptr) {
    return bad(file, std::string(key) + " must be a table of strings, such as [" + key +
                         "] and NAME = \"value\" below it");
  }
  for (const auto& [name, value] : *inner) {
    const auto text = value.value<std::string>();
    if (!text) return bad(file, std::string(key) + "." + std::string(name.str()) + " is no string");
    all[std::string(name.str())] = *text;
  }
  return all;
}

Result<std::vector<double>> delays_in(const toml::table& table, const fs::path& file) {
  if (!table.contains("retry_delays_s")) return FunctionConfig().retry_delays_s;
  const Error refusal = bad(file, "retry_delays_s must be a list of seconds from 0 to " +
                                      std::to_string(kRetryDelayMaxS) + ", such as [60, 120]");
  const toml::array* given = table["retry_delays_s"].as_array();
  if (given == nullptr) return refusal;
  std::vector<double> delays;
  for (const auto& one : *given) {
    const auto delay = one.value<double>();
    if (!delay || !(*delay >= 0 && *delay <= kRetryDelayMaxS)) return refusal;  // Nor a NaN.
    delays.push_back(*delay);
  }
  if (delays.empty()) delays = {60};
  return delays;
}

// Why an entry could not be written: its own fault, or the disk's.
Error cannot_write(const fs::path& zip, const std::string& entry, int reason) {
  const std::string what = "the entry '" + entry + "'";
  for (const int theirs : {ENOTDIR, EISDIR, EEXIST}) {
    if (reason == theirs) return bad(zip, what + " is where another one is, or below it");
  }
  if (reason == ENAMETOOLONG) return bad(zip, what + " has too long a name");
  return make_error(ErrorKind::exhausted,
                    "cannot write " + what + " of a zip: " + std::strerror(reason));
}

// Copies what the entry holds. `said`: how much that is by the zip.
Result<void> write_entry(const fs::path& zip, const std::string& name, zip_file_t* entry,
                         std::uint64_t said, const fs::path& file) {
  errno = 0;
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  std::string chunk(1 << 16, '\0');
  std::uint64_t written = 0;
  for (zip_int64_t got = 1; got > 0 && out;) {
    got = zip_fread(entry, chunk.data(), chunk.size());
    // The size that was counted is what the zip says, not what it holds.
    written += static_cast<std::uint64_t>(std::max<zip_int64_t>(got, 0));
    if (got < 0 || written > said) return bad(zip, "the entry '" + name + "' is damaged");
    out.write(chunk.data(), got);
  }
  const bool fine = static_cast<bool>(out);
  out.close();
  if (!fine || !out) return cannot_write(zip, name, errno);
  if (written != said) return bad(zip, "the entry '" + name + "' is damaged");
  return ok();
}

}  // namespace

Result<FunctionConfig> load_function(const fs::path& file) {
  static constexpr std::string_view kKnown[] = {
      "name",        "description",   "code",           "handler",     "memory_mb",  "timeout_s",
      "concurrency", "event_retries", "retry_delays_s", "environment", "empty_root", "files"};
  toml::table table;
  try {
    table = toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    return bad(file, "line " + std::to_string(error.source().begin.line) + ": " +
                         std::string(error.description()));
  }
  for (const auto& [key, value] : table) {
    if (std::find(std::begin(kKnown), std::end(kKnown), key.str()) == std::end(kKnown)) {
      return bad(file, "unknown key '" + std::string(key.str()) + "'");
    }
  }
  FunctionConfig config;
  TRY(config.name, plain(table, file, "name", file.stem().string()));
  TRY(config.description, plain(table, file, "description", std::string()));
  TRY(config.code, plain(table, file, "code", std::string()));
  if (config.code.empty()) return bad(file, "the key 'code' (a folder or a zip) is missing");
  if (config.code.is_relative()) config.code = file.parent_path() / config.code;
  TRY(config.handler, plain(table, file, "handler", std::string("bootstrap")));
  TRY(config.memory_mb, number(table, file, "memory_mb", 512, 128, 10'240));
  TRY(config.timeout_s, number(table, file, "timeout_s", 60, 1, 900));
  TRY(config.concurrency, number(table, file, "concurrency", 10, 1, 1000));
  TRY(config.event_retries, number(table, file, "event_retries", 2, 0, 2));
  TRY(config.retry_delays_s, delays_in(table, file));
  TRY(config.environment, texts(table, file, "environment"));
  TRY(config.empty_root, plain(table, file, "empty_root", false));
  TRY(config.files, texts(table, file, "files"));
  return config;
}

Result<void> unzip(const fs::path& zip, const fs::path& target) {
  int code = 0;
  const std::unique_ptr<zip_t, decltype(&zip_discard)> archive(
      zip_open(zip.c_str(), ZIP_RDONLY, &code), zip_discard);
  if (!archive) {
    return bad(zip, "is no zip that can be read (error " + std::to_string(code) + ")");
  }
  std::uint64_t total = 0;
  const zip_int64_t entries = zip_get_num_entries(archive.get(), 0);
  if (entries > kUnzippedEntriesMax) {
    return bad(zip, "has over " + std::to_string(kUnzippedEntriesMax) + " entries");
  }
  for (zip_int64_t i = 0; i < entries; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    zip_stat_t facts;
    if (zip_stat_index(archive.get(), index, 0, &facts) != 0) return bad(zip, "is damaged");
    const fs::path name = fs::path(facts.name).lexically_normal();
    const std::string shown = facts.name;
    if (name.is_absolute() || name.empty() || *name.begin() == "..") {
      return bad(zip, "the entry '" + shown + "' leads out of the folder");
    }
    // Compared before it is added: a zip may say any 64-bit number.
    if (facts.size > kUnzippedBytesMax - total) return bad(zip, "is over 250 MB unzipped");
    total += facts.size;
    std::error_code error;
    const bool folder = shown.ends_with('/');
    const fs::path file = target / name;
    fs::create_directories(folder ? file : file.parent_path(), error);
    if (error) return cannot_write(zip, shown, error.value());
    if (folder) continue;
    const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> entry(
        zip_fopen_index(archive.get(), index, 0), zip_fclose);
    if (!entry) return bad(zip, "cannot read the entry '" + shown + "'");
    TRY_VOID(write_entry(zip, shown, entry.get(), facts.size, file));
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    zip_file_get_external_attributes(archive.get(), index, 0, &system, &attributes);
    const mode_t mode = system == ZIP_OPSYS_UNIX ? (attributes >> 16) & 0777 : 0755;
    chmod(file.c_str(), mode == 0 ? 0644 : mode);
  }
  return ok();
}

}  // namespace aurora_global::services::lambda
