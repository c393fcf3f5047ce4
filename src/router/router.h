// The router of a region: the endpoints that applications connect to.
//
// It knows only the topology it is told; it keeps the last one when nobody tells it any more, also
// over its own restart.
#pragma once

#include <memory>
#include <vector>

#include "net/control_socket.h"
#include "router/endpoint.h"

namespace aurora_global::router {

class Router {
 public:
  // `config` must outlive the router.
  Router(boost::asio::any_io_executor executor, const RouterConfig& config);

  // Loads the kept topology and listens. Fails with the first address that cannot be had.
  Result<void> start();
  net::Task<void> stop();

  // The requests of the control socket.
  net::Task<Result<nlohmann::json>> control(nlohmann::json request);

 private:
  Result<nlohmann::json> take(const nlohmann::json& json);
  Endpoint* endpoint(const std::string& name);

  const RouterConfig& config_;
  Topology topology_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
};

// Runs the router of a configuration file until SIGTERM or SIGINT. Returns an exit code.
int run_router(const std::filesystem::path& config_file);

}  // namespace aurora_global::router
