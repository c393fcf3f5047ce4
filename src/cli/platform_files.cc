#include "cli/platform_files.h"

#include <sys/stat.h>

#include <sstream>

#include "base/rng.h"
#include "cli/rds_extras.h"
#include "net/tls.h"
#include "region/config.h"
#include "region/instance/postgres_files.h"

namespace aurora_global::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kInstancesMax = 16;

Result<void> make_dir(const fs::path& dir, int mode) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error || chmod(dir.c_str(), static_cast<mode_t>(mode)) != 0) {
    return make_error(ErrorKind::unavailable,
                      "cannot create the directory " + dir.string() + ": " + error.message());
  }
  return ok();
}

Result<void> write_pair(const fs::path& base, const net::KeyPair& pair) {
  TRY_VOID(region::replace_file(base.string() + ".crt", pair.certificate_pem, 0644));
  return region::replace_file(base.string() + ".key", pair.private_key_pem, 0600);
}

// One region's certificates: as a server, as a peer, as a replication client.
Result<void> write_certificates(const fs::path& dir, const Platform& platform, int number,
                                const net::KeyPair& servers, const net::KeyPair& clients) {
  const std::string& region = platform.regions[static_cast<std::size_t>(number) - 1].name;
  TRY_VOID(make_dir(dir, 0700));
  std::vector<std::string> addresses = {"127.0.0.1"};
  for (const int last : {1, 10, 11, 12}) addresses.push_back(host_in(platform, number, last));
  for (int slot = 1; slot <= kInstancesMax; ++slot) {
    addresses.push_back(host_in(platform, number, 20 + slot));
  }
  // What other regions call it: its addresses on their side of the link, and their own global
  // writer endpoints, behind which it stands when it is the primary.
  for (std::size_t other = 1; other <= platform.regions.size(); ++other) {
    const int here = static_cast<int>(other);
    if (here == number) continue;
    addresses.push_back(host_in(platform, here, 100 + number));
    addresses.push_back(host_in(platform, here, 10));
  }
  if (!platform.listen.empty()) addresses.push_back(platform.listen);
  const std::vector<std::string> names = {region + ".aurora-global.internal", "localhost",
                                          "*.execute-api." + region + ".localhost"};
  TRY(const auto server, net::issue_server(servers, names.front(), names, addresses));
  TRY(const auto peer, net::issue_client(clients, "region:" + region));
  TRY(const auto replication, net::issue_client(clients, "rdsrepladmin"));
  TRY_VOID(write_pair(dir / "server", server));
  TRY_VOID(write_pair(dir / "peer", peer));
  TRY_VOID(write_pair(dir / "replication", replication));
  TRY(const auto forwarding, net::issue_client(clients, "aurora-forwarding"));
  TRY_VOID(write_pair(dir / "forwarding", forwarding));
  TRY_VOID(region::replace_file(dir / "server-ca.crt", servers.certificate_pem, 0644));
  return region::replace_file(dir / "client-ca.crt", clients.certificate_pem, 0644);
}

// Where the PostgreSQL extension is: beside the program as built, or as installed.
fs::path extension_dir() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& dir : {self / ".." / "extension", self / ".." / "lib" / "aurora-global"}) {
    fs::path found = dir.lexically_normal();
    if (fs::exists(found / region::kExtensionLibrary, error)) return found;
  }
  return {};
}

