// The command `aurora-global`: reads its arguments and hands over; nothing else happens here.
#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "cli/region_daemon.h"
#include "link/relay.h"
#include "router/router.h"
#include "services/api_server.h"

namespace {

using namespace aurora_global;

constexpr const char* kAbout =
    "An Aurora global database on your own PostgreSQL: two or more regions with real replication, "
    "a\n"
    "global writer endpoint, switchover and failover behind AWS's RDS API, and a drill that shows\n"
    "what an application feels when the writer moves.\n\n"
    "  aurora-global up                        two regions on this machine\n"
    "  aurora-global status --watch            who is the primary, how far behind the others are\n"
    "  aurora-global drill drills/switchover.toml\n"
    "  eval \"$(aurora-global env us-east-1)\"   psql and aws work as on AWS";

constexpr const char* kExitCodes =
    "Exit codes: 0 done; 1 the operation or an expectation failed; 2 wrong arguments or "
    "configuration;\n3 something cannot be reached or took too long.";

constexpr std::int64_t kDrainTimeoutMaxMs =
    std::chrono::duration_cast<std::chrono::milliseconds>(model::kDrainTimeoutMax).count();

struct Arguments {
  std::string home;
  cli::UpOptions up;
  cli::DrillCommand drill;
  std::string file, region, to, endpoint = "global-writer", what, partition, from, link_to;
  std::vector<std::string> rest;
  std::string drain_policy = "terminate";
  std::int64_t drain_timeout_ms = 1000;
  std::optional<double> latency_ms, jitter_ms, bandwidth;
  std::optional<int> move_every;
  bool json = false, watch = false, force = false, yes = false, follow = false, loss = false;
  bool sessions = false;

