// Which functions there are: the TOML files of a folder, declared by hand, and the records that the
// API made there. Read again whenever they or the code that they name have changed.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>

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
  nlohmann::json record;  // Of a function that the API made (function_record.h); else null.
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
  // The name alone, whether there is such a function or not. Fails as find() does for another
  // region's ARN and for a version.
  Result<std::string> name_in(const std::string& name_or_arn) const;
  std::string arn_of(const std::string& name) const;

 private:
  void rescan();
  void read(const std::filesystem::path& file);

  std::filesystem::path directory_;
  const region::Facts& facts_;
  std::map<std::string, FunctionPtr> functions_;  // By the name of the file.
};

}  // namespace aurora_global::services::lambda
