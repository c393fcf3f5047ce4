// What was lost: transactions.sql for a person, report.json for both, and changes.jsonl for a
// program: {"database": NAME}, and what the extension's output plugin says of it
// (extension/pg/lost_writes.cc), a line each. Files are written on the caller's thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace aurora_global::region {

inline constexpr const char* kLostTransactions = "transactions.sql";
inline constexpr const char* kLostChanges = "changes.jsonl";
inline constexpr const char* kLostReport = "report.json";

// What a report is of.
struct LostOrigin {
  RegionId region;
  std::string instance;
  Epoch epoch;  // Of the failover that left it behind.
  std::uint32_t timeline = 0;
  Lsn fork;  // The new primary has everything before it.
};

class LostReport {
 public:
  // Of both files: beyond it transactions are counted, and no longer written.
  static constexpr std::uint64_t kBytesMax = std::uint64_t{4} << 30;
  static constexpr std::size_t kNamedMax = 1000;  // Of transaction ids that are named.

  // Fails with `unavailable` where `place`, a directory, cannot be written to.
  static Result<LostReport> begin(LostOrigin origin, const std::filesystem::path& place);

  void begin_database(const std::string& name);
  // A line of the extension's output plugin. Fails with `corrupt` for one that it would not say.
  Result<void> take(const std::string& line);

  // What else is to be told.
  struct Ending {
    std::set<std::uint32_t> committed;  // Transactions that the WAL has as committed.
    std::vector<nlohmann::json> prepared;
    std::string incomplete;  // Why something may be missing; empty: nothing is.
  };
  // Writes both to disk. Fails with `exhausted` or `unavailable`.
  Result<nlohmann::json> end(const Ending& ending);

 private:
  struct Counts {
    std::uint64_t inserted = 0, updated = 0, deleted = 0, truncated = 0, only_told = 0;
  };
  struct Transaction {
    std::uint32_t xid = 0;
    std::string at;
    std::uint64_t changes = 0;
    bool is_whole = true;  // All of it can be made again.
  };

  LostReport(LostOrigin origin, std::filesystem::path place)
      : origin_(std::move(origin)), place_(std::move(place)) {}
  void write(std::ofstream& file, const std::string& text);
  void begin_transaction(const nlohmann::json& of);
  void end_transaction();
  void take_change(const nlohmann::json& line);
  void count(const nlohmann::json& line, const std::string& kind, bool only_told);

  LostOrigin origin_;
  std::filesystem::path place_;
  std::ofstream sql_, changes_file_;
  std::uint64_t written_ = 0;
  bool cut_off_ = false;

  std::string database_;
  Transaction transaction_;
  std::set<std::uint32_t> decoded_;
  std::uint64_t transactions_ = 0, without_rows_ = 0, changes_ = 0;
  std::string first_commit_, last_commit_;
  std::map<std::vector<std::string>, Counts> tables_;  // By database, schema and table.
};

}  // namespace aurora_global::region
