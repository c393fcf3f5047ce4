#include "region/instance/lost_report.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/json.h"
#include "net/file.h"
#include "region/instance/engine_sql.h"
#include "region/instance/lost_change.h"

namespace aurora_global::region {
namespace {

using nlohmann::json;

std::string as_comment(const std::string& text) {
  std::string out = "-- ";
  for (const char one : text) {
    out += one;
    // For psql and the server either ends a comment.
    if (one == '\n' || one == '\r') out += "-- ";
  }
  return out + "\n";
}

std::string head_of(const LostOrigin& origin) {
  return as_comment(
             "What " + origin.region.name + " (" + origin.instance +
             ") had committed on timeline " + std::to_string(origin.timeline) + " from " +
             origin.fork.text() +
             " on, and no other Region had received when the writer moved away in epoch " +
             std::to_string(origin.epoch.value) +
             ".\n"
             "In the order of the commits, one transaction each, as its rows were changed: "
             "effects of triggers and of\n"
             "foreign keys are among them, and both are off. Read it before it is run: a "
             "statement takes effect whatever\n"
             "has become of its rows since; `aurora-global lost-writes replay` looks at that. "
             "It ends at the first error.\n"
             "As a superuser: psql --file transactions.sql") +
         "\\set ON_ERROR_STOP on\n";
}

// As pg_dump has it: a name may look like a connection string.
std::string connect_to(const std::string& database) {
  if (database.find_first_of("\r\n") != std::string::npos) {
    return as_comment("psql cannot connect to this database: its name has a line break.") +
           "\\quit\n";
  }
  std::string quoted;
  for (const char one : database) {
    if (one == '\'' || one == '\\') quoted += '\\';
    quoted += one;
  }
  return "\\connect -reuse-previous=on " + identifier_sql("dbname='" + quoted + "'") + "\n";
}

Error cannot_write(const std::filesystem::path& place) {
  const bool full = errno == ENOSPC || errno == EDQUOT;
  return make_error(full ? ErrorKind::exhausted : ErrorKind::unavailable,
                    "write " + place.string() + ": " + std::strerror(errno));
}

}  // namespace

Result<LostReport> LostReport::begin(LostOrigin origin, const std::filesystem::path& place) {
  LostReport report(std::move(origin), place);
  errno = 0;
  report.sql_.open(place / kLostTransactions, std::ios::binary | std::ios::trunc);
  report.changes_file_.open(place / kLostChanges, std::ios::binary | std::ios::trunc);
  report.write(report.sql_, head_of(report.origin_));
  if (!report.sql_ || !report.changes_file_) return cannot_write(place);
  return report;
}

void LostReport::write(std::ofstream& file, const std::string& text) {
  if (written_ + text.size() > kBytesMax) cut_off_ = true;
  if (cut_off_) return;
  written_ += text.size();
  file << text;
}

void LostReport::begin_database(const std::string& name) {
  database_ = name;
  write(changes_file_, json{{"database", name}}.dump() + "\n");
}

Result<void> LostReport::take(const std::string& line) {
  try {
    const json said = parse_json(line);
    const auto begins = said.find("begin");
    if (begins != said.end()) {
      begin_transaction(*begins);
    } else if (said.contains("commit")) {
      end_transaction();
    } else {
      take_change(said);
    }
    write(changes_file_, line + "\n");
  } catch (const json::exception& error) {
    return make_error(ErrorKind::corrupt, std::string("a decoded change: ") + error.what());
  }
  return ok();
}

void LostReport::begin_transaction(const json& of) {
  transaction_ = {.xid = of.at("xid").get<std::uint32_t>(), .at = of.at("at").get<std::string>()};
}

void LostReport::take_change(const json& line) {
  const LostChange change = lost_change(line);
  if (transaction_.changes++ == 0) {
    std::string begins;
    const bool is_first = std::none_of(tables_.begin(), tables_.end(), [&](const auto& one) {
      return one.first.front() == database_;
    });
    if (is_first) begins += "\n" + connect_to(database_) + kLostSession;
    write(sql_, begins + "\n" +
                    as_comment("Transaction " + std::to_string(transaction_.xid) + ", committed " +
                               transaction_.at) +
                    "BEGIN;\n");
  }
  ++changes_;
  count(line, change.kind, !change.why_not.empty());
  if (!change.why_not.empty()) {
    if (change.kind != "message") transaction_.is_whole = false;
    write(sql_, as_comment("Not made again, for " + change.why_not + ":\n" + change.sql + ";"));
  } else if (!change.sql.empty()) {
    write(sql_, change.sql + ";\n");
  }
}

void LostReport::count(const json& line, const std::string& kind, bool only_told) {
  const auto of = [&](const json& table) -> Counts& {
    return tables_[{database_, table.at("schema").get<std::string>(),
                    table.at("table").get<std::string>()}];
  };
  if (kind == "message") {
    tables_[{database_, "", ""}].only_told += 1;
  } else if (kind == "truncate") {
    for (const json& table : line.at(kind).at("tables")) {
      ++of(table).truncated;
      ++of(table).only_told;
    }
  } else {
    Counts& counts = of(line.at(kind));
    ++(kind == "insert" ? counts.inserted : kind == "update" ? counts.updated : counts.deleted);
    counts.only_told += only_told ? 1 : 0;
  }
}

void LostReport::end_transaction() {
  ++transactions_;
  decoded_.insert(transaction_.xid);
  if (transaction_.changes == 0) {
    ++without_rows_;
  } else {
    write(sql_, transaction_.is_whole ? "COMMIT;\n"
                                      : "-- It cannot be made again as a whole.\nROLLBACK;\n");
  }
  if (first_commit_.empty() || transaction_.at < first_commit_) first_commit_ = transaction_.at;
  last_commit_ = std::max(last_commit_, transaction_.at);
}

Result<json> LostReport::end(const Ending& ending) {
  errno = 0;
  sql_.close();
  changes_file_.close();
  if (!sql_ || !changes_file_) return cannot_write(place_);
  json tables = json::array();
  for (const auto& [name, counts] : tables_) {
    tables.push_back({{"database", name[0]},
                      {"schema", name[1]},
                      {"table", name[2]},
                      {"inserted", counts.inserted},
                      {"updated", counts.updated},
                      {"deleted", counts.deleted},
                      {"truncated", counts.truncated},
                      {"only_told", counts.only_told}});
  }
  json unseen = json::array();
  std::size_t undecoded = 0;
  for (const std::uint32_t xid : ending.committed) {
    if (decoded_.contains(xid)) continue;
    if (++undecoded <= kNamedMax) unseen.push_back(xid);
  }
  std::string incomplete = ending.incomplete;
  if (cut_off_ && incomplete.empty()) {
    incomplete = "the changes end at " + std::to_string(kBytesMax) +
                 " bytes; what follows is counted, and its WAL is kept";
  }
  json report = {{"version", 1},
                 {"region", origin_.region.name},
                 {"instance", origin_.instance},
                 {"epoch", origin_.epoch.value},
                 {"timeline", origin_.timeline},
                 {"fork", origin_.fork.text()},
                 {"complete", incomplete.empty()},
                 {"committed", ending.committed.size()},
                 {"transactions", transactions_ - without_rows_},
                 {"without_rows", without_rows_ + undecoded},
                 {"undecoded", std::move(unseen)},
                 {"changes", changes_},
                 {"tables", std::move(tables)},
                 {"prepared", ending.prepared}};
  if (!incomplete.empty()) report["incomplete"] = incomplete;
  if (!first_commit_.empty()) {
    report["first_commit"] = first_commit_;
    report["last_commit"] = last_commit_;
  }
  for (const char* name : {kLostTransactions, kLostChanges}) {
    TRY_VOID(net::sync_file(place_ / name));
  }
  TRY_VOID(net::replace_file(place_ / kLostReport, report.dump(2) + "\n", 0600));
  TRY_VOID(net::sync_directory(place_));
  return report;
}

}  // namespace aurora_global::region
