#include "router/channel.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "net/http.h"

namespace aurora_global::router {
namespace {

namespace asio = boost::asio;
using net::use_result;

constexpr std::size_t kReadBytes = 16 * 1024;

Error gone(std::string_view what) {
  return make_error(ErrorKind::unavailable, std::string(what) + ": the connection was closed");
}

std::string tls_problem(SSL* ssl) {
  if (const long verify = SSL_get_verify_result(ssl); verify != X509_V_OK) {
    return X509_verify_cert_error_string(verify);
  }
  const unsigned long code = ERR_get_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "the connection was closed" : reason;
}

template <typename Protocol>
net::Task<Result<Channel>> connect(typename Protocol::endpoint endpoint, std::string name,
                                   Deadline deadline) {
  const auto executor = co_await asio::this_coro::executor;
  typename Protocol::socket socket(executor);
  net::DeadlineGuard guard(socket, deadline);
  auto [error] = co_await socket.async_connect(endpoint, use_result);
  if (guard.expired()) co_return make_error(ErrorKind::timeout, "connect to " + name);
  if (error) co_return net::from_error_code(error, "connect to " + name);
  co_return Channel(Channel::Socket(std::move(socket)));
}

}  // namespace

Channel::Channel(Socket socket) : socket_(std::move(socket)) {
  boost::system::error_code ignored;
  socket_.native_non_blocking(true, ignored);
  const int on = 1;
  setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

net::Task<Result<Channel>> Channel::connect_tcp(std::string address, Deadline deadline) {
  CO_TRY(const auto endpoint, net::parse_endpoint(address));
  co_return co_await connect<asio::ip::tcp>(endpoint, address, deadline);
}

net::Task<Result<Channel>> Channel::connect_unix(std::filesystem::path directory,
                                                 Deadline deadline) {
  const std::string path = (directory / ".s.PGSQL.5432").string();
  co_return co_await connect<asio::local::stream_protocol>(
      asio::local::stream_protocol::endpoint(path), path, deadline);
}

Channel::State Channel::refused(int result, Want& wanted) {
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ: wanted = Want::read; return State::again;
    case SSL_ERROR_WANT_WRITE: wanted = Want::write; return State::again;
    default: ERR_clear_error(); return State::ended;
  }
}

Channel::Moved Channel::read_some(std::span<std::uint8_t> into) {
  if (!socket_.is_open()) return {State::ended, 0};
  if (tls_) {
    ERR_clear_error();  // Another connection's trouble would be taken for this one's.
    std::size_t size = 0;
    const int result = SSL_read_ex(tls_.get(), into.data(), into.size(), &size);
    if (result == 1) return {State::done, size, SSL_has_pending(tls_.get()) == 1};
    return {refused(result, read_wants_), 0};
  }
  const ssize_t size = recv(socket_.native_handle(), into.data(), into.size(), 0);
  if (size > 0) {
    const auto bytes = static_cast<std::size_t>(size);
    return {State::done, bytes, bytes == into.size()};
  }
  const bool again = size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  return {again ? State::again : State::ended, 0};
}

Channel::Moved Channel::write_some(pgwire::BytesView bytes) {
  if (bytes.empty()) return {};
  if (!socket_.is_open()) return {State::ended, 0};
  if (tls_) {
    ERR_clear_error();
    std::size_t size = 0;
    const int result = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &size);
    if (result == 1) return {State::done, size};
    return {refused(result, write_wants_), 0};
  }
  const ssize_t size = send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (size >= 0) return {State::done, static_cast<std::size_t>(size)};
  const bool again = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {again ? State::again : State::ended, 0};
}

net::Task<Channel::Moved> Channel::receive(std::span<std::uint8_t> into) {
  if (tls_) {
    if (!co_await wait(read_wants_)) co_return Moved{State::ended};
    co_return read_some(into);
  }
  // Asio, which waits for an edge, arms nothing anew for a read as it does for a mere wait.
  auto [error, size] = co_await socket_.async_receive(asio::buffer(first_), use_result);
  if (error) co_return Moved{State::ended};
  std::copy_n(first_.begin(), size, into.begin());
  if (size < first_.size()) co_return Moved{State::done, size};
  const Moved rest = read_some(into.subspan(size));  // An end will be seen again.
  co_return Moved{State::done, size + rest.bytes, rest.more};
}

