#include "region/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <sstream>

namespace aurora_global::region {
namespace {

// Reads keys of one table and remembers the first thing wrong; unknown keys are wrong.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string name) : table_(table), name_(std::move(name)) {}

  void require(std::string_view key, std::string& out) {
    known_.push_back(std::string(key));
    const auto value = table_[key].value<std::string>();
    if (!value || value->empty()) return fail("needs a text", key);
    out = *value;
  }
  template <typename T>
  void optional(std::string_view key, T& out) {
    known_.push_back(std::string(key));
    if (!table_.contains(key)) return;
    const auto value = table_[key].value_exact<T>();
    if (!value) return fail("has a value of the wrong type", key);
    out = *value;
  }
  void known(std::initializer_list<std::string_view> keys) {
    for (const auto key : keys) known_.emplace_back(key);
  }
  Result<void> finish() {
    for (const auto& [key, node] : table_) {
      if (std::find(known_.begin(), known_.end(), key.str()) == known_.end()) {
        fail("is not known (line " + std::to_string(node.source().begin.line) + ")", key.str());
      }
    }
    if (!problem_.empty()) return make_error(ErrorKind::invalid, problem_);
    return ok();
  }

 private:
  void fail(std::string_view what, std::string_view key) {
    if (problem_.empty()) problem_ = name_ + ": " + std::string(key) + " " + std::string(what);
  }

  const toml::table& table_;
  std::string name_;
  std::vector<std::string> known_;
  std::string problem_;
};

Result<void> read_peers(const toml::table& root, const std::string& name, RegionConfig& config) {
  const toml::array* peers = root["peer"].as_array();
  if (peers == nullptr) return ok();
  for (const toml::node& node : *peers) {
    if (!node.is_table()) return make_error(ErrorKind::invalid, name + ": peer must be [[peer]]");
    PeerConfig peer;
    TableReader reader(*node.as_table(), name + ": [[peer]]");
    reader.require("region", peer.region.name);
    reader.require("api", peer.api);
    reader.require("postgres", peer.postgres);
    reader.require("forwarding", peer.forwarding);
    TRY_VOID(reader.finish());
    config.peers.push_back(std::move(peer));
  }
  return ok();
}

Result<void> read_tables(const toml::table& root, const std::string& name, RegionConfig& config) {
  if (const toml::table* endpoints = root["endpoints"].as_table()) {
    TableReader reader(*endpoints, name + ": [endpoints]");
    reader.require("global_writer", config.global_writer);
    reader.require("cluster", config.cluster);
    reader.require("reader", config.reader);
    TRY_VOID(reader.finish());
  } else {
    return make_error(ErrorKind::invalid, name + ": the table [endpoints] is missing");
  }
  return read_peers(root, name, config);
}

}  // namespace

const PeerConfig* RegionConfig::peer(const RegionId& id) const {
  for (const PeerConfig& candidate : peers) {
    if (candidate.region == id) return &candidate;
  }
  return nullptr;
}

Result<RegionConfig> load_region_config(const std::filesystem::path& file) {
  toml::table root;
  try {
    root = toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    std::ostringstream text;
    text << file.string() << ": " << error.description() << " at line "
         << error.source().begin.line;
    return make_error(ErrorKind::invalid, text.str());
  }
  const std::string name = file.string();
  RegionConfig config;
  std::string home, bin, credentials, extension;
  std::int64_t index = 1;
  std::int64_t lag_max = static_cast<std::int64_t>(config.switchover_lag_bytes_max);
  std::int64_t connections = config.max_connections;
  std::int64_t interval = config.metrics_interval_s;
  std::int64_t health_port = config.health_port;
  TableReader reader(root, name);
  reader.require("region", config.region.name);
  reader.require("home", home);
  reader.require("account_id", config.account_id);
  reader.require("api_address", config.api_address);
  reader.require("peer_address", config.peer_address);
  reader.require("address_prefix", config.address_prefix);
  reader.require("postgres_bin", bin);
  reader.require("credentials_file", credentials);
  reader.optional("localhost_address", config.localhost_address);
  reader.optional("index", index);
  reader.optional("switchover_lag_bytes_max", lag_max);
  reader.optional("max_connections", connections);
  reader.optional("metrics_interval_s", interval);
  reader.optional("health_port", health_port);
  reader.optional("extension_dir", extension);
  reader.known({"endpoints", "peer"});
  TRY_VOID(reader.finish());
  TRY_VOID(read_tables(root, name, config));
  if (index < 1 || index > 99 || lag_max < 0 || connections < 10 || connections > 10000 ||
      interval < 1 || interval > 3600 || health_port < 0 || health_port > 65535) {
    return make_error(
        ErrorKind::invalid,
        name +
            ": index (1 to 99), switchover_lag_bytes_max (not negative), "
            "max_connections (10 to 10000), metrics_interval_s (1 to 3600) or health_port "
            "(0 to 65535) is out of range");
  }
  config.home = home;
  config.postgres_bin = bin;
  config.extension_dir = extension;
  config.credentials_file = credentials;
  config.index = static_cast<int>(index);
  config.switchover_lag_bytes_max = static_cast<std::uint64_t>(lag_max);
  config.max_connections = static_cast<int>(connections);
  config.metrics_interval_s = static_cast<int>(interval);
  config.health_port = static_cast<int>(health_port);
  return config;
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