  cli::Home chosen() const { return cli::Home::choose(home); }
};

void add_up_options(CLI::App* command, Arguments& a) {
  command->add_option("--regions", a.up.regions, "Regions, the primary first")
      ->delimiter(',')
      ->type_name("us-east-1,us-west-2");
  command->add_option("--readers", a.up.readers, "Readers per region, beside the head instance");
  command->add_option("--address-prefix", a.up.prefix, "First two numbers of all addresses")
      ->capture_default_str();
  command->add_option("--latency-ms", a.up.latency_ms, "Latency of the link, one way")
      ->capture_default_str();
  command->add_option("--global-cluster", a.up.global_cluster, "Identifier of the global cluster")
      ->capture_default_str();
  command->add_option("--postgres-bin", a.up.postgres_bin, "Directory of PostgreSQL 15's programs")
      ->capture_default_str();
}

void add_platform_commands(CLI::App& app, Arguments& a, int& code) {
  CLI::App* up = app.add_subcommand("up", "Start a platform, or what is missing of it");
  add_up_options(up, a);
  up->add_flag("--config-only", a.up.config_only, "Write the files and start nothing");
  up->callback([&] {
    code = cli::run_command(
        [&](boost::asio::any_io_executor executor) { return cli::up(a.chosen(), a.up, executor); });
  });
  CLI::App* down = app.add_subcommand("down", "End all processes, keep the data");
  down->add_flag("--force", a.force, "Do not wait for a switchover under way");
  down->callback([&] {
    code = cli::run_command([&](boost::asio::any_io_executor executor) {
      return cli::down(a.chosen(), a.force, false, executor);
    });
  });
  CLI::App* destroy = app.add_subcommand("destroy", "End all processes and remove the data");
  destroy->add_flag("--yes", a.yes, "Do not ask");
  destroy->callback([&] { code = cli::destroy(a.chosen(), a.yes); });
  CLI::App* status = app.add_subcommand("status", "Regions, roles, lag, sessions, link");
  status->add_flag("--json", a.json, "For scripts");
  status->add_flag("--watch", a.watch, "Again each second");
  status->add_flag("--sessions", a.sessions, "Each session that the routers have");
  status->callback([&] {
    code = cli::status(a.chosen(), {.json = a.json, .watch = a.watch, .sessions = a.sessions});
  });
}

void add_move_commands(CLI::App& app, Arguments& a, int& code) {
  CLI::App* switchover =
      app.add_subcommand("switchover", "Move the writer; planned, loses nothing or is refused");
  switchover->add_option("--to", a.to, "Region of the new writer")->required();
  switchover
      ->add_option("--drain-timeout", a.drain_timeout_ms,
                   "Milliseconds for transactions under way to finish")
      ->check(CLI::Range(std::int64_t{0}, kDrainTimeoutMaxMs))
      ->capture_default_str();
  switchover
      ->add_option("--drain-policy", a.drain_policy,
                   "What becomes of those that do not: terminate ends their sessions, abort calls "
                   "the switchover off")
      ->check(CLI::IsMember({"terminate", "abort"}))
      ->capture_default_str();
  switchover->callback([&] {
    model::Drain drain;
    drain.timeout = std::chrono::milliseconds(a.drain_timeout_ms);
    drain.policy = model::drain_policy_named(a.drain_policy).value();
    code = cli::move_writer(a.chosen(), a.to, drain);
  });
  CLI::App* failover =
      app.add_subcommand("failover", "Move the writer without the old region; may lose data");
  failover->add_option("--to", a.to, "Region of the new writer")->required();
  failover->add_flag("--allow-data-loss", a.loss, "Required: say that you know")->required();
  failover->callback([&] { code = cli::move_writer(a.chosen(), a.to, std::nullopt); });

  CLI::App* drill = app.add_subcommand(
      "drill",
      "Run a load while the writer moves; report what it felt; 0 if all expectations held");
  drill->add_option("file", a.drill.file, "Drill file (see drills/ and docs/reference/drill.md)")
      ->required();
  drill
      ->add_option("--target", a.drill.target,
                   "local: the platform of this machine; aws: the stacks of ./deploy.sh, with the "
                   "load in their functions; needs nothing of this machine, brings nothing up")
      ->check(CLI::IsMember({"local", "aws"}))
      ->capture_default_str();
  drill
      ->add_option("--outputs", a.drill.outputs,
                   "With --target aws: the file that `cdk deploy --outputs-file` wrote")
      ->capture_default_str();
  drill
      ->add_option("--metrics-wait-s", a.drill.metrics_wait_s,
                   "How long to wait for CloudWatch after a load of functions (2; with --target "
                   "aws 120)")
      ->check(CLI::Range(0.0, 3600.0));
  drill->add_option("--set", a.drill.overrides, "Change a value of [load], e.g. concurrency=16");
  drill->add_option("--output", a.drill.output, "Directory of results.json, report.html, ops.csv")
      ->capture_default_str();
  drill->add_flag("--up", a.drill.up, "Bring up a platform for the drill where none runs");
  drill->add_flag("--keep", a.drill.keep, "Leave a platform that --up has started running");
  add_up_options(drill, a);
  drill->callback([&] {
    a.drill.up_options = a.up;
    code = cli::drill(a.chosen(), a.drill);
  });
}

void add_shell_commands(CLI::App& app, Arguments& a, int& code) {
  CLI::App* env = app.add_subcommand("env", "Print exports so that psql and aws work: eval it");
  env->add_option("region", a.region)->required();
  env->callback([&] { code = cli::print_environment(a.chosen(), a.region); });
  CLI::App* psql = app.add_subcommand("psql", "psql through an endpoint of a region");
  psql->add_option("region", a.region)->required();
  psql->add_option("--endpoint", a.endpoint,
                   "global-writer, cluster, reader, instance-1, instance-2 ...")
      ->capture_default_str();
  psql->add_option("arguments", a.rest, "For psql, after --");
  psql->callback([&] { code = cli::psql(a.chosen(), a.region, a.endpoint, a.rest); });
  CLI::App* logs = app.add_subcommand("logs", "Show logs");
  logs->add_option("region", a.region);
  logs->add_option("what", a.what, "daemon, router, supervisor, postgres, link");
  logs->add_flag("-f,--follow", a.follow);
  logs->callback([&] { code = cli::logs(a.chosen(), a.region, a.what, a.follow); });
}

void add_link_commands(CLI::App& app, Arguments& a, int& code) {
  CLI::App* link = app.add_subcommand("link", "The peering link between the regions");
  link->require_subcommand(1);
  CLI::App* set = link->add_subcommand("set", "Change it while it runs");
  set->add_option("--latency-ms", a.latency_ms, "One way");
  set->add_option("--jitter-ms", a.jitter_ms, "Added, uniform");
  set->add_option("--bandwidth-mbit", a.bandwidth, "Per direction of a pair; 0: no limit");
  set->add_option("--partition", a.partition, "both, out (from --from), none")
      ->check(CLI::IsMember({"none", "both", "out"}));
  set->add_option("--from", a.from, "Only bytes from this region");
  set->add_option("--to", a.link_to, "Only bytes to this region");
  set->callback([&] {
    nlohmann::json request = {{"do", "set"}};
    if (a.latency_ms) request["latency_ms"] = *a.latency_ms;
    if (a.jitter_ms) request["jitter_ms"] = *a.jitter_ms;
    if (a.bandwidth) request["bandwidth_mbit_s"] = *a.bandwidth;
    if (!a.partition.empty()) request["partition"] = a.partition;
    if (!a.from.empty()) request["from"] = a.from;
    if (!a.link_to.empty()) request["to"] = a.link_to;
    code = cli::link_set(a.chosen(), request);
  });
  CLI::App* status = link->add_subcommand("status", "Settings of every pair");
  status->add_flag("--json", a.json);
  status->callback([&] { code = cli::link_status(a.chosen(), a.json); });
  CLI::App* serve = link->add_subcommand("serve", "Run the link of a configuration file");
  serve->add_option("file", a.file)->required();
  serve->callback([&] { code = link::run_link(a.file); });
}

void add_process_commands(CLI::App& app, Arguments& a, int& code) {
  CLI::App* region = app.add_subcommand("region", "Run the daemon of a configuration file");
  region->add_option("file", a.file)->required();
  region->callback([&] { code = cli::run_region(a.file); });
  CLI::App* router = app.add_subcommand("router", "Run the router of a configuration file");
  router->add_option("file", a.file)->required();
  router
      ->add_option("--move-every", a.move_every,
                   "For tests: carry each session to a fresh one of its server after every so many "
                   "transactions")
      ->check(CLI::Range(1, 86'400'000));
  router->callback([&] { code = router::run_router(a.file, a.move_every); });
  CLI::App* api = app.add_subcommand("api", "Print the AWS actions that a region answers");
  api->callback([] {
    for (const auto& [service, actions] : services::served_actions()) {
      for (const std::string_view action : actions) {
        std::printf("%s %s\n", service.data(), action.data());
      }
    }
  });
  CLI::App* supervise =
      app.add_subcommand("supervise", "Keep the daemon and the router of a region running");
  supervise->add_option("directory", a.file, "The region's directory")->required();
  supervise->callback([&] { code = cli::run_supervisor(a.file); });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(kAbout);
  app.footer(kExitCodes);
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "Help of all commands");
  app.fallthrough();
  Arguments arguments;
  int code = cli::kExitOk;
  app.add_option("--home", arguments.home,
                 "Directory of the platform (default: $AURORA_GLOBAL_HOME, else "
                 "/var/lib/aurora-global as root, ~/.local/share/aurora-global otherwise)");
  add_platform_commands(app, arguments, code);
  add_move_commands(app, arguments, code);
  add_shell_commands(app, arguments, code);
  add_link_commands(app, arguments, code);
  add_process_commands(app, arguments, code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? cli::kExitOk : cli::kExitUsage;
  }
  return code;
}
