// `up`: writes the files, starts the processes, and creates everything else through the RDS API.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "cli/command.h"
#include "cli/platform_files.h"
#include "net/pid_file.h"
#include "net/process.h"
#include "region/postgres_files.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr Duration kProcessLimit = 15s;
constexpr Duration kAvailableLimit = 120s;
constexpr Duration kCallLimit = 10s;
constexpr Duration kPoll = 50ms;
constexpr double kLatencyMsMax = 10000;

// Progress with elapsed time.
class Progress {
 public:
  explicit Progress(bool quiet) : quiet_(quiet), started_(SystemClock().now()) {}
  void say(const std::string& text) const {
    if (quiet_) return;
    const std::chrono::duration<double> elapsed = SystemClock().now() - started_;
    std::printf("%6.2f s  %s\n", elapsed.count(), text.c_str());
    std::fflush(stdout);
  }

 private:
  bool quiet_;
  Instant started_;
};

std::string own_program() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).string();
}

// PostgreSQL's user must get to its data below the home directory.
Result<void> check_traversable(const fs::path& root, const net::SystemUser& user) {
  if (user.uid == geteuid()) return ok();
  for (fs::path dir = root.parent_path(); !dir.empty() && dir != dir.root_path();
       dir = dir.parent_path()) {
    struct stat facts {};
    if (stat(dir.c_str(), &facts) != 0) continue;
    const mode_t bit =
        facts.st_uid == user.uid ? S_IXUSR : (facts.st_gid == user.gid ? S_IXGRP : S_IXOTH);
    if ((facts.st_mode & bit) == 0) {
      return make_error(ErrorKind::denied, "the user " + user.name +
                                               " (PostgreSQL does not run as root) cannot enter " +
                                               dir.string() + "; choose another --home");
    }
  }
  return ok();
}

Result<void> check_names(const UpOptions& options) {
  if (options.regions.size() < 2 || options.regions.size() > 10) {
    return make_error(ErrorKind::invalid, "--regions needs two to ten regions; given: " +
                                              std::to_string(options.regions.size()));
  }
  for (std::size_t i = 0; i < options.regions.size(); ++i) {
    const auto name = model::checked_identifier("--regions", options.regions[i]);
    if (name.has_error() || *name != options.regions[i]) {
      return make_error(ErrorKind::invalid,
                        "'" + options.regions[i] + "' is no region name (as us-east-1)");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (options.regions[i] == options.regions[j]) {
        return make_error(ErrorKind::invalid, "region " + options.regions[i] + " is given twice");
      }
    }
  }
  if (options.readers < 0 || options.readers > 15) {
    return make_error(ErrorKind::invalid,
                      "--readers is 0 to 15; given: " + std::to_string(options.readers));
  }
  if (!(options.latency_ms >= 0 && options.latency_ms <= kLatencyMsMax)) {
    return make_error(ErrorKind::invalid,
                      "--latency-ms, the latency of the link one way, is 0 to " +
                          std::to_string(static_cast<int>(kLatencyMsMax)));
  }
  TRY_VOID(net::parse_endpoint(options.prefix + ".1.1:1"));
  if (options.prefix.rfind("127.", 0) != 0) {
    return make_error(
        ErrorKind::invalid,
        "--address-prefix must be loopback, 127.0 to 127.255; given: " + options.prefix);
  }
  return ok();
}

// Every address of the platform is free, or it is said which one is not.
Result<void> check_addresses(const Platform& platform, boost::asio::any_io_executor executor) {
  for (std::size_t i = 1; i <= platform.regions.size(); ++i) {
    const int number = static_cast<int>(i);
    for (const auto& [last, port] : {std::pair{1, 4566}, {1, 4567}, {10, 5432}, {21, 5432}}) {
      const auto probe =
          net::listen_on(executor, host_in(platform, number, last) + ":" + std::to_string(port));
      if (probe.has_error()) return probe.error();
    }
  }
  return ok();
}

