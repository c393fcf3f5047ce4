// What a region daemon starts from: one TOML file (docs/reference/control.md, "region.toml").
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace aurora_global::region {

// The PostgreSQL extension's library and SQL script, in `extension_dir`.
inline constexpr char kExtensionLibrary[] = "aurora_global.so";
inline constexpr char kExtensionScript[] = "aurora_global--1.0.sql";
// Forwarded sessions reach an instance from <prefix>.<this>, and nobody else does.
inline constexpr int kForwardingHost = 200;

struct PeerConfig {
  RegionId region;
  std::string api;         // Its peer protocol, as reached from here: "address:port".
  std::string postgres;    // Its head instance, as reached from here.
  std::string forwarding;  // The same, for forwarded sessions.
};

struct RegionConfig {
  RegionId region;
  int index = 1;
  std::filesystem::path home;
  std::string account_id;
  std::string api_address;
  // The APIs once more, for programs that find NAME.localhost without DNS; empty: not.
  std::string localhost_address;
  std::string peer_address;
  std::string address_prefix;  // Instance in slot i has <prefix>.<20+i>.
  std::filesystem::path postgres_bin;
  std::filesystem::path credentials_file;
  std::filesystem::path extension_dir;  // Empty: PostgreSQL runs without the extension.
  std::string global_writer;            // Endpoint addresses, "address:port".
  std::string cluster;
  std::string reader;
  std::vector<PeerConfig> peers;

  // A switchover is refused above this distance between the regions.
  std::uint64_t switchover_lag_bytes_max = 64u << 20;
  // A reader further behind gets no new sessions.
  std::int64_t reader_lag_ms_max = 10'000;
  int max_connections = 200;
  int health_port = 0;          // Of each instance's health listener; 0: there are none.
  int metrics_interval_s = 60;  // Between two values of the region's own CloudWatch metrics.

  std::filesystem::path run_dir() const { return home / "run"; }
  std::filesystem::path tls_dir() const { return home / "tls"; }
  const PeerConfig* peer(const RegionId& id) const;
};

// Fails with `invalid` for unreadable or malformed TOML, unknown or missing keys; the message names
// file, key and line.
Result<RegionConfig> load_region_config(const std::filesystem::path& file);

// Access key id -> secret of an AWS credentials file (INI, every profile).
Result<std::map<std::string, std::string>> load_credentials(const std::filesystem::path& file);

}  // namespace aurora_global::region
