// SQLite behind a queue: one database file, one worker thread, answers awaited on the caller's.
//
// Foreign errors become ours here: `corrupt` for a file that is no database of ours, `exhausted`
// when the disk is full, `internal` otherwise.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "net/worker.h"

struct sqlite3;
struct sqlite3_stmt;

namespace aurora_global::database {

// Executes statements that return nothing.
Result<void> run(sqlite3* database, const char* sql);

// One prepared statement; finalized with the object. A statement that cannot be prepared fails at
// its first step().
class Statement {
 public:
  Statement(sqlite3* database, const std::string& sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Positions count from 1.
  void bind(int index, const std::string& text);
  void bind(int index, std::int64_t number);
  void bind(int index, double number);
  // True: a row is there. False: the end.
  Result<bool> step();
  // Back to the start, bindings kept.
  void reset();
  // Columns count from 0.
  std::string text(int column) const;
  std::int64_t number(int column) const;
  double real(int column) const;

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
};

// The code of a COMMIT that has failed after it may have reached the disk: what is in memory now is
// the state before it, and whoever opens the file after a crash may find the state after it.
inline constexpr const char* kInDoubt = "COMMIT_IN_DOUBT";
Result<void> commit(sqlite3* database);

// Runs a transaction: `body` returns Result<void>; an error rolls back.
template <typename Body>
Result<void> in_transaction(sqlite3* database, const Body& body) {
  TRY_VOID(run(database, "BEGIN IMMEDIATE"));
  Result<void> outcome = body();
  if (outcome.has_value()) outcome = commit(database);
  if (outcome.has_error()) run(database, "ROLLBACK").has_error();
  return outcome;
}

// Bytes of what is in the database, to the page; without what was deleted and not yet used again.
// Quick, whatever its size.
Result<std::int64_t> bytes_used(sqlite3* database);

// How much a commit waits for.
enum class Durability {
  full,    // Until the disk has it; what is deleted is overwritten.
  relaxed  // A crash of the machine may lose the last moments, nothing else.
};

class Database {
 public:
  // Opens or creates the file (0600) and makes sure of the layout: `schema` is idempotent SQL,
  // `layout` its version.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file,
                                                Durability durability, int layout,
                                                const char* schema);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // For use before the first work(): on the caller's own thread.
  sqlite3* raw() { return database_; }

  // Runs `job(sqlite3*)`, which returns Result<T>, on the worker thread, in the order asked. Only
  // the job and its result cross the thread boundary.
  template <typename T, typename Job>
  net::Task<Result<T>> work(Job job) {
    return worker_.run<T>(
        [database = database_, job = std::move(job)]() mutable { return job(database); });
  }

 private:
  explicit Database(sqlite3* database) : database_(database) {}

  sqlite3* database_;
  net::Worker worker_;
};

}  // namespace aurora_global::database
