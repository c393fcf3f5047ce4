#include "database/database.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>

namespace aurora_global::database {
namespace {

// SQLite's last error, with its file. No database of ours has a limit of its own, so that a full
// one means a full disk, which is told in the words that every other writer of files has for it.
Error from_sqlite(sqlite3* database) {
  const int code = sqlite3_errcode(database);
  ErrorKind kind = ErrorKind::internal;
  std::string reason = sqlite3_errmsg(database);
  if (code == SQLITE_FULL) {
    kind = ErrorKind::exhausted;
    reason = std::strerror(ENOSPC);
  } else if (code == SQLITE_IOERR) {
    kind = ErrorKind::exhausted;
    const int cause = sqlite3_system_errno(database);
    if (cause != 0) reason = reason + ": " + std::strerror(cause);
  } else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
    kind = ErrorKind::corrupt;
  }
  const char* file = sqlite3_db_filename(database, "main");
  return make_error(kind, std::string("database ") + (file == nullptr ? "" : file) + ": " + reason);
}

Result<void> check_layout(sqlite3* database, int layout) {
  Statement version(database, "PRAGMA user_version");
  TRY(const bool present, version.step());
  const std::int64_t found = present ? version.number(0) : 0;
  if (found != 0 && found != layout) {
    return make_error(ErrorKind::corrupt, "it has layout " + std::to_string(found) +
                                              "; this version knows layout " +
                                              std::to_string(layout));
  }
  return run(database, ("PRAGMA user_version = " + std::to_string(layout)).c_str());
}

}  // namespace

Result<void> run(sqlite3* database, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return ok();
  return from_sqlite(database);
}

Result<void> commit(sqlite3* database) {
  const auto committed = run(database, "COMMIT");
  if (committed.has_value()) return ok();
  // A full disk and a lock are met before the last page is written.
  const int code = sqlite3_errcode(database);
  Error error = committed.error();
  if (code != SQLITE_FULL && code != SQLITE_BUSY) error.code = kInDoubt;
  return error;
}

Result<std::int64_t> bytes_used(sqlite3* database) {
  Statement select(database,
                   "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, "
                   "pragma_freelist_count, pragma_page_size");
  TRY_VOID(select.step());
  return select.number(0);
}

Statement::Statement(sqlite3* database, const std::string& sql) : database_(database) {
  sqlite3_prepare_v2(database, sql.c_str(), -1, &statement_, nullptr);
}

Statement::~Statement() { sqlite3_finalize(statement_); }

void Statement::bind(int index, const std::string& text) {
  sqlite3_bind_text(statement_, index, text.data(), static_cast<int>(text.size()),
                    SQLITE_TRANSIENT);
}

void Statement::bind(int index, std::int64_t number) {
  sqlite3_bind_int64(statement_, index, number);
}

void Statement::bind(int index, double number) { sqlite3_bind_double(statement_, index, number); }

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return from_sqlite(database_);
}

void Statement::reset() { sqlite3_reset(statement_); }

std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (data == nullptr) return "";
  return std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }

Database::~Database() {
  worker_.join();
  sqlite3_close(database_);
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file,
                                                 Durability durability, int layout,
                                                 const char* schema) {
  const std::string what = "open " + file.string();
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open(file.c_str(), &raw);
  std::unique_ptr<Database> database(new Database(raw));
  if (opened != SQLITE_OK) return from_sqlite(raw).in(what);
  std::error_code ignored;
  std::filesystem::permissions(file, std::filesystem::perms(0600), ignored);
  auto prepared = run(raw, durability == Durability::full
                               ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                                 "PRAGMA secure_delete=ON"
                               : "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL");
  if (prepared.has_value()) prepared = run(raw, "PRAGMA busy_timeout=5000");
  if (prepared.has_value()) prepared = run(raw, schema);
  if (prepared.has_value()) prepared = check_layout(raw, layout);
  if (prepared.has_error()) return prepared.error().in(what);
  return database;
}

}  // namespace aurora_global::database
