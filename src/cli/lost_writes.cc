// `lost-writes`: what a failover has left behind in the Region that was the primary.
#include <algorithm>
#include <cstdio>
#include <fstream>

#include "base/json.h"
#include "cli/command.h"
#include "cli/lost_replay.h"
#include "net/file.h"

namespace aurora_global::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kPrefix = "lost-writes-";
constexpr std::string_view kUnfinished = ".new";

struct Lost {
  fs::path place;
  json report;

  std::uint64_t epoch() const { return report.value("epoch", std::uint64_t{0}); }
  std::string region() const { return report.value("region", ""); }
};

// By their epochs. A report that cannot be read is told of, and left out.
std::vector<Lost> all_lost(const Home& home, const Platform& platform) {
  std::vector<Lost> all;
  std::error_code error;
  for (const RegionId& region : platform.regions) {
    const fs::path instances = home.region_dir(region) / "instances";
    for (const auto& instance : fs::directory_iterator(instances, error)) {
      for (const auto& entry : fs::directory_iterator(instance.path(), error)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(kPrefix) || name.ends_with(kUnfinished)) continue;
        const auto text = net::read_file(entry.path() / "report.json");
        json report = text.has_value() ? parse_json(*text) : json();
        if (report.is_object()) {
          all.push_back({entry.path(), std::move(report)});
        } else {
          std::fprintf(stderr, "aurora-global: no report can be read in %s\n",
                       entry.path().c_str());
        }
      }
    }
  }
  std::sort(all.begin(), all.end(), [](const Lost& one, const Lost& other) {
    return std::make_pair(one.epoch(), one.region()) <
           std::make_pair(other.epoch(), other.region());
  });
  return all;
}

Result<Lost> lost_in(const Home& home, const LostWritesOptions& options) {
  TRY(const Platform platform, home.load());
  std::vector<Lost> all = all_lost(home, platform);
  std::erase_if(all, [&](const Lost& one) {
    return one.epoch() != options.epoch ||
           (!options.region.empty() && one.region() != options.region);
  });
  if (all.size() == 1) return std::move(all.front());
  if (all.empty()) {
    return make_error(ErrorKind::not_found,
                      "nothing is kept of epoch " + std::to_string(options.epoch) +
                          (options.region.empty() ? "" : " in " + options.region) + "; `" +
                          command_for(home) + " lost-writes list` shows what is");
  }
  std::string regions;
  for (const Lost& one : all) regions += (regions.empty() ? "" : ", ") + one.region();
  return make_error(ErrorKind::invalid, "several Regions have lost writes in epoch " +
                                            std::to_string(options.epoch) + " (" + regions +
                                            "): give --region");
}

std::string number_in(const json& report, const char* name) {
  return std::to_string(report.value(name, std::uint64_t{0}));
}

std::string name_of(const json& table) {
  const std::string name = table.value("table", "");
  if (name.empty()) return table.value("database", "") + ": messages";
  return table.value("database", "") + ": " + table.value("schema", "") + "." + name;
}

std::string described(const Lost& lost) {
  const json& of = lost.report;
  std::string text = "Epoch " + std::to_string(lost.epoch()) + ": what " + lost.region() +
                     " had committed from " + of.value("fork", "") + " on, timeline " +
                     number_in(of, "timeline") + "\n";
  text += "  transactions    " + number_in(of, "transactions") + " with " +
          number_in(of, "changes") + " changes\n";
  if (of.value("without_rows", std::uint64_t{0}) > 0) {
    text += "  without rows    " + number_in(of, "without_rows") +
            " commits: DDL, sequences, unlogged tables, upkeep\n";
  }
  if (of.contains("first_commit")) {
    text += "  committed       " + of.value("first_commit", "") + " to " +
            of.value("last_commit", "") + "\n";
  }
  text += "  complete        " +
          (of.value("complete", false) ? std::string("yes") : "no: " + of.value("incomplete", "")) +
          "\n";
  for (const json& table : of.value("tables", json::array())) {
    text += "  " + name_of(table) + "\n      inserted " + number_in(table, "inserted") +
            ", updated " + number_in(table, "updated") + ", deleted " +
            number_in(table, "deleted") + ", truncated " + number_in(table, "truncated");
    if (table.value("only_told", std::uint64_t{0}) > 0) {
      text += "; not made again by the SQL: " + number_in(table, "only_told");
    }
    text += "\n";
  }
  for (const json& one : of.value("prepared", json::array())) {
    text += "  prepared, neither committed nor rolled back: " + one.value("gid", "") + " in " +
            one.value("database", "") + "\n";
  }
  return text + "  " + (lost.place / "transactions.sql").string() + "\n";
}

// As it is: it may be large.
Result<void> print_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string chunk(1 << 16, '\0');
  while (in) {
    in.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    std::fwrite(chunk.data(), 1, static_cast<std::size_t>(in.gcount()), stdout);
  }
  if (in.eof()) return ok();
  return make_error(ErrorKind::unavailable, "cannot read " + file.string());
}

// The socket directories of the region's servers: a postmaster's lock says where.
std::vector<std::string> sockets_of(const Home& home, const RegionId& region) {
  constexpr int kSocketLine = 5;
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& instance :
       fs::directory_iterator(home.region_dir(region) / "instances", error)) {
    std::ifstream lock(instance.path() / "data" / "postmaster.pid");
    std::string line;
    for (int i = 0; i < kSocketLine && std::getline(lock, line); ++i) continue;
    if (lock) found.push_back(line);
  }
  return found;
}

