// A throwaway PostgreSQL for tests and benchmarks: made by initdb under /tmp, gone with the object.
//
// As root the server runs as user `postgres`. It listens on a free port of a loopback address and
// is ended by its own process id. Blocking: for fixtures, not for coroutines.
#pragma once

#include <sys/types.h>

#include <string>

#include "pgclient/connection.h"

namespace aurora_global::pgclient::testing {

class Postgres {
 public:
  // `settings` is appended to postgresql.conf. Fails with `unavailable`, naming the log.
  static Result<std::unique_ptr<Postgres>> start(std::string settings = "");
  ~Postgres();
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  // User and database `postgres`, trust, no TLS.
  Parameters parameters() const;
  const std::string& host() const { return host_; }
  int port() const { return port_; }
  const std::string& directory() const { return directory_; }

  // SIGQUIT to the postmaster: what a crash of the machine looks like to clients.
  void crash();
  // Starts again after crash(), on the same port; recovers first.
  Result<void> start_again();

 private:
  Postgres() = default;
  Result<void> launch();
  void end(int signal);

  std::string directory_;
  std::string host_ = "127.0.0.1";
  int port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace aurora_global::pgclient::testing
