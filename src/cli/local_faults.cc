#include "cli/local_faults.h"

#include <signal.h>

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "cli/command.h"
#include "net/file.h"
#include "net/http.h"
#include "net/pid_file.h"
#include "net/process.h"
#include "region/instance/postgres_files.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using nlohmann::json;

constexpr Duration kDeathLimit = 5s;
constexpr Duration kAnswerLimit = 30s;

// {"regions": [...], "link": [pairs as they were], "link_killed": true}
fs::path notes_file(const Home& home) { return home.root() / "broken-by-drill.json"; }

json notes_of(const Home& home) {
  const auto text = net::read_file(notes_file(home));
  json notes = parse_json(text.has_value() ? *text : "");
  return notes.is_object() ? notes : json::object();
}

Result<void> keep_notes(const Home& home, const json& notes) {
  return region::replace_file(notes_file(home), notes.dump() + "\n", 0644);
}

net::Task<Result<void>> kill_process(fs::path pid_file, std::string what) {
  const auto pid = net::running_pid(pid_file);
  if (!pid) co_return make_error(ErrorKind::not_found, what + " does not run");
  CO_TRY(const auto process, net::Process::adopt(*pid));
  process.signal(SIGKILL);
  if (!co_await process.wait(Deadline::in(kDeathLimit))) {
    co_return make_error(ErrorKind::timeout, what + " does not die");
  }
  co_return ok();
}

// Every process of PostgreSQL works in its data directory: that is how they are found.
std::vector<pid_t> processes_below(const fs::path& dir) {
  std::vector<pid_t> pids;
  std::error_code error;
  const std::string prefix = fs::weakly_canonical(dir, error).string() + "/";
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (problem != std::errc() || end != name.data() + name.size()) continue;
    std::error_code gone;
    const auto cwd = fs::read_symlink(entry.path() / "cwd", gone);
    if (!gone && cwd.string().rfind(prefix, 0) == 0) pids.push_back(pid);
  }
  return pids;
}

// Until none is left: a dying postmaster may just have forked. How many there were.
net::Task<Result<std::size_t>> kill_postgres(fs::path below) {
  const Deadline deadline = Deadline::in(kDeathLimit);
  for (std::size_t killed = 0;;) {
    const std::vector<pid_t> pids = processes_below(below);
    if (pids.empty()) co_return killed;
    killed += pids.size();
    for (const pid_t pid : pids) {
      const auto process = net::Process::adopt(pid);
      if (process.has_value()) process->signal(SIGKILL);
    }
    if (deadline.passed()) {
      co_return make_error(ErrorKind::timeout, "processes in " + below.string() + " do not die");
    }
    co_await net::sleep_for(1ms);
  }
}

bool as_before(const json& now, const json& before) {
  for (const json& old : before) {
    bool same = false;
    for (const json& pair : now) {
      bool equal = true;
      for (const char* name :
           {"from", "to", "latency_ms", "jitter_ms", "bandwidth_mbit_s", "blocked"}) {
        equal = equal && pair.at(name) == old.at(name);
      }
      same = same || equal;
    }
    if (!same) return false;
  }
  return true;
}

// The link as it was before: each pair by itself. True: it was not so already.
net::Task<Result<bool>> restore_link(net::ControlClient& link, const json& pairs) {
  const json question = {{"do", "status"}};
  CO_TRY(const json now, co_await link.call(question, Deadline::in(5s)));
  if (as_before(now.at("pairs"), pairs)) co_return false;
  const json open = {{"do", "set"}, {"partition", "none"}};
  CO_TRY_VOID(co_await link.call(open, Deadline::in(5s)));
  for (const json& pair : pairs) {
    json request = {{"do", "set"}};
    for (const char* name : {"from", "to", "latency_ms", "jitter_ms", "bandwidth_mbit_s"}) {
      request[name] = pair.at(name);
    }
    if (pair.value("blocked", false)) request["partition"] = "out";
    CO_TRY_VOID(co_await link.call(std::move(request), Deadline::in(5s)));
  }
  co_return true;
}