net::Task<Result<pgclient::Connection>> connect_at(std::string socket, std::string database) {
  pgclient::Parameters parameters{{{"host", std::move(socket)},
                                   {"user", "rdsadmin"},
                                   {"dbname", std::move(database)},
                                   {"application_name", "aurora-global lost-writes"}}};
  auto connecting =
      pgclient::Connection::connect(std::move(parameters), Deadline::in(std::chrono::seconds(10)));
  co_return co_await std::move(connecting);
}

// Of the server that takes writes.
net::Task<Result<std::string>> socket_of_writer(const Home& home, RegionId region) {
  for (const std::string& socket : sockets_of(home, region)) {
    auto connecting = connect_at(socket, "rdsadmin");
    auto connection = co_await std::move(connecting);
    if (connection.has_error()) continue;
    auto asking = connection->execute_simple("SELECT pg_is_in_recovery()",
                                             Deadline::in(std::chrono::seconds(10)));
    const auto rows = co_await std::move(asking);
    if (rows.has_value() && rows->text(0, 0) == "f") co_return socket;
  }
  co_return make_error(ErrorKind::unavailable,
                       "no server of " + region.name + " takes writes on this machine");
}

net::Task<Result<json>> replayed(const Home& home, const Lost& lost, bool dry_run,
                                 boost::asio::any_io_executor executor) {
  CO_TRY(Connected connected, connect_to(home, executor));
  CO_TRY_VOID(require_running(home, connected.platform));
  CO_TRY(const Situation now, co_await situation(connected, Deadline::in(std::chrono::seconds(5))));
  auto looking = socket_of_writer(home, now.global.writer_region);
  CO_TRY(const std::string socket, co_await std::move(looking));
  LostReplay replay([socket](std::string database) { return connect_at(socket, database); },
                    Epoch{lost.epoch()}, dry_run);
  auto running = replay.run(lost.place);
  co_return co_await std::move(running);
}

std::string told(const json& outcome) {
  const bool dry_run = outcome.at("dry_run").get<bool>();
  std::string text = number_in(outcome, "applied") + " transactions " +
                     (dry_run ? "would be" : "were") + " made again, " +
                     number_in(outcome, "conflicting") + " are in conflict\n";
  if (outcome.at("already") != 0) {
    text += "  " + number_in(outcome, "already") + " were made again by an earlier replay\n";
  }
  for (const json& one : outcome.at("conflicts")) {
    text += "  " + one.value("database", "") + ", transaction " + number_in(one, "xid") +
            ", committed " + one.value("at", "") + ": " + one.value("why", "") + "\n      " +
            one.value("change", "") + "\n";
    if (!one.at("now").is_null()) text += "      now: " + printable(one.at("now")) + "\n";
  }
  return text;
}

}  // namespace

int list_lost_writes(const Home& home, const LostWritesOptions& options) {
  const auto platform = home.load();
  if (platform.has_error()) return report(platform.error());
  const std::vector<Lost> all = all_lost(home, *platform);
  if (options.json) {
    json told = json::array();
    for (const Lost& one : all) {
      told.push_back(one.report);
      told.back()["place"] = one.place.string();
    }
    std::printf("%s\n", printable(told).c_str());
    return kExitOk;
  }
  if (all.empty()) std::printf("No failover has left writes behind that are still kept.\n");
  for (const Lost& one : all) std::fputs(described(one).c_str(), stdout);
  return kExitOk;
}

int show_lost_writes(const Home& home, const LostWritesOptions& options) {
  const auto lost = lost_in(home, options);
  if (lost.has_error()) return report(lost.error());
  if (options.sql) {
    const auto printed = print_file(lost->place / "transactions.sql");
    return printed.has_error() ? report(printed.error()) : kExitOk;
  }
  std::fputs(options.json ? (printable(lost->report) + "\n").c_str() : described(*lost).c_str(),
             stdout);
  return kExitOk;
}

int replay_lost_writes(const Home& home, const LostWritesOptions& options) {
  const auto lost = lost_in(home, options);
  if (lost.has_error()) return report(lost.error());
  json outcome;
  const auto done = run_quietly([&](auto executor) -> net::Task<Result<void>> {
    auto replaying = replayed(home, *lost, options.dry_run, executor);
    CO_TRY(outcome, co_await std::move(replaying));
    co_return ok();
  });
  if (done.has_error()) return report(done.error());
  std::fputs(options.json ? (printable(outcome) + "\n").c_str() : told(outcome).c_str(), stdout);
  return outcome.at("conflicting") == 0 ? kExitOk : kExitFailed;
}

int forget_lost_writes(const Home& home, const LostWritesOptions& options) {
  const auto lost = lost_in(home, options);
  if (lost.has_error()) return report(lost.error());
  std::error_code error;
  fs::remove_all(lost->place, error);
  if (error) {
    return report(make_error(ErrorKind::unavailable,
                             "remove " + lost->place.string() + ": " + error.message()));
  }
  std::printf("Forgotten: what %s had lost in epoch %llu.\n", lost->region().c_str(),
              static_cast<unsigned long long>(lost->epoch()));
  return kExitOk;
}

}  // namespace aurora_global::cli
