// `up`: starts the processes, and creates everything else through the RDS API.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "cli/command.h"
#include "cli/home_lock.h"
#include "cli/interrupt.h"
#include "cli/local_faults.h"
#include "cli/preflight.h"
#include "cli/prepare.h"
#include "cli/startup_log.h"
#include "net/control_socket.h"
#include "net/pid_file.h"
#include "net/process.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr Duration kProcessLimit = 15s;
constexpr Duration kAvailableLimit = 120s;
constexpr Duration kUpCallLimit = 10s;
constexpr Duration kPoll = 50ms;

// ElapsedProgress with elapsed time.
class ElapsedProgress {
 public:
  ElapsedProgress() : started_(SystemClock().now()) {}
  void say(const std::string& text) const {
    const std::chrono::duration<double> elapsed = SystemClock().now() - started_;
    std::printf("%6.2f s  %s\n", elapsed.count(), text.c_str());
    std::fflush(stdout);
  }

 private:
  Instant started_;
};

std::string own_program() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).string();
}

std::string last_line(const fs::path& file) {
  std::ifstream in(file);
  std::string last;
  for (std::string line; std::getline(in, line);) last = line;
  return last;
}

struct Launched {
  pid_t pid = 0;
  fs::path pid_file;
};
// By this command, in any of its parts.
std::vector<Launched> launched;

// Starts a program of ours in the background and waits until it holds its pid file.
net::Task<Result<void>> start_process(std::vector<std::string> arguments, fs::path pid_file,
                                      fs::path log) {
  if (net::running_pid(pid_file)) co_return ok();
  net::CommandLine command;
  command.argv = {own_program()};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.output = log;
  CO_TRY(const auto process, net::Process::start(command));
  launched.push_back({process.pid(), pid_file});
  const Deadline deadline = Deadline::in(kProcessLimit);
  while (!net::running_pid(pid_file)) {
    if (!process.running() || deadline.passed()) {
      const std::string said = last_line(log);
      co_return make_error(ErrorKind::unavailable, arguments.front() + " did not start" +
                                                       (said.empty() ? "" : ": ") + said +
                                                       " (see " + log.string() + ")");
    }
    co_await net::sleep_for(5ms);
  }
  co_return ok();
}

// Asks until a condition holds, or until the logs say that it cannot. `what` names it in the error.
template <typename Ask>
net::Task<Result<void>> await_condition(std::string what, Duration limit, StartupLogs& logs,
                                        Ask& ask) {
  const Deadline deadline = Deadline::in(limit);
  std::string last;
  for (;;) {
    const Result<bool> answer = co_await ask();
    if (answer.has_value() && *answer) co_return ok();
    if (answer.has_error()) last = ": " + answer.error().message;
    if (const auto reason = logs.obstacle(SystemClock().now())) {
      co_return make_error(ErrorKind::unavailable, what + ": " + *reason);
    }
    if (deadline.passed()) {
      const std::string& said = logs.last();
      co_return make_error(ErrorKind::timeout, what + (said.empty() ? last : ": " + said));
    }
    co_await net::sleep_for(kPoll);
  }
}

net::Task<Result<void>> create_cluster(Connected& connected, RegionId region, bool primary) {
  awsclient::AwsClient& client = connected.at(region);
  const Platform& platform = connected.platform;
  const std::string cluster = platform.global_cluster + "-" + region.name;
  CO_TRY(const auto present,
         co_await client.describe_db_clusters(region, Deadline::in(kUpCallLimit)));
  if (present.empty()) {
    awsapi::Form form = {{"Action", "CreateDBCluster"},
                         {"DBClusterIdentifier", cluster},
                         {"Engine", std::string(model::kEngine)},
                         {"GlobalClusterIdentifier", platform.global_cluster},
                         {"EnableGlobalWriteForwarding", "true"},
                         {"EnableLocalWriteForwarding", "true"}};
    if (primary) {
      CO_TRY(const std::string password, connected.home.master_password());
      form["MasterUsername"] = std::string(kMasterUser);
      form["MasterUserPassword"] = password;
      form["DatabaseName"] = std::string(kDatabase);
    }
    CO_TRY_VOID(co_await client.rds_do(region, std::move(form), Deadline::in(kUpCallLimit)));
  }
  CO_TRY(const auto instances,
         co_await client.describe_db_instances(region, Deadline::in(kUpCallLimit)));
  for (int i = static_cast<int>(instances.size()); i <= platform.readers; ++i) {
    awsapi::Form form = {{"Action", "CreateDBInstance"},
                         {"DBInstanceIdentifier", cluster + "-" + std::to_string(i + 1)},
                         {"DBClusterIdentifier", cluster},
                         {"DBInstanceClass", "db.serverless"},
                         {"Engine", std::string(model::kEngine)}};
    CO_TRY_VOID(co_await client.rds_do(region, std::move(form), Deadline::in(kUpCallLimit)));
  }
  co_return ok();
}

