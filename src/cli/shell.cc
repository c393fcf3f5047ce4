// `env` and `psql`: how people, their tools and their applications get in.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/host_port.h"
#include "cli/command.h"
#include "region/instance/postgres_files.h"

namespace aurora_global::cli {
namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string fish_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += (c == '\'' || c == '\\' ? "\\" : "") + std::string(1, c);
  return out + "'";
}

// Readable by dotenv libraries and by a shell alike.
std::string dotenv_quoted(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::strchr("_-./:@%+=,", c) != nullptr;
  });
  return plain ? text : shell_quoted(text);
}

std::string percent_encoded(const std::string& text) {
  std::string out;
  char code[4];
  for (const unsigned char c : text) {
    if (std::isalnum(c) != 0 || std::strchr("-._~/", c) != nullptr) {
      out += static_cast<char>(c);
    } else {
      std::snprintf(code, sizeof code, "%%%02X", c);
      out += code;
    }
  }
  return out;
}

// An endpoint of a region, and all that a client has to know of it.
struct Entrance {
  Platform platform;
  RegionId region;
  int number = 0;  // Of the region.
  int host = 0;    // Last number of its address.
  bool outside = false;
  std::string password;
};

Result<int> host_number(const std::string& endpoint) {
  const std::pair<const char*, int> known[] = {
      {"global-writer", kGlobalWriterHost}, {"cluster", kClusterHost}, {"reader", kReaderHost}};
  for (const auto& [name, number] : known) {
    if (endpoint == name) return number;
  }
  if (endpoint.rfind("instance-", 0) == 0) {
    const int instance = std::atoi(endpoint.c_str() + 9);
    if (instance >= 1 && instance <= 16) return 20 + instance;
  }
  return make_error(ErrorKind::invalid,
                    "--endpoint is one of global-writer, cluster, reader, instance-1, "
                    "instance-2 ...; given: " +
                        endpoint);
}

Result<void> keep_pgpass(const Home& home, const std::string& password) {
  return region::replace_file(home.root() / "pgpass",
                              "*:*:*:" + std::string(kMasterUser) + ":" + password + "\n", 0600);
}

// The password file is fresh after it.
Result<Entrance> entrance(const Home& home, const std::string& region,
                          const std::string& endpoint) {
  Entrance found;
  TRY(found.platform, home.load());
  found.region = region.empty() ? found.platform.regions.front() : RegionId{region};
  TRY(found.number, region_number(found.platform, found.region));
  TRY(found.host, host_number(endpoint));
  TRY(found.password, current_password(home));
  TRY_VOID(keep_pgpass(home, found.password));
  return found;
}

// "127.0.1.10:5432"; of another endpoint of the region with `host`.
std::string server(const Entrance& at, int host) {
  if (at.outside) return outside_address(at.platform, at.number, host);
  return host_in(at.platform, at.number, host) + ":5432";
}

std::string host_of(const Entrance& at) { return split_host_port(server(at, at.host)).host; }

std::string port_of(const Entrance& at) { return split_host_port(server(at, at.host)).port; }

std::string tls_part(const Home& home) {
  return "sslmode=verify-full&sslrootcert=" +
         percent_encoded((home.root() / "server-ca.crt").string());
}

std::string url_with_password(const Home& home, const Entrance& at, int host) {
  return "postgresql://" + std::string(kMasterUser) + ":" + percent_encoded(at.password) + "@" +
         server(at, host) + "/" + std::string(kDatabase) + "?" + tls_part(home);
}

std::string url_without_password(const Home& home, const std::string& server) {
  return "postgresql://" + std::string(kMasterUser) + "@" + server + "/" + std::string(kDatabase) +
         "?" + tls_part(home) + "&passfile=" + percent_encoded((home.root() / "pgpass").string());
}

std::string jdbc_url(const Home& home, const Entrance& at) {
  return "jdbc:postgresql://" + server(at, at.host) + "/" + std::string(kDatabase) +
         "?user=" + std::string(kMasterUser) + "&password=" + percent_encoded(at.password) + "&" +
         tls_part(home);
}

constexpr const char* kHomeIsOurs = "AURORA_GLOBAL_HOME_BY_ENV";

