// What every command shares: the platform it talks to, how it runs, how it ends.
#pragma once

#include <functional>
#include <memory>

#include "awsclient/aws_client.h"
#include "cli/home.h"

namespace aurora_global::cli {

// Exit codes of all commands.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;       // The operation or an expectation failed.
inline constexpr int kExitUsage = 2;        // Wrong arguments, configuration or input.
inline constexpr int kExitUnavailable = 3;  // Something cannot be reached or took too long.
inline constexpr int kExitSignal = 128;     // Plus the signal that interrupted the command.

int exit_code_of(const Error& error);
// Prints the error and returns its exit code.
int report(const Error& error);
// For a person or a script; bytes that are no UTF-8 are replaced.
std::string printable(const nlohmann::json& value);

using Body = std::function<net::Task<Result<void>>(boost::asio::any_io_executor executor)>;

// What SIGINT, SIGTERM or SIGHUP does to a part of a command.
enum class OnSignal {
  stop,    // It is left where it stands; nothing of it runs again.
  finish,  // It goes on to its end; a second signal stops it.
};

// Runs a task to its end on a fresh io_context. One that a signal stopped fails with `cancelled`.
Result<void> run_quietly(Body body, OnSignal on_signal = OnSignal::stop);

// The same; the error is reported.
int run_command(Body body, OnSignal on_signal = OnSignal::stop);

// A platform that was brought up, and clients for its regions.
struct Connected {
  Home home;
  Platform platform;
  awsapi::Credentials credentials;
  std::map<RegionId, std::unique_ptr<awsclient::AwsClient>> clients;  // Each at its own region.

  awsclient::AwsClient& at(const RegionId& region) { return *clients.at(region); }
};
Result<Connected> connect_to(const Home& home, boost::asio::any_io_executor executor);

// Fails with `unavailable` and the command that starts it when no daemon of the platform runs.
Result<void> require_running(const Home& home, const Platform& platform);

// What the global cluster looks like, asked of the first region that answers.
struct Situation {
  model::GlobalCluster global;
  RegionId asked;
};
net::Task<Result<Situation>> situation(Connected& connected, Deadline deadline);

// ---- stacks.cc
struct StacksOptions {
  bool json = false;
  bool watch = false;      // Events as they come.
  bool resources = false;  // What each stack has.
};
int stacks(const Home& home, StacksOptions options);

// ---- functions.cc
// Declares the functions in every region, as far as their bootstraps are built.
Result<void> write_functions(const Home& home, const Platform& platform);
// Makes the region's own key unless it is there.
net::Task<Result<void>> create_key(Connected& connected, RegionId region);
// Stores the master user's credentials in Secrets Manager, sealed by these keys, unless they are
// there.
net::Task<Result<void>> create_secret(Connected& connected);
// The master user's password as Secrets Manager has it now; else as last known.
Result<std::string> current_password(const Home& home);

// ---- entrance.cc
inline constexpr int kGlobalWriterHost = 10;  // Last numbers of the endpoints' addresses.
inline constexpr int kClusterHost = 11;
inline constexpr int kReaderHost = 12;
// The password file: passwords are neither in the environment nor in an argument list.
Result<void> write_pgpass(const Home& home);
// What libpq connects with, the password file included; without a password in it.
std::string connection_url(const Home& home, const Platform& platform, const RegionId& region,
                           int host);

// ---- the commands

// What `up` was told; what it was not told is as it is, or as `kDefault...` for a fresh platform.
struct UpOptions {
  std::vector<std::string> regions;
  std::optional<int> readers;
  std::optional<std::string> prefix;
  std::optional<std::string> listen;
  std::optional<double> latency_ms;
  std::optional<std::string> global_cluster;
  std::optional<std::string> postgres_bin;
  bool config_only = false;
  bool empty = false;      // No cluster, no function.
  bool next_steps = true;  // Say at the end what to type next.
};
inline constexpr double kDefaultLatencyMs = 31;
inline constexpr double kLatencyMsMax = 10000;

// Which processes of a platform a command has started.
struct Started {
  std::vector<RegionId> regions;
  bool link = false;

  bool any() const { return link || !regions.empty(); }
};
// Starts what does not run. What it has started is ended again when it fails or is interrupted.
int up(const Home& home, const UpOptions& options);
net::Task<Result<void>> start_region(Home home, RegionId region);
net::Task<Result<void>> start_link(Home home);

// Until each process that this command has launched holds its pid file, by which it is found, or
// has ended.
net::Task<void> await_launched();

// Ends these processes and their databases, the first region first. Goes on to its end.
Result<void> end_started(const Home& home, const Started& started);
int down(const Home& home, bool force);
int destroy(const Home& home, bool yes);

// Regions talk twice a second; one that was not heard for this long is cut off.
inline constexpr std::int64_t kCutOffAfterMs = 2500;

struct StatusOptions {
  bool json = false;
  bool watch = false;     // Again each second.
  bool sessions = false;  // Each one that the routers have.
};
int status(const Home& home, StatusOptions options);
// `drain` empty: a failover, which waits for nobody and may lose data.
int move_writer(const Home& home, const std::string& to, std::optional<model::Drain> drain);
// What a failover would do and lose; changes nothing.
int foresee_failover(const Home& home, const std::string& to, bool as_json);
int link_set(const Home& home, const nlohmann::json& request);
int link_status(const Home& home, bool json);

// ---- lost_writes.cc
struct LostWritesOptions {
  std::uint64_t epoch = 0;  // That of the failover.
  std::string region;       // Empty: the only one that has lost something in it.
  bool json = false;
  bool sql = false;      // The transactions themselves.
  bool dry_run = false;  // Of a replay: what would become of it.
};
int list_lost_writes(const Home& home, const LostWritesOptions& options);
int show_lost_writes(const Home& home, const LostWritesOptions& options);
// Makes them again at the writer, but for those in conflict with what it has done since.
int replay_lost_writes(const Home& home, const LostWritesOptions& options);
// Removes what is kept of them.
int forget_lost_writes(const Home& home, const LostWritesOptions& options);

struct EnvironmentOptions {
  std::string region;
  std::string endpoint = "global-writer";
  std::string format = "shell";  // shell, fish, dotenv, json, psql, jdbc
  bool undo = false;
  bool outside = false;  // As a container reaches it: at Platform::listen.
};
int print_environment(const Home& home, const EnvironmentOptions& options);
int psql(const Home& home, const std::string& region, const std::string& endpoint,
         const std::vector<std::string>& arguments);
// `words`: a region, a log, or a region and a log; none: all.
int logs(const Home& home, const std::vector<std::string>& words, bool follow);

struct DrillCommand {
  std::string file;
  std::vector<std::string> overrides;  // "key=value" of [load].
  std::string output = "out/drill";
  bool up = false;
  bool keep = false;
  bool home_given = false;  // By --home or $AURORA_GLOBAL_HOME.
  UpOptions up_options;
  std::string target = "local";
  std::string outputs = "out/deploy/aurora-global/outputs.json";  // Of target "aws".
  std::optional<double> metrics_wait_s;                           // Default: 2 here, 120 on AWS.
};
int drill(const Home& home, const DrillCommand& command);

}  // namespace aurora_global::cli
