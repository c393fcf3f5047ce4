#include "services/lambda/function_registry.h"
#include "net/log.h"

#include <algorithm>
#include <set>

namespace aurora_global::services::lambda {
namespace {

namespace fs = std::filesystem;

// Of the declaration or of the program, whichever is later: new code is a new version, too.
fs::file_time_type changed_at(const fs::path& file, const fs::path& code) {
  std::error_code error;
  const auto declared = fs::last_write_time(file, error);
  const fs::path program = fs::is_directory(code, error) ? code / "bootstrap" : code;
  const auto built = fs::last_write_time(program, error);
  return error ? declared : std::max(declared, built);
}

}  // namespace

std::string FunctionRegistry::arn_of(const std::string& name) const {
  return "arn:aws:lambda:" + facts_.region.name + ":" + facts_.account_id + ":function:" + name;
}

void FunctionRegistry::read(const fs::path& file) {
  const std::string key = file.stem();
  const auto present = functions_.find(key);
  if (present != functions_.end() &&
      changed_at(file, present->second->config.code) == present->second->changed) {
    return;
  }
  auto config = load_function(file);
  if (config.has_error()) {
    log::warn("function {}: {}", key, config.error().message);
    return;
  }
  auto function = std::make_shared<Function>();
  function->config = std::move(*config);
  function->arn = arn_of(function->config.name);
  function->changed = changed_at(file, function->config.code);
  functions_[key] = std::move(function);
}

void FunctionRegistry::rescan() {
  std::error_code error;
  std::set<std::string> present;
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    if (entry.path().extension() != ".toml") continue;
    present.insert(entry.path().stem());
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

Result<FunctionPtr> FunctionRegistry::find(const std::string& name_or_arn) {
  rescan();
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
  for (const auto& [key, function] : functions_) {
    if (function->config.name == name) return function;
  }
  return missing;
}

}  // namespace aurora_global::services::lambda
