#include "pgclient/connection.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace aurora_global::pgclient {
namespace {

// The kind of a server's error, by the class of its SQLSTATE (PostgreSQL manual, appendix A).
ErrorKind kind_of(std::string_view sqlstate) {
  const std::string_view in_class = sqlstate.substr(0, 2);
  if (in_class == "28" || sqlstate == "42501") return ErrorKind::denied;
  if (in_class == "08" || in_class == "57") return ErrorKind::unavailable;
  if (in_class == "40" || in_class == "25" || in_class == "55") return ErrorKind::conflict;
  if (in_class == "53") return ErrorKind::exhausted;
  if (in_class == "XX") return ErrorKind::internal;
  if (in_class == "58") return ErrorKind::corrupt;
  return ErrorKind::invalid;
}

std::string trimmed(const char* text) {
  std::string out = text == nullptr ? "" : text;
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  return out;
}

Error server_error(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string sqlstate = state == nullptr ? "" : state;
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  return make_error(kind_of(sqlstate),
                    primary == nullptr ? trimmed(PQresultErrorMessage(result)) : primary, sqlstate);
}

bool is_error(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

}  // namespace

std::string_view Rows::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::int64_t Rows::command_tuples() const {
  return std::strtoll(PQcmdTuples(result_.get()), nullptr, 10);
}

Connection& Connection::operator=(Connection&& other) noexcept {
  close();
  connection_ = std::move(other.connection_);
  executor_ = other.executor_;
  socket_ = std::move(other.socket_);
  watched_ = other.watched_;
  return *this;
}

Connection::~Connection() { close(); }

void Connection::close() {
  socket_.reset();
  connection_.reset();
  watched_ = -1;
}

Error Connection::broken(std::string_view what, std::string_view how_far) {
  Error error =
      make_error(ErrorKind::unavailable, std::string(what) + ": " + trimmed(PQerrorMessage(raw())),
                 std::string(how_far));
  close();
  return error;
}

Error Connection::expired(std::string_view how_far) {
  close();
  return make_error(ErrorKind::timeout, "PostgreSQL did not answer in time", std::string(how_far));
}

void Connection::watch_socket() {
  const int fd = PQsocket(raw());
  if (fd == watched_) return;
  socket_.reset();
  watched_ = fd;
  if (fd >= 0) socket_ = std::make_unique<Socket>(executor_, dup(fd));
}

net::Task<bool> Connection::wait(Socket::wait_type what, Deadline deadline) {
  net::DeadlineGuard guard(*socket_, deadline);
  auto [error] = co_await socket_->async_wait(what, net::use_result);
  co_return !error;
}

net::Task<Result<Connection>> Connection::connect(Parameters parameters, Deadline deadline) {
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : parameters.values) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  const auto executor = co_await boost::asio::this_coro::executor;
  Connection connection(PQconnectStartParams(keywords.data(), values.data(), 0), executor);
  if (connection.raw() == nullptr) {
    co_return make_error(ErrorKind::exhausted, "no memory for a connection");
  }
  CO_TRY_VOID(co_await connection.finish_connecting(deadline));
  co_return connection;
}

net::Task<Result<void>> Connection::finish_connecting(Deadline deadline) {
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    if (next == PGRES_POLLING_FAILED || PQstatus(raw()) == CONNECTION_BAD) {
      // libpq keeps the SQLSTATE of a refused start-up to itself; its text is all there is.
      co_return broken("connect", kNotSent);
    }
    // libpq tries several addresses: the descriptor may be another one each time.
    socket_.reset();
    watched_ = -1;
    watch_socket();
    if (!socket_) co_return broken("connect", kNotSent);
    const auto what = next == PGRES_POLLING_READING ? Socket::wait_read : Socket::wait_write;
    if (!co_await wait(what, deadline)) co_return expired(kNotSent);
    next = PQconnectPoll(raw());
  }
  PQsetnonblocking(raw(), 1);
  PQsetNoticeProcessor(
      raw(), [](void*, const char*) {}, nullptr);
  watched_ = -1;
  watch_socket();
  co_return ok();
}

net::Task<Result<void>> Connection::flush(Deadline deadline) {
  for (;;) {
    const int left = PQflush(raw());
    if (left == 0) co_return ok();
    if (left < 0) co_return broken("send", kSent);
    if (!co_await wait(Socket::wait_write, deadline)) co_return expired(kSent);
    if (PQconsumeInput(raw()) == 0) co_return broken("send", kSent);
  }
}

