#include "cli/lost_replay.h"

#include "base/json.h"
#include "region/instance/lost_change.h"

namespace aurora_global::cli {
namespace {

using nlohmann::json;
using region::LostChange;

constexpr Duration kStatementLimit = std::chrono::minutes(10);

// As the changes were decoded. Effects of triggers and of foreign keys are changes of their own.
constexpr const char* kSession =
    "SET standard_conforming_strings = on; SET client_encoding = 'UTF8'; "
    "SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET timezone = 'UTC'; "
    "SET session_replication_role = 'replica'; SET lock_timeout = '10s'";

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

// The new primary has written its epoch before anything else.
net::Task<Result<void>> LostReplay::find_fork() {
  auto connecting = connect_("rdsadmin");
  CO_TRY(pgclient::Connection connection, co_await std::move(connecting));
  const std::string sql =
      "SELECT xmin FROM global_epoch WHERE epoch = " + std::to_string(epoch_.value);
  auto asking = connection.execute_simple(sql, Deadline::in(kStatementLimit));
  CO_TRY(const pgclient::Rows rows, co_await std::move(asking));
  if (rows.rows() == 0) {
    co_return make_error(ErrorKind::not_found,
                         "the writer knows nothing of epoch " + std::to_string(epoch_.value) +
                             ": it is not of the history that the writes were lost from");
  }
  fork_ = rows.text(0, 0);
  co_return ok();
}

net::Task<Result<void>> LostReplay::enter(std::string database) {
  CO_TRY_VOID(co_await leave());
  auto connecting = connect_(database);
  CO_TRY(connection_, co_await std::move(connecting));
  database_ = std::move(database);
  touched_.clear();
  CO_TRY_VOID(co_await execute(kSession));
  if (dry_run_) CO_TRY_VOID(co_await execute("BEGIN"));
  co_return ok();
}

net::Task<Result<void>> LostReplay::leave() {
  if (!connection_) co_return ok();
  if (dry_run_) CO_TRY_VOID(co_await execute("ROLLBACK"));
  connection_.reset();
  co_return ok();
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

std::string LostReplay::name_of_transaction() const {
  return std::to_string(transaction_.at("xid").get<std::uint32_t>()) + " " + database_;
}

net::Task<Result<void>> LostReplay::begin(const json& of) {
  transaction_ = of;
  is_begun_ = in_conflict_ = false;
  is_made_ = made_.contains(name_of_transaction());
  if (is_made_) ++already_;
  touched_here_.clear();
  co_return ok();
}

net::Task<Result<std::optional<json>>> LostReplay::row(std::string from, std::string which) {
  const std::string sql = "SELECT to_jsonb(one), one.xmin, age(one.xmin) > age('" + fork_ +
                          "'::xid) FROM " + from + " AS one WHERE " + which + " FOR UPDATE";
  auto asking = connection_->execute_simple(sql, Deadline::in(kStatementLimit));
  CO_TRY(const pgclient::Rows rows, co_await std::move(asking));
  if (rows.rows() == 0) co_return std::nullopt;
  co_return json{{"now", parse_json(rows.text(0, 0))},
                 {"xmin", rows.text(0, 1)},
                 {"is_old", rows.text(0, 2) == "t"}};
}

std::string LostReplay::left_by_us(const std::string& row) const {
  for (const auto* touched : {&touched_here_, &touched_}) {
    const auto found = touched->find(row);
    if (found != touched->end()) return found->second;
  }
  return "";
}

net::Task<Result<void>> LostReplay::change(const json& line) {
  if (is_made_) co_return ok();
  const LostChange change = region::lost_change(line);
  if (!change.why_not.empty()) {
    ++only_told_;
    co_return ok();
  }
  if (in_conflict_ || change.sql.empty()) co_return ok();
  if (!std::exchange(is_begun_, true)) {
    CO_TRY_VOID(co_await execute(dry_run_ ? "SAVEPOINT lost" : "BEGIN"));
  }
  const bool is_new = change.kind == "insert";
  if (!change.which.empty()) {
    const std::string name = change.from + " " + change.which;
    auto looking = row(change.from, change.which);
    const auto found = co_await std::move(looking);
    if (found.has_error() && !connection_->usable()) co_return found.error();
    if (found.has_error()) {
      conflict(change.sql, found.error().message, nullptr);
      co_return ok();
    }
    if (is_new != !found->has_value()) {
      conflict(change.sql, is_new ? kTaken : kGone, is_new ? (*found)->at("now") : json());
      co_return ok();
    }
    if (!is_new && !(*found)->at("is_old").get<bool>() &&
        (*found)->at("xmin") != left_by_us(name)) {
      conflict(change.sql, kMoved, (*found)->at("now"));
      co_return ok();
    }
  }
  const bool stays = change.kind != "delete";
  auto making = connection_->execute_simple(change.sql + (stays ? " RETURNING xmin" : ""),
                                            Deadline::in(kStatementLimit));
  const auto made = co_await std::move(making);
  if (made.has_error() && !connection_->usable()) co_return made.error();
  if (made.has_error()) {
    conflict(change.sql, made.error().message, nullptr);
  } else if (stays && made->rows() == 1 && !change.becomes.empty()) {
    touched_here_[change.from + " " + change.becomes] = made->text(0, 0);
  }
  co_return ok();
}

net::Task<Result<void>> LostReplay::end() {
  if (in_conflict_) ++conflicting_;
  if (!is_begun_) co_return ok();
  if (in_conflict_) {
    co_return co_await execute(dry_run_ ? "ROLLBACK TO SAVEPOINT lost; RELEASE SAVEPOINT lost"
                                        : "ROLLBACK");
  }
  const auto done = co_await execute(dry_run_ ? "RELEASE SAVEPOINT lost" : "COMMIT");
  if (done.has_error() && !connection_->usable()) co_return done.error();
  if (done.has_error()) {
    conflict("COMMIT", done.error().message, nullptr);  // A deferred constraint.
    ++conflicting_;
    co_return ok();
  }
  ++applied_;
  if (!dry_run_) made_file_ << name_of_transaction() << std::endl;
  for (auto& [name, xid] : touched_here_) touched_[name] = std::move(xid);
  co_return ok();
}

net::Task<Result<json>> LostReplay::run(std::filesystem::path place) {
  const std::filesystem::path changes = place / "changes.jsonl";
  std::ifstream in(changes, std::ios::binary);
  if (!in) co_return make_error(ErrorKind::not_found, "cannot read " + changes.string());
  std::ifstream made(place / kMade);
  for (std::string line; std::getline(made, line);) made_.insert(std::move(line));
  if (!dry_run_) made_file_.open(place / kMade, std::ios::app);
  if (!dry_run_ && !made_file_) {
    co_return make_error(ErrorKind::denied, "cannot write " + (place / kMade).string());
  }
  CO_TRY_VOID(co_await find_fork());
  for (std::string text; std::getline(in, text);) {
    const json line = parse_json(text);
    try {
      auto working = line.contains("database") ? enter(line.at("database").get<std::string>())
                     : line.contains("begin")  ? begin(line.at("begin"))
                     : line.contains("commit") ? end()
                                               : change(line);
      CO_TRY_VOID(co_await std::move(working));
    } catch (const json::exception& error) {
      co_return make_error(ErrorKind::corrupt, changes.string() + ": " + error.what());
    }
  }
  CO_TRY_VOID(co_await leave());
  co_return json{{"epoch", epoch_.value},
                 {"dry_run", dry_run_},
                 {"applied", applied_},
                 {"already", already_},
                 {"conflicting", conflicting_},
                 {"only_told", only_told_},
                 {"conflicts", std::move(conflicts_)}};
}

}  // namespace aurora_global::cli
