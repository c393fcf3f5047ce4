// Accepts the clients of one endpoint, and gives each to the thread that serves the fewest of them.
//
// One thread: its executor's.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <vector>

#include "net/task.h"
#include "router/endpoint.h"

namespace aurora_global::router {

class Listener {
 public:
  // `endpoints`: the endpoint as each thread has it; they outlive the listener.
  Listener(boost::asio::any_io_executor executor, std::string address,
           std::vector<Endpoint*> endpoints);

  // Fails with `conflict` when the address is taken, `unavailable` otherwise.
  Result<void> start();
  net::Task<void> stop();

 private:
  net::Task<void> accept_loop();

  std::string address_;
  std::vector<Endpoint*> endpoints_;
  net::TaskGroup tasks_;
  std::unique_ptr<boost::asio::ip::tcp::acceptor> acceptor_;
};

}  // namespace aurora_global::router
