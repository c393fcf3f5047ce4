// One endpoint: its listener, its sessions, and the choice of a backend for each.
//
// A session is relayed whole, TLS and all: only its first packet is read, to tell a cancel request
// from a client. This is the place where protocol-aware relaying will come in.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <list>
#include <memory>
#include <nlohmann/json.hpp>

#include "net/task.h"
#include "pgwire/startup.h"
#include "router/config.h"
#include "router/session_gate.h"

namespace aurora_global::router {

class Endpoint {
 public:
  Endpoint(boost::asio::any_io_executor executor, const RouterConfig& config,
           EndpointConfig endpoint);
  ~Endpoint();

  Result<void> start();
  net::Task<void> stop();

  SessionGate& gate() { return gate_; }
  const std::string& name() const { return endpoint_.name; }
  // New sessions go to these; sessions whose backend is not among them are cut.
  void use(std::vector<std::string> backends, Epoch epoch);
  nlohmann::json status() const;

 private:
  using tcp = boost::asio::ip::tcp;
  struct Session;

  net::Task<void> accept_loop();
  net::Task<void> serve(tcp::socket client);
  net::Task<Result<std::optional<pgwire::ParsedFirstPacket>>> first_packet(Session& session);
  // Tries the backends in turn until one answers. Fails with `timeout`.
  net::Task<Result<void>> connect_backend(Session& session, Deadline deadline);
  net::Task<void> refuse(Session& session, std::string sqlstate, std::string message,
                         std::string hint);
  net::Task<void> cancel_everywhere(pgwire::CancelRequest request);
  net::Task<void> relay(std::shared_ptr<Session> session);
  net::Task<void> pump(std::shared_ptr<Session> session, tcp::socket& from, tcp::socket& to);

  boost::asio::any_io_executor executor_;
  const RouterConfig& config_;
  EndpointConfig endpoint_;
  SessionGate gate_;
  std::unique_ptr<tcp::acceptor> acceptor_;
  std::vector<std::string> backends_;
  std::size_t next_backend_ = 0;
  std::list<Session*> sessions_;
  net::Event changed_;  // The backends.
  std::uint64_t accepted_total_ = 0;
  std::uint64_t refused_total_ = 0;
  std::uint64_t cut_total_ = 0;
  net::TaskGroup tasks_;
};

}  // namespace aurora_global::router
