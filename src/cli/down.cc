// `down` ends the processes and keeps the data; `destroy` removes both.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "cli/command.h"
#include "cli/home_lock.h"
#include "cli/interrupt.h"
#include "net/pid_file.h"
#include "net/process.h"
#include "region/instance/postgres_files.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;

constexpr Duration kEndLimit = 100s;
constexpr Duration kOperationLimit = 60s;

net::Task<Result<void>> end_process(std::filesystem::path pid_file, std::string what) {
  const auto pid = net::running_pid(pid_file);
  if (!pid) co_return ok();
  const auto process = net::Process::adopt(*pid);
  if (process.has_error()) co_return ok();  // It ended meanwhile.
  process->signal(SIGTERM);
  if (!co_await process->wait(Deadline::in(kEndLimit))) {
    co_return make_error(ErrorKind::timeout,
                         what + " (process " + std::to_string(*pid) + ") does not end");
  }
  co_return ok();
}

// Ends the instances that no daemon was there to end. Nobody may remove files under a database that
// runs, or believe that it has stopped.
net::Task<Result<void>> end_instances(std::filesystem::path region_dir) {
  std::error_code error;
  std::vector<std::filesystem::path> directories;
  for (const auto& entry : std::filesystem::directory_iterator(region_dir / "instances", error)) {
    directories.push_back(entry.path());
  }
  // The highest name first: readers before the head they replicate from.
  std::sort(directories.rbegin(), directories.rend());
  for (const auto& directory : directories) {
    const auto pid = region::running_postmaster(directory / "data");
    if (!pid) continue;
    const auto postmaster = net::Process::adopt(*pid);
    if (postmaster.has_error()) continue;  // It ended meanwhile.
    postmaster->signal(SIGINT);            // PostgreSQL's fast shutdown.
    if (!co_await postmaster->wait(Deadline::in(kEndLimit))) {
      co_return make_error(ErrorKind::timeout, "instance " + directory.filename().string() +
                                                   " (process " + std::to_string(*pid) +
                                                   ") does not stop");
    }
  }
  co_return ok();
}

net::Task<Result<void>> end_region(const Home& home, RegionId region) {
  const auto run = home.run_dir(region);
  CO_TRY_VOID(co_await end_process(run / "supervisor.pid", "the supervisor of " + region.name));
  // Left behind by a supervisor that was killed.
  CO_TRY_VOID(co_await end_process(run / "daemon.pid", "the daemon of " + region.name));
  CO_TRY_VOID(co_await end_process(run / "router.pid", "the router of " + region.name));
  co_return co_await end_instances(home.region_dir(region));
}

// Waits for a switchover or failover under way. `writer` gets the region of the writer, where a
// region tells it.
net::Task<Result<void>> await_rest(Home home, RegionId& writer,
                                   boost::asio::any_io_executor executor) {
  CO_TRY(Connected connected, connect_to(home, executor));
  const Deadline deadline = Deadline::in(kOperationLimit);
  for (bool told = false;; told = true) {
    const auto now = co_await situation(connected, Deadline::in(3s));
    if (now.has_error()) co_return ok();  // Nobody answers: nothing can be under way.
    if (!now->global.writer_region.empty()) writer = now->global.writer_region;
    if (now->global.status == "available") co_return ok();
    if (!told) {
      std::printf("waiting: the global cluster is %s\n", now->global.status.c_str());
      std::fflush(stdout);
    }
    if (deadline.passed()) {
      co_return make_error(ErrorKind::conflict,
                           "the global cluster is still " + now->global.status +
                               "; wait for it, or end everything now with --force");
    }
    co_await net::sleep_for(200ms);
  }
}

net::Task<Result<void>> end_all(Home home, Started started, RegionId writer) {
  co_await await_launched();
  // The primary first: a clean shutdown waits until the secondaries have its last byte.
  std::stable_partition(started.regions.begin(), started.regions.end(),
                        [&](const RegionId& region) { return region == writer; });
  for (const RegionId& region : started.regions) CO_TRY_VOID(co_await end_region(home, region));
  if (started.link) CO_TRY_VOID(co_await end_process(home.link_dir() / "link.pid", "the link"));
  co_return ok();
}

