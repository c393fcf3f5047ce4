// The commands and options of aurora-global, as CLI11 is told of them; nothing is done here.
#include "cli/command_line.h"

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "cli/command.h"
#include "cli/link_change.h"
#include "cli/region_daemon.h"
#include "cli/typed.h"
#include "link/relay.h"
#include "router/router.h"
#include "services/api_server.h"
#include "services/cloudformation/providers/all.h"
#include "services/member_fates.h"

namespace aurora_global::cli {
namespace {

constexpr const char* kAbout =
    "An Aurora global database on your own PostgreSQL: two or more regions with real\n"
    "replication, a global writer endpoint, switchover and failover behind AWS's RDS\n"
    "API, and a drill that shows what an application feels when the writer moves.\n\n"
    "  aurora-global up                        two regions on this machine\n"
    "  aurora-global status --watch            who is the primary, who is behind\n"
    "  aurora-global drill drills/switchover.toml\n"
    "  eval \"$(aurora-global env us-east-1)\"   psql and aws work as on AWS";

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

}  // namespace

struct CommandLine::Arguments {
  std::string home;
  UpOptions up;
  DrillCommand drill;
  std::string file, region, to, endpoint = "global-writer";
  std::vector<std::string> which;     // Of `logs`.
  std::vector<std::string> for_psql;  // What psql gets.
  EnvironmentOptions environment;
  LostWritesOptions lost;
  LinkChange link;
  std::string drain_policy = "terminate";
  std::int64_t drain_timeout_ms = 1000;
  std::optional<int> move_every;
  bool json = false, watch = false, force = false, yes = false, follow = false, loss = false;
  bool dry_run = false;
  bool sessions = false, members = false, types = false, resources = false;
  std::function<int()> command;  // What was chosen; run when all of the line has been read.

  Home chosen() const { return Home::choose(home); }
  void on(CLI::App* app, std::function<int()> what) {
    app->callback([this, what = std::move(what)] { command = what; });
  }
};

namespace {

using Arguments = CommandLine::Arguments;

// "us-east-1,us-west-2". CLI11's own delimiter would drop empty names without a word.
std::vector<std::string> names_in_list(const std::string& list) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    names.push_back(list.substr(at, end - at));
    if (names.back().empty()) throw CLI::ValidationError("--regions", "a name in it is empty");
    at = end + 1;
  }
  return names;
}

void add_up_options(CLI::App* command, Arguments& a) {
  command
      ->add_option_function<std::string>(
          "--regions", [&a](const std::string& list) { a.up.regions = names_in_list(list); },
          "Regions, the primary first")
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
      ->check(CLI::Range(0.0, kLatencyMsMax));
  command->add_option("--global-cluster", a.up.global_cluster,
                      "Identifier of the global cluster [aurora-global-db]");
  command->add_option("--postgres-bin", a.up.postgres_bin,
                      "Directory of PostgreSQL's programs [/usr/lib/postgresql/15/bin]");
}