std::string region_toml(const Home& home, const Platform& platform, int number,
                        const fs::path& postgres_bin) {
  const RegionId& region = platform.regions[static_cast<std::size_t>(number) - 1];
  std::ostringstream out;
  out << "# Written by `aurora-global up`. Keys: docs/reference/control.md.\n"
      << "region = \"" << region.name << "\"\nindex = " << number << "\nhome = \""
      << home.region_dir(region).string() << "\"\naccount_id = \"" << kAccountId
      << "\"\napi_address = \"" << api_address(platform, number) << "\"\nlocalhost_address = \""
      << localhost_address(platform, number) << "\"\npeer_address = \""
      << host_in(platform, number, 1) << ":4567\"\naddress_prefix = \"" << platform.prefix << "."
      << number << "\"\npostgres_bin = \"" << postgres_bin.string() << "\"\ncredentials_file = \""
      << home.credentials_file().string() << "\"\nextension_dir = \"" << extension_dir().string()
      << "\"\n\n[endpoints]\nglobal_writer = \"" << host_in(platform, number, 10)
      << ":5432\"\ncluster = \"" << host_in(platform, number, 11) << ":5432\"\nreader = \""
      << host_in(platform, number, 12) << ":5432\"\n";
  for (std::size_t i = 1; i <= platform.regions.size(); ++i) {
    const int other = static_cast<int>(i);
    if (other == number) continue;
    const std::string side = host_in(platform, number, 100 + other);
    out << "\n[[peer]]\nregion = \"" << platform.regions[i - 1].name << "\"\napi = \"" << side
        << ":4567\"\npostgres = \"" << side << ":5432\"\nforwarding = \"" << side << ":5433\"\n";
  }
  return out.str();
}

std::string router_toml(const Home& home, const Platform& platform, int number) {
  const RegionId& region = platform.regions[static_cast<std::size_t>(number) - 1];
  const std::string run = home.run_dir(region).string();
  std::ostringstream out;
  out << "# Written by `aurora-global up`. Keys: docs/reference/control.md.\n"
      << "region = \"" << region.name << "\"\ncontrol = \"" << run
      << "/router.sock\"\npid_file = \"" << run << "/router.pid\"\ntopology_file = \""
      << (home.region_dir(region) / "topology.json").string() << "\"\ntls_dir = \""
      << (home.region_dir(region) / "tls").string() << "\"\n";
  const std::pair<const char*, int> endpoints[] = {
      {"global-writer", 10}, {"cluster", 11}, {"reader", 12}};
  for (const auto& [name, last] : endpoints) {
    out << "\n[[endpoint]]\nname = \"" << name << "\"\nlisten = \""
        << host_in(platform, number, last) << ":5432\"\n";
    if (!platform.listen.empty()) {
      out << "also_listen = [\"" << outside_address(platform, number, last) << "\"]\n";
    }
  }
  return out.str();
}

std::string link_toml(const Home& home, const Platform& platform, const LinkDefaults& link) {
  std::ostringstream out;
  out << "# Written by `aurora-global up`. Keys: docs/reference/control.md.\n"
      << "control = \"" << (home.link_dir() / "link.sock").string() << "\"\npid_file = \""
      << (home.link_dir() / "link.pid").string() << "\"\nlatency_ms = " << std::fixed
      << link.latency_ms << "\n";
  const int count = static_cast<int>(platform.regions.size());
  for (int from = 1; from <= count; ++from) {
    for (int to = 1; to <= count; ++to) {
      if (from == to) continue;
      const std::string side = host_in(platform, from, 100 + to);
      const std::pair<std::string, std::string> routes[] = {
          {side + ":4567", host_in(platform, to, 1) + ":4567"},
          {side + ":5432", host_in(platform, to, 21) + ":5432"},
          {side + ":5433", host_in(platform, to, 21) + ":5432"}};
      for (const auto& [listen, target] : routes) {
        out << "\n[[route]]\nfrom = \"" << platform.regions[static_cast<std::size_t>(from) - 1].name
            << "\"\nto = \"" << platform.regions[static_cast<std::size_t>(to) - 1].name
            << "\"\nlisten = \"" << listen << "\"\ntarget = \"" << target << "\"\n";
        // Forwarded sessions log in by certificate; PostgreSQL tells them by their address.
        if (listen.ends_with(":5433")) {
          out << "source = \"" << host_in(platform, to, region::kForwardingHost) << "\"\n";
        }
      }
    }
  }
  return out.str();
}

std::string platform_toml(const Platform& platform) {
  std::ostringstream out;
  out << "# Written by `aurora-global up`.\nlayout = 1\naddress_prefix = \"" << platform.prefix
      << "\"\nglobal_cluster = \"" << platform.global_cluster
      << "\"\nreaders = " << platform.readers;
  if (platform.empty) out << "\nempty = true";
  if (!platform.listen.empty()) out << "\nlisten = \"" << platform.listen << "\"";
  out << "\nregions = [";
  for (std::size_t i = 0; i < platform.regions.size(); ++i) {
    out << (i == 0 ? "" : ", ") << "\"" << platform.regions[i].name << "\"";
  }
  out << "]\n";
  return out.str();
}

