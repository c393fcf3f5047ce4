#include "pgclient/connection.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cctype>
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

// The SQLSTATE in a verbose libpq message, "FATAL:  57P03: the database ..."; else "".
std::string sqlstate_in(std::string_view text) {
  constexpr std::size_t kLength = 5;
  for (std::size_t at = text.find(":  "); at != std::string_view::npos;
       at = text.find(":  ", at + 1)) {
    const std::string_view state = text.substr(at + 3, kLength);
    const bool right = std::all_of(state.begin(), state.end(), [](unsigned char c) {
      return std::isdigit(c) != 0 || std::isupper(c) != 0;
    });
    if (right && state.size() == kLength && text.substr(at + 3 + kLength, 2) == ": ") {
      return std::string(state);
    }
  }
  return "";
}

std::vector<const char*> pointers(const std::vector<Param>& params) {
  std::vector<const char*> values;
  values.reserve(params.size());
  for (const Param& param : params) values.push_back(param ? param->c_str() : nullptr);
  return values;
}

constexpr int kNoConnection = -1;

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

// Arming a timer for every wait would cost two system calls per statement. This one is armed once
// and, when it fires early because the deadline has moved on meanwhile, is armed again.
struct Connection::Watch : std::enable_shared_from_this<Watch> {
  Watch(const boost::asio::any_io_executor& executor, int fd)
      : socket(executor, fd), timer(executor) {}

  void limit(Instant until) {
    deadline = until;
    expired = false;
    if (!armed || armed_until > deadline) arm();
  }
  void no_limit() { deadline = Instant::max(); }
  void arm() {
    armed = true;
    armed_until = deadline;
    timer.expires_at(deadline);
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->fired();
    });
  }
  void fired() {
    armed = false;
    if (deadline == Instant::max()) return;
    if (SystemClock().now() < deadline) return arm();
    expired = true;
    socket.cancel();
  }

  boost::asio::posix::stream_descriptor socket;
  boost::asio::steady_timer timer;
  Instant deadline = Instant::max();
  Instant armed_until{};
  bool armed = false;
  bool expired = false;
};

Connection::Connection(Connection&& other) noexcept = default;

Connection& Connection::operator=(Connection&& other) noexcept {
  if (this == &other) return *this;
  close();
  connection_ = std::move(other.connection_);
  executor_ = other.executor_;
  watch_ = std::move(other.watch_);
  sqlstate_ = std::move(other.sqlstate_);
  return *this;
}

Connection::~Connection() { close(); }

void Connection::close() {
  if (watch_) {
    watch_->no_limit();
    watch_->timer.cancel();
    boost::system::error_code ignored;
    watch_->socket.close(ignored);
    watch_.reset();
  }
  connection_.reset();
}

std::string Connection::parameter_status(const std::string& name) const {
  const char* value = raw() == nullptr ? nullptr : PQparameterStatus(raw(), name.c_str());
  return value == nullptr ? "" : value;
}

Error Connection::not_connected() const {
  return make_error(ErrorKind::unavailable, "not connected", std::string(kNotSent));
}

Error Connection::broken(std::string_view what, std::string_view how_far) {
  Error error =
      make_error(ErrorKind::unavailable, std::string(what) + ": " + trimmed(PQerrorMessage(raw())),
                 std::string(how_far));
  close();
  return error;
}

// libpq keeps the SQLSTATE of a refused start-up to itself, except in its verbose text.
Error Connection::refused() {
  Error error = broken("connect", kNotSent);
  if (std::string state = sqlstate_in(error.message); !state.empty()) {
    error.kind = kind_of(state);
    sqlstate_ = error.code = std::move(state);
  } else if (error.message.find("certificate verify failed") != std::string::npos ||
             error.message.find("does not match host name") != std::string::npos) {
    error.kind = ErrorKind::denied;  // By us; trying again changes nothing.
  }
  return error;
}

void Connection::watch_socket() {
  const Instant deadline = watch_ ? watch_->deadline : Instant::max();
  if (watch_) watch_->timer.cancel();
  watch_.reset();
  const int fd = PQsocket(raw());
  const int copy = fd < 0 ? -1 : dup(fd);
  if (copy < 0) return;
  watch_ = std::make_shared<Watch>(executor_, copy);
  if (deadline != Instant::max()) watch_->limit(deadline);
}

