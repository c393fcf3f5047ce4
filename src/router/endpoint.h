// One endpoint, on one thread: its listener, its sessions, and the choice of a server for each.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "model/operation.h"
#include "net/task.h"
#include "router/config.h"
#include "router/reception.h"
#include "router/server_watch.h"
#include "router/session.h"
#include "router/session_gate.h"
#include "router/session_set.h"

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

  // New sessions go to these; those whose server is not among them are carried to one of them. In
  // three steps, so that each session that listens for notifications listens at the new server
  // before any other can notify there: adopt() returns whether there are such, and nothing begins
  // until open(), before which they are waited for.
  bool adopt(std::vector<BackendAddress> backends, Epoch epoch);
  net::Task<void> await_listeners(Deadline deadline);
  void open();
  // Opens and warms a session at `target` for each that there is.
  net::Task<nlohmann::json> prepare(BackendAddress target, Deadline deadline);
  // Nothing new begins until `epoch`, or until release(). Returns when every session is settled, or
  // at the deadline; then those still open are ended, or (abort) only counted.
  net::Task<nlohmann::json> hold(Epoch epoch, model::DrainPolicy policy, Deadline deadline);
  void release();

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
  std::vector<BackendAddress> candidates();
  bool listed(const BackendAddress& server) const;
  void carry(SessionPointer session);
  net::Task<void> carry_on(SessionPointer session);
  void move_in_place(SessionPointer session);
  net::Task<void> do_move_in_place(SessionPointer session);

  Surroundings around_;
  EndpointConfig endpoint_;
  std::atomic<std::size_t>& all_clients_;  // With those that are logging in.
  SessionGate gate_;
  net::TaskGroup tasks_;
  SessionHost host_;
  std::vector<BackendAddress> backends_;
  std::size_t next_backend_ = 0;
  std::optional<BackendAddress> preparing_;
  Epoch epoch_;
  bool epoch_is_new_ = false;  // From adopt() to open().
  std::vector<SessionPointer> listeners_;
  SessionSet sessions_;
  std::atomic<std::size_t> clients_ = 0;  // The same on this thread.
  net::Event changed_;                    // The backends.
  Reception reception_;
  std::uint64_t accepted_total_ = 0;
  std::uint64_t cut_total_ = 0;
  std::uint64_t moved_total_ = 0;
  std::uint64_t moved_in_place_total_ = 0;
  std::map<std::string, std::uint64_t> stayed_;  // Why a session was not moved in place.
  ServerWatch watch_;
};

}  // namespace aurora_global::router
