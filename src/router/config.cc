#include "router/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <thread>
#include <tuple>

#include "net/control_socket.h"
#include "net/http.h"

namespace aurora_global::router {
namespace {

constexpr std::size_t kBackendsMax = 64;
constexpr int kSilenceMinMs = 1000;
constexpr int kThreadsMax = 15;  // A cancel key has four bits for the thread.

int default_threads() {
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 4);
}

Error invalid(std::string message) { return make_error(ErrorKind::invalid, std::move(message)); }

Result<void> refuse_unknown(const toml::table& table, const std::set<std::string_view>& known,
                            const std::string& where) {
  for (const auto& [key, node] : table) {
    if (!known.contains(key.str())) {
      return invalid(where + ": unknown key '" + std::string(key.str()) + "' in line " +
                     std::to_string(node.source().begin.line));
    }
  }
  return ok();
}

Result<std::string> text_at(const toml::table& table, std::string_view key,
                            const std::string& where) {
  const auto value = table[key].value<std::string>();
  if (!value || value->empty()) return invalid(where + ": '" + std::string(key) + "' needs a text");
  return *value;
}

Result<std::int64_t> number_at(const toml::table& table, std::string_view key,
                               std::int64_t otherwise, const std::string& where) {
  if (!table.contains(key)) return otherwise;
  const auto value = table[key].value<std::int64_t>();
  if (!value || *value < 1 || *value > 86'400'000) {
    return invalid(where + ": '" + std::string(key) + "' needs a whole number from 1 to 86400000");
  }
  return *value;
}

}  // namespace

Result<RouterConfig> load_router_config(const std::filesystem::path& file) {
  const std::string where = file.string();
  toml::table root;
  try {
    root = toml::parse_file(where);
  } catch (const toml::parse_error& error) {
    std::ostringstream text;
    text << where << ": " << error.description() << " in line " << error.source().begin.line;
    return invalid(text.str());
  }
  TRY_VOID(refuse_unknown(root,
                          {"region", "control", "pid_file", "topology_file", "hold_timeout_ms",
                           "connect_timeout_ms", "silence_timeout_ms", "max_connections", "threads",
                           "tls_dir", "require_tls", "move_every", "endpoint"},
                          where));
  RouterConfig config;
  TRY(config.region, text_at(root, "region", where));
  TRY(config.control, text_at(root, "control", where));
  TRY(config.pid_file, text_at(root, "pid_file", where));
  TRY(config.topology_file, text_at(root, "topology_file", where));
  TRY(const auto hold, number_at(root, "hold_timeout_ms", 60'000, where));
  TRY(const auto connect, number_at(root, "connect_timeout_ms", 5'000, where));
  TRY(const auto silence, number_at(root, "silence_timeout_ms", 3'000, where));
  if (silence < kSilenceMinMs) {
    return invalid(where +
                   ": 'silence_timeout_ms' is at least 1000: a busy server needs that long");
  }
  TRY(const auto connections, number_at(root, "max_connections", 2'000, where));
  config.hold_timeout = std::chrono::milliseconds(hold);
  config.connect_timeout = std::chrono::milliseconds(connect);
  config.silence_timeout = std::chrono::milliseconds(silence);
  config.max_connections = static_cast<int>(connections);
  if (root.contains("move_every")) {
    TRY(const auto every, number_at(root, "move_every", 1, where));
    config.move_every = static_cast<int>(every);
  }
  TRY(const auto threads, number_at(root, "threads", default_threads(), where));
  if (threads > kThreadsMax) return invalid(where + ": 'threads' is at most 15");
  config.threads = static_cast<int>(threads);
  config.tls_dir = root["tls_dir"].value_or(std::string());
  config.require_tls = root["require_tls"].value_or(!config.tls_dir.empty());
  if (config.require_tls && config.tls_dir.empty()) {
    return invalid(where + ": 'require_tls' needs 'tls_dir'");
  }
  const toml::array* endpoints = root["endpoint"].as_array();
  if (endpoints == nullptr || endpoints->empty()) return invalid(where + ": no [[endpoint]]");
  for (const toml::node& node : *endpoints) {
    if (!node.is_table()) return invalid(where + ": endpoint must be [[endpoint]]");
    const toml::table& table = *node.as_table();
    TRY_VOID(refuse_unknown(table, {"name", "listen", "also_listen"}, where + ": [[endpoint]]"));
    EndpointConfig endpoint;
    TRY(endpoint.name, text_at(table, "name", where + ": [[endpoint]]"));
    TRY(endpoint.listen, text_at(table, "listen", where + ": [[endpoint]]"));
    if (const toml::node* also = table.get("also_listen"); also != nullptr) {
      if (!also->is_array()) return invalid(where + ": 'also_listen' is a list of addresses");
      for (const toml::node& one : *also->as_array()) {
        endpoint.also_listen.push_back(one.value_or(std::string()));
        TRY_VOID(net::parse_endpoint(endpoint.also_listen.back()));
      }
    }
    if (endpoint.name != "global-writer" && endpoint.name != "cluster" &&
        endpoint.name != "reader") {
      return invalid(where + ": endpoint name '" + endpoint.name +
                     "' is none of global-writer, cluster, reader");
    }
    config.endpoints.push_back(std::move(endpoint));
  }
  return config;
}

bool Topology::older_than(const Topology& other) const { return version < other.version; }

Result<BackendAddress> parse_backend(const nlohmann::json& json) {
  if (!json.is_object()) return invalid("a backend is a JSON object with an address");
  TRY_VOID(net::refuse_unknown_members(json, {"address", "socket", "tls", "draining"}));
  BackendAddress backend;
  try {
    json.at("address").get_to(backend.address);
    backend.socket = json.value("socket", "");
    backend.tls = json.value("tls", false);
    backend.draining = json.value("draining", false);
  } catch (const nlohmann::json::exception& error) {
    return invalid(std::string("malformed backend: ") + error.what());
  }
  TRY_VOID(net::parse_endpoint(backend.address));
  return backend;
}

Result<Topology> parse_topology(const nlohmann::json& json) {
  if (!json.is_object()) return invalid("a topology is a JSON object");
  TRY_VOID(net::refuse_unknown_members(
      json, {"version", "epoch", "region", "writer_region", "endpoints"}));
  Topology topology;
  try {
    json.at("version").get_to(topology.version);
    json.at("epoch").get_to(topology.epoch.value);
    json.at("region").get_to(topology.region);
    json.at("writer_region").get_to(topology.writer_region);
    for (const auto& endpoint : json.at("endpoints")) {
      TRY_VOID(net::refuse_unknown_members(endpoint, {"name", "backends"}));
      const auto& listed = endpoint.at("backends");
      if (listed.size() > kBackendsMax) return invalid("more than 64 backends for one endpoint");
      std::vector<BackendAddress> backends;
      for (const auto& one : listed) {
        TRY(auto backend, parse_backend(one));
        backends.push_back(std::move(backend));
      }
      topology.backends[endpoint.at("name").get<std::string>()] = std::move(backends);
    }
  } catch (const nlohmann::json::exception& error) {
    return invalid(std::string("malformed topology: ") + error.what());
  }
  return topology;
}

}  // namespace aurora_global::router
