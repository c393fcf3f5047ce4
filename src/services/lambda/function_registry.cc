#include "services/lambda/function_registry.h"

#include <sys/stat.h>

#include "net/log.h"
#include "services/lambda/function_record.h"

#include <algorithm>
#include <set>

namespace aurora_global::services::lambda {
namespace {

namespace fs = std::filesystem;

FileState state_of(const fs::path& file) {
  struct stat facts;
  if (stat(file.c_str(), &facts) != 0) return {};
  return {std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec, facts.st_ino,
          static_cast<std::uint64_t>(facts.st_size)};
}

FileState state_of_program(const fs::path& code) {
  std::error_code error;
  return state_of(fs::is_directory(code, error) ? code / "bootstrap" : code);
}

Result<StoredFunction> load(const fs::path& file) {
  if (file.extension() == ".json") return load_record(file);
  TRY(FunctionConfig config, load_function(file));
  return StoredFunction{std::move(config), nullptr};
}

}  // namespace

std::string FunctionRegistry::arn_of(const std::string& name) const {
  return "arn:aws:lambda:" + facts_.region.name + ":" + facts_.account_id + ":function:" + name;
}

void FunctionRegistry::read(const fs::path& file) {
  const std::string key = file.filename();
  const auto present = functions_.find(key);
  const FileState declaration = state_of(file);  // Before it is read: a change is seen next time.
  if (present != functions_.end() && present->second->declaration == declaration &&
      present->second->program == state_of_program(present->second->config.code)) {
    return;
  }
  auto stored = load(file);
  if (stored.has_error()) {
    log::warn("function {}: {}", key, stored.error().message);
    return;
  }
  auto function = std::make_shared<Function>();
  function->config = std::move(stored->config);
  function->record = std::move(stored->record);
  function->arn = arn_of(function->config.name);
  function->declaration = declaration;
  function->program = state_of_program(function->config.code);
  functions_[key] = std::move(function);
}

void FunctionRegistry::rescan() {
  std::error_code error;
  std::set<std::string> present;
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    if (entry.path().extension() != ".toml" && entry.path().extension() != ".json") continue;
    present.insert(entry.path().filename());
    read(entry.path());
  }
  std::erase_if(functions_, [&](const auto& pair) { return !present.contains(pair.first); });
}

std::vector<FunctionPtr> FunctionRegistry::all() {
  rescan();
  std::vector<FunctionPtr> all;
  for (const auto& [key, function] : functions_) all.push_back(function);
  std::sort(all.begin(), all.end(), [](const FunctionPtr& one, const FunctionPtr& other) {
    return one->config.name < other->config.name;
  });
  return all;
}

Result<std::string> FunctionRegistry::name_in(const std::string& name_or_arn) const {
  constexpr std::string_view kWord = "function:";
  std::string name = name_or_arn;
  std::string owner;
  if (const auto at = name.rfind(kWord); at != std::string::npos) {
    owner = name.substr(0, at);
    name.erase(0, at + kWord.size());
  }
  const Error missing = make_error(ErrorKind::not_found, "Function not found: " + arn_of(name),
                                   "ResourceNotFoundException");
  const std::string ours = arn_of("");
  const bool is_ours = owner.empty() || owner == ours.substr(0, ours.size() - kWord.size()) ||
                       owner == facts_.account_id + ":";
  if (!is_ours) return missing;
  if (const auto colon = name.find(':'); colon != std::string::npos) {
    if (name.substr(colon + 1) != "$LATEST") return missing;
    name.erase(colon);
  }
  return name;
}

Result<FunctionPtr> FunctionRegistry::find(const std::string& name_or_arn) {
  rescan();
  TRY(const std::string name, name_in(name_or_arn));
  for (const auto& [key, function] : functions_) {
    if (function->config.name == name) return function;
  }
  return make_error(ErrorKind::not_found, "Function not found: " + arn_of(name),
                    "ResourceNotFoundException");
}

}  // namespace aurora_global::services::lambda
