#include "region/store.h"

#include <sqlite3.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include "region/codec.h"

namespace aurora_global::region {
namespace {

constexpr int kLayout = 1;

Error from_sqlite(sqlite3* database, std::string_view what) {
  const int code = sqlite3_errcode(database);
  ErrorKind kind = ErrorKind::internal;
  if (code == SQLITE_FULL || code == SQLITE_IOERR) kind = ErrorKind::exhausted;
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) kind = ErrorKind::corrupt;
  return make_error(kind, std::string(what) + ": " + sqlite3_errmsg(database));
}

Result<void> run(sqlite3* database, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return from_sqlite(database, "write state database");
  }
  return ok();
}

// One prepared statement; finalized with the object.
class Statement {
 public:
  Statement(sqlite3* database, const char* sql) : database_(database) {
    sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void bind(int index, const std::string& text) {
    sqlite3_bind_text(statement_, index, text.data(), static_cast<int>(text.size()),
                      SQLITE_TRANSIENT);
  }
  void bind(int index, std::int64_t number) { sqlite3_bind_int64(statement_, index, number); }
  // True: a row is there. False: the end.
  Result<bool> step() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return from_sqlite(database_, "use state database");
  }
  std::string text(int column) const {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
};

Result<void> put_all(sqlite3* database, const std::vector<Store::Document>& documents) {
  TRY_VOID(run(database, "BEGIN IMMEDIATE"));
  for (const Store::Document& document : documents) {
    Statement insert(database, "INSERT OR REPLACE INTO document(name, text) VALUES (?, ?)");
    insert.bind(1, document.name);
    insert.bind(2, document.text);
    const auto stepped = insert.step();
    if (stepped.has_error()) {
      sqlite3_exec(database, "ROLLBACK", nullptr, nullptr, nullptr);
      return stepped.error();
    }
  }
  const auto committed = run(database, "COMMIT");
  if (committed.has_error()) sqlite3_exec(database, "ROLLBACK", nullptr, nullptr, nullptr);
  return committed;
}

Result<void> create_layout(sqlite3* database, const std::filesystem::path& file) {
  TRY_VOID(run(database,
               "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000;"
               "CREATE TABLE IF NOT EXISTS document(name TEXT PRIMARY KEY, text TEXT NOT NULL);"
               "CREATE TABLE IF NOT EXISTS event(id INTEGER PRIMARY KEY AUTOINCREMENT,"
               " date INTEGER NOT NULL, text TEXT NOT NULL);"
               "CREATE INDEX IF NOT EXISTS event_date ON event(date);"));
  Statement version(database, "PRAGMA user_version");
  TRY(const bool present, version.step());
  const std::int64_t found = present ? version.number(0) : 0;
  if (found != 0 && found != kLayout) {
    return make_error(ErrorKind::corrupt, file.string() + " has layout " + std::to_string(found) +
                                              "; this version knows layout " +
                                              std::to_string(kLayout));
  }
  return run(database, "PRAGMA user_version = 1");
}

}  // namespace

Store::Store(sqlite3* database) : database_(database) {}

Store::~Store() {
  worker_.join();
  sqlite3_close(database_);
}

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& file) {
  sqlite3* database = nullptr;
  if (sqlite3_open(file.c_str(), &database) != SQLITE_OK) {
    const Error error = from_sqlite(database, "open " + file.string());
    sqlite3_close(database);
    return error;
  }
  std::unique_ptr<Store> store(new Store(database));
  auto created = create_layout(database, file);
  if (created.has_error()) return created.error().in("open " + file.string());
  std::error_code ignored;
  std::filesystem::permissions(file, std::filesystem::perms(0600), ignored);
  return store;
}

Result<std::vector<Store::Document>> Store::load() {
  std::vector<Document> documents;
  Statement select(database_, "SELECT name, text FROM document ORDER BY name");
  for (;;) {
    TRY(const bool more, select.step());
    if (!more) return documents;
    documents.push_back({select.text(0), select.text(1)});
  }
}

// Only the work and its result cross the thread boundary: the waiting coroutine is resumed, and its
// handler destroyed, on the thread it came from.
template <typename T, typename Work>
net::Task<Result<T>> Store::on_worker(Work work) {
  namespace asio = boost::asio;
  const auto home = co_await asio::this_coro::executor;
  auto start = [this, home, &work](auto handler) {
    auto job = [home, handler = std::move(handler), work = std::move(work)]() mutable {
      Result<T> result = work();
      asio::post(home, [handler = std::move(handler), result = std::move(result)]() mutable {
        std::move(handler)(std::move(result));
      });
    };
    asio::post(worker_, std::move(job));
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Result<T>)>(
      start, asio::use_awaitable);
}

net::Task<Result<void>> Store::put(std::vector<Document> documents) {
  // Named first: GCC 12 destroys a closure that is a temporary of a co_await twice.
  auto work = [database = database_, documents = std::move(documents)] {
    return put_all(database, documents);
  };
  co_return co_await on_worker<void>(std::move(work));
}

net::Task<Result<void>> Store::erase(std::string name) {
  auto work = [database = database_, name]() -> Result<void> {
    Statement remove(database, "DELETE FROM document WHERE name = ?");
    remove.bind(1, name);
    TRY_VOID(remove.step());
    return ok();
  };
  co_return co_await on_worker<void>(std::move(work));
}

net::Task<Result<void>> Store::add_event(model::Event event) {
  auto work = [database = database_, event]() -> Result<void> {
    Statement insert(database, "INSERT INTO event(date, text) VALUES (?, ?)");
    insert.bind(1, event.date.time_since_epoch().count());
    insert.bind(2, nlohmann::json(event).dump());
    TRY_VOID(insert.step());
    Statement trim(database, "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?");
    trim.bind(1, std::int64_t{kEventsMax});
    TRY_VOID(trim.step());
    return ok();
  };
  co_return co_await on_worker<void>(std::move(work));
}

net::Task<Result<std::vector<model::Event>>> Store::events(WallTime from, WallTime to) {
  using Events = std::vector<model::Event>;
  auto work = [database = database_, from, to]() -> Result<Events> {
    Events found;
    Statement select(database,
                     "SELECT text FROM event WHERE date >= ? AND date < ? ORDER BY date, id");
    select.bind(1, from.time_since_epoch().count());
    select.bind(2, to.time_since_epoch().count());
    for (;;) {
      TRY(const bool more, select.step());
      if (!more) return found;
      TRY(auto event, from_text<model::Event>(select.text(0), "event"));
      found.push_back(std::move(event));
    }
  };
  co_return co_await on_worker<Events>(std::move(work));
}

}  // namespace aurora_global::region