// The pairs are as the change wants them.
Result<void> check_link(const drill::LinkChange& change, const json& pairs) {
  std::size_t concerned = 0;
  for (const json& pair : pairs) {
    const std::string from = pair.value("from", "");
    const std::string to = pair.value("to", "");
    const bool forth = (change.from.empty() || change.from.name == from) &&
                       (change.to.empty() || change.to.name == to);
    const bool back = (change.from.empty() || change.from.name == to) &&
                      (change.to.empty() || change.to.name == from);
    if (!forth && !back) continue;
    ++concerned;
    const bool blocked = pair.value("blocked", false);
    bool held = true;
    if (change.partition == "none") held = !blocked;
    if (change.partition == "both" || (change.partition == "out" && forth)) held = blocked;
    if (forth && change.latency_ms) held = held && pair.at("latency_ms") == *change.latency_ms;
    if (!held) {
      return make_error(ErrorKind::conflict,
                        "the link from " + from + " to " + to + " did not take the change");
    }
  }
  if (concerned > 0) return ok();
  return make_error(ErrorKind::not_found, "the link has no such pair of regions");
}

void tell(const std::string& what) { std::fprintf(stderr, "  mended: %s\n", what.c_str()); }

}  // namespace

net::Task<Result<void>> mend_faults(Home home, boost::asio::any_io_executor executor) {
  const json notes = notes_of(home);
  if (notes.empty()) co_return ok();
  if (notes.value("link_killed", false) && !net::running_pid(home.link_dir() / "link.pid")) {
    CO_TRY_VOID(co_await cli::start_link(home));
    tell("the link runs again");
  }
  if (notes.contains("link")) {
    net::ControlClient link(executor, home.link_dir() / "link.sock");
    CO_TRY(const bool changed, co_await restore_link(link, notes.at("link")));
    if (changed) tell("the link is as it was before the drill");
  }
  for (const json& name : notes.value("regions", json::array())) {
    const RegionId region{name.get<std::string>()};
    if (net::running_pid(home.run_dir(region) / "supervisor.pid")) continue;
    CO_TRY_VOID(co_await cli::start_region(home, region));
    tell("region " + region.name + " starts again");
  }
  std::error_code ignored;
  fs::remove(notes_file(home), ignored);
  co_return ok();
}

ProcessFaults::ProcessFaults(Home home, Platform platform, boost::asio::any_io_executor executor)
    : home_(home), platform_(std::move(platform)), link_(executor, home.link_dir() / "link.sock") {}

Result<void> ProcessFaults::note_region(const RegionId& region, bool broken) {
  json notes = notes_of(home_);
  json others = json::array();
  for (const json& one : notes.value("regions", json::array())) {
    if (one != region.name) others.push_back(one);
  }
  if (broken) others.push_back(region.name);
  notes["regions"] = std::move(others);
  return keep_notes(home_, notes);
}

net::Task<Result<void>> ProcessFaults::note_link() {
  json notes = notes_of(home_);
  if (notes.contains("link")) co_return ok();  // What was before the first change counts.
  const json question = {{"do", "status"}};
  CO_TRY(const json answer, co_await link_.call(question, Deadline::in(5s)));
  notes["link"] = answer.at("pairs");
  co_return keep_notes(home_, notes);
}

// Nothing answers at the region's addresses any more. A process that was started elsewhere, with
// another home, is none that was killed.
net::Task<Result<void>> ProcessFaults::check_dead(RegionId region) {
  const auto executor = co_await boost::asio::this_coro::executor;
  const int number = region_number(platform_, region).value();
  for (const auto& [last, port] : {std::pair{1, 4566}, {10, 5432}, {21, 5432}}) {
    const std::string address = host_in(platform_, number, last) + ":" + std::to_string(port);
    const Deadline deadline = Deadline::in(kDeathLimit);
    // The kernel may take a moment to close the sockets of the dead.
    for (;;) {
      const auto probe = net::listen_on(executor, address);
      if (probe.has_value() || probe.error().kind != ErrorKind::conflict) break;
      if (deadline.passed()) {
        co_return make_error(ErrorKind::conflict, "region " + region.name + " was killed, but " +
                                                      address + " is still served by somebody");
      }
      co_await net::sleep_for(5ms);
    }
  }
  co_return ok();
}

