// What a client's password is checked against: the verifiers that PostgreSQL keeps.
//
// Read at each login over one kept connection, at one go for all who wait meanwhile: from an
// instance of the region as rdsadmin through its Unix socket, or from a writer across the link as
// rdsrepladmin with its client certificate. So a standby that lags lets nobody in at a global
// writer endpoint with a password of yesterday. While no instance answers, an answer of the last 10
// seconds may be taken: not at a global writer endpoint.
//
// One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
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

  enum class Age : std::uint8_t { now, recent };

  // `link`: the certificate for a server across the link. `age`: how old an answer may be.
  Verifiers(boost::asio::any_io_executor executor, net::TlsContext link, Age age)
      : executor_(std::move(executor)),
        link_(std::move(link)),
        age_(age),
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
  struct Round {
    std::set<std::string> names;
    std::optional<Result<std::map<std::string, Role>>> answer;  // A name that is missing: no role.
  };
  struct Line {
    explicit Line(boost::asio::any_io_executor executor) : lock(std::move(executor)) {}
    net::AsyncMutex lock;
    std::vector<BackendAddress> servers;
    std::unique_ptr<Backend> server;
    std::shared_ptr<Round> next = std::make_shared<Round>();  // Asked when the lock is free.
  };
  net::Task<Result<Role>> ask(std::shared_ptr<Line> line, std::string name, Deadline deadline);
  net::Task<Result<std::map<std::string, Role>>> ask_for_all(std::shared_ptr<Line> line,
                                                             std::set<std::string> names,
                                                             Deadline deadline);
  net::Task<Result<void>> connect(std::shared_ptr<Line> line, Deadline deadline);

  boost::asio::any_io_executor executor_;
  net::TlsContext link_;
  Age age_;
  std::shared_ptr<Line> line_;
  std::map<std::string, Known> known_;
};

}  // namespace aurora_global::router
