#include "cli/entrance.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "base/host_port.h"
#include "cli/command.h"
#include "region/instance/postgres_files.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;

constexpr int kInstanceHost = 20;  // Plus the instance's number: the last one of its address.
constexpr std::pair<const char*, int> kEndpointHosts[] = {
    {"global-writer", kGlobalWriterHost}, {"cluster", kClusterHost}, {"reader", kReaderHost}};

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

// The numbers of a region's instances: as its daemon says; else as `up` has made them.
std::vector<int> instance_numbers(const Home& home, const Platform& platform,
                                  const RegionId& region) {
  std::vector<int> numbers;
  run_quietly([&](boost::asio::any_io_executor executor) -> net::Task<Result<void>> {
    CO_TRY(Connected connected, connect_to(home, executor));
    CO_TRY(const auto status,
           co_await connected.at(region).platform_status(region, Deadline::in(1s)));
    for (const auto& cluster : status.value("clusters", nlohmann::json::array())) {
      for (const auto& one : cluster.value("instances", nlohmann::json::array())) {
        numbers.push_back(one.value("slot", 1));
      }
    }
    co_return ok();
  });
  for (int i = 1; numbers.empty() && i <= 1 + platform.readers; ++i) numbers.push_back(i);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

// "instance-12": 12; 0 for what is none.
int instance_number(const std::string& endpoint) {
  constexpr std::string_view kBegin = "instance-";
  int number = 0;
  const char* const end = endpoint.data() + endpoint.size();
  if (!endpoint.starts_with(kBegin) || endpoint[kBegin.size()] == '0') return 0;
  const auto [last, error] = std::from_chars(endpoint.data() + kBegin.size(), end, number);
  return error == std::errc() && last == end ? number : 0;
}

Result<int> endpoint_host(const Home& home, const Platform& platform, const RegionId& region,
                          const std::string& endpoint) {
  for (const auto& [name, host] : kEndpointHosts) {
    if (endpoint == name) return host;
  }
  const int wanted = instance_number(endpoint);
  std::string names = "global-writer, cluster, reader";
  for (const int number : instance_numbers(home, platform, region)) {
    if (number == wanted) return kInstanceHost + number;
    names += ", instance-" + std::to_string(number);
  }
  return make_error(ErrorKind::invalid, "no endpoint '" + endpoint + "' in " + region.name +
                                            "; --endpoint is one of " + names);
}

Result<void> keep_pgpass(const Home& home, const std::string& password) {
  return region::replace_file(home.root() / "pgpass", pgpass_line(password), 0600);
}

std::string tls_part(const Home& home) {
  return "sslmode=verify-full&sslrootcert=" +
         percent_encoded((home.root() / "server-ca.crt").string());
}

}  // namespace

Result<Entrance> entrance(const Home& home, const std::string& region, const std::string& endpoint,
                          Needs needs) {
  Entrance found;
  TRY(found.platform, home.load());
  found.region = region.empty() ? found.platform.regions.front() : RegionId{region};
  TRY(found.number, region_number(found.platform, found.region));
  TRY(found.host, endpoint_host(home, found.platform, found.region, endpoint));
  auto password = current_password(home);
  if (password.has_error() && found.platform.empty && needs == Needs::region) return found;
  TRY(found.password, std::move(password));
  TRY_VOID(keep_pgpass(home, found.password));
  return found;
}

std::string server(const Entrance& at, int host) {
  if (at.outside) return outside_address(at.platform, at.number, host);
  return host_in(at.platform, at.number, host) + ":5432";
}

std::string host_of(const Entrance& at) { return split_host_port(server(at, at.host)).host; }

std::string port_of(const Entrance& at) { return split_host_port(server(at, at.host)).port; }

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

Variables shell_variables(const Home& home, const Entrance& at) {
  Variables all = {{"AWS_SHARED_CREDENTIALS_FILE", home.credentials_file().string()},
                   {"AWS_PROFILE", "default"},
                   {"AWS_REGION", at.region.name},
                   {"AWS_DEFAULT_REGION", at.region.name},
                   {"AWS_ENDPOINT_URL", "http://" + api_address(at.platform, at.number)},
                   {"AWS_CONFIG_FILE", (home.root() / "aws-config").string()},
                   {"AWS_CA_BUNDLE", (home.root() / "server-ca.crt").string()},
                   {"CURL_CA_BUNDLE", (home.root() / "server-ca.crt").string()},
                   {"AWS_PAGER", ""},
                   {"AWS_DATA_PATH", (home.root() / "aws-models").string()},
                   {"AURORA_GLOBAL_HOME", home.root().string()}};
  if (at.password.empty()) return all;
  const Variables database = {{"PGHOST", host_of(at)},
                              {"PGPORT", port_of(at)},
                              {"PGUSER", std::string(kMasterUser)},
                              {"PGDATABASE", std::string(kDatabase)},
                              {"PGPASSFILE", (home.root() / "pgpass").string()},
                              {"PGSSLMODE", "verify-full"},
                              {"PGSSLROOTCERT", (home.root() / "server-ca.crt").string()}};
  all.insert(all.end(), database.begin(), database.end());
  return all;
}

std::string pgpass_line(const std::string& password) {
  std::string escaped;
  for (const char c : password) escaped += (c == ':' || c == '\\' ? "\\" : "") + std::string(1, c);
  return "*:*:*:" + std::string(kMasterUser) + ":" + escaped + "\n";
}

Result<void> write_pgpass(const Home& home) {
  TRY(const std::string password, current_password(home));
  return keep_pgpass(home, password);
}

std::string connection_url(const Home& home, const Platform& platform, const RegionId& region,
                           int host) {
  const int number = region_number(platform, region).value();
  return url_without_password(home, host_in(platform, number, host) + ":5432");
}

}  // namespace aurora_global::cli
