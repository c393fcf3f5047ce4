// What CloudFormation remembers: documents by key, and the events of stacks, in one SQLite file.
//
// A write is one transaction, and repeating it changes nothing: so whoever does not know whether a
// write came through does it again.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "database/database.h"

namespace aurora_global::services::cloudformation {

struct StoredEvent {
  std::string stack_id;
  std::int64_t number = 0;  // Counts the stack's events from 1.
  nlohmann::json event;
};

// Documents that are put and removed, and events that are added.
struct Write {
  std::map<std::string, std::string> put;
  std::vector<std::string> remove;         // Keys; one that ends with a slash: all below it.
  std::vector<std::string> forget_events;  // Of these stacks.
  std::vector<StoredEvent> events;
};

class Store {
 public:
  virtual ~Store() = default;
  virtual net::Task<Result<void>> write(Write write) = 0;
  // Nullopt: there is none.
  virtual net::Task<Result<std::optional<std::string>>> read(std::string key) = 0;
  // At most `most` events with numbers below `before`, the newest first.
  virtual net::Task<Result<std::vector<StoredEvent>>> events(std::string stack_id,
                                                             std::int64_t before, int most) = 0;
};

class SqliteStore final : public Store {
 public:
  static Result<std::unique_ptr<SqliteStore>> open(const std::filesystem::path& file);
  // The documents below `prefix`. On the caller's own thread, before anything else is asked.
  Result<std::map<std::string, std::string>> load(const std::string& prefix);

  net::Task<Result<void>> write(Write write) override;
  net::Task<Result<std::optional<std::string>>> read(std::string key) override;
  net::Task<Result<std::vector<StoredEvent>>> events(std::string stack_id, std::int64_t before,
                                                     int most) override;

 private:
  explicit SqliteStore(std::unique_ptr<database::Database> database)
      : database_(std::move(database)) {}

  std::unique_ptr<database::Database> database_;
};

}  // namespace aurora_global::services::cloudformation
