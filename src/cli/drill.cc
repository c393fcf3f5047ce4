// `drill`: wires the drill to the platform of this machine, and brings one up where asked.
#include <stdlib.h>

#include <cstdio>

#include "cli/command.h"
#include "cli/local_faults.h"
#include "drill/runner.h"

namespace aurora_global::cli {
namespace {

namespace fs = std::filesystem;

Result<drill::RdsPlatform::Options> platform_options(const Home& home) {
  TRY(const Platform platform, home.load());
  drill::RdsPlatform::Options options;
  options.global_cluster = platform.global_cluster;
  TRY(options.credentials, home.credentials());
  TRY(const std::string password, current_password(home));
  for (std::size_t i = 0; i < platform.regions.size(); ++i) {
    const int number = static_cast<int>(i) + 1;
    options.regions.push_back({platform.regions[i],
                               api_address(platform, number),
                               {host_in(platform, number, 10), host_in(platform, number, 11),
                                host_in(platform, number, 12)},
                               5432});
  }
  options.login.values = {{"user", std::string(kMasterUser)},
                          {"password", password},
                          {"dbname", std::string(kDatabase)},
                          {"sslmode", "verify-full"},
                          {"sslrootcert", (home.root() / "server-ca.crt").string()},
                          {"application_name", "aurora-global drill"}};
  return options;
}

net::Task<Result<void>> run(Home home, DrillCommand command, drill::DrillFile file, bool& passed,
                            boost::asio::any_io_executor executor) {
  CO_TRY(const Platform platform, home.load());
  CO_TRY(auto options, platform_options(home));
  drill::RdsPlatform rds(executor, std::move(options));
  ProcessFaults faults(home, platform, executor);
  drill::DrillOptions drill_options;
  drill_options.output_dir = fs::absolute(command.output) / file.name;
  CO_TRY(const auto outcome,
         co_await drill::run_drill(std::move(file), rds, &faults, std::move(drill_options)));
  passed = outcome.passed;
  co_return ok();
}

}  // namespace

int drill(const Home& given, const DrillCommand& command) {
  const auto file = drill::load_drill(command.file, command.overrides);
  if (file.has_error()) return report(file.error());
  Home home = given;
  bool ours = false;
  if (command.up && !fs::exists(home.platform_file())) {
    // PostgreSQL's user must get in: not below a private home directory.
    char name[] = "/tmp/aurora-global-drill-XXXXXX";
    if (mkdtemp(name) == nullptr) {
      return report(make_error(ErrorKind::unavailable, "cannot make a directory in /tmp"));
    }
    fs::permissions(name, fs::perms(0755));
    home = Home(fs::path(name) / "home");
    ours = true;
  }
  if (command.up) {
    UpOptions options = command.up_options;
    options.next_steps = false;
    const int code = run_command(
        [&](boost::asio::any_io_executor executor) { return up(home, options, executor); });
    if (code != kExitOk) return code;
  }
  bool passed = false;
  int code = run_command([&](boost::asio::any_io_executor executor) {
    return run(home, command, *file, passed, executor);
  });
  if (code == kExitOk && !passed) code = kExitFailed;
  if (ours && command.keep) {
    std::printf("The platform goes on: aurora-global --home %s status\n", home.root().c_str());
  } else if (ours) {
    const int ended = destroy(home, /*yes=*/true);
    std::error_code ignored;
    fs::remove_all(home.root().parent_path(), ignored);
    if (code == kExitOk) code = ended;
  }
  return code;
}

}  // namespace aurora_global::cli
