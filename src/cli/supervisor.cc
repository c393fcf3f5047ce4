// The supervisor: keeps one region's daemon and router running on a machine without another one.
#include <signal.h>

#include <fstream>

#include "cli/region_daemon.h"
#include "net/log.h"
#include "net/main_loop.h"
#include "net/pid_file.h"
#include "net/process.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;
using net::Process;

constexpr Duration kBackoffMin = 100ms;
constexpr Duration kBackoffMax = 10s;
constexpr Duration kSteadyAfter = 10s;    // A process that lived this long starts afresh.
constexpr Duration kChildEndLimit = 90s;  // PostgreSQL may have a checkpoint to write.
constexpr std::uintmax_t kLogBytesMax = 20u << 20;

struct Child {
  std::string name;     // "daemon" | "router"
  std::string command;  // The subcommand.
  std::filesystem::path config;
};

Result<Process> launch(const std::filesystem::path& region_dir, const Child& child,
                       const std::string& program) {
  // One that an earlier supervisor left running is as good as a new one.
  if (const auto pid = net::running_pid(region_dir / "run" / (child.name + ".pid"))) {
    return Process::adopt(*pid);
  }
  const auto log = region_dir / (child.name + ".log");
  std::error_code error;
  if (std::filesystem::file_size(log, error) > kLogBytesMax && !error) {
    std::filesystem::rename(log, log.string() + ".1", error);
  }
  net::CommandLine command;
  command.argv = {program, child.command, child.config.string()};
  command.output = log;
  return Process::start(command);
}

net::Task<void> keep_child(std::filesystem::path region_dir, Child child, std::string program,
                           const bool& ending) {
  Duration pause = kBackoffMin;
  while (!ending) {
    const Instant started = SystemClock().now();
    const auto process = launch(region_dir, child, program);
    if (process.has_value()) {
      log::info("{} runs as process {}", child.name, process->pid());
      while (!ending && !co_await process->wait(Deadline::in(200ms))) {
      }
      if (ending) {
        process->signal(SIGTERM);
        if (!co_await process->wait(Deadline::in(kChildEndLimit))) process->signal(SIGKILL);
        co_return;
      }
      log::warn("{} (process {}) has ended", child.name, process->pid());
    } else {
      log::error("start {}: {}", child.name, process.error().message);
    }
    if (SystemClock().now() - started > kSteadyAfter) pause = kBackoffMin;
    co_await net::sleep_for(pause);
    pause = std::min(pause * 2, Duration(kBackoffMax));
  }
}

net::Task<int> supervisor_body(std::filesystem::path region_dir, std::string program,
                               boost::asio::any_io_executor executor, net::Event& stop) {
  bool ending = false;
  net::TaskGroup tasks(executor);
  tasks.spawn("daemon", keep_child(region_dir, {"daemon", "region", region_dir / "region.toml"},
                                   program, ending));
  tasks.spawn("router", keep_child(region_dir, {"router", "router", region_dir / "router.toml"},
                                   program, ending));
  while (!co_await stop.wait_for(1h)) {
  }
  ending = true;
  co_await tasks.join();
  co_return 0;
}

}  // namespace

int run_supervisor(const std::filesystem::path& region_dir) {
  net::init_logging("supervisor");
  std::error_code error;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  const auto pid_file = net::PidFile::acquire(region_dir / "run" / "supervisor.pid");
  if (pid_file.has_error()) {
    log::error("{}", pid_file.error().message);
    return 1;
  }
  return net::run_main([&](boost::asio::any_io_executor executor, net::Event& stop) {
    return supervisor_body(region_dir, program, executor, stop);
  });
}

}  // namespace aurora_global::cli
