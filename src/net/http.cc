#include "net/http.h"

#include <algorithm>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <charconv>

#include "net/tls.h"

namespace aurora_global::net {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using TlsStream = asio::ssl::stream<tcp::socket>;
using namespace std::chrono_literals;

constexpr Duration kIdleLimit = 75s;
constexpr Duration kReadLimit = 30s;
constexpr Duration kHandshakeLimit = 10s;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

void set_low_latency(tcp::socket& socket) {
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
}

template <typename Stream>
Task<Result<HttpResponse>> read_response(Stream& stream, beast::flat_buffer& buffer,
                                         Deadline deadline, bool& began) {
  http::response_parser<http::string_body> parser;
  parser.header_limit(kHttpHeaderBytesMax);
  parser.body_limit(kHttpBodyBytesMax);
  DeadlineGuard guard(beast::get_lowest_layer(stream), deadline);
  auto [error, size] = co_await http::async_read(stream, buffer, parser, use_result);
  began = began || size > 0 || parser.got_some();
  if (guard.expired()) co_return make_error(ErrorKind::timeout, "no answer in time");
  if (error) co_return from_error_code(error, "read answer");
  HttpResponse response;
  response.status = static_cast<int>(parser.get().result_int());
  for (const auto& field : parser.get()) {
    response.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  const bool keep = parser.get().keep_alive();
  response.body = std::move(parser.get().body());
  if (!keep) response.headers.emplace_back("Connection", "close");
  co_return response;
}

}  // namespace

std::string header_value(const Headers& headers, std::string_view name) {
  const std::string wanted = lower(name);
  for (const auto& [key, value] : headers) {
    if (lower(key) == wanted) return value;
  }
  return "";
}

Result<tcp::endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  boost::system::error_code error;
  std::uint16_t port = 0;
  if (colon != std::string_view::npos) {
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    const auto address = asio::ip::make_address(std::string(text.substr(0, colon)), error);
    if (!error && problem == std::errc() && end == digits.data() + digits.size() && port != 0) {
      return tcp::endpoint(address, port);
    }
  }
  return make_error(ErrorKind::invalid,
                    "not an address with a port (expected 127.0.1.1:4566): " + std::string(text));
}

Result<tcp::acceptor> listen_on(asio::any_io_executor executor, std::string_view address) {
  TRY(const tcp::endpoint endpoint, parse_endpoint(address));
  tcp::acceptor acceptor(executor);
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return acceptor;
  const bool taken = error == asio::error::address_in_use;
  return make_error(taken ? ErrorKind::conflict : ErrorKind::unavailable,
                    "cannot listen on " + std::string(address) + ": " + error.message() +
                        (taken ? "; another platform or program uses it (end it, or choose another "
                                 "--address-prefix)"
                               : ""));
}

HttpServer::HttpServer(TaskGroup& tasks, tcp::acceptor acceptor, HttpHandler handler,
                       TlsContext tls)
    : tasks_(tasks),
      acceptor_(std::move(acceptor)),
      handler_(std::move(handler)),
      tls_(std::move(tls)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::listen(TaskGroup& tasks, const std::string& address,
                                                       HttpHandler handler, TlsContext tls) {
  TRY(tcp::acceptor acceptor, listen_on(tasks.executor(), address));
  std::unique_ptr<HttpServer> server(
      new HttpServer(tasks, std::move(acceptor), std::move(handler), std::move(tls)));
  tasks.spawn("http server " + address, server->accept_loop());
  return server;
}

void HttpServer::close() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

Task<void> HttpServer::accept_loop() {
  while (acceptor_.is_open()) {
    tcp::socket socket(tasks_.executor());
    auto [error] = co_await acceptor_.async_accept(socket, use_result);
    if (error == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
    if (error) {  // Out of descriptors or a client that left: go on, but not in a tight loop.
      co_await sleep_for(10ms);
      continue;
    }
    if (connections_ >= kHttpConnectionsMax) continue;  // Closed at once: over the limit.
    set_low_latency(socket);
    if (tls_) {
      tasks_.spawn("https connection", serve_tls(std::move(socket)));
    } else {
      tasks_.spawn("http connection", serve_plain(std::move(socket)));
    }
  }
}

Task<void> HttpServer::serve_plain(tcp::socket socket) { co_await serve(socket, ""); }

Task<void> HttpServer::serve_tls(tcp::socket socket) {
  TlsStream stream(std::move(socket), *tls_);
  {
    DeadlineGuard guard(stream.next_layer(), Deadline::in(kHandshakeLimit));
    auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, use_result);
    if (error) co_return;
  }
  const std::string client_name = peer_common_name(stream.native_handle());
  co_await serve(stream, client_name);
}

template <typename Stream>
Task<void> HttpServer::serve(Stream& stream, std::string client_name) {
  struct Counted {
    std::size_t& count;
    explicit Counted(std::size_t& c) : count(c) { ++count; }
    ~Counted() { --count; }
  } counted(connections_);
  beast::flat_buffer buffer(kHttpHeaderBytesMax + kHttpBodyBytesMax);
  for (;;) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(kHttpHeaderBytesMax);
    parser.body_limit(kHttpBodyBytesMax);
    {
      DeadlineGuard guard(beast::get_lowest_layer(stream), Deadline::in(kIdleLimit));
      auto [error, size] = co_await http::async_read_header(stream, buffer, parser, use_result);
      if (error) co_return;
    }
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      http::response<http::empty_body> go_on(http::status::continue_, 11);
      auto [error, size] = co_await http::async_write(stream, go_on, use_result);
      if (error) co_return;
    }
    bool too_large = false;
    {
      DeadlineGuard guard(beast::get_lowest_layer(stream), Deadline::in(kReadLimit));
      auto [error, size] = co_await http::async_read(stream, buffer, parser, use_result);
      too_large = error == http::error::body_limit;
      if (error && !too_large) co_return;
    }
    const bool keep = parser.get().keep_alive() && !too_large;
    HttpResponse answer;
    if (too_large) {
      answer.status = 413;
      answer.body = "request body over " + std::to_string(kHttpBodyBytesMax) + " bytes\n";
    } else {
      HttpRequest request;
      request.method = std::string(parser.get().method_string());
      request.target = std::string(parser.get().target());
      request.client_name = client_name;
      for (const auto& field : parser.get()) {
        request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
      }
      request.body = std::move(parser.get().body());
      auto handling = handler_(std::move(request));
      answer = co_await std::move(handling);
    }
    http::response<http::string_body> message(static_cast<http::status>(answer.status), 11);
    for (const auto& [name, value] : answer.headers) message.set(name, value);
    message.keep_alive(keep);
    message.body() = std::move(answer.body);
    message.prepare_payload();
    DeadlineGuard guard(beast::get_lowest_layer(stream), Deadline::in(kReadLimit));
    auto [error, size] = co_await http::async_write(stream, message, use_result);
    if (error || !keep) co_return;
  }
}