Error Connection::waited_in_vain(std::string_view how_far) {
  const bool expired = watch_ && watch_->expired;
  close();
  if (expired) {
    return make_error(ErrorKind::timeout, "PostgreSQL did not answer in time",
                      std::string(how_far));
  }
  return make_error(ErrorKind::cancelled, "called off while waiting for PostgreSQL",
                    std::string(how_far));
}

net::Task<Result<void>> Connection::wait(For what, std::string_view how_far) {
  using Descriptor = boost::asio::posix::descriptor_base;
  const std::shared_ptr<Watch> watch = watch_;
  const auto event = what == For::reading ? Descriptor::wait_read : Descriptor::wait_write;
  auto [error] = co_await watch->socket.async_wait(event, net::use_result);
  if (error) co_return waited_in_vain(how_far);
  co_return ok();
}

namespace {

// libpq looks names up synchronously, which would stop the whole thread: done here beforehand.
net::Task<Result<void>> look_up_host(Parameters& parameters, Deadline deadline) {
  std::string host;
  for (const auto& [keyword, value] : parameters.values) {
    if (keyword == "hostaddr") co_return ok();
    if (keyword == "host") host = value;
  }
  boost::system::error_code not_numeric;
  boost::asio::ip::make_address(host, not_numeric);
  const bool is_name = not_numeric && host.find_first_of("/,") == std::string::npos;
  if (host.empty() || !is_name) co_return ok();
  boost::asio::ip::tcp::resolver resolver(co_await boost::asio::this_coro::executor);
  net::DeadlineGuard guard(resolver, deadline);
  auto [error, found] = co_await resolver.async_resolve(host, "", net::use_result);
  if (error) {
    Error failure = guard.expired()
                        ? make_error(ErrorKind::timeout, "look up " + host + ": no answer in time")
                        : net::from_error_code(error, "look up " + host);
    failure.code = std::string(kNotSent);
    co_return failure;
  }
  parameters.values.emplace_back("hostaddr", found.begin()->endpoint().address().to_string());
  co_return ok();
}

}  // namespace

net::Task<Result<Connection>> Connection::connect(Parameters parameters, Deadline deadline) {
  CO_TRY_VOID(co_await look_up_host(parameters, deadline));
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
  if (PQstatus(raw()) == CONNECTION_BAD) co_return refused();
  PQsetErrorVerbosity(raw(), PQERRORS_VERBOSE);
  PQsetNoticeProcessor(
      raw(), [](void*, const char*) {}, nullptr);
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    if (next == PGRES_POLLING_FAILED) co_return refused();
    // Each poll may have gone on to another socket, even with the same number (a second address,
    // or again without TLS), so the watch is made anew.
    watch_socket();
    if (!watch_) co_return broken("connect", kNotSent);
    watch_->limit(deadline.at());
    const For what = next == PGRES_POLLING_READING ? For::reading : For::writing;
    CO_TRY_VOID(co_await wait(what, kNotSent));
    next = PQconnectPoll(raw());
  }
  PQsetErrorVerbosity(raw(), PQERRORS_DEFAULT);
  PQsetnonblocking(raw(), 1);
  watch_->no_limit();
  watch_socket();
  if (!watch_) co_return broken("connect", kNotSent);
  co_return ok();
}

net::Task<Result<void>> Connection::flush() {
  for (;;) {
    const int left = PQflush(raw());
    if (left == 0) co_return ok();
    if (left < 0) co_return broken("send", kSent);
    CO_TRY_VOID(co_await wait(For::writing, kSent));
    // The server may wait for us to read before it reads on.
    if (PQconsumeInput(raw()) == 0) co_return broken("send", kSent);
  }
}

// Takes the results that have arrived whole. True: that was all of the statement.
bool Connection::take_results(Answer& answer) {
  while (PQisBusy(raw()) == 0) {
    PGresult* result = PQgetResult(raw());
    if (result == nullptr) return true;
    answer.last.emplace(result);
    if (is_error(result) && !answer.problem) {
      answer.problem = server_error(result);
      if (!answer.problem->code.empty()) sqlstate_ = answer.problem->code;
    }
    if (PQresultStatus(result) == PGRES_COPY_IN) return true;
  }
  return false;
}

