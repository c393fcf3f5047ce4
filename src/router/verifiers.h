// What a client's password is checked against: the verifiers that PostgreSQL keeps.
//
// Read at each login over one kept connection: from an instance of the region as rdsadmin through
// its Unix socket, or from a writer across the link as rdsrepladmin with its client certificate. So
// a standby that lags lets nobody in at a global writer endpoint with a password of yesterday.
// While no instance of the region answers, an answer of the last 10 seconds is taken.
//
// One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/mutex.h"
#include "router/backend.h"

namespace aurora_global::router {

class Verifiers {
 public:
  struct Role {
    std::string verifier;  // As pg_authid has it; empty: there is no such role, or no password.
    bool superuser = false;
    bool expired = false;  // VALID UNTIL has passed.
  };

  // `link`: the certificate for a server across the link.
  Verifiers(boost::asio::any_io_executor executor, net::TlsContext link)
      : executor_(std::move(executor)),
        link_(std::move(link)),
        line_(std::make_shared<Line>(executor_)) {}

  // Where to ask from now on, the first that answers.
  void ask_at(std::vector<BackendAddress> servers);

  // Fails with `unavailable` or `timeout` when nobody can tell.
  net::Task<Result<Role>> find(std::string name, Deadline deadline);

 private:
  struct Known {
    Role role;
    Instant at;
  };
  // The servers that are asked, and the connection to one of them. Who still waits for an answer by
  // an old line when there is a new one holds up nobody.
  struct Line {
    explicit Line(boost::asio::any_io_executor executor) : lock(std::move(executor)) {}
    net::AsyncMutex lock;
    std::vector<BackendAddress> servers;
    std::unique_ptr<Backend> server;
  };
  net::Task<Result<Role>> ask(std::shared_ptr<Line> line, std::string name, Deadline deadline);
  net::Task<Result<void>> connect(std::shared_ptr<Line> line, Deadline deadline);

  boost::asio::any_io_executor executor_;
  net::TlsContext link_;
  std::shared_ptr<Line> line_;
  std::map<std::string, Known> known_;
};

}  // namespace aurora_global::router