// Those that the region has, and at least so many.
net::Task<Result<void>> await_instances(Connected& connected, RegionId region, int at_least,
                                        StartupLogs& logs) {
  auto ask = [&]() -> net::Task<Result<bool>> {
    CO_TRY(const auto instances,
           co_await connected.at(region).describe_db_instances(region, Deadline::in(kUpCallLimit)));
    bool all = static_cast<int>(instances.size()) >= at_least;
    for (const auto& instance : instances) all = all && instance.status == "available";
    co_return all;
  };
  co_return co_await await_condition(
      "the DB instances of " + region.name + " do not become available (see `" +
          command_for(connected.home) + " logs " + region.name + "`)",
      kAvailableLimit, logs, ask);
}

net::Task<Result<void>> create_all(Connected& connected, StartupLogs& logs,
                                   const ElapsedProgress& progress) {
  const auto& regions = connected.platform.regions;
  const int instances = 1 + connected.platform.readers;
  CO_TRY(const auto globals, co_await connected.at(regions[0])
                                 .describe_global_clusters(regions[0], Deadline::in(kUpCallLimit)));
  if (globals.empty()) {
    awsapi::Form form = {{"Action", "CreateGlobalCluster"},
                         {"GlobalClusterIdentifier", connected.platform.global_cluster},
                         {"Engine", std::string(model::kEngine)}};
    CO_TRY_VOID(co_await connected.at(regions[0])
                    .rds_do(regions[0], std::move(form), Deadline::in(kUpCallLimit)));
    progress.say("global cluster " + connected.platform.global_cluster);
  }
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const RegionId region = regions[i];
    auto knows = [&]() -> net::Task<Result<bool>> {
      CO_TRY(const auto found, co_await connected.at(region).describe_global_clusters(
                                   region, Deadline::in(kUpCallLimit)));
      co_return !found.empty();
    };
    CO_TRY_VOID(co_await await_condition("region " + region.name + " has not heard of the others",
                                         kProcessLimit, logs, knows));
    CO_TRY_VOID(co_await create_cluster(connected, region, i == 0));
    if (i == 0) {
      CO_TRY_VOID(co_await await_instances(connected, region, instances, logs));
      progress.say("PostgreSQL in " + region.name + " is available");
    }
  }
  for (const RegionId& region : regions) {
    CO_TRY_VOID(co_await await_instances(connected, region, instances, logs));
  }
  auto replicating = [&]() -> net::Task<Result<bool>> {
    CO_TRY(const auto now, co_await situation(connected, Deadline::in(kUpCallLimit)));
    bool all = now.global.members.size() == regions.size();
    for (const auto& member : now.global.members) all = all && member.connected;
    co_return all;
  };
  CO_TRY_VOID(
      co_await await_condition("the regions do not replicate", kAvailableLimit, logs, replicating));
  progress.say("all regions replicate");
  for (const RegionId& region : regions) CO_TRY_VOID(co_await create_key(connected, region));
  CO_TRY_VOID(co_await create_secret(connected));
  co_return ok();
}

// What was deployed onto an empty platform before it went down.
net::Task<Result<void>> await_deployed(Connected& connected, StartupLogs& logs) {
  for (const RegionId& region : connected.platform.regions) {
    CO_TRY_VOID(co_await await_instances(connected, region, 0, logs));
  }
  co_return ok();
}

void print_how_to_deploy(const Home& home) {
  const std::string command = command_for(home);
  std::printf(
      "\nThere are no clusters and no functions yet. Next, in the checkout:\n\n"
      "  ./deploy.sh --local --home %s\n"
      "  eval \"$(%s env)\"; aws cloudformation list-stacks\n"
      "  %s down\n",
      home.root().c_str(), command.c_str(), command.c_str());
}

// Where an application connects, and what to type next. `to`: a region that the writer may go to.
void print_next_steps(const Home& home, const Platform& platform, const RegionId& to) {
  const std::string command = command_for(home);
  const std::string& first = platform.regions[0].name;
  std::printf("\nAn application connects to the global writer endpoint of its region:\n\n");
  for (const RegionId& region : platform.regions) {
    const auto url = connection_url(home, platform, region, kGlobalWriterHost);
    std::printf("  %s\n    %s\n", region.name.c_str(), url.c_str());
  }
  std::printf(
      "\n`%s env --format dotenv|json|jdbc %s` has the same with the password.\nNext:\n\n"
      "  %s psql %s\n"
      "  eval \"$(%s env %s)\"; aws rds describe-global-clusters\n"
      "  %s switchover --to %s\n"
      "  %s drill drills/switchover.toml\n"
      "  %s down\n",
      command.c_str(), first.c_str(), command.c_str(), first.c_str(), command.c_str(),
      first.c_str(), command.c_str(), to.name.c_str(), command.c_str(), command.c_str());
}

// The first region that is not the writer's.
net::Task<RegionId> next_target(Connected& connected) {
  const auto now = co_await situation(connected, Deadline::in(kUpCallLimit));
  for (const RegionId& region : connected.platform.regions) {
    if (now.has_value() && region != now->global.writer_region) co_return region;
  }
  co_return connected.platform.regions.back();
}

