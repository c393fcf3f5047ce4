// Asynchronous libpq on Asio: one connection, no blocking call, no thread.
//
// Foreign errors become ours here and nowhere else. A server's error has its SQLSTATE in
// Error::code and leaves the connection usable. When the connection itself breaks, the kind is
// `unavailable` (`timeout` past the deadline, `cancelled` when the task was), usable() is false,
// and Error::code tells how far we came: kNotSent: the statement did not leave this process;
// kSent: it may have been executed. sqlstate() then has the server's last word, if it had one.
//
// One statement at a time, one thread. A Connection may be moved only between statements.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/task.h"

namespace aurora_global::pgclient {

inline constexpr std::string_view kNotSent = "not-sent";
inline constexpr std::string_view kSent = "sent";

// libpq connection keywords. A host that is a name is looked up for every connection, so that one
// whose address has changed leads to the new one. Passwords go in here and never into a log.
struct Parameters {
  std::vector<std::pair<std::string, std::string>> values;
};

// A text parameter; nullopt is NULL.
using Param = std::optional<std::string>;

// The result of one statement.
class Rows {
 public:
  explicit Rows(PGresult* result) : result_(result) {}
  int rows() const { return PQntuples(result_.get()); }
  int columns() const { return PQnfields(result_.get()); }
  bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
  // Lives as long as this object.
  std::string_view text(int row, int column) const;
  // Rows inserted, updated or deleted.
  std::int64_t command_tuples() const;

 private:
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

class Connection {
 public:
  // A refusal by the server has its SQLSTATE in Error::code (57P03 starting up, 28P01 password);
  // every other failure has kNotSent.
  static net::Task<Result<Connection>> connect(Parameters parameters, Deadline deadline);
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  ~Connection();

  // The three that execute send before they return; the task waits for the answer.

  // One statement, extended protocol.
  net::Task<Result<Rows>> execute(std::string sql, std::vector<Param> params, Deadline deadline);
  // Several statements, simple protocol; the last result. The first error ends it.
  net::Task<Result<Rows>> execute_simple(std::string sql, Deadline deadline);
  net::Task<Result<void>> prepare(std::string name, std::string sql, Deadline deadline);
  net::Task<Result<Rows>> execute_prepared(std::string name, std::vector<Param> params,
                                           Deadline deadline);
  // COPY ... FROM STDIN with text that is complete lines of COPY's text format.
  net::Task<Result<void>> copy_in(std::string sql, std::string data, Deadline deadline);

  bool usable() const { return connection_ != nullptr && PQstatus(raw()) == CONNECTION_OK; }
  int backend_pid() const { return PQbackendPID(raw()); }
  // What the server reported about itself ("server_version", "in_hot_standby"); "" if nothing.
  std::string parameter_status(const std::string& name) const;
  // Of the last error that the server reported here; stays after the connection has broken.
  const std::string& sqlstate() const { return sqlstate_; }
  void close();

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  // The socket's readiness and the one timer that ends every wait of this connection.
  struct Watch;
  enum class For { reading, writing };

  Connection(PGconn* connection, boost::asio::any_io_executor executor)
      : connection_(connection), executor_(std::move(executor)) {}

  PGconn* raw() const { return connection_.get(); }
  void watch_socket();
  net::Task<Result<void>> finish_connecting(Deadline deadline);
  struct Answer {
    std::optional<Rows> last;
    std::optional<Error> problem;  // The first.
  };
  // Ends with `timeout` or `cancelled`; the connection is closed then.
  net::Task<Result<void>> wait(For what, std::string_view how_far);
  net::Task<Result<void>> flush();
  net::Task<Result<Rows>> exchange(int sent, Deadline deadline);
  bool take_results(Answer& answer);
  Result<Rows> concluded(Answer answer);
  Error waited_in_vain(std::string_view how_far);
  Error not_connected() const;
  Error refused();
  Error broken(std::string_view what, std::string_view how_far);

  std::unique_ptr<PGconn, Finish> connection_;
  boost::asio::any_io_executor executor_;
  std::shared_ptr<Watch> watch_;
  std::string sqlstate_;
};

// The SCRAM-SHA-256 verifier PostgreSQL stores for a password (RFC 5802, 4096 iterations), so that
// no password travels in a statement.
std::string scram_verifier(std::string_view password);

}  // namespace aurora_global::pgclient
