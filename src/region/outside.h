// All that a region's core touches of the world, handed in by whoever made it.
#pragma once

#include <map>
#include <string>

#include "base/clock.h"
#include "base/rng.h"
#include "region/instance/instance.h"
#include "region/peers/transport.h"
#include "region/region.h"
#include "region/router_link.h"
#include "region/store.h"
#include "region/vault.h"

namespace aurora_global::region {

// References outlive the Daemon.
struct Outside {
  boost::asio::any_io_executor executor;
  const Clock& clock;
  Randomness& random;
  Store& store;
  const Vault& vault;
  PeerTransport& peers;
  RouterLink& router;
  MakeInstance make_instance;
  // Removes a directory with all that is in it; no effect if there is none.
  std::function<net::Task<Result<void>>(std::filesystem::path directory)> remove_tree;
  Facts facts;
  std::map<std::string, std::string> credentials;  // Access key id -> secret.
};

}  // namespace aurora_global::region