// `started` gets what was not there before, each before it is started.
net::Task<Result<void>> bring_up(Home home, UpOptions options, Started& started,
                                 boost::asio::any_io_executor executor) {
  const ElapsedProgress progress;
  CO_TRY(const Platform platform, co_await prepare_files(home, options, executor));
  if (!platform.empty) CO_TRY_VOID(write_functions(home, platform));
  progress.say("platform in " + home.root().string());
  if (options.config_only) co_return ok();
  StartupLogs logs;
  for (const RegionId& region : platform.regions) {
    for (const char* name : {"daemon.log", "router.log", "supervisor.log"}) {
      logs.follow(region.name, home.region_dir(region) / name);
    }
  }
  started.link = !net::running_pid(home.link_dir() / "link.pid");
  CO_TRY_VOID(co_await start_link(home));
  for (const RegionId& region : platform.regions) {
    if (!net::running_pid(home.run_dir(region) / "supervisor.pid")) {
      started.regions.push_back(region);
    }
    CO_TRY_VOID(co_await start_region(home, region));
  }
  CO_TRY_VOID(co_await mend_faults(home, executor));
  CO_TRY(Connected connected, connect_to(home, executor));
  for (const RegionId& region : platform.regions) {
    auto healthy = [&]() -> net::Task<Result<bool>> {
      CO_TRY_VOID(co_await connected.at(region).health(Deadline::in(1s)));
      co_return true;
    };
    CO_TRY_VOID(co_await await_condition("the daemon of " + region.name + " does not answer (see " +
                                             (home.region_dir(region) / "daemon.log").string() +
                                             ")",
                                         kProcessLimit, logs, healthy));
    net::ControlClient router(executor, home.run_dir(region) / "router.sock");
    auto serves = [&]() -> net::Task<Result<bool>> {
      const nlohmann::json question = {{"do", "status"}};
      CO_TRY_VOID(co_await router.call(question, Deadline::in(1s)));
      co_return true;
    };
    CO_TRY_VOID(co_await await_condition("the router of " + region.name + " does not answer (see " +
                                             (home.region_dir(region) / "router.log").string() +
                                             ")",
                                         kProcessLimit, logs, serves));
  }
  progress.say("link, daemons and routers run");
  if (platform.empty) {
    CO_TRY_VOID(co_await await_deployed(connected, logs));
    if (options.next_steps) print_how_to_deploy(home);
    co_return ok();
  }
  CO_TRY_VOID(co_await create_all(connected, logs, progress));
  CO_TRY_VOID(write_pgpass(home));
  if (options.next_steps) {
    const RegionId to = co_await next_target(connected);
    print_next_steps(home, platform, to);
  }
  co_return ok();
}

}  // namespace

net::Task<void> await_launched() {
  const Deadline deadline = Deadline::in(kProcessLimit);
  for (const Launched& one : launched) {
    const auto process = net::Process::adopt(one.pid);
    if (process.has_error()) continue;  // It ended.
    while (process->running() && !net::running_pid(one.pid_file)) {
      if (deadline.passed()) process->signal(SIGKILL);
      co_await net::sleep_for(5ms);
    }
  }
}

net::Task<Result<void>> start_link(Home home) {
  std::vector<std::string> arguments = {"link", "serve", (home.link_dir() / "link.toml").string()};
  co_return co_await start_process(std::move(arguments), home.link_dir() / "link.pid",
                                   home.link_dir() / "link.log");
}

net::Task<Result<void>> start_region(Home home, RegionId region) {
  std::vector<std::string> arguments = {"supervise", home.region_dir(region).string()};
  co_return co_await start_process(std::move(arguments), home.run_dir(region) / "supervisor.pid",
                                   home.region_dir(region) / "supervisor.log");
}

int up(const Home& home, const UpOptions& options) {
  const Interrupts interrupts;
  if (const auto refused = refuse_foreign(home); refused.has_error())
    return report(refused.error());
  const auto lock = HomeLock::take(home, HomeLock::Busy::wait);
  if (lock.has_error()) return report(lock.error());
  Started started;
  const auto outcome = run_quietly([&](boost::asio::any_io_executor executor) {
    return bring_up(home, options, started, executor);
  });
  if (outcome.has_value()) return kExitOk;
  const int code = report(outcome.error());
  if (is_full(home.root())) {  // A log that could not be written did not say so.
    std::fprintf(stderr, "aurora-global: No space left on device: %s\n", home.root().c_str());
  }
  std::error_code ignored;
  if (!fs::exists(home.platform_file(), ignored)) lock->leave_no_trace();
  if (!started.any()) return code;
  std::fprintf(stderr, "aurora-global: ending what was started ...\n");
  const auto ended = end_started(home, started);
  if (ended.has_error()) {
    report(ended.error());
    std::fprintf(stderr, "aurora-global: `%s down` ends what still runs\n",
                 command_for(home).c_str());
    return code;
  }
  if (options.next_steps) {
    const std::string command = command_for(home);
    std::fprintf(stderr,
                 "aurora-global: all of it has ended\n  `%s up` goes on from here\n"
                 "  `%s destroy` removes it\n",
                 command.c_str(), command.c_str());
  }
  return code;
}

}  // namespace aurora_global::cli
