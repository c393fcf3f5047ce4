#include "services/cloudformation/store.h"

#include "base/json.h"
#include "model/fields.h"

namespace aurora_global::services::cloudformation {
namespace {

using database::Statement;
using nlohmann::json;
using Documents = std::map<std::string, std::string>;

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS document(key TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS event(stack TEXT NOT NULL, number INTEGER NOT NULL,"
    " event TEXT NOT NULL, PRIMARY KEY(stack, number)) WITHOUT ROWID;";

Result<void> run_with(sqlite3* raw, const char* sql, const std::string& argument) {
  Statement statement(raw, sql);
  statement.bind(1, argument);
  TRY_VOID(statement.step());
  return ok();
}

Result<void> put_document(sqlite3* raw, const std::string& key, const std::string& text) {
  Statement put(raw, "INSERT OR REPLACE INTO document(key, text) VALUES (?, ?)");
  put.bind(1, key);
  put.bind(2, text);
  TRY_VOID(put.step());
  return ok();
}

Result<void> remove_documents(sqlite3* raw, const std::string& key) {
  if (!key.ends_with('/')) return run_with(raw, "DELETE FROM document WHERE key = ?", key);
  Statement remove(raw, "DELETE FROM document WHERE key >= ? AND key < ?");
  remove.bind(1, key);
  remove.bind(2, key.substr(0, key.size() - 1) + '0');  // The character behind the slash.
  TRY_VOID(remove.step());
  return ok();
}

Result<void> put_event(sqlite3* raw, const StoredEvent& event) {
  Statement put(raw, "INSERT OR REPLACE INTO event(stack, number, event) VALUES (?, ?, ?)");
  put.bind(1, event.stack_id);
  put.bind(2, event.number);
  put.bind(3, model::text_of(event.event));
  TRY_VOID(put.step());
  return ok();
}

Result<void> write_all(sqlite3* raw, const Write& write) {
  return database::in_transaction(raw, [&]() -> Result<void> {
    for (const std::string& key : write.remove) TRY_VOID(remove_documents(raw, key));
    for (const auto& [key, text] : write.put) TRY_VOID(put_document(raw, key, text));
    for (const std::string& stack : write.forget_events) {
      TRY_VOID(run_with(raw, "DELETE FROM event WHERE stack = ?", stack));
    }
    for (const StoredEvent& event : write.events) TRY_VOID(put_event(raw, event));
    return ok();
  });
}

Result<std::vector<StoredEvent>> select_events(sqlite3* raw, const std::string& stack,
                                               std::int64_t before, int most) {
  Statement select(raw,
                   "SELECT number, event FROM event WHERE stack = ? AND number < ? "
                   "ORDER BY number DESC LIMIT ?");
  select.bind(1, stack);
  select.bind(2, before);
  select.bind(3, std::int64_t{most});
  std::vector<StoredEvent> events;
  while (true) {
    TRY(const bool more, select.step());
    if (!more) return events;
    json event = parse_json(select.text(1));
    if (!event.is_object()) {
      return make_error(ErrorKind::corrupt, "an event of stack " + stack + " is no JSON");
    }
    events.push_back({.stack_id = stack, .number = select.number(0), .event = std::move(event)});
  }
}

Result<std::optional<std::string>> select_document(sqlite3* raw, const std::string& key) {
  Statement select(raw, "SELECT text FROM document WHERE key = ?");
  select.bind(1, key);
  TRY(const bool is_there, select.step());
  if (!is_there) return std::optional<std::string>();
  return std::optional(select.text(0));
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::filesystem::path& file) {
  TRY(auto database, database::Database::open(file, database::Durability::full, 1, kSchema));
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(database)));
}

Result<Documents> SqliteStore::load(const std::string& prefix) {
  Statement select(database_->raw(), "SELECT key, text FROM document WHERE key >= ? AND key < ?");
  select.bind(1, prefix + '/');
  select.bind(2, prefix + '0');
  Documents documents;
  while (true) {
    TRY(const bool more, select.step());
    if (!more) return documents;
    documents.emplace(select.text(0), select.text(1));
  }
}

net::Task<Result<void>> SqliteStore::write(Write write) {
  auto job = [write = std::move(write)](sqlite3* raw) { return write_all(raw, write); };
  co_return co_await database_->work<void>(std::move(job));
}

net::Task<Result<std::optional<std::string>>> SqliteStore::read(std::string key) {
  auto job = [key = std::move(key)](sqlite3* raw) { return select_document(raw, key); };
  co_return co_await database_->work<std::optional<std::string>>(std::move(job));
}

net::Task<Result<std::vector<StoredEvent>>> SqliteStore::events(std::string stack_id,
                                                                std::int64_t before, int most) {
  auto job = [stack_id = std::move(stack_id), before, most](sqlite3* raw) {
    return select_events(raw, stack_id, before, most);
  };
  co_return co_await database_->work<std::vector<StoredEvent>>(std::move(job));
}

}  // namespace aurora_global::services::cloudformation
