// The router of a region: the endpoints that applications connect to.
//
// It knows only the topology it is told; it keeps the last one when nobody tells it any more, also
// over its own restart. With several threads each has all endpoints; the first thread is the
// caller's, accepts the clients, which are spread over all, and takes the orders.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "net/control_socket.h"
#include "router/listener.h"

namespace aurora_global::router {

class Router {
 public:
  // `config` must outlive the router. Fails with `invalid` when the certificates cannot be used.
  static Result<std::unique_ptr<Router>> make(boost::asio::any_io_executor executor,
                                              const RouterConfig& config);
  ~Router();

  // Loads the kept topology and listens. Fails with the first address that cannot be had.
  net::Task<Result<void>> start();
  net::Task<void> stop();

  // The requests of the control socket.
  net::Task<Result<nlohmann::json>> control(nlohmann::json request);

 private:
  using Json = nlohmann::json;
  struct Worker;

  Router(boost::asio::any_io_executor executor, const RouterConfig& config);
  net::Task<Result<Json>> take(Json json);
  net::Task<Result<Json>> status();
  net::Task<Result<Json>> sessions();
  net::Task<Result<Json>> order(std::string what, Json request);
  net::Task<void> cancel(pgwire::CancelRequest request);
  bool knows(const std::string& endpoint) const;

  const RouterConfig& config_;
  std::unique_ptr<ServerIdentity> identity_;
  net::TlsContext server_tls_;
  Topology topology_;
  std::map<std::string, std::atomic<std::size_t>> clients_;  // By endpoint, of all threads.
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  net::TaskGroup orders_;
};

// How many clients each endpoint can serve with so many open files; 1 at least.
int connections_for(std::uint64_t open_files, std::size_t endpoints);

// Runs the router of a configuration file until SIGTERM or SIGINT. Returns an exit code.
// `move_every` takes the place of the file's.
int run_router(const std::filesystem::path& config_file, std::optional<int> move_every);

}  // namespace aurora_global::router