void add_platform_commands(CLI::App& app, Arguments& a) {
  CLI::App* up = app.add_subcommand("up", "Start a platform, or what is missing of it");
  add_up_options(up, a);
  up->add_flag("--config-only", a.up.config_only, "Write the files and start nothing");
  up->add_flag("--empty", a.up.empty,
               "Regions without clusters and functions, to deploy onto (./deploy.sh --local)");
  up->footer(
      "On a platform that is there it starts what does not run, adds readers\n"
      "(--readers) and sets the link's latency (--latency-ms); what cannot be changed\n"
      "is refused.");
  a.on(up, [&a] { return cli::up(a.chosen(), a.up); });
  CLI::App* down = app.add_subcommand("down", "End all processes, keep the data");
  down->add_flag("--force", a.force, "Do not wait for a switchover under way");
  a.on(down, [&a] { return cli::down(a.chosen(), a.force); });
  CLI::App* destroy = app.add_subcommand("destroy", "End all processes and remove the data");
  destroy->add_flag("--yes", a.yes, "Do not ask");
  a.on(destroy, [&a] { return cli::destroy(a.chosen(), a.yes); });
  CLI::App* stacks = app.add_subcommand("stacks", "CloudFormation's stacks of all regions");
  stacks->add_flag("--json", a.json, "For scripts");
  stacks->add_flag("--watch", a.watch, "Their events as they come, until it is interrupted");
  stacks->add_flag("--resources", a.resources, "What each stack has, and what is recorded only");
  a.on(stacks, [&a] {
    return cli::stacks(a.chosen(), {.json = a.json, .watch = a.watch, .resources = a.resources});
  });
  CLI::App* status = app.add_subcommand("status", "Regions, roles, lag, sessions, link");
  status->footer(kStatusWords);
  status->add_flag("--json", a.json, "For scripts");
  status->add_flag("--watch", a.watch, "Again each second");
  status->add_flag("--sessions", a.sessions, "Each session that the routers have");
  a.on(status, [&a] {
    return cli::status(a.chosen(), {.json = a.json, .watch = a.watch, .sessions = a.sessions});
  });
}

void add_move_commands(CLI::App& app, Arguments& a) {
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
  a.on(switchover, [&a] {
    model::Drain drain;
    drain.timeout = std::chrono::milliseconds(a.drain_timeout_ms);
    drain.policy = model::drain_policy_named(a.drain_policy).value();
    return cli::move_writer(a.chosen(), a.to, drain);
  });
  CLI::App* failover =
      app.add_subcommand("failover", "Move the writer without the old region; may lose data");
  failover->add_option("--to", a.to, "Region of the new writer")->required();
  failover->add_flag("--allow-data-loss", a.loss, "Required: say that you know");
  failover->add_flag("--dry-run", a.dry_run, "Say what it would do and lose; change nothing");
  failover->add_flag("--json", a.json, "Of a dry run, for scripts");
  failover->parse_complete_callback([&a] {
    if (!a.loss && !a.dry_run) {
      throw CLI::RequiredError("--allow-data-loss (or --dry-run, to see what would be lost)");
    }
  });
  a.on(failover, [&a] {
    return a.dry_run ? cli::foresee_failover(a.chosen(), a.to, a.json)
                     : cli::move_writer(a.chosen(), a.to, std::nullopt);
  });

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
      [&a](const std::string& region) {
        a.drill.overrides.push_back("client_region=\"" + region + "\"");
      },
      "Where the clients of every load live; follow: they go where the writer goes");
  drill->add_option("--output", a.drill.output, "Directory of results.json, report.html, ops.csv")
      ->capture_default_str();
  drill->add_flag("--up", a.drill.up, "Bring up a platform for the drill where none runs");
  drill->add_flag("--keep", a.drill.keep, "Leave a platform that --up has started running");
  add_up_options(drill, a);
  a.on(drill, [&a] {
    a.drill.up_options = a.up;
    a.drill.home_given = !a.home.empty() || std::getenv("AURORA_GLOBAL_HOME") != nullptr;
    return cli::drill(a.chosen(), a.drill);
  });
}

void add_shell_commands(CLI::App& app, Arguments& a) {
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
  a.on(env, [&a] { return cli::print_environment(a.chosen(), a.environment); });
  CLI::App* psql = app.add_subcommand(kPsql, "psql through an endpoint of a region");
  psql->add_option("region", a.region, "Default: the first one");
  psql->add_option("--endpoint", a.endpoint, kEndpoints)->capture_default_str();
  psql->footer(
      "psql's own options follow the region or --:\n"
      "  aurora-global psql us-east-1 -c 'SELECT now()'\n"
      "  aurora-global psql -- -c 'SELECT now()'");
  a.on(psql, [&a] { return cli::psql(a.chosen(), a.region, a.endpoint, a.for_psql); });
  CLI::App* logs = app.add_subcommand("logs", "Show logs");
  logs->add_option(
          "which", a.which,
          "A region, a log (daemon, router, supervisor, postgres, link), or a region and a "
          "log; default: all")
      ->expected(1, 2);
  logs->add_flag("-f,--follow", a.follow);
  a.on(logs, [&a] { return cli::logs(a.chosen(), a.which, a.follow); });
}

