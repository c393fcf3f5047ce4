// What a client's password is checked against: the verifiers that PostgreSQL keeps.
//
// Read at each login from an instance of the region, over one kept connection as rdsadmin through
// its Unix socket. While no instance answers, an answer of the last 10 seconds is taken.
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

  explicit Verifiers(boost::asio::any_io_executor executor) : lock_(std::move(executor)) {}

  // Where to ask from now on, the first that answers.
  void ask_at(std::vector<BackendAddress> servers) { servers_ = std::move(servers); }

  // Fails with `unavailable` or `timeout` when nobody can tell.
  net::Task<Result<Role>> find(std::string name, Deadline deadline);

 private:
  struct Known {
    Role role;
    Instant at;
  };
  net::Task<Result<Role>> ask(std::string name, Deadline deadline);
  net::Task<Result<void>> connect(Deadline deadline);

  net::AsyncMutex lock_;
  std::vector<BackendAddress> servers_;
  std::unique_ptr<Backend> server_;
  std::map<std::string, Known> known_;
};

}  // namespace aurora_global::router
