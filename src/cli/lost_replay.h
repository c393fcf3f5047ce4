// Makes lost writes again at the writer, where nothing has become of their rows since.
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "base/ids.h"
#include "net/task.h"
#include "pgclient/connection.h"

namespace aurora_global::cli {

// A transaction is made again whole or not at all. It is in conflict where a row that it changes
// was changed by the new primary as well, or is gone; where its key is taken; where PostgreSQL
// refuses a change. Rows that an earlier one of these transactions has changed are no conflict.
class LostReplay {
 public:
  // How to reach a database of the writer as a superuser.
  using Connect = std::function<net::Task<Result<pgclient::Connection>>(std::string database)>;

  // `epoch`: that of the failover. With `dry_run` everything is rolled back at the end.
  LostReplay(Connect connect, Epoch epoch, bool dry_run)
      : connect_(std::move(connect)), epoch_(epoch), dry_run_(dry_run) {}

  // `place`: where they are kept. {"applied", "already", "conflicting", "only_told", "conflicts":
  // [{"database", "xid", "at", "change", "why", "now"}]}; of the conflicts at most kNamedMax, of
  // each transaction the first. Fails where the writer cannot be reached or does not know the
  // epoch; what was made until then stays made, and is not made again by the next run.
  net::Task<Result<nlohmann::json>> run(std::filesystem::path place);

  static constexpr std::size_t kNamedMax = 1000;

 private:
  net::Task<Result<void>> find_fork();
  net::Task<Result<void>> enter(std::string database);
  net::Task<Result<void>> leave();
  net::Task<Result<void>> begin(const nlohmann::json& of);
  net::Task<Result<void>> change(const nlohmann::json& line);
  net::Task<Result<void>> end();
  net::Task<Result<void>> execute(std::string sql);
  // Nullopt: none; else {"now": the row, "xmin": ..., "is_old": untouched since the fork}.
  net::Task<Result<std::optional<nlohmann::json>>> row(std::string from, std::string which);
  // The transaction id that we have left the row with; empty: we have not changed it.
  std::string name_of_transaction() const;
  std::string left_by_us(const std::string& row) const;
  void conflict(const std::string& change, std::string why, nlohmann::json now);

  Connect connect_;
  Epoch epoch_;
  bool dry_run_;
  std::string fork_;  // The first transaction id of the new primary.
  std::optional<pgclient::Connection> connection_;
  std::string database_;

  // Of the transaction in hand.
  nlohmann::json transaction_;
  bool is_begun_ = false;     // At the server.
  bool in_conflict_ = false;  // Nothing of it is made any more.
  bool is_made_ = false;      // By an earlier run.
  std::map<std::string, std::string> touched_here_;

  std::map<std::string, std::string> touched_;  // Row -> the transaction id that we have left it.
  std::set<std::string> made_;                  // "XID DATABASE", by all runs.
  std::ofstream made_file_;                     // The same, a line each.
  std::uint64_t applied_ = 0, already_ = 0, conflicting_ = 0, only_told_ = 0;
  nlohmann::json conflicts_ = nlohmann::json::array();
};

}  // namespace aurora_global::cli
