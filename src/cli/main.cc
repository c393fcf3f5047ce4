// The command `aurora-global`: reads its arguments and hands over; nothing else happens here.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

#include "cli/command.h"
#include "cli/region_daemon.h"
#include "cli/words.h"
#include "link/relay.h"
#include "router/router.h"
#include "services/api_server.h"
#include "services/member_fates.h"

namespace {

using namespace aurora_global;

constexpr const char* kAbout =
    "An Aurora global database on your own PostgreSQL: two or more regions with real\n"
    "replication, a global writer endpoint, switchover and failover behind AWS's RDS\n"
    "API, and a drill that shows what an application feels when the writer moves.\n\n"
    "  aurora-global up                        two regions on this machine\n"
    "  aurora-global status --watch            who is the primary, who is behind\n"
    "  aurora-global drill drills/switchover.toml\n"
    "  eval \"$(aurora-global env us-east-1)\"   psql and aws work as on AWS";

constexpr const char* kVersion = "aurora-global " AURORA_GLOBAL_VERSION;

constexpr const char* kExitCodes =
    "Exit codes: 0 done; 1 the operation or an expectation failed; 2 wrong arguments\n"
    "or configuration; 3 something cannot be reached or took too long; 128 + n\n"
    "interrupted by signal n (130: Ctrl-C).";

constexpr const char* kStatusWords =
    "What it shows:\n"
    "  epoch       a number that grows by one with each switchover or failover\n"
    "  DUTY        primary (takes writes), standby, fenced (may not write), waiting\n"
    "              (for word of the other regions)\n"
    "  SERVERS     DB instances that are available / that there are\n"
    "  BEHIND ...  what of the writer's log has not been replayed: bytes, and the age\n"
    "              of the last that was; \"cut off\": nothing arrives\n"
    "  SESSIONS    of applications, at the region's three endpoints together\n"
    "  FORWARDING  on: the region's reader and cluster endpoints pass writes on to\n"
    "              the primary\n"
    "  held        sessions that wait while the writer moves; moved, cut, refused:\n"
    "              since the router's start";

constexpr std::int64_t kDrainTimeoutMaxMs =
    std::chrono::duration_cast<std::chrono::milliseconds>(model::kDrainTimeoutMax).count();

constexpr const char* kProcesses = "Processes (`up` starts them)";
constexpr const char* kEndpoints = "global-writer, cluster, reader, instance-1, instance-2 ...";

struct Arguments {
  std::string home;
  cli::UpOptions up;
  cli::DrillCommand drill;
  std::string file, region, to, endpoint = "global-writer", what, partition, from, link_to;
  std::vector<std::string> after_dashes;  // Of psql.
  cli::EnvironmentOptions environment;
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
  command->add_option("--readers", a.up.readers, "Readers per region, beside the head instance [0]")
      ->check(CLI::Range(0, 15));
  command->add_option(
      "--address-prefix", a.up.prefix,
      "First two numbers of all addresses [$AURORA_GLOBAL_ADDRESS_PREFIX or 127.0]");
  command->add_option("--listen", a.up.listen,
                      "One more address of this machine for the endpoints, for containers: that "
                      "of docker0, for example");
  command->add_option("--latency-ms", a.up.latency_ms, "Latency of the link, one way [31]")
      ->check(CLI::Range(0.0, cli::kLatencyMsMax));
  command->add_option("--global-cluster", a.up.global_cluster,
                      "Identifier of the global cluster [aurora-global-db]");
  command->add_option("--postgres-bin", a.up.postgres_bin,
                      "Directory of PostgreSQL's programs [/usr/lib/postgresql/15/bin]");
}

void add_platform_commands(CLI::App& app, Arguments& a, int& code) {
  CLI::App* up = app.add_subcommand("up", "Start a platform, or what is missing of it");
  add_up_options(up, a);
  up->add_flag("--config-only", a.up.config_only, "Write the files and start nothing");
  up->footer(
      "On a platform that is there it starts what does not run, adds readers\n"
      "(--readers) and sets the link's latency (--latency-ms); what cannot be changed\n"
      "is refused.");
  up->callback([&] { code = cli::up(a.chosen(), a.up); });
  CLI::App* down = app.add_subcommand("down", "End all processes, keep the data");
  down->add_flag("--force", a.force, "Do not wait for a switchover under way");
  down->callback([&] { code = cli::down(a.chosen(), a.force); });
  CLI::App* destroy = app.add_subcommand("destroy", "End all processes and remove the data");
  destroy->add_flag("--yes", a.yes, "Do not ask");
  destroy->callback([&] { code = cli::destroy(a.chosen(), a.yes); });
  CLI::App* status = app.add_subcommand("status", "Regions, roles, lag, sessions, link");
  status->footer(kStatusWords);
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
  drill->add_option_function<std::string>(
      "--client-region",
      [&](const std::string& region) {
        a.drill.overrides.push_back("client_region=\"" + region + "\"");
      },
      "Where the clients of every load live; follow: they go where the writer goes");
  drill->add_option("--output", a.drill.output, "Directory of results.json, report.html, ops.csv")
      ->capture_default_str();
  drill->add_flag("--up", a.drill.up, "Bring up a platform for the drill where none runs");
  drill->add_flag("--keep", a.drill.keep, "Leave a platform that --up has started running");
  add_up_options(drill, a);
  drill->callback([&] {
    a.drill.up_options = a.up;
    a.drill.home_given = !a.home.empty() || std::getenv("AURORA_GLOBAL_HOME") != nullptr;
    code = cli::drill(a.chosen(), a.drill);
  });
}

void add_shell_commands(CLI::App& app, Arguments& a, int& code) {
  CLI::App* env = app.add_subcommand(
      "env", "How a shell or an application gets in: eval it, or choose a --format");
  env->add_option("region", a.environment.region, "Default: the first one");
  env->add_option("--format", a.environment.format,
                  "shell, fish: exports to eval; dotenv, json, jdbc: with the password; psql: a "
                  "connection string without it")
      ->check(CLI::IsMember({"shell", "fish", "dotenv", "json", "psql", "jdbc"}))
      ->capture_default_str();
  env->add_option("--endpoint", a.environment.endpoint, kEndpoints)->capture_default_str();
  env->add_flag("--outside", a.environment.outside,
                "As a container reaches it, at the address of `up --listen` (dotenv, json, psql, "
                "jdbc)");
  env->add_flag("--undo", a.environment.undo, "Print what takes the exports away again");
  env->footer(
      "  eval \"$(aurora-global env us-east-1)\"            bash, zsh\n"
      "  aurora-global env --format fish us-east-1 | source\n"
      "  eval \"$(aurora-global env --undo)\"\n"
      "  aurora-global env --format dotenv us-east-1 > .env");
  env->callback([&] { code = cli::print_environment(a.chosen(), a.environment); });
  CLI::App* psql = app.add_subcommand("psql", "psql through an endpoint of a region");
  psql->fallthrough(false);
  psql->prefix_command();
  psql->add_option("--home", a.home, "Directory of the platform");
  psql->add_option("region", a.region, "Default: the first one");
  psql->add_option("--endpoint", a.endpoint, kEndpoints)->capture_default_str();
  psql->footer(
      "What follows the region goes to psql, after -- or without it:\n"
      "  aurora-global psql us-east-1 -c 'SELECT now()'");
  psql->callback([&, psql] {
    std::vector<std::string> rest = psql->remaining();
    rest.insert(rest.end(), a.after_dashes.begin(), a.after_dashes.end());
    code = cli::psql(a.chosen(), a.region, a.endpoint, rest);
  });
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
  set->add_option("--latency-ms", a.latency_ms, "One way")
      ->check(CLI::Range(0.0, cli::kLatencyMsMax));
  set->add_option("--jitter-ms", a.jitter_ms, "Added, uniform")
      ->check(CLI::Range(0.0, cli::kLatencyMsMax));
  set->add_option("--bandwidth-mbit", a.bandwidth, "Per direction of a pair; 0: no limit")
      ->check(CLI::Range(0.0, 1e6));
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
    if (!a.latency_ms && !a.jitter_ms && !a.bandwidth && a.partition.empty()) {
      code = cli::report(make_error(
          ErrorKind::invalid,
          "link set changes nothing without --latency-ms, --jitter-ms, --bandwidth-mbit or "
          "--partition; `link status` shows what is set"));
      return;
    }
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
  region->group(kProcesses);
  region->add_option("file", a.file)->required();
  region->callback([&] { code = cli::run_region(a.file); });
  CLI::App* router = app.add_subcommand("router", "Run the router of a configuration file");
  router->group(kProcesses);
  router->add_option("file", a.file)->required();
  router
      ->add_option("--move-every", a.move_every,
                   "For tests: carry each session to a fresh one of its server after every so many "
                   "transactions")
      ->check(CLI::Range(1, 86'400'000));
  router->callback([&] { code = router::run_router(a.file, a.move_every); });
  CLI::App* api = app.add_subcommand("api", "Print the AWS actions that a region answers");
  static bool members = false;
  api->add_flag("--members", members, "Each action's members, and what becomes of each (Markdown)");
  api->callback([] {
    if (members) {
      std::fputs(services::member_document().c_str(), stdout);
      return;
    }
    for (const auto& [service, actions] : services::served_actions()) {
      for (const std::string_view action : actions) {
        std::printf("%s %s\n", service.data(), action.data());
      }
    }
  });
  CLI::App* supervise =
      app.add_subcommand("supervise", "Keep the daemon and the router of a region running");
  supervise->group(kProcesses);
  supervise->add_option("directory", a.file, "The region's directory")->required();
  supervise->callback([&] { code = cli::run_supervisor(a.file); });
}

// The words in the arguments that are no option and no value of --home: the command first.
std::vector<std::string> words_in(int argc, char** argv) {
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--home") {
      ++i;
    } else if (word.empty() || word[0] != '-') {
      words.push_back(word);
    }
  }
  return words;
}

