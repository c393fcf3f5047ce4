#include "region/instance/lost_reader.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "base/json.h"
#include "net/run_blocking.h"
#include "region/instance/engine_sql.h"
#include "region/instance/timelines.h"
#include "region/instance/wal_files.h"

namespace aurora_global::region {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// Decoding looks from there on, so that it knows the transactions that were open at the fork.
constexpr std::uint64_t kLookBackBytes = std::uint64_t{1} << 30;
// PostgreSQL 15.19 and newer have a list of the plugins that are trusted; older ones do not know
// the setting.
constexpr const char* kPlugins = "output_plugin_libraries";
// Slots of this prefix that nobody wants are dropped when a server has become a primary
// (Engine::keep_slots()).
constexpr const char* kSlot = "ag_lost_";
constexpr const char* kDropSlots =
    "select pg_drop_replication_slot(slot_name) from pg_replication_slots "
    "where starts_with(slot_name, 'ag_lost_')\n";
// Nothing works beside it, nothing limits it, no WAL goes; values as they are replayed, errors
// told.
constexpr const char* kSettingsOfDecoding[] = {"autovacuum=off",
                                               "archive_mode=off",
                                               "synchronous_standby_names=",
                                               "logging_collector=off",
                                               "log_min_messages=warning",
                                               "aurora_global.write_forwarding=off",
                                               "default_transaction_read_only=off",
                                               "statement_timeout=0",
                                               "max_replication_slots=5000",
                                               kKeepsWal,
                                               "datestyle=ISO, YMD",
                                               "intervalstyle=postgres",
                                               "timezone=UTC",
                                               "bytea_output=hex",
                                               "extra_float_digits=1"};
constexpr const char* kStatements = "statements.sql";
constexpr const char* kSaid = "said.txt";
constexpr const char* kEpoch = "epoch.txt";
constexpr const char* kChanges = "decoded.jsonl";
constexpr const char* kEnd = R"({"end": true})";

std::string text_between(std::string_view line, std::string_view before, char after) {
  const auto at = line.find(before);
  if (at == line.npos) return "";
  line.remove_prefix(at + before.size());
  return std::string(line.substr(0, line.find(after)));
}

// "tx: 735, lsn: ..., desc: COMMIT ..." or "desc: COMMIT_PREPARED 740: ...".
std::optional<std::uint32_t> committed_by(const std::string& line) {
  if (line.find("desc: COMMIT") == line.npos) return std::nullopt;
  const bool is_prepared = line.find("desc: COMMIT_PREPARED ") != line.npos;
  std::string digits = is_prepared ? text_between(line, "desc: COMMIT_PREPARED ", ':')
                                   : text_between(line, "tx:", ',');
  digits.erase(0, digits.find_first_not_of(' '));
  std::uint32_t xid = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), xid);
  if (read.ec != std::errc() || xid == 0) return std::nullopt;
  return xid;
}

// The last thing that went wrong, without where in the server.
std::string last_error_in(const std::string& said) {
  std::string last;
  std::istringstream in(said);
  for (std::string line; std::getline(in, line);) {
    for (const char* level : {"ERROR:  ", "FATAL:  ", "PANIC:  "}) {
      const auto at = line.find(level);
      if (at != line.npos) last = line.substr(at + 8);
    }
  }
  return last;
}

}  // namespace

Result<LostReader::Lines> LostReader::lines_of(const std::string& name) const {
  std::ifstream in(place_ / name, std::ios::binary);
  if (!in) return make_error(ErrorKind::not_found, (place_ / name).string() + " was not written");
  Lines lines;
  for (std::string line; std::getline(in, line);) lines.push_back(std::move(line));
  return lines;
}

net::Task<Result<LostReader::Lines>> LostReader::records(std::uint32_t timeline, Lsn from,
                                                         std::optional<Lsn> to,
                                                         std::string_view manager,
                                                         Deadline deadline) {
  std::vector<std::string> arguments = {"--path",     (files_.data() / "pg_wal").string(),
                                        "--timeline", std::to_string(timeline),
                                        "--start",    from.text(),
                                        "--rmgr",     std::string(manager)};
  if (to) arguments.insert(arguments.end(), {"--end", to->text()});
  net::CommandLine line = files_.command("pg_waldump", std::move(arguments));
  line.argv.insert(line.argv.begin(), {"/bin/sh", "-c", "out=$1; shift; exec \"$@\" >\"$out\" 2>&1",
                                       "sh", (place_ / kSaid).string()});
  // At the end of the WAL it says that there is no record, and fails.
  CO_TRY_VOID(co_await net::run_command(std::move(line), deadline));
  auto reading = net::run_blocking([this] { return lines_of(kSaid); });
  CO_TRY(Lines lines, co_await std::move(reading));
  const bool has_hole = std::any_of(lines.begin(), lines.end(), [](const std::string& one) {
    return one.find("pg_waldump: error: could not ") != one.npos;
  });
  if (has_hole && incomplete_.empty()) incomplete_ = "a part of its WAL is gone";
  co_return lines;
}