net::Task<Result<PGresult*>> Connection::next_result(Deadline deadline) {
  while (PQisBusy(raw()) != 0) {
    if (!co_await wait(Socket::wait_read, deadline)) co_return expired(kSent);
    if (PQconsumeInput(raw()) == 0) co_return broken("receive", kSent);
  }
  co_return PQgetResult(raw());
}

// Reads to the end of the statement: the last result, or the first error.
net::Task<Result<Rows>> Connection::collect(bool sent, Deadline deadline) {
  if (!sent) co_return broken("send", kNotSent);
  CO_TRY_VOID(co_await flush(deadline));
  std::optional<Rows> last;
  std::optional<Error> problem;
  for (;;) {
    CO_TRY(PGresult * result, co_await next_result(deadline));
    if (result == nullptr) break;
    Rows rows(result);
    if (is_error(result) && !problem) problem = server_error(result);
    last.emplace(std::move(rows));
    if (PQresultStatus(result) == PGRES_COPY_IN) break;
  }
  if (PQstatus(raw()) == CONNECTION_BAD) {
    // The server's own last word (57P01 ...) says more than "connection closed".
    const std::string state = problem ? problem->code : "";
    Error error = broken("connection lost", kSent);
    if (!state.empty()) error.message = problem->message;
    co_return error;
  }
  if (problem) co_return *problem;
  if (!last) co_return make_error(ErrorKind::internal, "PostgreSQL sent no result");
  co_return std::move(*last);
}

net::Task<Result<Rows>> Connection::execute(std::string sql, std::vector<Param> params,
                                            Deadline deadline) {
  if (!usable())
    co_return make_error(ErrorKind::unavailable, "not connected", std::string(kNotSent));
  std::vector<const char*> values;
  for (const Param& param : params) values.push_back(param ? param->c_str() : nullptr);
  const int sent = PQsendQueryParams(raw(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                                     values.data(), nullptr, nullptr, 0);
  co_return co_await collect(sent == 1, deadline);
}

net::Task<Result<Rows>> Connection::execute_simple(std::string sql, Deadline deadline) {
  if (!usable())
    co_return make_error(ErrorKind::unavailable, "not connected", std::string(kNotSent));
  const int sent = PQsendQuery(raw(), sql.c_str());
  co_return co_await collect(sent == 1, deadline);
}

net::Task<Result<void>> Connection::prepare(std::string name, std::string sql, Deadline deadline) {
  if (!usable())
    co_return make_error(ErrorKind::unavailable, "not connected", std::string(kNotSent));
  const int sent = PQsendPrepare(raw(), name.c_str(), sql.c_str(), 0, nullptr);
  const auto rows = co_await collect(sent == 1, deadline);
  if (rows.has_error()) co_return rows.error();
  co_return ok();
}

net::Task<Result<Rows>> Connection::execute_prepared(const std::string& name,
                                                     std::vector<Param> params, Deadline deadline) {
  if (!usable())
    co_return make_error(ErrorKind::unavailable, "not connected", std::string(kNotSent));
  std::vector<const char*> values;
  for (const Param& param : params) values.push_back(param ? param->c_str() : nullptr);
  const int sent = PQsendQueryPrepared(raw(), name.c_str(), static_cast<int>(values.size()),
                                       values.data(), nullptr, nullptr, 0);
  co_return co_await collect(sent == 1, deadline);
}

net::Task<Result<void>> Connection::copy_in(std::string sql, std::string data, Deadline deadline) {
  if (!usable())
    co_return make_error(ErrorKind::unavailable, "not connected", std::string(kNotSent));
  const auto begun = co_await collect(PQsendQuery(raw(), sql.c_str()) == 1, deadline);
  if (begun.has_error()) co_return begun.error();
  constexpr std::size_t kChunk = 64 * 1024;
  for (std::size_t at = 0; at < data.size(); at += kChunk) {
    const int size = static_cast<int>(std::min(kChunk, data.size() - at));
    int put = 0;
    while ((put = PQputCopyData(raw(), data.data() + at, size)) == 0) {
      CO_TRY_VOID(co_await flush(deadline));
    }
    if (put < 0) co_return broken("copy", kSent);
    CO_TRY_VOID(co_await flush(deadline));
  }
  while (PQputCopyEnd(raw(), nullptr) == 0) CO_TRY_VOID(co_await flush(deadline));
  const auto ended = co_await collect(true, deadline);
  if (ended.has_error()) co_return ended.error();
  co_return ok();
}

}  // namespace aurora_global::pgclient
