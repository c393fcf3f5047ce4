// One endpoint, on one thread: its listener, its sessions, and the choice of a server for each.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "net/task.h"
#include "router/config.h"
#include "router/mover.h"
#include "router/reception.h"
#include "router/server_watch.h"

namespace aurora_global::router {

class Endpoint {
 public:
  // What all endpoints of a thread use.
  struct Surroundings {
    boost::asio::any_io_executor executor;
    const RouterConfig& config;
    const ServerIdentity* identity;  // Nullptr: no TLS for clients.
    net::TlsContext server_tls;      // Towards servers across the link.
    Verifiers& verifiers;
    Verifiers& verifiers_of_writer;
    unsigned thread = 0;
    // Finds the session with that key, on whichever thread, and has its statement cancelled.
    std::function<net::Task<void>(pgwire::CancelRequest)> cancel;
  };

  // `all_clients` counts those of this endpoint on all threads.
  Endpoint(Surroundings surroundings, EndpointConfig endpoint,
           std::atomic<std::size_t>& all_clients);
  ~Endpoint();

  void start();
  net::Task<void> stop();

  const std::string& name() const { return endpoint_.name; }
  boost::asio::any_io_executor executor() const { return around_.executor; }

  // Counts as a client as long as it lives. On any thread, as are its maker and clients().
  class Place {
   public:
    Place(std::atomic<std::size_t>& here, std::atomic<std::size_t>& all);
    Place(Place&& other) noexcept;
    ~Place();

   private:
    std::atomic<std::size_t>* here_;
    std::atomic<std::size_t>* all_;
  };
  Place take_place() { return {clients_, all_clients_}; }
  std::size_t clients() const { return clients_; }
  // Serves a client that has connected.
  void serve(boost::asio::ip::tcp::socket socket, Place place);

  // Where its sessions go. Only on the endpoint's thread.
  Mover& mover() { return mover_; }

  nlohmann::json status() const;
  nlohmann::json sessions_json() const;
  // False: the key is of no session here.
  net::Task<bool> cancel(pgwire::CancelRequest request);

 private:
  using tcp = boost::asio::ip::tcp;
  using SessionPointer = std::shared_ptr<Session>;

  net::Task<void> serve_client(tcp::socket socket, Place place);
  // A session at the first server that takes it. `refusal`: the server's own words, if it had any.
  net::Task<Result<std::unique_ptr<Backend>>> log_in(Backend::Parameters parameters,
                                                     pgwire::Bytes& refusal, Deadline deadline);

  Surroundings around_;
  EndpointConfig endpoint_;
  std::atomic<std::size_t>& all_clients_;  // With those that are logging in.
  SessionGate gate_;
  net::TaskGroup tasks_;
  SessionHost host_;
  Servers servers_;
  SessionSet sessions_;
  Mover mover_;
  std::atomic<std::size_t> clients_ = 0;  // Those of this thread.
  Reception reception_;
  std::uint64_t accepted_total_ = 0;
  ServerWatch watch_;
};

}  // namespace aurora_global::router
