// Makes lost writes again at the writer, where nothing has become of their rows since.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "net/task.h"
#include "pgclient/connection.h"
#include "region/instance/lost_change.h"

namespace aurora_global::cli {

// A transaction is made again whole or not at all. It is in conflict where a row that it changes
// was changed by the new primary as well, or is gone, or was changed by a lost transaction that is
// not made again; where its key is taken; where a part of it cannot be made again; where PostgreSQL
// refuses a change. Rows that an earlier one of these transactions has left are no conflict.
class LostReplay {
 public:
  // How to reach a database of the writer as a superuser.
  using Connect = std::function<net::Task<Result<pgclient::Connection>>(std::string database)>;

  // `epoch`: that of the failover. With `dry_run` everything is rolled back at the end.
  LostReplay(Connect connect, Epoch epoch, bool dry_run)
      : connect_(std::move(connect)), epoch_(epoch), dry_run_(dry_run) {}

  // `place`: where they are kept. {"applied", "already", "conflicting", "conflicts": [{"database",
  // "xid", "at", "change", "why", "now"}]}; of the conflicts at most kNamedMax, of each transaction
  // the first. Fails where the writer cannot be reached or does not know the epoch; what was made
  // until then stays made, and is not made again by the next run.
  net::Task<Result<nlohmann::json>> run(std::filesystem::path place);

  static constexpr std::size_t kNamedMax = 1000;

 private:
  net::Task<Result<void>> find_fork();
  net::Task<Result<void>> read_made(std::filesystem::path file);
  net::Task<Result<void>> take(const nlohmann::json& line);
  net::Task<Result<void>> enter(std::string database);
  net::Task<Result<void>> leave();
  void begin(const nlohmann::json& of);
  net::Task<Result<void>> change(const nlohmann::json& line);
  net::Task<Result<void>> end();
  net::Task<Result<void>> conclude();
  net::Task<Result<void>> begin_at_server();
  net::Task<Result<void>> look_at_row(region::LostChange change);
  net::Task<Result<void>> execute(std::string sql);
  // Fails where the connection has; what the server refuses is a conflict.
  net::Task<Result<std::optional<pgclient::Rows>>> attempt(std::string change, std::string sql);
  std::string why_not(const region::LostChange& change) const;
  void conflict(const std::string& change, std::string why, nlohmann::json now);
  std::string name_of_transaction() const;
  Result<void> note(const std::string& xid);

  Connect connect_;
  Epoch epoch_;
  bool dry_run_;
  std::string fork_;  // The first transaction id of the new primary.
  std::optional<pgclient::Connection> connection_;
  std::string database_;
  std::string unreachable_;  // Why the database is; empty: it is not.

  // Of the transaction in hand.
  nlohmann::json transaction_;
  bool is_begun_ = false;          // At the server.
  bool in_conflict_ = false;       // Nothing of it is made any more.
  bool is_made_ = false;           // By an earlier run.
  std::vector<std::string> rows_;  // That it changes, by table and key, before and after.

  std::map<std::string, std::string> not_made_;  // Row -> a transaction that has not changed it.
  std::set<std::string> own_;   // Ids of transactions that we have made, of all runs.
  std::set<std::string> made_;  // "XID DATABASE" of what was made, by all runs.
  std::filesystem::path made_file_;
  std::uint64_t applied_ = 0, already_ = 0, conflicting_ = 0;
  nlohmann::json conflicts_ = nlohmann::json::array();
};

}  // namespace aurora_global::cli