net::Task<Result<std::set<std::uint32_t>>> LostReader::committed(Deadline deadline) {
  std::set<std::uint32_t> all;
  CO_TRY(const std::uint32_t newest, last_timeline(files_.data()));
  // A server that became the primary more than once has gone on from one timeline to the next.
  Lsn from = origin_.fork;
  for (std::uint32_t timeline = origin_.timeline; timeline <= newest; ++timeline) {
    std::optional<Lsn> end;
    if (timeline < newest) {
      const auto left = fork_of(files_.data(), timeline);
      if (left.has_error()) continue;  // Not one of its own.
      end = *left;
    }
    CO_TRY(const Lines lines, co_await records(timeline, from, end, "Transaction", deadline));
    for (const std::string& line : lines) {
      if (const auto xid = committed_by(line)) all.insert(*xid);
    }
    CO_TRY(const Lines settings, co_await records(timeline, from, end, "XLOG", deadline));
    for (const std::string& line : settings) {
      if (line.find("PARAMETER_CHANGE") == line.npos || !incomplete_.empty()) continue;
      incomplete_ = "settings were changed in it: a part may be of a version that wrote less WAL";
    }
    if (end) from = *end;
  }
  co_return all;
}

// The oldest record that names the running transactions.
net::Task<Result<LostReader::Start>> LostReader::start(Deadline deadline) {
  Start found{.why_not =
                  "no record of the transactions that were running lies before it in the "
                  "WAL that is left"};
  Lsn end = origin_.fork;
  const std::uint64_t least =
      origin_.fork.value > kLookBackBytes ? origin_.fork.value - kLookBackBytes : 0;
  for (std::uint32_t timeline = origin_.timeline; timeline > 0; --timeline) {
    if (timeline != origin_.timeline) {
      const auto left = fork_of(files_.data(), timeline);
      if (left.has_error()) continue;
      end = std::min(end, *left);
    }
    const auto from = oldest_wal(files_.data(), timeline, end, Lsn{least});
    if (!from) break;
    CO_TRY(const Lines lines, co_await records(timeline, *from, end, "Standby", deadline));
    for (const std::string& line : lines) {
      if (line.find("RUNNING_XACTS") == line.npos) continue;
      const auto at = Lsn::parse(text_between(line, "lsn: ", ','));
      if (at.has_error()) continue;
      found = {.restart = *at};
      break;
    }
    if (from->value <= least) break;
  }
  co_return found;
}

std::string LostReader::copy_to(const std::string& query, const std::string& name) const {
  // So quoted, a line of the file is a line of the answer: JSON has no control characters.
  return "copy (" + query + ") to " + literal_sql((place_ / name).string()) +
         " with (format csv, quote e'\\x01', delimiter e'\\x02', encoding 'UTF8')\n";
}

net::Task<Result<std::string>> LostReader::run(const std::string& database,
                                               const std::string& statements, Deadline deadline) {
  CO_TRY_VOID(net::replace_file(place_ / kStatements, statements, 0644));
  std::vector<std::string> arguments = {"--single", "-D", files_.data().string()};
  const auto set = [&](std::string setting) {
    arguments.insert(arguments.end(), {"-c", std::move(setting)});
  };
  set("config_file=" + files_.configuration_file().string());
  for (const char* setting : kSettingsOfDecoding) set(setting);
  if (names_plugins_) set(std::string(kPlugins) + "=pgoutput, test_decoding, aurora_global");
  arguments.insert(arguments.end(), {"--", database});
  net::CommandLine line = files_.command("postgres", std::move(arguments));
  line.argv.insert(line.argv.begin(), {"/bin/sh", "-c", "in=$1; shift; exec \"$@\" <\"$in\" 2>&1",
                                       "sh", (place_ / kStatements).string()});
  line.ends_with_parent = true;
  auto said = co_await net::run_checked(std::move(line), deadline);
  const bool is_unknown =
      said.has_error() && said.error().message.find(kPlugins) != std::string::npos;
  if (!is_unknown || !names_plugins_) co_return said;
  names_plugins_ = false;
  auto again = run(database, statements, deadline);
  co_return co_await std::move(again);
}