void add_lost_writes_commands(CLI::App& app, Arguments& a) {
  CLI::App* lost = app.add_subcommand("lost-writes", "What failovers have left behind, as SQL");
  lost->require_subcommand(1);
  lost->footer(
      "Commits that no other Region had received when the writer moved away are read out of the\n"
      "former primary when it returns:\n"
      "  aurora-global lost-writes list\n"
      "  aurora-global lost-writes show 3 --sql > transactions.sql\n"
      "  aurora-global lost-writes replay 3 --dry-run");
  CLI::App* list = lost->add_subcommand("list", "What is kept, of all Regions");
  list->add_flag("--json", a.lost.json, "For scripts");
  a.on(list, [&a] { return cli::list_lost_writes(a.chosen(), a.lost); });
  CLI::App* show = lost->add_subcommand("show", "What was lost in one failover");
  show->add_flag("--json", a.lost.json, "For scripts");
  show->add_flag("--sql", a.lost.sql, "The transactions, in the order of their commits");
  a.on(show, [&a] { return cli::show_lost_writes(a.chosen(), a.lost); });
  CLI::App* replay = lost->add_subcommand(
      "replay", "Make them again at the writer, but for those in conflict with what it did since");
  replay->add_flag("--dry-run", a.lost.dry_run, "Say what would become of it, change nothing");
  replay->add_flag("--json", a.lost.json, "For scripts");
  replay->footer(
      "A transaction is made again whole or not at all. It is in conflict where a row that it\n"
      "changes was changed since, or is gone, or where its key is taken; what the row holds now "
      "is\n"
      "shown. Only triggers that are ENABLE ALWAYS or REPLICA fire, and foreign keys are not\n"
      "checked; what tables run is run as a superuser. Exit code 1: conflicts.");
  a.on(replay, [&a] { return cli::replay_lost_writes(a.chosen(), a.lost); });
  CLI::App* forget = lost->add_subcommand("forget", "Remove what is kept of one failover");
  a.on(forget, [&a] { return cli::forget_lost_writes(a.chosen(), a.lost); });
  for (CLI::App* one : {show, replay, forget}) {
    one->add_option("epoch", a.lost.epoch, "As `list` shows it")->required();
    one->add_option("--region", a.lost.region, "The Region that has lost them, where several have");
  }
}

void add_link_commands(CLI::App& app, Arguments& a) {
  CLI::App* link = app.add_subcommand("link", "The peering link between the regions");
  link->require_subcommand(1);
  CLI::App* set = link->add_subcommand("set", "Change it while it runs");
  set->add_option("--latency-ms", a.link.latency_ms, "One way")
      ->check(CLI::Range(0.0, kLatencyMsMax));
  set->add_option("--jitter-ms", a.link.jitter_ms, "Added, uniform")
      ->check(CLI::Range(0.0, kLatencyMsMax));
  set->add_option("--bandwidth-mbit", a.link.bandwidth_mbit, "Per direction of a pair; 0: no limit")
      ->check(CLI::Range(0.0, 1e6));
  set->add_option("--partition", a.link.partition, "both, out (from --from), none")
      ->check(CLI::IsMember({"none", "both", "out"}));
  set->add_option("--from", a.link.from, "Only bytes from this region");
  set->add_option("--to", a.link.to, "Only bytes to this region");
  a.on(set, [&a] { return change_link(a.chosen(), a.link); });
  CLI::App* status = link->add_subcommand("status", "Settings of every pair");
  status->add_flag("--json", a.json);
  a.on(status, [&a] { return cli::link_status(a.chosen(), a.json); });
  CLI::App* serve = link->add_subcommand("serve", "Run the link of a configuration file");
  serve->add_option("file", a.file)->required();
  a.on(serve, [&a] { return link::run_link(a.file); });
}

