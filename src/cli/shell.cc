// `env`, `psql` and `logs`: how people and their tools get in.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "cli/command.h"
#include "region/postgres_files.h"

namespace aurora_global::cli {
namespace {

namespace fs = std::filesystem;

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// The password file: passwords are neither in the environment nor in an argument list.
Result<fs::path> write_pgpass(const Home& home) {
  TRY(const std::string password, current_password(home));
  const fs::path file = home.root() / "pgpass";
  TRY_VOID(region::replace_file(file, "*:*:*:" + std::string(kMasterUser) + ":" + password + "\n",
                                0600));
  return file;
}

Result<std::vector<std::pair<std::string, std::string>>> environment(const Home& home,
                                                                     const RegionId& region,
                                                                     int endpoint) {
  TRY(const Platform platform, home.load());
  TRY(const int number, region_number(platform, region));
  TRY(const fs::path pgpass, write_pgpass(home));
  return std::vector<std::pair<std::string, std::string>>{
      {"PGHOST", host_in(platform, number, endpoint)},
      {"PGPORT", "5432"},
      {"PGUSER", std::string(kMasterUser)},
      {"PGDATABASE", std::string(kDatabase)},
      {"PGPASSFILE", pgpass.string()},
      {"PGSSLMODE", "verify-full"},
      {"PGSSLROOTCERT", (home.root() / "server-ca.crt").string()},
      {"AWS_SHARED_CREDENTIALS_FILE", home.credentials_file().string()},
      {"AWS_PROFILE", "default"},
      {"AWS_REGION", region.name},
      {"AWS_DEFAULT_REGION", region.name},
      {"AWS_ENDPOINT_URL", "http://" + api_address(platform, number)},
      {"AWS_PAGER", ""},
      {"AWS_DATA_PATH", (home.root() / "aws-models").string()},
      {"AURORA_GLOBAL_HOME", home.root().string()}};
}

}  // namespace

int print_environment(const Home& home, const std::string& region) {
  const auto variables = environment(home, RegionId{region}, 10);
  if (variables.has_error()) return report(variables.error());
  for (const auto& [name, value] : *variables) {
    std::printf("export %s=%s\n", name.c_str(), shell_quoted(value).c_str());
  }
  const std::string bin = (home.root() / "bin").string();
  std::printf("case \":$PATH:\" in *:%s:*) ;; *) export PATH=%s:\"$PATH\" ;; esac\n", bin.c_str(),
              shell_quoted(bin).c_str());
  return kExitOk;
}

int psql(const Home& home, const std::string& region, const std::string& endpoint,
         const std::vector<std::string>& arguments) {
  const std::pair<const char*, int> known[] = {
      {"global-writer", 10}, {"cluster", 11}, {"reader", 12}};
  int last = 0;
  for (const auto& [name, number] : known) {
    if (endpoint == name) last = number;
  }
  if (endpoint.rfind("instance-", 0) == 0) last = 20 + std::atoi(endpoint.c_str() + 9);
  if (last == 0 || last == 20) {
    return report(make_error(ErrorKind::invalid,
                             "--endpoint is one of global-writer, cluster, reader, instance-1, "
                             "instance-2 ...; given: " +
                                 endpoint));
  }
  const auto variables = environment(home, RegionId{region}, last);
  if (variables.has_error()) return report(variables.error());
  for (const auto& [name, value] : *variables) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv = {const_cast<char*>("psql")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execvp("psql", argv.data());
  return report(make_error(
      ErrorKind::unavailable,
      "cannot start psql (package postgresql-client-15): " + std::string(std::strerror(errno))));
}

int logs(const Home& home, const std::string& region, const std::string& what, bool follow) {
  const auto platform = home.load();
  if (platform.has_error()) return report(platform.error());
  std::vector<std::string> files;
  const auto add = [&](const fs::path& file) {
    std::error_code error;
    if (fs::exists(file, error)) files.push_back(file.string());
  };
  for (const RegionId& one : platform->regions) {
    if (!region.empty() && one.name != region) continue;
    const fs::path dir = home.region_dir(one);
    for (const char* name : {"daemon", "router", "supervisor"}) {
      if (what.empty() || what == name) add(dir / (std::string(name) + ".log"));
    }
    if (!what.empty() && what != "postgres") continue;
    std::error_code error;
    for (const auto& instance : fs::directory_iterator(dir / "instances", error)) {
      fs::path newest;
      for (const auto& log : fs::directory_iterator(instance.path() / "log", error)) {
        if (newest.empty() || fs::last_write_time(log) > fs::last_write_time(newest)) {
          newest = log.path();
        }
      }
      if (!newest.empty()) add(newest);
    }
  }
  if (region.empty() && (what.empty() || what == "link")) add(home.link_dir() / "link.log");
  if (files.empty()) {
    return report(make_error(ErrorKind::not_found,
                             "no such log; regions: see `aurora-global status`, logs: daemon, "
                             "router, supervisor, postgres, link"));
  }
  std::vector<std::string> command = {"tail", "-n", follow ? "10" : "200"};
  if (follow) command.push_back("-F");
  command.insert(command.end(), files.begin(), files.end());
  std::vector<char*> argv;
  for (std::string& part : command) argv.push_back(part.data());
  argv.push_back(nullptr);
  execvp("tail", argv.data());
  return report(make_error(ErrorKind::unavailable, "cannot start tail"));
}

}  // namespace aurora_global::cli
