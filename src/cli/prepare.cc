#include "cli/prepare.h"

#include <cstdio>
#include <cstdlib>

#include "cli/home_lock.h"
#include "cli/platform_files.h"
#include "cli/preflight.h"
#include "net/control_socket.h"
#include "net/pid_file.h"
#include "region/config.h"
#include "region/instance/postgres_files.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr Duration kPrepareCallLimit = 10s;
constexpr const char* kDefaultPostgresBin = "/usr/lib/postgresql/15/bin";

// What cannot be changed on a platform that is there is refused, and the way is named.
Result<void> refuse_changes(const Home& home, const Platform& present, const UpOptions& options) {
  const auto refuse = [&](const std::string& what) {
    return make_error(ErrorKind::conflict, home.root().string() + " holds a platform with " + what +
                                               "; `" + command_for(home) +
                                               " destroy` removes it, --home names another "
                                               "directory");
  };
  bool same = options.regions.empty() || options.regions.size() == present.regions.size();
  for (std::size_t i = 0; same && i < options.regions.size(); ++i) {
    same = options.regions[i] == present.regions[i].name;
  }
  if (!same) return refuse("other regions");
  if (options.prefix && *options.prefix != present.prefix) {
    return refuse("the address prefix " + present.prefix);
  }
  if (options.listen && *options.listen != present.listen) {
    return refuse(present.listen.empty() ? "no further address (--listen)"
                                         : "the further address " + present.listen);
  }
  if (options.global_cluster && *options.global_cluster != present.global_cluster) {
    return refuse("the global cluster " + present.global_cluster);
  }
  if (options.empty && !present.empty) return refuse("clusters of its own (--empty)");
  if (options.readers && present.empty) return refuse("no clusters of its own (--readers)");
  if (options.readers && *options.readers < present.readers) {
    return make_error(ErrorKind::conflict,
                      "the platform has " + std::to_string(present.readers) +
                          " readers per region; `aws rds delete-db-instance` (see `" +
                          command_for(home) + " env`) takes one away");
  }
  if (options.postgres_bin) {
    TRY(const auto region,
        region::load_region_config(home.region_dir(present.regions.front()) / "region.toml"));
    if (region.postgres_bin != *options.postgres_bin) {
      return refuse("PostgreSQL of " + region.postgres_bin.string());
    }
  }
  return ok();
}

bool anything_runs(const Home& home, const Platform& platform) {
  if (net::running_pid(home.link_dir() / "link.pid")) return true;
  for (const RegionId& region : platform.regions) {
    for (const char* name : {"supervisor.pid", "daemon.pid", "router.pid"}) {
      if (net::running_pid(home.run_dir(region) / name)) return true;
    }
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(home.region_dir(region) / "instances", error)) {
      if (region::running_postmaster(entry.path() / "data")) return true;
    }
  }
  return false;
}

// A platform that is there, with the changes that `up` can make: more readers, another latency.
net::Task<Result<Platform>> change_files(Home home, UpOptions options,
                                         boost::asio::any_io_executor executor) {
  CO_TRY(Platform present, home.load());
  CO_TRY_VOID(refuse_changes(home, present, options));
  if (!anything_runs(home, present)) {
    CO_TRY_VOID(check_addresses(present, /*fresh=*/false, executor));
  }
  if (options.readers && *options.readers != present.readers) {
    present.readers = *options.readers;
    CO_TRY_VOID(check_space(home.root(), present.regions.size()));
    CO_TRY_VOID(write_platform_file(home, present));
  }
  if (options.latency_ms) {
    CO_TRY_VOID(write_link_file(home, present, LinkDefaults{*options.latency_ms}));
    if (net::running_pid(home.link_dir() / "link.pid")) {
      net::ControlClient link(executor, home.link_dir() / "link.sock");
      const nlohmann::json request = {{"do", "set"}, {"latency_ms", *options.latency_ms}};
      CO_TRY_VOID(co_await link.call(request, Deadline::in(kPrepareCallLimit)));
    }
  }
  co_return present;
}

Result<Platform> make_files(const Home& home, UpOptions options,
                            boost::asio::any_io_executor executor) {
  if (options.regions.empty()) options.regions = {"us-east-1", "us-west-2"};
  const char* prefix = std::getenv("AURORA_GLOBAL_ADDRESS_PREFIX");
  if (!options.prefix && prefix != nullptr && *prefix != '\0') options.prefix = prefix;
  TRY_VOID(check_options(options));
  TRY_VOID(check_traversable(home.root()));
  Platform platform;
  for (const std::string& name : options.regions) platform.regions.push_back(RegionId{name});
  platform.prefix = options.prefix.value_or(platform.prefix);
  platform.readers = options.readers.value_or(platform.readers);
  platform.empty = options.empty;
  platform.listen = options.listen.value_or(platform.listen);
  TRY(platform.global_cluster,
      model::checked_identifier("--global-cluster",
                                options.global_cluster.value_or(platform.global_cluster)));
  TRY_VOID(check_path(home, platform.regions));
  TRY_VOID(check_addresses(platform, /*fresh=*/true, executor));
  TRY_VOID(check_space(home.root(),
                       platform.regions.size() * static_cast<std::size_t>(1 + platform.readers)));
  for (const std::string& sentence : unknown_regions(options.regions)) {
    std::fprintf(stderr, "aurora-global: warning: %s\n", sentence.c_str());
  }
  const auto written =
      write_platform(home, platform, LinkDefaults{options.latency_ms.value_or(kDefaultLatencyMs)},
                     options.postgres_bin.value_or(kDefaultPostgresBin));
  if (written.has_value()) return platform;
  // Half of a platform would be in the way of the next attempt.
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(home.root(), ignored)) {
    if (entry.path().filename() != HomeLock::kFile) fs::remove_all(entry.path(), ignored);
  }
  return written.error();
}

}  // namespace

Result<void> refuse_foreign(const Home& home) {
  std::error_code error;
  const fs::path& root = home.root();
  const auto facts = fs::status(root, error);
  if (facts.type() == fs::file_type::not_found) return ok();
  if (facts.type() == fs::file_type::none) {
    return make_error(ErrorKind::invalid, "the home " + root.string() + ": " + error.message() +
                                              "; name another directory with --home");
  }
  if (!fs::is_directory(facts)) {
    return make_error(ErrorKind::invalid, root.string() + " is no directory; name one with --home");
  }
  if (fs::exists(home.platform_file(), error) || fs::exists(root / HomeLock::kFile, error) ||
      fs::is_empty(root, error)) {
    return ok();
  }
  return make_error(ErrorKind::conflict, root.string() +
                                             " is not empty and holds no platform; name an empty "
                                             "or new directory with --home");
}

net::Task<Result<Platform>> prepare_files(Home home, UpOptions options,
                                          boost::asio::any_io_executor executor) {
  CO_TRY_VOID(region::postgres_version(options.postgres_bin.value_or(kDefaultPostgresBin)));
  std::error_code ignored;
  if (fs::exists(home.platform_file(), ignored)) {
    co_return co_await change_files(std::move(home), std::move(options), executor);
  }
  co_return make_files(home, std::move(options), executor);
}

}  // namespace aurora_global::cli
