// `drill`: wires the drill to AWS or to the platform of this machine, and brings one up where
// asked.
#include <stdlib.h>

#include <cstdio>

#include "awsclient/credentials.h"
#include "cli/command.h"
#include "cli/home_lock.h"
#include "cli/interrupt.h"
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
  CO_TRY_VOID(require_running(home, platform));
  CO_TRY_VOID(co_await mend_faults(home, executor));  // Of a drill that was killed.
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

// Where a drill with --up brings its platform up.
struct Place {
  Home home;
  fs::path made;      // A directory of ours, to be removed at the end.
  bool ours = false;  // The platform is brought up for this drill and taken down after it.
};

// The home that was named, or one of ours where none was named and the default has no platform.
Result<Place> place_for(const Home& given, const DrillCommand& command) {
  Place place{given, {}, false};
  std::error_code ignored;
  if (!command.up || fs::exists(given.platform_file(), ignored)) return place;
  place.ours = true;
  if (command.home_given) return place;
  // PostgreSQL's user must get in: not below a private home directory.
  char name[] = "/tmp/aurora-global-drill-XXXXXX";
  if (mkdtemp(name) == nullptr) {
    return make_error(ErrorKind::unavailable, "cannot make a directory in /tmp");
  }
  fs::permissions(name, fs::perms(0755));
  place.made = name;
  place.home = Home(place.made / "home");
  return place;
}

void remove_made(const Place& place) {
  std::error_code ignored;
  if (!place.made.empty()) fs::remove_all(place.made, ignored);
}

// Ends or keeps what the drill has brought up; its exit code so far is `code`.
int leave(const Place& place, const DrillCommand& command, int code) {
  if (!place.ours) return code;
  if (command.keep) {
    std::printf("The platform goes on: %s status\n", command_for(place.home).c_str());
    return code;
  }
  const int ended = destroy(place.home, /*yes=*/true);
  if (ended != kExitOk) {
    std::fprintf(stderr, "aurora-global: `%s destroy` removes what is left of the platform\n",
                 command_for(place.home).c_str());
    return code == kExitOk ? ended : code;
  }
  remove_made(place);
  return code;
}

// What the drill has broken and nobody has mended, whatever way it ended.
void mend(const Home& home) {
  const auto mended = run_quietly(
      [&](boost::asio::any_io_executor executor) { return mend_faults(home, executor); },
      OnSignal::finish);
  if (mended.has_error()) {
    report(mended.error().in("mend what the drill has broken"));
    std::fprintf(stderr, "aurora-global: `%s up` mends it\n", command_for(home).c_str());
  }
}

// What the global cluster is doing; empty if nobody answers.
std::string present_status(const Home& home) {
  std::string status;
  (void)run_quietly([&](boost::asio::any_io_executor executor) -> net::Task<Result<void>> {
    CO_TRY(Connected connected, connect_to(home, executor));
    CO_TRY(const auto now, co_await situation(connected, Deadline::in(2s)));
    status = now.global.status;
    co_return ok();
  });
  return status;
}

void say_interrupted(const Home& home, const Error& error, bool kept) {
  std::fprintf(stderr, "\naurora-global: %s: the drill ends without a report\n",
               error.message.c_str());
  if (!kept) {
    std::fprintf(stderr, "  its platform is taken down ...\n");
    return;
  }
  const std::string status = present_status(home);
  if (status.empty() || status == "available") return;
  std::fprintf(stderr, "  a move of the writer goes on (%s): `%s status --watch` follows it\n",
               status.c_str(), command_for(home).c_str());
}

// What only a platform that is brought up can have.
Result<void> check_place_options(const DrillCommand& command) {
  const UpOptions& given = command.up_options;
  const bool any = !given.regions.empty() || given.readers || given.prefix || given.listen ||
                   given.latency_ms || given.global_cluster || given.postgres_bin || command.keep;
  if (command.up || !any) return ok();
  return make_error(ErrorKind::invalid,
                    "options of the platform (--regions, --readers, --latency-ms, --keep ...) are "
                    "for a drill that brings one up: they need --up");
}

}  // namespace

int drill(const Home& given, const DrillCommand& command) {
  if (command.target == "aws") return drill_on_aws(command);
  const auto file = drill::load_drill(command.file, command.overrides);
  if (file.has_error()) return report(file.error());
  if (const auto fits = check_place_options(command); fits.has_error()) return report(fits.error());
  const Interrupts interrupts;
  const auto place = place_for(given, command);
  if (place.has_error()) return report(place.error());
  const Home& home = place->home;
  std::error_code ignored;
  std::optional<HomeLock> lock;
  if (fs::exists(home.platform_file(), ignored)) {
    auto taken = HomeLock::take(home, HomeLock::Busy::refuse);
    if (taken.has_error()) return report(taken.error());
    lock.emplace(std::move(*taken));
  }
  if (command.up) {
    UpOptions options = command.up_options;
    options.next_steps = false;
    const int code = up(home, options);
    if (code == kExitOk && !lock) {
      auto taken = HomeLock::take(home, HomeLock::Busy::refuse);
      if (taken.has_error()) return report(taken.error());
      lock.emplace(std::move(*taken));
    }
    if (code != kExitOk) {
      if (place->ours && fs::exists(home.platform_file())) return leave(*place, {}, code);
      remove_made(*place);
      return code;
    }
  }
  bool passed = false;
  const auto ran = run_quietly([&](boost::asio::any_io_executor executor) {
    return run(home, command, *file, passed, executor);
  });
  const bool kept = !place->ours || command.keep;
  int code = passed ? kExitOk : kExitFailed;
  if (ran.has_error()) {
    code = exit_code_of(ran.error());
    if (ran.error().kind == ErrorKind::cancelled) {
      say_interrupted(home, ran.error(), kept);
    } else {
      report(ran.error());
    }
  }
  // A platform that is about to be removed needs no repair.
  if (kept) mend(home);
  return leave(*place, command, code);
}

}  // namespace aurora_global::cli
