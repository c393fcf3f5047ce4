#include "cli/local_faults.h"

#include <signal.h>

#include <charconv>

#include "cli/command.h"
#include "net/pid_file.h"
#include "net/process.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr Duration kDeathLimit = 5s;

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

// Until none is left: a dying postmaster may just have forked.
net::Task<Result<void>> kill_postgres(fs::path below) {
  const Deadline deadline = Deadline::in(kDeathLimit);
  for (;;) {
    const std::vector<pid_t> pids = processes_below(below);
    if (pids.empty()) co_return ok();
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

}  // namespace

ProcessFaults::ProcessFaults(Home home, Platform platform, boost::asio::any_io_executor executor)
    : home_(home), platform_(std::move(platform)), link_(executor, home.link_dir() / "link.sock") {}

net::Task<Result<void>> ProcessFaults::kill_region(RegionId region) {
  CO_TRY_VOID(region_number(platform_, region));
  const fs::path run = home_.run_dir(region);
  // The supervisor first: it would start the others again.
  for (const char* name : {"supervisor", "daemon", "router"}) {
    const auto killed = co_await kill_process(run / (std::string(name) + ".pid"), name);
    if (killed.has_error() && killed.error().kind != ErrorKind::not_found) co_return killed;
  }
  const fs::path instances = home_.region_dir(region) / "instances";
  co_return co_await kill_postgres(instances);
}

net::Task<Result<void>> ProcessFaults::start_region(RegionId region) {
  CO_TRY_VOID(region_number(platform_, region));
  co_return co_await cli::start_region(home_, region);
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
  co_return co_await kill_postgres(dir);
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
  const fs::path file = home_.link_dir() / "link.pid";
  co_return co_await kill_process(file, "the link");
}

net::Task<Result<void>> ProcessFaults::start_link() { co_return co_await cli::start_link(home_); }

net::Task<Result<void>> ProcessFaults::set_link(drill::LinkChange change) {
  nlohmann::json request = {{"do", "set"}};
  if (change.latency_ms) request["latency_ms"] = *change.latency_ms;
  if (change.jitter_ms) request["jitter_ms"] = *change.jitter_ms;
  if (change.bandwidth_mbit_s) request["bandwidth_mbit_s"] = *change.bandwidth_mbit_s;
  if (!change.partition.empty()) request["partition"] = change.partition;
  if (!change.from.empty()) request["from"] = change.from.name;
  if (!change.to.empty()) request["to"] = change.to.name;
  CO_TRY_VOID(co_await link_.call(std::move(request), Deadline::in(5s)));
  co_return ok();
}

}  // namespace aurora_global::cli
