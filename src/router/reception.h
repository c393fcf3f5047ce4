// How a client comes in at an endpoint: its first packets, who may, its password, and its session
// at a server, which it is greeted with.
//
// One thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "net/task.h"
#include "router/login.h"

namespace aurora_global::router {

class Reception {
  class Newcomer;

 public:
  struct House {
    const RouterConfig& config;
    std::string endpoint;
    const ServerIdentity* identity;  // Nullptr: no TLS for clients.
    Verifiers& verifiers;
    unsigned thread = 0;
    // Has the statement of the session with that key cancelled, on whichever thread it is.
    std::function<net::Task<void>(pgwire::CancelRequest)> cancel;
    // A session at a server. `refusal`: the server's own words, if it had any.
    std::function<net::Task<Result<std::unique_ptr<Backend>>>(Backend::Parameters, pgwire::Bytes&,
                                                              Deadline)>
        log_in;
    std::function<bool()> full;
    // What may be different the next time the verifiers are asked: a topology has come.
    net::Event& changed;
    net::TaskGroup& tasks;
  };
  // A client with its session.
  struct Guest {
    Channel client;
    Backend::Parameters parameters;
    std::string address;
    pgwire::Bytes received;  // Read too far.
    std::unique_ptr<Backend> server;
    pgwire::BackendKey key;              // What the client was told.
    std::shared_ptr<Newcomer> newcomer;  // Until it has proven its password.
  };

  explicit Reception(House house) : house_(std::move(house)) {}

  // Nullopt: it is gone, and was told why if there was a reason.
  net::Task<std::optional<Guest>> receive(boost::asio::ip::tcp::socket socket);
  std::uint64_t refused_total() const { return refused_total_; }

 private:
  net::Task<Result<void>> welcome(Guest& guest);
  net::Task<Result<void>> admit(Guest& guest, pgwire::StartupMessage startup, Deadline deadline);
  net::Task<Result<void>> negotiate(Channel& client, pgwire::StartupMessage& startup,
                                    Deadline deadline);
  Result<void> check_request(const Guest& guest) const;
  net::Task<Result<void>> check_password(Guest& guest, std::string user, Deadline deadline);
  net::Task<Result<void>> open_session(Guest& guest, Deadline deadline);
  net::Task<void> refuse(Channel& client, std::string address, Error why);

  House house_;
  std::map<std::string, std::size_t> newcomers_;  // By host: clients that have proven nothing yet.
  std::uint64_t refused_total_ = 0;
};

}  // namespace aurora_global::router
