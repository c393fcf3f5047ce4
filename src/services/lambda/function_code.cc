#include "services/lambda/function_code.h"

#include <sys/stat.h>

namespace aurora_global::services::lambda {
namespace {

namespace fs = std::filesystem;

constexpr Duration kMakeLimit = std::chrono::minutes(2);

Error cannot(const std::string& what, const std::error_code& error) {
  return make_error(ErrorKind::unavailable, "cannot " + what + ": " + error.message());
}

Result<void> fill_root(const FunctionConfig& config, const fs::path& place) {
  std::error_code error;
  fs::create_directories(place / "tmp", error);
  chmod((place / "tmp").c_str(), 01777);
  for (const auto& [target, source] : config.files) {
    const fs::path copy = place / fs::path(target).relative_path();
    fs::create_directories(copy.parent_path(), error);
    fs::copy_file(source, copy, fs::copy_options::overwrite_existing, error);
    if (error) return cannot("copy " + source + " into the function's root", error);
  }
  return ok();
}

Result<fs::path> make_root(const FunctionConfig& config, const fs::path& place) {
  std::error_code error;
  const fs::path task = config.empty_root ? place / "var" / "task" : place;
  fs::create_directories(task, error);
  if (fs::is_directory(config.code, error)) {
    fs::copy(config.code, task, fs::copy_options::recursive, error);
    if (error) return cannot("copy " + config.code.string(), error);
  } else {
    auto unpacked = unzip(config.code, task);
    if (unpacked.has_error()) {
      Error failed = unpacked.error();
      failed.code = "InvalidZipFileException";
      return failed;
    }
  }
  if (config.empty_root) TRY_VOID(fill_root(config, place));
  return place;
}

Result<fs::path> make_or_remove(const FunctionConfig& config, const fs::path& place) {
  auto root = make_root(config, place);
  std::error_code ignored;
  if (root.has_error()) fs::remove_all(place, ignored);
  return root;
}

}  // namespace

FunctionCode::FunctionCode(boost::asio::any_io_executor executor, fs::path directory)
    : directory_(std::move(directory)), making_(executor) {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

net::Task<Result<fs::path>> FunctionCode::root_of(FunctionPtr function) {
  const FunctionConfig& config = function->config;
  std::error_code error;
  if (fs::is_directory(config.code, error) && !config.empty_root) co_return config.code;
  CO_TRY(const auto turn, co_await making_.lock(Deadline::in(kMakeLimit)));
  const auto made = roots_.find(config.name);
  if (made != roots_.end() && made->second.first == function) co_return made->second.second;
  // A place of its own for every version: an older one may still be running.
  const fs::path place = directory_ / (config.name + "-" + std::to_string(next_++));
  if (const auto failed = failed_.find(config.name);
      failed != failed_.end() && failed->second.first == function) {
    co_return failed->second.second;
  }
  auto job = [function, place] { return make_or_remove(function->config, place); };
  const auto root = co_await worker_.run<fs::path>(std::move(job));
  if (root.has_error()) {
    // The same zip fails again; a full disk may not.
    if (root.error().kind == ErrorKind::invalid) {
      failed_.insert_or_assign(config.name, std::make_pair(function, root.error()));
    }
    co_return root.error();
  }
  if (const auto old = roots_.find(config.name); old != roots_.end()) {
    const fs::path older = std::exchange(former_[config.name], old->second.second);
    auto removal = [older]() -> Result<void> {
      std::error_code ignored;
      if (!older.empty()) fs::remove_all(older, ignored);
      return ok();
    };
    CO_TRY_VOID(co_await worker_.run<void>(std::move(removal)));
  }
  roots_[config.name] = {function, *root};
  co_return *root;
}

net::Task<Result<CodeDigest>> FunctionCode::digest_of_code(FunctionPtr function) {
  const std::string& name = function->config.name;
  const auto known = digests_.find(name);
  if (known != digests_.end() && known->second.first == function) co_return known->second.second;
  auto job = [function] { return digest_of(function->config.code); };
  CO_TRY(CodeDigest digest, co_await worker_.run<CodeDigest>(std::move(job)));
  digests_.insert_or_assign(name, std::make_pair(function, digest));
  co_return digest;
}

net::Task<void> FunctionCode::forget(std::string name) {
  const auto turn = co_await making_.lock(Deadline::in(kMakeLimit));
  if (turn.has_error()) co_return;
  std::vector<fs::path> places;
  if (const auto made = roots_.find(name); made != roots_.end()) {
    places.push_back(made->second.second);
    roots_.erase(made);
  }
  if (const auto older = former_.find(name); older != former_.end()) {
    places.push_back(older->second);
    former_.erase(older);
  }
  failed_.erase(name);
  digests_.erase(name);
  auto removal = [places]() -> Result<void> {
    std::error_code ignored;
    for (const fs::path& place : places) {
      if (!place.empty()) fs::remove_all(place, ignored);
    }
    return ok();
  };
  (co_await worker_.run<void>(std::move(removal))).has_error();
}

}  // namespace aurora_global::services::lambda