// A slot for each database before anybody opens one: catalogs are pruned when they are read. What
// an earlier try has left goes first.
std::string LostReader::slots_sql(Lsn restart) const {
  return std::string(kDropSlots) +
         "create function pg_temp.past_slot(text, oid, pg_lsn, pg_lsn) returns void language c as "
         "'aurora_global', 'aurora_global_past_slot'\n"
         "select pg_temp.past_slot(" +
         literal_sql(kSlot) + " || oid, oid, " + literal_sql(restart.text()) + ", " +
         literal_sql(origin_.fork.text()) +
         ") from pg_database "
         "where datname <> 'template0' and datconnlimit <> -2\n";
}

net::Task<Result<void>> LostReader::decode(std::string database, Deadline deadline) {
  const std::string statements =
      copy_to("select data from pg_logical_slot_peek_changes((select " + literal_sql(kSlot) +
                  "::text || oid from pg_database where datname = current_database())::name, null, "
                  "null) union all select " +
                  literal_sql(kEnd),
              kChanges);
  const auto ran = co_await run(database, statements, deadline);
  // One database that does not open keeps no other from being read.
  const std::string said = ran.has_value() ? *ran : ran.error().message;
  // From that point on it knows every transaction.
  const auto consistent =
      Lsn::parse(text_between(said + "\n", "logical decoding found consistent point at ", '\n'));
  auto taking = net::run_blocking([this, &database]() -> Result<bool> {
    std::ifstream in(place_ / kChanges, std::ios::binary);
    report_->begin_database(database);
    for (std::string line; std::getline(in, line);) {
      if (line == kEnd) return true;
      TRY_VOID(report_->take(line));
    }
    return false;
  });
  const auto whole = co_await std::move(taking);
  std::error_code ignored;
  fs::remove(place_ / kChanges, ignored);
  std::string why;
  if (whole.has_error()) {
    why = whole.error().message;
  } else if (!*whole) {
    why = last_error_in(said);
    if (why.empty()) why = ran.has_error() ? said : "the server has said nothing";
  } else if (consistent.has_error() || *consistent > origin_.fork) {
    why = "transactions that were open for long at the fork hide what comes after them";
  }
  if (!why.empty() && incomplete_.empty()) incomplete_ = "database " + database + ": " + why;
  co_return ok();
}

net::Task<Result<Epoch>> LostReader::find_epoch(Deadline deadline) {
  const std::string asked = copy_to("select coalesce(max(epoch), 1) from global_epoch", kEpoch);
  CO_TRY_VOID(co_await run("rdsadmin", asked, deadline));
  CO_TRY(const Lines lines, lines_of(kEpoch));
  const std::string newest = lines.empty() ? "" : lines.front();
  std::uint64_t own = 0;
  const auto read = std::from_chars(newest.data(), newest.data() + newest.size(), own);
  if (read.ec != std::errc()) {
    co_return make_error(ErrorKind::corrupt, "it does not say which epoch it was of");
  }
  origin_.epoch = Epoch{own}.next();
  co_return origin_.epoch;
}

net::Task<Result<json>> LostReader::read(Deadline deadline) {
  CO_TRY(report_, LostReport::begin(origin_, place_));
  LostReport::Ending ending;
  CO_TRY(ending.committed, co_await committed(deadline));
  CO_TRY(const Start start, co_await this->start(deadline));
  if (!start.why_not.empty()) cannot_be_decoded(start.why_not);
  const std::string asked =
      copy_to(
          "select datname from pg_database where datname <> 'template0' and datconnlimit <> -2 "
          "order by 1",
          "databases.txt") +
      copy_to(
          "select json_build_object('gid', gid, 'xid', transaction::text, 'database', database, "
          "'owner', owner, 'prepared', prepared) from pg_prepared_xacts order by prepared",
          "prepared.txt");
  CO_TRY(const std::string said,
         co_await run("template1", asked + (can_be_decoded_ ? slots_sql(start.restart) : ""),
                      deadline));
  if (incomplete_.empty()) incomplete_ = last_error_in(said);
  CO_TRY(const Lines databases, lines_of("databases.txt"));
  CO_TRY(const Lines prepared, lines_of("prepared.txt"));
  for (const std::string& one : prepared) ending.prepared.push_back(parse_json(one));
  if (can_be_decoded_) {
    for (const std::string& database : databases) CO_TRY_VOID(co_await decode(database, deadline));
    CO_TRY_VOID(co_await run("template1", kDropSlots, deadline));
  }
  std::error_code ignored;
  for (const char* name : {kStatements, kSaid, kEpoch, "databases.txt", "prepared.txt"}) {
    fs::remove(place_ / name, ignored);
  }
  ending.incomplete = incomplete_;
  auto writing = net::run_blocking([this, &ending] { return report_->end(ending); });
  co_return co_await std::move(writing);
}

}  // namespace aurora_global::region