net::Task<Result<Platform>> prepare_files(Home home, UpOptions options,
                                          boost::asio::any_io_executor executor) {
  CO_TRY(const auto user, region::postgres_user());
  CO_TRY_VOID(region::postgres_version(options.postgres_bin));
  if (fs::exists(home.platform_file())) {
    CO_TRY(Platform present, home.load());
    bool same = options.regions.empty() || options.regions.size() == present.regions.size();
    for (std::size_t i = 0; same && i < options.regions.size(); ++i) {
      same = options.regions[i] == present.regions[i].name;
    }
    if (same) co_return present;
    co_return make_error(ErrorKind::conflict,
                         home.root().string() +
                             " holds a platform with other regions; "
                             "`aurora-global destroy` removes it, --home names another directory");
  }
  std::error_code ignored;
  if (fs::exists(home.root(), ignored) && !fs::is_empty(home.root(), ignored)) {
    co_return make_error(ErrorKind::conflict, home.root().string() +
                                                  " is not empty and holds no platform; name an "
                                                  "empty or new directory with --home");
  }
  if (options.regions.empty()) options.regions = {"us-east-1", "us-west-2"};
  CO_TRY_VOID(check_names(options));
  CO_TRY_VOID(check_traversable(home.root(), user));
  Platform platform;
  for (const std::string& name : options.regions) platform.regions.push_back(RegionId{name});
  platform.prefix = options.prefix;
  platform.readers = options.readers;
  CO_TRY(platform.global_cluster,
         model::checked_identifier("--global-cluster", options.global_cluster));
  CO_TRY_VOID(check_addresses(platform, executor));
  CO_TRY_VOID(
      write_platform(home, platform, LinkDefaults{options.latency_ms}, options.postgres_bin));
  co_return platform;
}

// Starts a program of ours in the background and waits until it holds its pid file.
net::Task<Result<void>> start_process(std::vector<std::string> arguments, fs::path pid_file,
                                      fs::path log) {
  if (net::running_pid(pid_file)) co_return ok();
  net::CommandLine command;
  command.argv = {own_program()};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.output = log;
  CO_TRY(const auto process, net::Process::start(command));
  const Deadline deadline = Deadline::in(kProcessLimit);
  while (!net::running_pid(pid_file)) {
    if (!process.running() || deadline.passed()) {
      co_return make_error(ErrorKind::unavailable,
                           arguments.front() + " did not start; see " + log.string());
    }
    co_await net::sleep_for(5ms);
  }
  co_return ok();
}

// Asks until a condition holds. `what` names it in the error.
template <typename Ask>
net::Task<Result<void>> await_condition(std::string what, Duration limit, Ask& ask) {
  const Deadline deadline = Deadline::in(limit);
  std::string last;
  for (;;) {
    const Result<bool> answer = co_await ask();
    if (answer.has_value() && *answer) co_return ok();
    if (answer.has_error()) last = ": " + answer.error().message;
    if (deadline.passed()) co_return make_error(ErrorKind::timeout, what + last);
    co_await net::sleep_for(kPoll);
  }
}

net::Task<Result<void>> create_cluster(Connected& connected, RegionId region, bool primary) {
  awsclient::AwsClient& client = connected.at(region);
  const Platform& platform = connected.platform;
  const std::string cluster = platform.global_cluster + "-" + region.name;
  CO_TRY(const auto present,
         co_await client.describe_db_clusters(region, Deadline::in(kCallLimit)));
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
    CO_TRY_VOID(co_await client.rds_do(region, std::move(form), Deadline::in(kCallLimit)));
  }
  CO_TRY(const auto instances,
         co_await client.describe_db_instances(region, Deadline::in(kCallLimit)));
  for (int i = static_cast<int>(instances.size()); i <= platform.readers; ++i) {
    awsapi::Form form = {{"Action", "CreateDBInstance"},
                         {"DBInstanceIdentifier", cluster + "-" + std::to_string(i + 1)},
                         {"DBClusterIdentifier", cluster},
                         {"DBInstanceClass", "db.serverless"},
                         {"Engine", std::string(model::kEngine)}};
    CO_TRY_VOID(co_await client.rds_do(region, std::move(form), Deadline::in(kCallLimit)));
  }
  co_return ok();
}

net::Task<Result<void>> await_instances(Connected& connected, RegionId region) {
  auto ask = [&]() -> net::Task<Result<bool>> {
    CO_TRY(const auto instances,
           co_await connected.at(region).describe_db_instances(region, Deadline::in(kCallLimit)));
    bool all = static_cast<int>(instances.size()) > connected.platform.readers;
    for (const auto& instance : instances) all = all && instance.status == "available";
    co_return all;
  };
  co_return co_await await_condition("the DB instances of " + region.name +
                                         " do not become available (see `aurora-global logs " +
                                         region.name + "`)",
                                     kAvailableLimit, ask);
}