// What says that it is a platform goes last: whatever breaks off, `destroy` can be asked for again.
// A directory on which another file system is mounted stays, and a link to it goes.
Result<void> remove_home(const std::filesystem::path& root) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path there = fs::canonical(root, error);
  for (const bool last : {false, true}) {
    std::vector<fs::path> parts;
    for (const auto& entry : fs::directory_iterator(there, error)) {
      const auto name = entry.path().filename();
      if ((name == "platform.toml" || name == HomeLock::kFile) == last)
        parts.push_back(entry.path());
    }
    for (const fs::path& part : parts) {
      fs::remove_all(part, error);
      if (error) {
        return make_error(ErrorKind::unavailable,
                          "remove " + part.string() + ": " + error.message());
      }
    }
  }
  std::error_code stays;
  fs::remove(there, stays);
  if (there != root && fs::is_symlink(root, stays)) fs::remove(root, stays);
  return ok();
}

Started everything(const Platform& platform) { return {platform.regions, true}; }

}  // namespace

Result<void> end_started(const Home& home, const Started& started) {
  const RegionId writer = started.regions.empty() ? RegionId{} : started.regions.front();
  return run_quietly([&](boost::asio::any_io_executor) { return end_all(home, started, writer); },
                     OnSignal::finish);
}

int down(const Home& home, bool force) {
  const auto platform = home.load();
  if (platform.has_error()) return report(platform.error());
  const Interrupts interrupts;
  const auto lock = HomeLock::take(home, force ? HomeLock::Busy::end_it : HomeLock::Busy::refuse);
  if (lock.has_error()) return report(lock.error());
  RegionId writer = platform->regions.front();
  if (!force) {
    const auto at_rest = run_quietly(
        [&](boost::asio::any_io_executor executor) { return await_rest(home, writer, executor); });
    if (at_rest.has_error() && at_rest.error().kind == ErrorKind::cancelled) {
      return report(make_error(ErrorKind::cancelled,
                               at_rest.error().message + "; nothing was ended, the platform runs"));
    }
    if (at_rest.has_error()) return report(at_rest.error());
  }
  const Started all = everything(*platform);
  const auto ended = run_quietly(
      [&](boost::asio::any_io_executor) { return end_all(home, all, writer); }, OnSignal::finish);
  if (ended.has_error() && ended.error().kind == ErrorKind::cancelled) {
    return report(make_error(ErrorKind::cancelled, ended.error().message +
                                                       "; some of it still runs: `" +
                                                       command_for(home) + " down` ends it"));
  }
  if (ended.has_error()) return report(ended.error());
  std::printf("All processes have ended; the data stay in %s (`%s up` goes on).\n",
              home.root().c_str(), command_for(home).c_str());
  return kExitOk;
}

int destroy(const Home& home, bool yes) {
  const auto platform = home.load();
  if (platform.has_error()) return report(platform.error());
  if (!yes) {
    if (isatty(STDIN_FILENO) == 0) {
      return report(make_error(
          ErrorKind::invalid,
          "destroy removes all data in " + home.root().string() + "; say --yes if you mean it"));
    }
    std::printf("Remove the platform in %s with all its data? Type yes: ", home.root().c_str());
    std::fflush(stdout);
    std::string answer;
    std::getline(std::cin, answer);
    if (answer != "yes") {
      std::printf("Nothing was removed.\n");
      return kExitFailed;
    }
  }
  const Interrupts interrupts;
  const auto lock = HomeLock::take(home, HomeLock::Busy::refuse);
  if (lock.has_error()) return report(lock.error());
  Result<void> gone = end_started(home, everything(*platform));
  if (gone.has_value()) gone = remove_home(home.root());
  if (gone.has_error()) {
    return report(gone.error().in("some of the platform is still there, `" + command_for(home) +
                                  " destroy` goes on"));
  }
  std::printf("The platform in %s is gone.\n", home.root().c_str());
  return kExitOk;
}

}  // namespace aurora_global::cli
