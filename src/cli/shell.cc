// `env` and `psql`: how people, their tools and their applications get in.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "cli/command.h"
#include "cli/entrance.h"
#include "cli/environment.h"

namespace aurora_global::cli {
namespace {

// Readable by dotenv libraries and by a shell alike.
std::string dotenv_quoted(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::strchr("_-./:@%+=,", c) != nullptr;
  });
  return plain ? text : shell_quoted(text);
}

Result<void> print_dotenv(const Home& home, const Entrance& at) {
  TRY(const auto keys, home.credentials());
  const Variables variables = {
      {"PGHOST", host_of(at)},
      {"PGPORT", port_of(at)},
      {"PGUSER", std::string(kMasterUser)},
      {"PGPASSWORD", at.password},
      {"PGDATABASE", std::string(kDatabase)},
      {"PGSSLMODE", "verify-full"},
      {"PGSSLROOTCERT", (home.root() / "server-ca.crt").string()},
      {"DATABASE_URL", url_with_password(home, at, at.host)},
      {"JDBC_DATABASE_URL", jdbc_url(home, at)},
      {"AWS_ACCESS_KEY_ID", keys.access_key_id},
      {"AWS_SECRET_ACCESS_KEY", keys.secret_access_key},
      {"AWS_REGION", at.region.name},
      {"AWS_ENDPOINT_URL", "http://" + api_address(at.platform, at.number)}};
  for (const auto& [name, value] : variables) {
    std::printf("%s=%s\n", name.c_str(), dotenv_quoted(value).c_str());
  }
  return ok();
}

Result<void> print_json(const Home& home, const Entrance& at) {
  TRY(const auto keys, home.credentials());
  nlohmann::json endpoints = nlohmann::json::object();
  const std::pair<const char*, int> known[] = {
      {"global-writer", kGlobalWriterHost}, {"cluster", kClusterHost}, {"reader", kReaderHost}};
  for (const auto& [name, host] : known) {
    endpoints[name] = {{"address", server(at, host)}, {"url", url_with_password(home, at, host)}};
  }
  const nlohmann::json all = {{"region", at.region.name},
                              {"host", host_of(at)},
                              {"port", std::stoi(port_of(at))},
                              {"database", std::string(kDatabase)},
                              {"user", std::string(kMasterUser)},
                              {"password", at.password},
                              {"sslmode", "verify-full"},
                              {"sslrootcert", (home.root() / "server-ca.crt").string()},
                              {"url", url_with_password(home, at, at.host)},
                              {"jdbc_url", jdbc_url(home, at)},
                              {"endpoints", std::move(endpoints)},
                              {"aws",
                               {{"endpoint_url", "http://" + api_address(at.platform, at.number)},
                                {"region", at.region.name},
                                {"access_key_id", keys.access_key_id},
                                {"secret_access_key", keys.secret_access_key}}}};
  std::printf("%s\n", printable(all).c_str());
  return ok();
}

Result<void> print_in(const Home& home, const EnvironmentOptions& options) {
  const ShellKind shell = options.format == "fish" ? ShellKind::fish : ShellKind::posix;
  if (options.undo) {
    std::fputs(undoing(shell).c_str(), stdout);
    return ok();
  }
  const bool for_shell = options.format == "shell" || options.format == "fish";
  TRY(Entrance at, entrance(home, options.region, options.endpoint,
                            for_shell ? Needs::region : Needs::database));
  if (options.outside && at.platform.listen.empty()) {
    return make_error(ErrorKind::invalid, "--outside needs a platform that was made with `" +
                                              program_name() + " up --listen ADDRESS`");
  }
  at.outside = options.outside && at.host <= kReaderHost;
  if (options.format == "dotenv") return print_dotenv(home, at);
  if (options.format == "json") return print_json(home, at);
  if (options.format == "psql") {
    std::printf("%s\n", url_without_password(home, server(at, at.host)).c_str());
  } else if (options.format == "jdbc") {
    std::printf("%s\n", jdbc_url(home, at).c_str());
  } else {
    const std::string bin = (home.root() / "bin").string();
    std::fputs(taking(shell, shell_variables(home, at), bin).c_str(), stdout);
  }
  return ok();
}

}  // namespace

int print_environment(const Home& home, const EnvironmentOptions& options) {
  const auto printed = print_in(home, options);
  return printed.has_value() ? kExitOk : report(printed.error());
}

int psql(const Home& home, const std::string& region, const std::string& endpoint,
         const std::vector<std::string>& arguments) {
  const auto at = entrance(home, region, endpoint, Needs::database);
  if (at.has_error()) return report(at.error());
  const auto running = require_running(home, at->platform);
  if (running.has_error()) return report(running.error());
  take_here(shell_variables(home, *at));
  std::vector<char*> argv = {const_cast<char*>("psql")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  signal(SIGPIPE, SIG_DFL);  // Ours is ignored, and would be psql's, too.
  execvp("psql", argv.data());
  return report(make_error(
      ErrorKind::unavailable,
      "cannot start psql (package postgresql-client-15): " + std::string(std::strerror(errno))));
}

}  // namespace aurora_global::cli
