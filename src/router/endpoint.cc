#include "router/endpoint.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <boost/asio/write.hpp>

#include "net/http.h"

namespace aurora_global::router {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using namespace std::chrono_literals;

constexpr std::size_t kRelayBytes = 64 * 1024;
constexpr Duration kLoginLimit = 60s;  // As PostgreSQL's authentication_timeout.
constexpr Duration kRetryMin = 5ms;
constexpr Duration kRetryMax = 200ms;

// A backend that vanishes without a word is noticed by the kernel after about 10 s.
void watch_for_silence(tcp::socket& socket) {
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  using Idle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
  using Interval = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
  using Count = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;
  using UserTimeout = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_USER_TIMEOUT>;
  socket.set_option(Idle(5), ignored);
  socket.set_option(Interval(1), ignored);
  socket.set_option(Count(5), ignored);
  socket.set_option(UserTimeout(10'000), ignored);
}

}  // namespace

struct Endpoint::Session {
  Session(tcp::socket c, asio::any_io_executor executor)
      : client(std::move(c)), backend(std::move(executor)) {}

  tcp::socket client;
  tcp::socket backend;
  std::string backend_address;         // Empty: none yet.
  std::vector<std::uint8_t> received;  // From the client, not yet forwarded.

  void close() {
    boost::system::error_code ignored;
    client.close(ignored);
    backend.close(ignored);
  }
};

Endpoint::Endpoint(asio::any_io_executor executor, const RouterConfig& config,
                   EndpointConfig endpoint)
    : executor_(executor),
      config_(config),
      endpoint_(std::move(endpoint)),
      gate_(executor),
      changed_(executor),
      tasks_(executor) {}

Endpoint::~Endpoint() = default;

Result<void> Endpoint::start() {
  TRY(tcp::acceptor acceptor, net::listen_on(executor_, endpoint_.listen));
  acceptor_ = std::make_unique<tcp::acceptor>(std::move(acceptor));
  tasks_.spawn("endpoint " + endpoint_.name, accept_loop());
  return ok();
}

net::Task<void> Endpoint::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

void Endpoint::use(std::vector<std::string> backends, Epoch epoch) {
  backends_ = std::move(backends);
  for (Session* session : sessions_) {
    const bool stays =
        session->backend_address.empty() ||
        std::find(backends_.begin(), backends_.end(), session->backend_address) != backends_.end();
    if (stays) continue;
    ++cut_total_;
    session->close();
  }
  gate_.reached(epoch);
  changed_.notify();
}

nlohmann::json Endpoint::status() const {
  const auto connected = std::count_if(sessions_.begin(), sessions_.end(), [](const Session* s) {
    return !s->backend_address.empty();
  });
  return {{"name", endpoint_.name},
          {"listen", endpoint_.listen},
          {"sessions", connected},
          {"held", static_cast<std::int64_t>(sessions_.size()) - connected},
          {"backends", backends_},
          {"accepted_total", accepted_total_},
          {"refused_total", refused_total_},
          {"cut_total", cut_total_}};
}

net::Task<void> Endpoint::accept_loop() {
  for (;;) {
    tcp::socket socket(executor_);
    auto [error] = co_await acceptor_->async_accept(socket, net::use_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      co_await net::sleep_for(10ms);
      continue;
    }
    ++accepted_total_;
    tasks_.spawn("session", serve(std::move(socket)));
  }
}

net::Task<Result<std::optional<pgwire::ParsedFirstPacket>>> Endpoint::first_packet(
    Session& session) {
  std::array<std::uint8_t, 4096> chunk;
  net::DeadlineGuard guard(session.client, Deadline::in(kLoginLimit));
  for (;;) {
    CO_TRY(auto parsed, pgwire::parse_first_packet(session.received));
    if (parsed) co_return parsed;
    auto [error, size] =
        co_await session.client.async_read_some(asio::buffer(chunk), net::use_result);
    if (error) co_return std::optional<pgwire::ParsedFirstPacket>();
    session.received.insert(session.received.end(), chunk.begin(),
                            chunk.begin() + static_cast<std::ptrdiff_t>(size));
  }
}

net::Task<void> Endpoint::serve(tcp::socket client) {
  auto session = std::make_shared<Session>(std::move(client), executor_);
  boost::system::error_code ignored;
  session->client.set_option(tcp::no_delay(true), ignored);
  struct Listed {
    std::list<Session*>& list;
    std::list<Session*>::iterator place;
    ~Listed() { list.erase(place); }
  } listed{sessions_, sessions_.insert(sessions_.end(), session.get())};

  const auto packet = co_await first_packet(*session);
  if (packet.has_error()) {
    co_await refuse(*session, "08P01", packet.error().message, "");
    co_return;
  }
  if (!*packet) co_return;  // The client left.
  if (const auto* cancel = std::get_if<pgwire::CancelRequest>(&(*packet)->packet)) {
    co_await cancel_everywhere(*cancel);
    co_return;
  }
  if (sessions_.size() > static_cast<std::size_t>(config_.max_connections)) {
    co_await refuse(*session, "53300",
                    "too many connections for endpoint " + endpoint_.name + " of " +
                        config_.region + " (limit " + std::to_string(config_.max_connections) + ")",
                    "");
    co_return;
  }
  const Deadline deadline = Deadline::in(config_.hold_timeout);
  auto connected = co_await connect_backend(*session, deadline);
  if (connected.has_error()) {
    if (connected.error().kind == ErrorKind::cancelled) co_return;
    co_await refuse(*session, "57P03",
                    "endpoint " + endpoint_.name + " of " + config_.region +
                        " has no instance to connect to: " + connected.error().message,
                    "Try again; `aurora-global status` tells what the region waits for.");
    co_return;
  }
  co_await relay(session);
}

net::Task<Result<void>> Endpoint::connect_backend(Session& session, Deadline deadline) {
  Duration pause = kRetryMin;
  std::string last = "no backend is known";
  for (;;) {
    CO_TRY_VOID(co_await gate_.enter(deadline));
    const std::vector<std::string> candidates = backends_;
    for (std::size_t tried = 0; tried < candidates.size(); ++tried) {
      const std::string address = candidates[next_backend_++ % candidates.size()];
      const auto endpoint = net::parse_endpoint(address);
      tcp::socket socket(executor_);
      boost::system::error_code problem;
      {
        net::DeadlineGuard guard(socket, deadline.at_most(config_.connect_timeout));
        auto [error] = co_await socket.async_connect(*endpoint, net::use_result);
        problem = error;
      }
      if (tasks_.stopping()) co_return make_error(ErrorKind::cancelled, "the router is ending");
      const bool still_listed =
          std::find(backends_.begin(), backends_.end(), address) != backends_.end();
      if (problem) {
        last = address + ": " + problem.message();
        continue;
      }
      // The world may have moved while we connected: a stale choice would be the old writer.
      if (!still_listed || gate_.closed()) break;
      session.backend = std::move(socket);
      session.backend_address = address;
      watch_for_silence(session.backend);
      co_return ok();
    }
    if (deadline.passed()) co_return make_error(ErrorKind::timeout, last);
    if (!session.client.is_open()) co_return make_error(ErrorKind::cancelled, "cut");
    if (!gate_.closed()) {
      co_await changed_.wait(deadline.at_most(pause));
      pause = std::min(pause * 2, Duration(kRetryMax));
    }
    if (tasks_.stopping()) co_return make_error(ErrorKind::cancelled, "the router is ending");
  }
}

net::Task<void> Endpoint::refuse(Session& session, std::string sqlstate, std::string message,
                                 std::string hint) {
  ++refused_total_;
  spdlog::info("{}: refused with {}: {}", endpoint_.name, sqlstate, message);
  const pgwire::Bytes answer = pgwire::fatal_error(sqlstate, message, hint);
  net::DeadlineGuard guard(session.client, Deadline::in(5s));
  co_await asio::async_write(session.client, asio::buffer(answer), net::use_result);
  boost::system::error_code ignored;
  session.client.shutdown(tcp::socket::shutdown_both, ignored);
}

// A server ignores a key that it did not give out, so all of them may be asked.
net::Task<void> Endpoint::cancel_everywhere(pgwire::CancelRequest request) {
  const pgwire::Bytes bytes = pgwire::encode(request);
  const std::vector<std::string> all = backends_;
  for (const std::string& address : all) {
    const auto endpoint = net::parse_endpoint(address);
    tcp::socket socket(executor_);
    net::DeadlineGuard guard(socket, Deadline::in(config_.connect_timeout));
    auto [error] = co_await socket.async_connect(*endpoint, net::use_result);
    if (error) continue;
    co_await asio::async_write(socket, asio::buffer(bytes), net::use_result);
    // The server closes when it has dealt with it; libpq's client waits for just that.
    std::array<char, 16> nothing;
    co_await socket.async_read_some(asio::buffer(nothing), net::use_result);
  }
}

net::Task<void> Endpoint::relay(std::shared_ptr<Session> session) {
  const std::vector<std::uint8_t> first = std::move(session->received);
  auto [error, size] =
      co_await asio::async_write(session->backend, asio::buffer(first), net::use_result);
  if (error) {
    session->close();
    co_return;
  }
  tasks_.spawn("to client", pump(session, session->backend, session->client));
  co_await pump(session, session->client, session->backend);
}

net::Task<void> Endpoint::pump(std::shared_ptr<Session> session, tcp::socket& from,
                               tcp::socket& to) {
  std::vector<char> buffer(kRelayBytes);
  for (;;) {
    auto [error, size] = co_await from.async_read_some(asio::buffer(buffer), net::use_result);
    if (error) break;
    auto [write_error, written] =
        co_await asio::async_write(to, asio::buffer(buffer.data(), size), net::use_result);
    if (write_error) break;
  }
  // PostgreSQL knows no half-open session: what one side has ended is ended for both.
  session->close();
}

}  // namespace aurora_global::router
