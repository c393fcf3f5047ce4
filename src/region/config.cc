#include "region/config.h"

#include <fstream>
#include <limits>

#include "settings/toml_reader.h"

namespace aurora_global::region {
namespace {

Result<void> read_peers(const toml::array* peers, const std::string& file, RegionConfig& config) {
  if (peers == nullptr) return ok();
  for (const toml::node& node : *peers) {
    PeerConfig peer;
    settings::TableReader reader(*node.as_table(), file + ": [[peer]]");
    reader.require("region", peer.region.name);
    reader.require("api", peer.api);
    reader.require("postgres", peer.postgres);
    reader.require("forwarding", peer.forwarding);
    TRY_VOID(reader.finish());
    config.peers.push_back(std::move(peer));
  }
  return ok();
}

Result<RegionConfig> read_region_config(const toml::table& root, const std::string& file) {
  constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
  RegionConfig config;
  settings::TableReader reader(root, file);
  reader.require("region", config.region.name);
  reader.require_path("home", config.home);
  reader.require("account_id", config.account_id);
  reader.require("api_address", config.api_address);
  reader.require("peer_address", config.peer_address);
  reader.require("address_prefix", config.address_prefix);
  reader.require_path("postgres_bin", config.postgres_bin);
  reader.require_path("credentials_file", config.credentials_file);
  reader.path("extension_dir", config.extension_dir);
  reader.whole("index", config.index, 1, 99);
  reader.whole("switchover_lag_bytes_max", config.switchover_lag_bytes_max, 0, kAny);
  reader.whole("max_connections", config.max_connections, 10, 10'000);
  reader.whole("metrics_interval_s", config.metrics_interval_s, 1, 3600);
  const toml::table* endpoints = reader.table("endpoints");
  const toml::array* peers = reader.tables("peer");
  TRY_VOID(reader.finish());
  if (endpoints == nullptr) {
    return make_error(ErrorKind::invalid, file + ": the table [endpoints] is missing");
  }
  settings::TableReader addresses(*endpoints, file + ": [endpoints]");
  addresses.require("global_writer", config.global_writer);
  addresses.require("cluster", config.cluster);
  addresses.require("reader", config.reader);
  TRY_VOID(addresses.finish());
  TRY_VOID(read_peers(peers, file, config));
  return config;
}

}  // namespace

const PeerConfig* RegionConfig::peer(const RegionId& id) const {
  for (const PeerConfig& candidate : peers) {
    if (candidate.region == id) return &candidate;
  }
  return nullptr;
}

Result<RegionConfig> parse_region_config(std::string_view text, const std::string& file) {
  TRY(const toml::table root, settings::parse_toml(text, file));
  return read_region_config(root, file);
}

Result<RegionConfig> load_region_config(const std::filesystem::path& file) {
  TRY(const toml::table root, settings::load_toml(file));
  return read_region_config(root, file.string());
}

Result<std::map<std::string, std::string>> load_credentials(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) {
    return make_error(ErrorKind::not_found, "cannot read the credentials file " + file.string());
  }
  const auto trimmed = [](std::string text) {
    const auto first = text.find_first_not_of(" \t\r");
    const auto last = text.find_last_not_of(" \t\r");
    return first == std::string::npos ? std::string() : text.substr(first, last - first + 1);
  };
  std::map<std::string, std::string> keys;
  std::string id;
  for (std::string line; std::getline(in, line);) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    const std::string key = trimmed(line.substr(0, equals));
    const std::string value = trimmed(line.substr(equals + 1));
    if (key == "aws_access_key_id") id = value;
    if (key == "aws_secret_access_key" && !id.empty()) keys[id] = value;
  }
  if (keys.empty()) {
    return make_error(ErrorKind::invalid,
                      file.string() + ": no aws_access_key_id with aws_secret_access_key in it");
  }
  return keys;
}

}  // namespace aurora_global::region