net::Task<Result<void>> ProcessFaults::kill_region(RegionId region) {
  CO_TRY_VOID(region_number(platform_, region));
  CO_TRY_VOID(note_region(region, true));
  const fs::path run = home_.run_dir(region);
  std::size_t killed = 0;
  // The supervisor first: it would start the others again.
  for (const char* name : {"supervisor", "daemon", "router"}) {
    const auto done = co_await kill_process(run / (std::string(name) + ".pid"), name);
    if (done.has_error() && done.error().kind != ErrorKind::not_found) co_return done;
    if (done.has_value()) ++killed;
  }
  CO_TRY(const std::size_t servers, co_await kill_postgres(home_.region_dir(region) / "instances"));
  if (killed + servers == 0) {
    CO_TRY_VOID(note_region(region, false));
    co_return make_error(ErrorKind::not_found, "no process of region " + region.name +
                                                   " runs below " + home_.root().string() +
                                                   ": nothing was killed");
  }
  co_return co_await check_dead(region);
}

net::Task<Result<void>> ProcessFaults::start_region(RegionId region) {
  CO_TRY_VOID(region_number(platform_, region));
  CO_TRY_VOID(co_await cli::start_region(home_, region));
  CO_TRY(Connected connected, connect_to(home_, co_await boost::asio::this_coro::executor));
  const Deadline deadline = Deadline::in(kAnswerLimit);
  for (;;) {
    const auto answer = co_await connected.at(region).health(Deadline::in(1s));
    if (answer.has_value()) co_return ok();
    if (deadline.passed()) co_return answer.error().in("the daemon of " + region.name);
    co_await net::sleep_for(20ms);
  }
}

net::Task<Result<void>> ProcessFaults::kill_instance(RegionId region, int number) {
  CO_TRY_VOID(region_number(platform_, region));
  const std::string name =
      platform_.global_cluster + "-" + region.name + "-" + std::to_string(number);
  const fs::path dir = home_.region_dir(region) / "instances" / name;
  if (!fs::exists(dir)) {
    co_return make_error(ErrorKind::not_found,
                         "region " + region.name + " has no instance " + name);
  }
  CO_TRY(const std::size_t killed, co_await kill_postgres(dir));
  if (killed > 0) co_return ok();
  co_return make_error(ErrorKind::not_found,
                       "instance " + name + " does not run: nothing was killed");
}

net::Task<Result<void>> ProcessFaults::kill_daemon(RegionId region) {
  const fs::path file = home_.run_dir(region) / "daemon.pid";
  co_return co_await kill_process(file, "the daemon of " + region.name);
}

net::Task<Result<void>> ProcessFaults::kill_router(RegionId region) {
  const fs::path file = home_.run_dir(region) / "router.pid";
  co_return co_await kill_process(file, "the router of " + region.name);
}

net::Task<Result<void>> ProcessFaults::kill_link() {
  CO_TRY_VOID(co_await note_link());
  json notes = notes_of(home_);
  notes["link_killed"] = true;
  CO_TRY_VOID(keep_notes(home_, notes));
  const fs::path file = home_.link_dir() / "link.pid";
  co_return co_await kill_process(file, "the link");
}

net::Task<Result<void>> ProcessFaults::start_link() { co_return co_await cli::start_link(home_); }

net::Task<Result<void>> ProcessFaults::set_link(drill::LinkChange change) {
  CO_TRY_VOID(co_await note_link());
  json request = {{"do", "set"}};
  if (change.latency_ms) request["latency_ms"] = *change.latency_ms;
  if (change.jitter_ms) request["jitter_ms"] = *change.jitter_ms;
  if (change.bandwidth_mbit_s) request["bandwidth_mbit_s"] = *change.bandwidth_mbit_s;
  if (!change.partition.empty()) request["partition"] = change.partition;
  if (!change.from.empty()) request["from"] = change.from.name;
  if (!change.to.empty()) request["to"] = change.to.name;
  CO_TRY_VOID(co_await link_.call(std::move(request), Deadline::in(5s)));
  const json question = {{"do", "status"}};
  CO_TRY(const json answer, co_await link_.call(question, Deadline::in(5s)));
  co_return check_link(change, answer.at("pairs"));
}

}  // namespace aurora_global::cli
