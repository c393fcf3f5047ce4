#include "router/config.h"

#include <algorithm>
#include <thread>
#include <tuple>

#include "net/control_socket.h"
#include "net/http.h"
#include "settings/toml_reader.h"

namespace aurora_global::router {
namespace {

constexpr std::size_t kBackendsMax = 64;
constexpr int kThreadsMax = 15;  // A cancel key has four bits for the thread.

int default_threads() {
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 4);
}

Error invalid(std::string message) { return make_error(ErrorKind::invalid, std::move(message)); }

Result<RouterConfig> read_router_config(const toml::table& root, const std::string& file) {
  constexpr std::int64_t kMost = 86'400'000;
  RouterConfig config;
  config.threads = default_threads();
  std::int64_t hold_ms = 60'000;
  std::int64_t connect_ms = 5'000;
  settings::TableReader reader(root, file);
  reader.require("region", config.region);
  reader.require_path("control", config.control);
  reader.require_path("pid_file", config.pid_file);
  reader.require_path("topology_file", config.topology_file);
  reader.whole("hold_timeout_ms", hold_ms, 1, kMost);
  reader.whole("connect_timeout_ms", connect_ms, 1, kMost);
  reader.whole("max_connections", config.max_connections, 1, kMost);
  reader.whole("move_every", config.move_every, 1, kMost);
  reader.whole("threads", config.threads, 1, kThreadsMax);
  reader.path("tls_dir", config.tls_dir);
  config.require_tls = !config.tls_dir.empty();
  reader.flag("require_tls", config.require_tls);
  const toml::array* endpoints = reader.tables("endpoint");
  TRY_VOID(reader.finish());
  config.hold_timeout = std::chrono::milliseconds(hold_ms);
  config.connect_timeout = std::chrono::milliseconds(connect_ms);
  if (config.require_tls && config.tls_dir.empty()) {
    return invalid(file + ": 'require_tls' needs 'tls_dir'");
  }
  if (endpoints == nullptr || endpoints->empty()) return invalid(file + ": no [[endpoint]]");
  for (const toml::node& node : *endpoints) {
    EndpointConfig endpoint;
    settings::TableReader one(*node.as_table(), file + ": [[endpoint]]");
    one.require("name", endpoint.name);
    one.require("listen", endpoint.listen);
    one.texts("also_listen", endpoint.also_listen);
    TRY_VOID(one.finish());
    for (const std::string& also : endpoint.also_listen) TRY_VOID(net::parse_endpoint(also));
    if (endpoint.name != "global-writer" && endpoint.name != "cluster" &&
        endpoint.name != "reader") {
      return invalid(file + ": endpoint name '" + endpoint.name +
                     "' is none of global-writer, cluster, reader");
    }
    config.endpoints.push_back(std::move(endpoint));
  }
  return config;
}

}  // namespace

Result<RouterConfig> parse_router_config(std::string_view text, const std::string& file) {
  TRY(const toml::table root, settings::parse_toml(text, file));
  return read_router_config(root, file);
}

Result<RouterConfig> load_router_config(const std::filesystem::path& file) {
  TRY(const toml::table root, settings::load_toml(file));
  return read_router_config(root, file.string());
}

bool Topology::older_than(const Topology& other) const {
  return std::tie(epoch.value, version) < std::tie(other.epoch.value, other.version);
}

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
