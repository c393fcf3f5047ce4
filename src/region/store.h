// The region's durable memory: documents by name, and events, in one SQLite database.
//
// A call returns when its transaction is on disk (synchronous=FULL). SQLite runs on one worker
// thread of its own; calls are made from the daemon's thread and executed in the order made.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "database/database.h"
#include "model/global_cluster.h"

namespace aurora_global::region {

class Store {
 public:
  struct Document {
    std::string name;
    std::string text;
  };
  static constexpr int kEventsMax = 10'000;  // Older ones are dropped.

  // Opens or creates the database. Fails with `corrupt` for a file of another kind or layout.
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& file);

  // Everything stored; for start-up, so it runs in place.
  Result<std::vector<Document>> load();

  // Replaces all these documents in one transaction. Fails with `exhausted` when the disk is full.
  net::Task<Result<void>> put(std::vector<Document> documents);
  net::Task<Result<void>> erase(std::string name);
  // What was erased or replaced is in none of the database's files any more.
  net::Task<Result<void>> forget();

  net::Task<Result<void>> add_event(model::Event event);
  // from <= date < to, oldest first.
  net::Task<Result<std::vector<model::Event>>> events(WallTime from, WallTime to);

 private:
  explicit Store(std::unique_ptr<database::Database> database) : database_(std::move(database)) {}

  std::unique_ptr<database::Database> database_;
};

}  // namespace aurora_global::region
