#include "region/sqlite_store.h"

#include <cstdlib>

#include "model/codec.h"
#include "net/log.h"

namespace aurora_global::region {
namespace {

using database::Statement;

constexpr int kLayout = 1;
constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS document(name TEXT PRIMARY KEY, text TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS event(id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " date INTEGER NOT NULL, text TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS event_date ON event(date);";

Result<void> replace_all(sqlite3* database, const std::vector<Store::Document>& documents,
                         const std::vector<std::string>& erased) {
  return database::in_transaction(database, [&]() -> Result<void> {
    for (const Store::Document& document : documents) {
      Statement insert(database, "INSERT OR REPLACE INTO document(name, text) VALUES (?, ?)");
      insert.bind(1, document.name);
      insert.bind(2, document.text);
      TRY_VOID(insert.step());
    }
    for (const std::string& name : erased) {
      Statement remove(database, "DELETE FROM document WHERE name = ?");
      remove.bind(1, name);
      TRY_VOID(remove.step());
    }
    return ok();
  });
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::filesystem::path& file) {
  TRY(auto database, database::Database::open(file, database::Durability::full, kLayout, kSchema));
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(database)));
}

Result<std::vector<Store::Document>> SqliteStore::load() {
  std::vector<Document> documents;
  Statement select(database_->raw(), "SELECT name, text FROM document ORDER BY name");
  for (;;) {
    TRY(const bool more, select.step());
    if (!more) return documents;
    documents.push_back({select.text(0), select.text(1)});
  }
}

net::Task<Result<void>> SqliteStore::put(std::vector<Document> documents,
                                         std::vector<std::string> erased) {
  auto work = [documents = std::move(documents), erased = std::move(erased)](sqlite3* database) {
    return replace_all(database, documents, erased);
  };
  auto done = co_await database_->work<void>(std::move(work));
  if (done.has_error() && done.error().code == database::kInDoubt) {
    log::error("{}; it may be stored or not, so this daemon ends: the next one reads which",
               done.error().message);
    std::_Exit(EXIT_FAILURE);
  }
  co_return done;
}

net::Task<Result<void>> SqliteStore::forget() {
  // Freed pages are zeroed as they are freed (secure_delete); the log still has them as they were.
  auto work = [](sqlite3* database) {
    return database::run(database, "PRAGMA wal_checkpoint(TRUNCATE)");
  };
  co_return co_await database_->work<void>(work);
}

net::Task<Result<void>> SqliteStore::add_event(model::Event event) {
  auto work = [event](sqlite3* database) -> Result<void> {
    Statement insert(database, "INSERT INTO event(date, text) VALUES (?, ?)");
    insert.bind(1, event.date.time_since_epoch().count());
    insert.bind(2, nlohmann::json(event).dump());
    TRY_VOID(insert.step());
    Statement trim(database, "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?");
    trim.bind(1, std::int64_t{kEventsMax});
    TRY_VOID(trim.step());
    return ok();
  };
  co_return co_await database_->work<void>(std::move(work));
}

net::Task<Result<std::vector<model::Event>>> SqliteStore::events(WallTime from, WallTime to) {
  using Events = std::vector<model::Event>;
  auto work = [from, to](sqlite3* database) -> Result<Events> {
    Events found;
    Statement select(database,
                     "SELECT text FROM event WHERE date >= ? AND date < ? ORDER BY date, id");
    select.bind(1, from.time_since_epoch().count());
    select.bind(2, to.time_since_epoch().count());
    for (;;) {
      TRY(const bool more, select.step());
      if (!more) return found;
      TRY(auto event, model::decode_text<model::Event>(select.text(0), "event"));
      found.push_back(std::move(event));
    }
  };
  co_return co_await database_->work<Events>(std::move(work));
}

}  // namespace aurora_global::region