int show_help(CLI::App& app, const std::string& about) {
  for (const CLI::App* one : app.get_subcommands(nullptr)) {
    if (one->get_name() == about) {
      std::printf("%s", one->help().c_str());
      return cli::kExitOk;
    }
  }
  std::printf("%s", app.help().c_str());
  return cli::kExitOk;
}

// What CLI11 would only call "not expected": names the command that was probably meant.
std::optional<int> answer_without_command(CLI::App& app, const std::string& word,
                                          const std::string& about) {
  std::vector<std::string> names = {"help", "version"};
  for (const CLI::App* one : app.get_subcommands(nullptr)) names.push_back(one->get_name());
  if (word.empty()) {
    std::fprintf(stderr, "%s\naurora-global: a command is needed; the usual first one is `%s up`\n",
                 app.help().c_str(), cli::program_name().c_str());
    return cli::kExitUsage;
  }
  if (word == "help") return show_help(app, about);
  if (std::find(names.begin(), names.end(), word) != names.end()) return std::nullopt;
  const std::vector<std::string_view> known(names.begin(), names.end());
  const std::string_view near = cli::nearest(word, known);
  return cli::report(make_error(
      ErrorKind::invalid, "there is no command '" + word + "'" +
                              (near.empty() ? "" : "; did you mean " + std::string(near) + "?") +
                              " (`" + cli::program_name() + " help` lists all)"));
}

}  // namespace

int main(int argc, char** argv) {
  cli::set_program_name(argv[0]);
  CLI::App app(kAbout, "aurora-global");
  app.footer(kExitCodes);
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "Help of all commands");
  app.set_version_flag("--version", kVersion);
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
  app.add_subcommand("version", "Print the version")->callback([] {
    std::printf("%s\n", kVersion);
  });
  app.add_subcommand("help", "Help of a command: help COMMAND");
  // CLI11 reads options after -- once more.
  const auto dashes = std::find(argv, argv + argc, std::string_view("--"));
  std::vector<std::string> words = words_in(argc, argv);
  words.resize(std::max<std::size_t>(words.size(), 2));
  if (words[0] == "psql" && dashes != argv + argc) {
    arguments.after_dashes.assign(dashes + 1, argv + argc);
    argc = static_cast<int>(dashes - argv);
  }
  const bool asks = std::any_of(argv, argv + argc, [](std::string_view one) {
    return one == "-h" || one.starts_with("--help") || one == "--version";
  });
  if (!asks || !words[0].empty()) {
    if (const auto answered = answer_without_command(app, words[0], words[1])) return *answered;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? cli::kExitOk : cli::kExitUsage;
  }
  return code;
}
