// The store of a real region: one SQLite database (synchronous=FULL), on a worker thread.
//
// A put that fails has changed nothing. One of which that is not known, for the disk has failed
// while it was committed, ends the process: nobody acts on what may turn out otherwise after the
// next start.
#pragma once

#include <filesystem>
#include <memory>

#include "database/database.h"
#include "region/store.h"

namespace aurora_global::region {

class SqliteStore final : public Store {
 public:
  // Opens or creates the database. Fails with `corrupt` for a file of another kind or layout.
  static Result<std::unique_ptr<SqliteStore>> open(const std::filesystem::path& file);

  Result<std::vector<Document>> load() override;
  net::Task<Result<void>> put(std::vector<Document> documents,
                              std::vector<std::string> erased) override;
  net::Task<Result<void>> forget() override;
  net::Task<Result<void>> add_event(model::Event event) override;
  net::Task<Result<std::vector<model::Event>>> events(WallTime from, WallTime to) override;

 private:
  explicit SqliteStore(std::unique_ptr<database::Database> database)
      : database_(std::move(database)) {}

  std::unique_ptr<database::Database> database_;
};

}  // namespace aurora_global::region