int print_actions(bool members, bool types) {
  if (types) {
    std::fputs(services::cloudformation::type_document().c_str(), stdout);
    return kExitOk;
  }
  if (members) {
    std::fputs(services::member_document().c_str(), stdout);
    return kExitOk;
  }
  for (const auto& [service, actions] : services::served_actions()) {
    for (const std::string_view action : actions)
      std::printf("%s %s\n", service.data(), action.data());
  }
  return kExitOk;
}

void add_process_commands(CLI::App& app, Arguments& a) {
  CLI::App* region = app.add_subcommand("region", "Run the daemon of a configuration file");
  region->group(kProcesses);
  region->add_option("file", a.file)->required();
  a.on(region, [&a] { return run_region(a.file); });
  CLI::App* router = app.add_subcommand("router", "Run the router of a configuration file");
  router->group(kProcesses);
  router->add_option("file", a.file)->required();
  router
      ->add_option("--move-every", a.move_every,
                   "For tests: carry each session to a fresh one of its server after every so many "
                   "transactions")
      ->check(CLI::Range(1, 86'400'000));
  a.on(router, [&a] { return router::run_router(a.file, a.move_every); });
  CLI::App* api = app.add_subcommand("api", "Print the AWS actions that a region answers");
  api->add_flag("--members", a.members,
                "Each action's members, and what becomes of each (Markdown)");
  api->add_flag("--types", a.types,
                "CloudFormation's resource types, and what becomes of each property (Markdown)");
  a.on(api, [&a] { return print_actions(a.members, a.types); });
  CLI::App* supervise =
      app.add_subcommand("supervise", "Keep the daemon and the router of a region running");
  supervise->group(kProcesses);
  supervise->add_option("directory", a.file, "The region's directory")->required();
  a.on(supervise, [&a] { return run_supervisor(a.file); });
}

}  // namespace

CommandLine::CommandLine(const std::string& version)
    : app_(kAbout, "aurora-global"), arguments_(std::make_unique<Arguments>()) {
  app_.footer(kExitCodes);
  app_.require_subcommand(1);
  app_.set_help_all_flag("--help-all", "Help of all commands");
  app_.set_version_flag("--version", version);
  app_.fallthrough();
  app_.add_option("--home", arguments_->home,
                  "Directory of the platform (default: $AURORA_GLOBAL_HOME, else "
                  "/var/lib/aurora-global as root, ~/.local/share/aurora-global otherwise)");
  add_platform_commands(app_, *arguments_);
  add_move_commands(app_, *arguments_);
  add_shell_commands(app_, *arguments_);
  add_lost_writes_commands(app_, *arguments_);
  add_link_commands(app_, *arguments_);
  add_process_commands(app_, *arguments_);
  arguments_->on(app_.add_subcommand("version", "Print the version"), [version] {
    std::printf("%s\n", version.c_str());
    return kExitOk;
  });
  app_.add_subcommand(kHelp, "Help of a command: help COMMAND");
  make_strict(app_);
}

CommandLine::~CommandLine() = default;

std::optional<int> CommandLine::read(const std::vector<std::string>& words) {
  auto typed = read_words(app_, words);
  if (typed.has_error()) return report(typed.error());
  if (const auto answered = answer_without_command(app_, *typed)) return *answered;
  arguments_->for_psql = std::move(typed->for_psql);
  try {
    app_.parse(std::vector<std::string>(typed->for_us.rbegin(), typed->for_us.rend()));
  } catch (const CLI::ParseError& error) {
    return app_.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return std::nullopt;
}

int CommandLine::run() { return arguments_->command(); }

}  // namespace aurora_global::cli