// For the shell: secrets stay in files that these variables name.
Variables shell_variables(const Home& home, const Entrance& at) {
  Variables variables = {{"PGHOST", host_of(at)},
                         {"PGPORT", port_of(at)},
                         {"PGUSER", std::string(kMasterUser)},
                         {"PGDATABASE", std::string(kDatabase)},
                         {"PGPASSFILE", (home.root() / "pgpass").string()},
                         {"PGSSLMODE", "verify-full"},
                         {"PGSSLROOTCERT", (home.root() / "server-ca.crt").string()},
                         {"AWS_SHARED_CREDENTIALS_FILE", home.credentials_file().string()},
                         {"AWS_PROFILE", "default"},
                         {"AWS_REGION", at.region.name},
                         {"AWS_DEFAULT_REGION", at.region.name},
                         {"AWS_ENDPOINT_URL", "http://" + api_address(at.platform, at.number)},
                         {"AWS_PAGER", ""},
                         {"AWS_DATA_PATH", (home.root() / "aws-models").string()}};
  // Only what --home named: $AURORA_GLOBAL_HOME of the shell itself is neither set nor taken away.
  if (home.root() != Home::choose("").root() || std::getenv(kHomeIsOurs) != nullptr) {
    variables.emplace_back("AURORA_GLOBAL_HOME", home.root().string());
    variables.emplace_back(kHomeIsOurs, "1");
  }
  return variables;
}

void print_shell(const Home& home, const Entrance& at, bool fish) {
  const std::string bin = (home.root() / "bin").string();
  for (const auto& [name, value] : shell_variables(home, at)) {
    if (fish) {
      std::printf("set -gx %s %s;\n", name.c_str(), fish_quoted(value).c_str());
    } else {
      std::printf("export %s=%s\n", name.c_str(), shell_quoted(value).c_str());
    }
  }
  if (fish) {
    std::printf("contains %s $PATH; or set -gx PATH %s $PATH;\n", fish_quoted(bin).c_str(),
                fish_quoted(bin).c_str());
  } else {
    std::printf("case \":$PATH:\" in *:%s:*) ;; *) export PATH=%s:\"$PATH\" ;; esac\n", bin.c_str(),
                shell_quoted(bin).c_str());
  }
}

// Takes away what print_shell() set.
void print_undo(const Home& home, bool fish) {
  const std::string bin = (home.root() / "bin").string();
  for (const auto& [name, value] : shell_variables(home, Entrance{})) {
    std::printf(fish ? "set -e %s;\n" : "unset %s\n", name.c_str());
  }
  if (fish) {
    std::printf("set -gx PATH (string match -v -- %s $PATH);\n", fish_quoted(bin).c_str());
  } else {
    std::printf("PATH=$(printf '%%s' \"$PATH\" | tr ':' '\\n' | grep -vxF %s | paste -sd: -)\n",
                shell_quoted(bin).c_str());
  }
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
  for (const char* name : {"global-writer", "cluster", "reader"}) {
    const int host = host_number(name).value();
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
  std::printf("%s\n", all.dump(2).c_str());
  return ok();
}

Result<void> print_in(const Home& home, const EnvironmentOptions& options) {
  const bool fish = options.format == "fish";
  if (options.undo) {
    print_undo(home, fish);
    return ok();
  }
  TRY(Entrance at, entrance(home, options.region, options.endpoint));
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
    print_shell(home, at, fish);
  }
  return ok();
}

}  // namespace

Result<void> write_pgpass(const Home& home) {
  TRY(const std::string password, current_password(home));
  return keep_pgpass(home, password);
}

std::string connection_url(const Home& home, const Platform& platform, const RegionId& region,
                           int host) {
  const int number = region_number(platform, region).value();
  return url_without_password(home, host_in(platform, number, host) + ":5432");
}

int print_environment(const Home& home, const EnvironmentOptions& options) {
  const auto printed = print_in(home, options);
  return printed.has_value() ? kExitOk : report(printed.error());
}

int psql(const Home& home, const std::string& region, const std::string& endpoint,
         const std::vector<std::string>& arguments) {
  const auto at = entrance(home, region, endpoint);
  if (at.has_error()) return report(at.error());
  const auto running = require_running(home, at->platform);
  if (running.has_error()) return report(running.error());
  for (const auto& [name, value] : shell_variables(home, *at)) {
    setenv(name.c_str(), value.c_str(), 1);
  }
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
