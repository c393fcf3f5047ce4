// Where the endpoints of a region lead: what its daemon tells its router.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"

namespace aurora_global::model {

// A server, as a router reaches it.
struct Backend {
  std::string address;    // "127.0.1.21:5432"
  std::string socket;     // Directory of its Unix socket; empty: only by address.
  bool tls = false;       // By address, under the router's client certificate.
  bool draining = false;  // New sessions go elsewhere while there is another.
  friend bool operator==(const Backend&, const Backend&) = default;
};

struct EndpointBackends {
  std::string name;  // global-writer | cluster | reader
  std::vector<Backend> backends;
  friend bool operator==(const EndpointBackends&, const EndpointBackends&) = default;
};

struct Topology {
  std::uint64_t version = 0;
  Epoch epoch;
  RegionId region;
  RegionId writer_region;
  std::vector<EndpointBackends> endpoints;
  friend bool operator==(const Topology&, const Topology&) = default;
};

}  // namespace aurora_global::model