Result<Rows> Connection::concluded(Answer answer) {
  if (watch_) watch_->no_limit();
  if (PQstatus(raw()) == CONNECTION_BAD) {
    // The server's own last word (57P01 ...) says more than "connection closed".
    Error error = broken("connection lost", kSent);
    if (answer.problem && !answer.problem->code.empty()) error.message = answer.problem->message;
    return error;
  }
  if (answer.problem) return *answer.problem;
  if (!answer.last) return make_error(ErrorKind::internal, "PostgreSQL sent no result");
  return std::move(*answer.last);
}

// One coroutine for the whole exchange: a load spends its time here. `sent` is what PQsend...()
// returned, or kNoConnection.
net::Task<Result<Rows>> Connection::exchange(int sent, Deadline deadline) {
  using Descriptor = boost::asio::posix::descriptor_base;
  if (sent == kNoConnection) co_return not_connected();
  if (sent != 1) co_return broken("send", kNotSent);
  const std::shared_ptr<Watch> watch = watch_;
  watch->limit(deadline.at());
  Answer answer;
  for (;;) {
    const int left = PQflush(raw());
    if (left < 0) co_return broken("send", kSent);
    if (left == 0 && take_results(answer)) break;
    const auto what = left == 0 ? Descriptor::wait_read : Descriptor::wait_write;
    auto [error] = co_await watch->socket.async_wait(what, net::use_result);
    if (error) co_return waited_in_vain(kSent);
    // While sending, too: the server may wait for us to read before it reads on. What arrived
    // before the end of a connection is still taken.
    if (PQconsumeInput(raw()) == 0) {
      take_results(answer);
      break;
    }
  }
  co_return concluded(std::move(answer));
}

net::Task<Result<Rows>> Connection::execute(std::string sql, std::vector<Param> params,
                                            Deadline deadline) {
  int sent = kNoConnection;
  if (usable()) {
    const std::vector<const char*> values = pointers(params);
    sent = PQsendQueryParams(raw(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                             values.data(), nullptr, nullptr, 0);
  }
  return exchange(sent, deadline);
}

net::Task<Result<Rows>> Connection::execute_simple(std::string sql, Deadline deadline) {
  return exchange(usable() ? PQsendQuery(raw(), sql.c_str()) : kNoConnection, deadline);
}

net::Task<Result<void>> Connection::prepare(std::string name, std::string sql, Deadline deadline) {
  const int sent =
      usable() ? PQsendPrepare(raw(), name.c_str(), sql.c_str(), 0, nullptr) : kNoConnection;
  const auto rows = co_await exchange(sent, deadline);
  if (rows.has_error()) co_return rows.error();
  co_return ok();
}

net::Task<Result<Rows>> Connection::execute_prepared(std::string name, std::vector<Param> params,
                                                     Deadline deadline) {
  int sent = kNoConnection;
  if (usable()) {
    const std::vector<const char*> values = pointers(params);
    sent = PQsendQueryPrepared(raw(), name.c_str(), static_cast<int>(values.size()), values.data(),
                               nullptr, nullptr, 0);
  }
  return exchange(sent, deadline);
}

net::Task<Result<void>> Connection::copy_in(std::string sql, std::string data, Deadline deadline) {
  const auto begun = co_await execute_simple(sql, deadline);
  if (begun.has_error()) co_return begun.error();
  watch_->limit(deadline.at());
  constexpr std::size_t kChunk = 64 * 1024;
  for (std::size_t at = 0; at < data.size(); at += kChunk) {
    const int size = static_cast<int>(std::min(kChunk, data.size() - at));
    int put = 0;
    while ((put = PQputCopyData(raw(), data.data() + at, size)) == 0) {
      CO_TRY_VOID(co_await flush());
    }
    if (put < 0) co_return broken("copy", kSent);
    CO_TRY_VOID(co_await flush());
  }
  int put = 0;
  while ((put = PQputCopyEnd(raw(), nullptr)) == 0) CO_TRY_VOID(co_await flush());
  if (put < 0) co_return broken("copy", kSent);
  const auto ended = co_await exchange(1, deadline);
  if (ended.has_error()) co_return ended.error();
  co_return ok();
}

}  // namespace aurora_global::pgclient
