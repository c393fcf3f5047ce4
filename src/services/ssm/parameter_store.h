// The parameters of a region with their versions, in SQLite.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "database/database.h"

namespace aurora_global::services::ssm {

inline constexpr std::int64_t kParametersMax = 10'000;
inline constexpr std::int64_t kVersionsMax = 100;  // Of one parameter; the oldest goes.

struct Parameter {
  std::string name, type, value;  // The value of a SecureString is sealed.
  std::string key_id, description, pattern, tier, data_type;
  std::int64_t version = 0;
  WallTime at{};
};

class ParameterStore {
 public:
  static Result<std::unique_ptr<ParameterStore>> open(const std::filesystem::path& file);

  // Stores a new version and returns it with its number. Fails with ParameterAlreadyExists for one
  // that is there and is not to be overwritten, and with the codes of SSM for what would change its
  // type or go over a limit.
  net::Task<Result<Parameter>> put(Parameter parameter, bool overwrite);
  // The newest version, or the one of a number; nullopt: there is none.
  net::Task<Result<std::optional<Parameter>>> find(std::string name, std::int64_t version);
  // The newest versions of those whose names begin so and are greater than `after`, by name.
  net::Task<Result<std::vector<Parameter>>> list(std::string prefix, std::string after);
  // Whether it was there.
  net::Task<Result<bool>> remove(std::string name);

 private:
  explicit ParameterStore(std::unique_ptr<database::Database> database)
      : database_(std::move(database)) {}
  std::unique_ptr<database::Database> database_;
};

}  // namespace aurora_global::services::ssm