net::Task<bool> Channel::wait(Want want) {
  const auto what = want == Want::read ? Socket::wait_read : Socket::wait_write;
  auto [error] = co_await socket_.async_wait(what, use_result);
  co_return !error;
}

net::Task<bool> Channel::readable() { return wait(tls_ ? read_wants_ : Want::read); }

net::Task<bool> Channel::writable() { return wait(tls_ ? write_wants_ : Want::write); }

net::Task<Result<void>> Channel::readable_or_writable(Deadline deadline) {
  using namespace asio::experimental::awaitable_operators;
  net::DeadlineGuard guard(socket_, deadline);
  const auto ready = co_await (readable() || writable());
  if (guard.expired()) co_return make_error(ErrorKind::timeout, "no answer in time");
  const bool good = ready.index() == 0 ? std::get<0>(ready) : std::get<1>(ready);
  if (!good) co_return gone("wait");
  co_return ok();
}

net::Task<Result<void>> Channel::shake_hands(int (*step)(SSL*), Deadline deadline) {
  SSL_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                               SSL_MODE_RELEASE_BUFFERS);
  // A record is read at once, not its length first. What has been read is in OpenSSL's hands then,
  // and Moved::more tells of it.
  SSL_set_read_ahead(tls_.get(), 1);
  SSL_set_fd(tls_.get(), socket_.native_handle());
  net::DeadlineGuard guard(socket_, deadline);
  for (;;) {
    ERR_clear_error();
    const int result = step(tls_.get());
    if (result == 1) co_return ok();
    Want want = Want::read;
    const int problem = SSL_get_error(tls_.get(), result);
    if (problem == SSL_ERROR_WANT_WRITE) want = Want::write;
    if (problem != SSL_ERROR_WANT_READ && problem != SSL_ERROR_WANT_WRITE) {
      co_return make_error(ErrorKind::denied, "TLS: " + tls_problem(tls_.get()));
    }
    const bool ready = co_await wait(want);
    if (guard.expired()) co_return make_error(ErrorKind::timeout, "TLS takes too long");
    if (!ready) co_return gone("TLS");
  }
}

net::Task<Result<void>> Channel::accept_tls(net::TlsContext context, Deadline deadline) {
  context_ = std::move(context);
  tls_.reset(SSL_new(context_->native_handle()));
  co_return co_await shake_hands(SSL_accept, deadline);
}

net::Task<Result<void>> Channel::connect_tls(net::TlsContext context, Deadline deadline) {
  context_ = std::move(context);
  tls_.reset(SSL_new(context_->native_handle()));
  co_return co_await shake_hands(SSL_connect, deadline);
}

net::Task<Result<void>> Channel::write(pgwire::Bytes bytes, Deadline deadline) {
  pgwire::BytesView rest(bytes);
  for (;;) {
    const Moved moved = write_some(rest);
    if (moved.state == State::ended) co_return gone("write");
    rest = rest.subspan(moved.bytes);
    if (rest.empty()) co_return ok();
    if (moved.state == State::done) continue;
    net::DeadlineGuard guard(socket_, deadline);
    const bool ready = co_await writable();
    if (guard.expired()) co_return make_error(ErrorKind::timeout, "write: the other side is slow");
    if (!ready) co_return gone("write");
  }
}

net::Task<Result<void>> Channel::read(pgwire::Bytes& to, Deadline deadline) {
  for (;;) {
    std::array<std::uint8_t, kReadBytes> chunk;
    const Moved moved = read_some(chunk);
    if (moved.state == State::ended) co_return gone("read");
    if (moved.state == State::done) {
      to.insert(to.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(moved.bytes));
      co_return ok();
    }
    net::DeadlineGuard guard(socket_, deadline);
    const bool ready = co_await readable();
    if (guard.expired()) co_return make_error(ErrorKind::timeout, "read: no answer in time");
    if (!ready) co_return gone("read");
  }
}

bool Channel::broken() {
  if (!socket_.is_open()) return true;
  // What the other side said last may still be unread.
  pollfd state{socket_.native_handle(), POLLRDHUP, 0};
  return poll(&state, 1, 0) > 0;
}

void Channel::end_writing() {
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Channel::close() {
  boost::system::error_code ignored;
  // Half of a TLS connection cannot be told from a cut one without it; nobody waits for the answer.
  if (tls_ && socket_.is_open()) SSL_shutdown(tls_.get());
  socket_.close(ignored);
}

}  // namespace aurora_global::router