struct HttpClient::Connection {
  explicit Connection(asio::any_io_executor executor) : socket(executor) {}

  tcp::socket socket;                 // Used without TLS.
  std::unique_ptr<TlsStream> secure;  // Used with TLS.
  beast::flat_buffer buffer{kHttpHeaderBytesMax + kHttpBodyBytesMax};
  bool began = false;  // Some of the present answer has arrived.
};

HttpClient::HttpClient(asio::any_io_executor executor, std::string address, TlsContext tls,
                       std::string server_name)
    : executor_(std::move(executor)),
      address_(std::move(address)),
      tls_(std::move(tls)),
      server_name_(std::move(server_name)) {}

HttpClient::~HttpClient() = default;

Task<Result<std::unique_ptr<HttpClient::Connection>>> HttpClient::connect(Deadline deadline) {
  CO_TRY(const tcp::endpoint endpoint, parse_endpoint(address_));
  auto connection = std::make_unique<Connection>(executor_);
  tcp::socket& socket = connection->socket;
  {
    DeadlineGuard guard(socket, deadline);
    auto [error] = co_await socket.async_connect(endpoint, use_result);
    if (guard.expired()) {
      co_return make_error(ErrorKind::timeout, "connect to " + address_ + ": no answer in time");
    }
    if (error) co_return from_error_code(error, "connect to " + address_);
  }
  set_low_latency(socket);
  if (!tls_) co_return connection;
  connection->secure = std::make_unique<TlsStream>(std::move(socket), *tls_);
  TlsStream& stream = *connection->secure;
  stream.set_verify_callback(asio::ssl::host_name_verification(server_name_));
  SSL_set_tlsext_host_name(stream.native_handle(), server_name_.c_str());
  DeadlineGuard guard(stream.next_layer(), deadline);
  auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::client, use_result);
  if (guard.expired()) {
    co_return make_error(ErrorKind::timeout, "TLS with " + address_ + ": no answer in time");
  }
  if (error) {
    Error refused = from_error_code(error, "TLS with " + address_);
    if (error.category() == asio::error::get_ssl_category()) refused.kind = ErrorKind::denied;
    co_return refused;
  }
  co_return connection;
}

Task<Result<HttpResponse>> HttpClient::exchange(Connection& connection, const HttpRequest& request,
                                                Deadline deadline) {
  http::request<http::string_body> message(http::string_to_verb(request.method), request.target,
                                           11);
  message.set(http::field::host, address_);
  for (const auto& [name, value] : request.headers) message.set(name, value);
  message.keep_alive(true);
  message.body() = request.body;
  message.prepare_payload();
  connection.began = false;
  const auto send = [&](auto& stream) -> Task<Result<HttpResponse>> {
    {
      DeadlineGuard guard(beast::get_lowest_layer(stream), deadline);
      auto [error, size] = co_await http::async_write(stream, message, use_result);
      if (guard.expired()) co_return make_error(ErrorKind::timeout, "request not sent in time");
      if (error) co_return from_error_code(error, "send request");
    }
    co_return co_await read_response(stream, connection.buffer, deadline, connection.began);
  };
  // `send` is awaited here, so its captures live as long as it does.
  if (connection.secure) co_return co_await send(*connection.secure);
  co_return co_await send(connection.socket);
}

Task<Result<HttpResponse>> HttpClient::request(HttpRequest request, Deadline deadline) {
  for (;;) {
    std::unique_ptr<Connection> connection;
    const bool reused = !idle_.empty();
    if (reused) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    } else {
      CO_TRY(connection, co_await connect(deadline));
    }
    auto response = co_await exchange(*connection, request, deadline);
    if (response.has_value()) {
      const bool keep = lower(header_value(response->headers, "Connection")) != "close";
      if (keep && idle_.size() < kHttpIdleConnectionsMax) idle_.push_back(std::move(connection));
      co_return response;
    }
    const bool stale =
        reused && !connection->began && response.error().kind == ErrorKind::unavailable;
    if (!stale) co_return response;
    idle_.clear();  // They are as old as the one that was closed.
  }
}

}  // namespace aurora_global::net
