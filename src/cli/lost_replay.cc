#include "cli/lost_replay.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/json.h"
#include "region/instance/lost_change.h"

namespace aurora_global::cli {
namespace {

using nlohmann::json;
using pgclient::Rows;
using region::LostChange;

constexpr Duration kStatementLimit = std::chrono::minutes(10);

constexpr const char* kMade = "replayed";
constexpr const char* kMoved = "the new primary has changed the row since";
constexpr const char* kGone = "the row is gone";
constexpr const char* kTaken = "the key is taken";

}  // namespace

net::Task<Result<void>> LostReplay::execute(std::string sql) {
  auto running = connection_->execute_simple(std::move(sql), Deadline::in(kStatementLimit));
  CO_TRY_VOID(co_await std::move(running));
  co_return ok();
}

// The new primary has written its epoch before clients came.
net::Task<Result<void>> LostReplay::find_fork() {
  const std::string sql =
      "SELECT xmin FROM global_epoch WHERE epoch = " + std::to_string(epoch_.value);
  auto asking = connection_->execute_simple(sql, Deadline::in(kStatementLimit));
  CO_TRY(const Rows rows, co_await std::move(asking));
  if (rows.rows() == 0) {
    co_return make_error(ErrorKind::not_found,
                         "the writer knows nothing of epoch " + std::to_string(epoch_.value) +
                             ": it is not of the history that the writes were lost from");
  }
  fork_ = rows.text(0, 0);
  co_return ok();
}

// Each line was written before its commit: "XID NEWXID DATABASE".
net::Task<Result<void>> LostReplay::read_made(std::filesystem::path file) {
  made_file_ = std::move(file);
  std::ifstream in(made_file_);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::uint64_t lost = 0, ours = 0;
    std::string database;
    if (!(words >> lost >> ours) || !std::getline(words >> std::ws, database)) continue;
    const std::string sql = "SELECT pg_xact_status('" + std::to_string(ours) + "'::xid8)";
    auto asking = connection_->execute_simple(sql, Deadline::in(kStatementLimit));
    CO_TRY(const Rows rows, co_await std::move(asking));
    // One that is too old to be known was committed, or its line would have been written again.
    if (rows.text(0, 0) != "committed" && !rows.is_null(0, 0)) continue;
    made_.insert(std::to_string(lost) + " " + database);
    own_.insert(std::to_string(ours & UINT32_MAX));
  }
  co_return ok();
}

