// What a router starts from, and where it sends whom (docs/reference/control.md).
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace aurora_global::router {

struct EndpointConfig {
  std::string name;  // global-writer | cluster | reader
  std::string listen;
  std::vector<std::string> also_listen;  // For clients that cannot reach that one: in containers.
};

struct RouterConfig {
  std::string region;
  std::filesystem::path control;
  std::filesystem::path pid_file;
  std::filesystem::path topology_file;
  Duration hold_timeout = std::chrono::seconds(60);
  Duration connect_timeout = std::chrono::seconds(5);
  Duration silence_timeout = std::chrono::seconds(3);  // Of servers across the link.
  int max_connections = 2000;                          // Per endpoint.
  int threads = 1;
  // Server certificate for clients (server.crt, server.key), and client certificate for servers
  // across the link (forwarding.crt, forwarding.key, server-ca.crt). Empty: no TLS on either side.
  std::filesystem::path tls_dir;
  bool require_tls = true;  // Of clients; false without `tls_dir`.
  // For tests: after every so many transactions a session is carried to a fresh one of the same
  // server, as when the writer moves. 0: never.
  int move_every = 0;
  std::vector<EndpointConfig> endpoints;
};

// How a server is reached, and what people call it.
struct BackendAddress {
  std::string address;  // "127.0.1.21:5432"
  std::string socket;   // Directory of its Unix socket, which is used instead; empty: none.
  bool tls = false;     // With the router's client certificate.
  // New sessions go elsewhere; those that it has stay.
  bool draining = false;

  const std::string& name() const { return address; }
  bool same_server(const BackendAddress& other) const {
    return address == other.address && socket == other.socket && tls == other.tls;
  }
};

Result<RouterConfig> load_router_config(const std::filesystem::path& file);

// One snapshot of where everything is. Immutable; swapped whole.
struct Topology {
  Epoch epoch;
  std::uint64_t version = 0;
  std::string region;
  std::string writer_region;
  std::map<std::string, std::vector<BackendAddress>> backends;  // By endpoint name.

  bool older_than(const Topology& other) const;
};

// Both fail with `invalid` for missing members, unknown members or malformed addresses.
Result<BackendAddress> parse_backend(const nlohmann::json& json);
Result<Topology> parse_topology(const nlohmann::json& json);

}  // namespace aurora_global::router
