// `drill`: wires the drill to AWS or to the platform of this machine, and brings one up where
// asked.
#include <stdlib.h>

#include <cstdio>

#include "awsclient/credentials.h"
#include "cli/command.h"
#include "cli/local_faults.h"
#include "drill/aws_platform.h"
#include "drill/runner.h"

namespace aurora_global::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr Duration kMetricsWaitOnAws = 120s;  // Metrics of functions pass through log lines there.
constexpr Duration kFirstCallLimit = 30s;

drill::DrillOptions drill_options(const DrillCommand& command, const drill::DrillFile& file) {
  drill::DrillOptions options;
  options.output_dir = fs::absolute(command.output) / file.name;
  if (file.target == drill::Target::aws) options.metrics_wait = kMetricsWaitOnAws;
  if (command.metrics_wait_s) {
    options.metrics_wait = std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(*command.metrics_wait_s));
  }
  return options;
}

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
  const auto drill_with = drill_options(command, file);
  CO_TRY(const auto outcome, co_await drill::run_drill(std::move(file), rds, &faults, drill_with));
  passed = outcome.passed;
  co_return ok();
}

// Endpoint and credentials as AWS's SDKs find them.
net::Task<Result<void>> run_on_aws(DrillCommand command, drill::DrillFile file, bool& passed,
                                   boost::asio::any_io_executor executor) {
  const auto variable = awsclient::process_environment;
  CO_TRY(auto outputs, drill::load_outputs(command.outputs));
  CO_TRY(auto credentials, awsclient::find_credentials());
  CO_TRY(auto endpoint,
         awsclient::parse_endpoint_url(variable("AWS_ENDPOINT_URL"), variable("AWS_CA_BUNDLE")));
  drill::AwsPlatform aws(executor, std::move(outputs), std::move(endpoint), std::move(credentials));
  CO_TRY_VOID(co_await aws.check(Deadline::in(kFirstCallLimit)));
  const auto drill_with = drill_options(command, file);
  CO_TRY(const auto outcome, co_await drill::run_drill(std::move(file), aws, nullptr, drill_with));
  passed = outcome.passed;
  co_return ok();
}

int drill_on_aws(const DrillCommand& command) {
  if (command.up || command.keep) {
    return report(make_error(ErrorKind::invalid,
                             "--up and --keep are for a platform of this machine; --target aws "
                             "takes the stacks that ./deploy.sh has deployed"));
  }
  const auto file = drill::load_drill(command.file, command.overrides, drill::Target::aws);
  if (file.has_error()) return report(file.error());
  bool passed = false;
  const int code = run_command([&](boost::asio::any_io_executor executor) {
    return run_on_aws(command, *file, passed, executor);
  });
  return code == kExitOk && !passed ? kExitFailed : code;
}

}  // namespace

int drill(const Home& given, const DrillCommand& command) {
  if (command.target == "aws") return drill_on_aws(command);
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