Result<void> LostReplay::note(const std::string& xid) {
  const std::string line = std::to_string(transaction_.at("xid").get<std::uint32_t>()) + " " + xid +
                           " " + database_ + "\n";
  const int fd = open(made_file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  const bool written = fd >= 0 &&
                       write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                       fsync(fd) == 0;
  const int reason = errno;
  if (fd >= 0) close(fd);
  if (written) return ok();
  return make_error(ErrorKind::unavailable,
                    "write " + made_file_.string() + ": " + std::strerror(reason));
}

net::Task<Result<void>> LostReplay::enter(std::string database) {
  CO_TRY_VOID(co_await leave());
  database_ = std::move(database);
  not_made_.clear();
  unreachable_.clear();
  co_return ok();
}

net::Task<Result<void>> LostReplay::leave() {
  if (!connection_) co_return ok();
  if (dry_run_) CO_TRY_VOID(co_await execute("ROLLBACK"));
  connection_.reset();
  co_return ok();
}

// A database that is not there any more keeps no other from being replayed.
net::Task<Result<void>> LostReplay::begin_at_server() {
  if (!connection_ && unreachable_.empty()) {
    auto connecting = connect_(database_);
    auto connected = co_await std::move(connecting);
    if (connected.has_error()) {
      unreachable_ = connected.error().message;
    } else {
      connection_ = std::move(*connected);
      CO_TRY_VOID(co_await execute(std::string(region::kLostSession) + "SET lock_timeout = '10s'"));
      if (dry_run_) CO_TRY_VOID(co_await execute("BEGIN"));
    }
  }
  if (!unreachable_.empty()) {
    conflict("", unreachable_, nullptr);
    co_return ok();
  }
  is_begun_ = true;
  co_return co_await execute(dry_run_ ? "SAVEPOINT lost" : "BEGIN");
}

std::string LostReplay::name_of_transaction() const {
  return std::to_string(transaction_.at("xid").get<std::uint32_t>()) + " " + database_;
}

void LostReplay::conflict(const std::string& change, std::string why, json now) {
  in_conflict_ = true;
  if (conflicts_.size() >= kNamedMax) return;
  conflicts_.push_back({{"database", database_},
                        {"xid", transaction_.at("xid")},
                        {"at", transaction_.at("at")},
                        {"change", change},
                        {"why", std::move(why)},
                        {"now", std::move(now)}});
}

void LostReplay::begin(const json& of) {
  transaction_ = of;
  is_begun_ = in_conflict_ = false;
  is_made_ = made_.contains(name_of_transaction());
  if (is_made_) ++already_;
  rows_.clear();
}

net::Task<Result<std::optional<Rows>>> LostReplay::attempt(std::string change, std::string sql) {
  auto running = connection_->execute_simple(std::move(sql), Deadline::in(kStatementLimit));
  auto rows = co_await std::move(running);
  if (rows.has_value()) co_return std::optional<Rows>(std::move(*rows));
  if (!connection_->usable()) co_return rows.error();
  conflict(change, rows.error().message, nullptr);
  co_return std::optional<Rows>();
}

// Why the change cannot be made, whatever the writer holds; empty: it may be.
std::string LostReplay::why_not(const LostChange& change) const {
  if (!change.why_not.empty()) return "a part of it cannot be made again: " + change.why_not;
  for (const std::string& row : rows_) {
    const auto found = not_made_.find(row);
    if (found == not_made_.end()) continue;
    return "it goes on from transaction " + found->second + ", which is not made again";
  }
  return "";
}

net::Task<Result<void>> LostReplay::look_at_row(LostChange change) {
  const std::string sql = "SELECT to_jsonb(one), one.xmin, age(one.xmin) > age('" + fork_ +
                          "'::xid) FROM ONLY " + change.from + " AS one WHERE " + change.which +
                          " FOR UPDATE";
  auto looking = attempt(change.sql, sql);
  CO_TRY(const auto found, co_await std::move(looking));
  if (!found) co_return ok();
  const bool is_new = change.kind == "insert", is_there = found->rows() > 0;
  if (is_new != is_there) {
    const bool is_known =
        is_new || found->text(0, 2) == "t" || own_.contains(std::string(found->text(0, 1)));
    if (!is_known) conflict(change.sql, kMoved, parse_json(found->text(0, 0)));
  } else if (is_new) {
    conflict(change.sql, kTaken, parse_json(found->text(0, 0)));
  } else {
    conflict(change.sql, kGone, nullptr);
  }
  co_return ok();
}

net::Task<Result<void>> LostReplay::change(const json& line) {
  const LostChange change = region::lost_change(line);
  if (is_made_ || change.kind == "message") co_return ok();
  for (const std::string* key : {&change.which, &change.becomes}) {
    if (!key->empty()) rows_.push_back(change.from + " " + *key);
  }
  if (in_conflict_) co_return ok();
  if (const std::string why = why_not(change); !why.empty()) {
    conflict(change.sql, why, nullptr);
    co_return ok();
  }
  if (change.sql.empty()) co_return ok();
  if (!is_begun_) CO_TRY_VOID(co_await begin_at_server());
  if (!in_conflict_ && !change.which.empty()) CO_TRY_VOID(co_await look_at_row(change));
  if (in_conflict_) co_return ok();
  const bool stays = change.kind != "delete";
  auto making = attempt(change.sql, change.sql + (stays ? " RETURNING xmin" : ""));
  CO_TRY(const auto made, co_await std::move(making));
  if (made && stays && made->rows() == 1) own_.insert(std::string(made->text(0, 0)));
  co_return ok();
}

// What becomes of the transaction at the server.
net::Task<Result<void>> LostReplay::conclude() {
  if (dry_run_) {
    co_return co_await execute(in_conflict_ ? "ROLLBACK TO SAVEPOINT lost; RELEASE SAVEPOINT lost"
                                            : "RELEASE SAVEPOINT lost");
  }
  if (in_conflict_) co_return co_await execute("ROLLBACK");
  auto asking =
      connection_->execute_simple("SELECT pg_current_xact_id()", Deadline::in(kStatementLimit));
  CO_TRY(const Rows rows, co_await std::move(asking));
  CO_TRY_VOID(note(std::string(rows.text(0, 0))));
  auto committing = attempt("COMMIT", "COMMIT");
  CO_TRY_VOID(co_await std::move(committing));
  co_return ok();
}

net::Task<Result<void>> LostReplay::end() {
  if (is_begun_) CO_TRY_VOID(co_await conclude());
  if (in_conflict_) {
    ++conflicting_;
    const std::string xid = std::to_string(transaction_.at("xid").get<std::uint32_t>());
    for (std::string& row : rows_) not_made_.emplace(std::move(row), xid);
  } else if (is_begun_) {
    ++applied_;
  }
  co_return ok();
}

net::Task<Result<void>> LostReplay::take(const json& line) {
  if (line.contains("begin")) {
    begin(line.at("begin"));
    co_return ok();
  }
  auto working = line.contains("database") ? enter(line.at("database").get<std::string>())
                 : line.contains("commit") ? end()
                                           : change(line);
  co_return co_await std::move(working);
}

net::Task<Result<json>> LostReplay::run(std::filesystem::path place) {
  const std::filesystem::path changes = place / "changes.jsonl";
  std::ifstream in(changes, std::ios::binary);
  if (!in) co_return make_error(ErrorKind::not_found, "cannot read " + changes.string());
  auto connecting = connect_("rdsadmin");
  CO_TRY(connection_, co_await std::move(connecting));
  CO_TRY_VOID(co_await find_fork());
  CO_TRY_VOID(co_await read_made(place / kMade));
  connection_.reset();
  for (std::string text; std::getline(in, text);) {
    try {
      const json line = parse_json(text);
      auto taking = take(line);
      CO_TRY_VOID(co_await std::move(taking));
    } catch (const json::exception& error) {
      co_return make_error(ErrorKind::corrupt, changes.string() + ": " + error.what());
    }
  }
  CO_TRY_VOID(co_await leave());
  co_return json{{"epoch", epoch_.value},       {"dry_run", dry_run_},
                 {"applied", applied_},         {"already", already_},
                 {"conflicting", conflicting_}, {"conflicts", std::move(conflicts_)}};
}

}  // namespace aurora_global::cli
