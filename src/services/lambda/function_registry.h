// Which functions there are: the TOML files of a folder, read again whenever they or the code that
// they name have changed.
#pragma once

#include <map>
#include <memory>

#include "region/region.h"
#include "services/lambda/function_config.h"

namespace aurora_global::services::lambda {

// What tells one state of a file from another: new code may well have an older date.
struct FileState {
  std::int64_t changed_ns = 0;
  std::uint64_t inode = 0, size = 0;
  bool operator==(const FileState&) const = default;
};

// One version of a function. Whoever runs it keeps it.
struct Function {
  FunctionConfig config;
  std::string arn;
  FileState declaration, program;
};
using FunctionPtr = std::shared_ptr<const Function>;

class FunctionRegistry {
 public:
  // `facts` outlives the registry.
  FunctionRegistry(std::filesystem::path directory, const region::Facts& facts)
      : directory_(std::move(directory)), facts_(facts) {}

  // In the order of their names. A file that is broken keeps the version it had, if any.
  std::vector<FunctionPtr> all();
  // By a name, "account:function:name" or an ARN, each with an optional :$LATEST. Fails with
  // ResourceNotFoundException.
  Result<FunctionPtr> find(const std::string& name_or_arn);

 private:
  void rescan();
  void read(const std::filesystem::path& file);
  std::string arn_of(const std::string& name) const;

  std::filesystem::path directory_;
  const region::Facts& facts_;
  std::map<std::string, FunctionPtr> functions_;  // By the name of the file.
};

}  // namespace aurora_global::services::lambda