// What `env` sets for AWS's tools beside variables: `--payload` and other bytes are given as they
// are.
constexpr std::string_view kAwsConfig = R"(# Of `aurora-global env`.
[default]
cli_binary_format = raw-in-base64-out
)";

// `aws` for the shell of `env`: Debian's awscli does not know AWS_ENDPOINT_URL.
constexpr std::string_view kAwsWrapper = R"sh(#!/bin/sh
# Runs the next `aws` on PATH against the endpoint in AWS_ENDPOINT_URL.
self=$(cd "$(dirname "$0")" && pwd)
rest=$(printf '%s' "$PATH" | tr ':' '\n' | grep -vxF "$self" | paste -sd: -)
if [ -x /usr/bin/aws ]; then real=/usr/bin/aws; else real=$(PATH="$rest" command -v aws); fi
if [ -z "$real" ]; then
  echo "aws: no AWS CLI found; install the package awscli" >&2
  exit 127
fi
exec "$real" --endpoint-url "$AWS_ENDPOINT_URL" "$@"
)sh";

}  // namespace

Result<void> write_platform(const Home& home, const Platform& platform, const LinkDefaults& link,
                            const fs::path& postgres_bin) {
  TRY_VOID(make_dir(home.root(), 0755));
  TRY_VOID(make_dir(home.root() / "pki", 0700));
  TRY_VOID(make_dir(home.root() / "bin", 0755));
  TRY_VOID(make_dir(home.link_dir(), 0755));
  TRY(const auto servers, net::make_issuer("aurora-global servers"));
  TRY(const auto clients, net::make_issuer("aurora-global clients"));
  TRY_VOID(write_pair(home.root() / "pki" / "server-ca", servers));
  TRY_VOID(write_pair(home.root() / "pki" / "client-ca", clients));
  TRY_VOID(region::replace_file(home.root() / "server-ca.crt", servers.certificate_pem, 0644));
  const std::string credentials = "[default]\naws_access_key_id = AKIA" + random_hex(8) +
                                  "\naws_secret_access_key = " + random_hex(20) + "\n";
  TRY_VOID(region::replace_file(home.credentials_file(), credentials, 0600));
  TRY_VOID(region::replace_file(home.root() / "aws-config", kAwsConfig, 0644));
  if (!platform.empty) {
    TRY_VOID(region::replace_file(home.root() / "master-password", random_hex(16) + "\n", 0600));
  }
  TRY_VOID(region::replace_file(home.root() / "bin" / "aws", kAwsWrapper, 0755));
  const fs::path models = home.root() / "aws-models" / "rds" / "2014-10-31";
  TRY_VOID(make_dir(models, 0755));
  TRY_VOID(region::replace_file(models / "service-2.sdk-extras.json", kRdsExtras, 0644));
  TRY_VOID(write_link_file(home, platform, link));
  for (std::size_t i = 0; i < platform.regions.size(); ++i) {
    const RegionId& region = platform.regions[i];
    const int number = static_cast<int>(i) + 1;
    TRY_VOID(make_dir(home.region_dir(region), 0755));
    TRY_VOID(make_dir(home.run_dir(region), 0700));
    TRY_VOID(
        write_certificates(home.region_dir(region) / "tls", platform, number, servers, clients));
    TRY_VOID(region::replace_file(home.region_dir(region) / "region.toml",
                                  region_toml(home, platform, number, postgres_bin), 0644));
    TRY_VOID(region::replace_file(home.region_dir(region) / "router.toml",
                                  router_toml(home, platform, number), 0644));
  }
  // Last: from here on the directory is a platform.
  return write_platform_file(home, platform);
}

Result<void> write_platform_file(const Home& home, const Platform& platform) {
  return region::replace_file(home.platform_file(), platform_toml(platform), 0644);
}

Result<void> write_link_file(const Home& home, const Platform& platform, const LinkDefaults& link) {
  return region::replace_file(home.link_dir() / "link.toml", link_toml(home, platform, link), 0644);
}

}  // namespace aurora_global::cli
