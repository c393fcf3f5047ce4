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

int exit_code_of(ErrorKind kind);
// Prints the error and returns its exit code.
int report(const Error& error);

// Runs a task to its end on a fresh io_context.
int run_command(std::function<net::Task<Result<void>>(boost::asio::any_io_executor executor)> body);

// The same, but the error is the caller's business.
Result<void> run_quietly(
    std::function<net::Task<Result<void>>(boost::asio::any_io_executor executor)> body);

// A platform that was brought up, and clients for its regions.
struct Connected {
  Home home;
  Platform platform;
  awsapi::Credentials credentials;
  std::map<RegionId, std::unique_ptr<awsclient::AwsClient>> clients;  // Each at its own region.

  awsclient::AwsClient& at(const RegionId& region) { return *clients.at(region); }
};
Result<Connected> connect_to(const Home& home, boost::asio::any_io_executor executor);

// What the global cluster looks like, asked of the first region that answers.
struct Situation {
  model::GlobalCluster global;
  RegionId asked;
};
net::Task<Result<Situation>> situation(Connected& connected, Deadline deadline);

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

// ---- the commands
struct UpOptions {
  std::vector<std::string> regions;
  int readers = 0;
  std::string prefix = "127.0";
  double latency_ms = 31;
  std::string global_cluster = "aurora-global-db";
  std::string postgres_bin = "/usr/lib/postgresql/15/bin";
  bool config_only = false;
  bool quiet = false;
  bool next_steps = true;  // Say at the end what to type next.
};
net::Task<Result<void>> up(Home home, UpOptions options, boost::asio::any_io_executor executor);
net::Task<Result<void>> start_region(Home home, RegionId region);
net::Task<Result<void>> start_link(Home home);

net::Task<Result<void>> down(Home home, bool force, bool quiet,
                             boost::asio::any_io_executor executor);
int destroy(const Home& home, bool yes);

struct StatusOptions {
  bool json = false;
  bool watch = false;     // Again each second.
  bool sessions = false;  // Each one that the routers have.
};
int status(const Home& home, StatusOptions options);
// `drain` empty: a failover, which waits for nobody and may lose data.
int move_writer(const Home& home, const std::string& to, std::optional<model::Drain> drain);
int link_set(const Home& home, const nlohmann::json& request);
int link_status(const Home& home, bool json);
int print_environment(const Home& home, const std::string& region);
int psql(const Home& home, const std::string& region, const std::string& endpoint,
         const std::vector<std::string>& arguments);
int logs(const Home& home, const std::string& region, const std::string& what, bool follow);

struct DrillCommand {
  std::string file;
  std::vector<std::string> overrides;  // "key=value" of [load].
  std::string output = "out/drill";
  bool up = false;
  bool keep = false;
  UpOptions up_options;
  std::string target = "local";
  std::string outputs = "out/deploy/aurora-global/outputs.json";  // Of target "aws".
  std::optional<double> metrics_wait_s;                           // Default: 2 here, 120 on AWS.
};
int drill(const Home& home, const DrillCommand& command);

}  // namespace aurora_global::cli