net::Task<Result<void>> create_all(Connected& connected, const Progress& progress) {
  const auto& regions = connected.platform.regions;
  CO_TRY(const auto globals, co_await connected.at(regions[0])
                                 .describe_global_clusters(regions[0], Deadline::in(kCallLimit)));
  if (globals.empty()) {
    awsapi::Form form = {{"Action", "CreateGlobalCluster"},
                         {"GlobalClusterIdentifier", connected.platform.global_cluster},
                         {"Engine", std::string(model::kEngine)}};
    CO_TRY_VOID(co_await connected.at(regions[0])
                    .rds_do(regions[0], std::move(form), Deadline::in(kCallLimit)));
    progress.say("global cluster " + connected.platform.global_cluster);
  }
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const RegionId region = regions[i];
    auto knows = [&]() -> net::Task<Result<bool>> {
      CO_TRY(const auto found, co_await connected.at(region).describe_global_clusters(
                                   region, Deadline::in(kCallLimit)));
      co_return !found.empty();
    };
    CO_TRY_VOID(co_await await_condition("region " + region.name + " has not heard of the others",
                                         kProcessLimit, knows));
    CO_TRY_VOID(co_await create_cluster(connected, region, i == 0));
    if (i == 0) {
      CO_TRY_VOID(co_await await_instances(connected, region));
      progress.say("PostgreSQL in " + region.name + " is available");
    }
  }
  for (const RegionId& region : regions) CO_TRY_VOID(co_await await_instances(connected, region));
  auto replicating = [&]() -> net::Task<Result<bool>> {
    CO_TRY(const auto now, co_await situation(connected, Deadline::in(kCallLimit)));
    bool all = now.global.members.size() == regions.size();
    for (const auto& member : now.global.members) all = all && member.connected;
    co_return all;
  };
  CO_TRY_VOID(
      co_await await_condition("the regions do not replicate", kAvailableLimit, replicating));
  progress.say("all regions replicate");
  for (const RegionId& region : regions) CO_TRY_VOID(co_await create_key(connected, region));
  CO_TRY_VOID(co_await create_secret(connected));
  co_return ok();
}

void print_next_steps(const Home& home, const Platform& platform) {
  const std::string given =
      home.root() == Home::choose("").root() ? "" : " --home " + home.root().string();
  const std::string& first = platform.regions[0].name;
  std::printf(
      "\nGlobal writer endpoint of %s: %s:5432 (database %s, user %s)\n\n"
      "  aurora-global%s psql %s\n"
      "  eval \"$(aurora-global%s env %s)\"; aws rds describe-global-clusters\n"
      "  aws lambda invoke --function-name crud-global-endpoint --cli-binary-format "
      "raw-in-base64-out \\\n"
      "      --payload '{\"trigger_failover\": true, \"operations\": 50}' response.json\n"
      "  aurora-global%s switchover --to %s\n"
      "  aurora-global%s drill drills/switchover.toml\n"
      "  aurora-global%s down\n",
      first.c_str(), host_in(platform, 1, 10).c_str(), std::string(kDatabase).c_str(),
      std::string(kMasterUser).c_str(), given.c_str(), first.c_str(), given.c_str(), first.c_str(),
      given.c_str(), platform.regions[1].name.c_str(), given.c_str(), given.c_str());
}

}  // namespace

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

net::Task<Result<void>> up(Home home, UpOptions options, boost::asio::any_io_executor executor) {
  const Progress progress(options.quiet);
  CO_TRY(const Platform platform, co_await prepare_files(home, options, executor));
  CO_TRY_VOID(write_functions(home, platform));
  progress.say("platform in " + home.root().string());
  if (options.config_only) co_return ok();
  CO_TRY_VOID(co_await start_link(home));
  for (const RegionId& region : platform.regions) {
    CO_TRY_VOID(co_await start_region(home, region));
  }
  CO_TRY(Connected connected, connect_to(home, executor));
  for (const RegionId& region : platform.regions) {
    auto healthy = [&]() -> net::Task<Result<bool>> {
      CO_TRY_VOID(co_await connected.at(region).health(Deadline::in(1s)));
      co_return true;
    };
    CO_TRY_VOID(co_await await_condition("the daemon of " + region.name + " does not answer; see " +
                                             (home.region_dir(region) / "daemon.log").string(),
                                         kProcessLimit, healthy));
  }
  progress.say("link, daemons and routers run");
  CO_TRY_VOID(co_await create_all(connected, progress));
  if (!options.quiet && options.next_steps) print_next_steps(home, platform);
  co_return ok();
}

}  // namespace aurora_global::cli
