#include "net/http.h"

#include <algorithm>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>

#include "net/http_stream.h"
#include "net/tls.h"

namespace aurora_global::net {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

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

// A TLS alert or a failed verification is a refusal, everything else a connection that broke.
Error connection_error(const boost::system::error_code& code, std::string_view what) {
  Error error = from_error_code(code, what);
  if (code.category() == asio::error::get_ssl_category()) error.kind = ErrorKind::denied;
  return error;
}

Task<Result<HttpResponse>> read_response(HttpStream& stream, beast::flat_buffer& buffer,
                                         std::size_t body_bytes_max, Deadline deadline,
                                         bool& began) {
  http::response_parser<http::string_body> parser;
  parser.header_limit(kHttpHeaderBytesMax);
  parser.body_limit(body_bytes_max);
  DeadlineGuard guard(stream.socket(), deadline);
  const auto error = co_await read_http(stream, buffer, parser, HttpPart::whole);
  began = began || buffer.size() > 0 || parser.got_some();
  if (guard.expired()) co_return make_error(ErrorKind::timeout, "no answer in time");
  if (error) co_return connection_error(error, "read answer");
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

int http_status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::not_found: return 404;
    case ErrorKind::denied: return 403;
    case ErrorKind::invalid: return 400;
    case ErrorKind::conflict:
    case ErrorKind::superseded:
    case ErrorKind::data_loss_refused: return 409;
    case ErrorKind::timeout:
    case ErrorKind::cancelled:
    case ErrorKind::unavailable:
    case ErrorKind::exhausted: return 503;
    case ErrorKind::corrupt:
    case ErrorKind::internal: return 500;
  }
  return 500;
}

std::string header_value(const Headers& headers, std::string_view name) {
  const std::string wanted = lower(name);
  for (const auto& [key, value] : headers) {
    if (lower(key) == wanted) return value;
  }
  return "";
}

namespace {

Result<tcp::endpoint> parse(std::string_view text, std::uint16_t port_min) {
  const auto colon = text.rfind(':');
  boost::system::error_code error;
  std::uint16_t port = 0;
  if (colon != std::string_view::npos) {
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    const auto address = asio::ip::make_address(std::string(text.substr(0, colon)), error);
    if (!error && problem == std::errc() && end == digits.data() + digits.size() &&
        port >= port_min) {
      return tcp::endpoint(address, port);
    }
  }
  return make_error(ErrorKind::invalid,
                    "not an address with a port (expected 127.0.1.1:4566): " + std::string(text));
}

}  // namespace

Result<tcp::endpoint> parse_endpoint(std::string_view text) { return parse(text, 1); }

Result<tcp::acceptor> listen_on(asio::any_io_executor executor, std::string_view address) {
  TRY(const tcp::endpoint endpoint, parse(address, 0));
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

struct HttpClient::Connection {
  Connection(asio::any_io_executor executor, std::size_t body_bytes_max)
      : stream(tcp::socket(executor)), buffer(kHttpHeaderBytesMax + body_bytes_max) {}

  HttpStream stream;
  beast::flat_buffer buffer;
  bool began = false;  // Some of the present answer has arrived.
};

HttpClient::HttpClient(asio::any_io_executor executor, std::string address, TlsContext tls,
                       std::string server_name, std::size_t body_bytes_max)
    : executor_(std::move(executor)),
      address_(std::move(address)),
      tls_(std::move(tls)),
      server_name_(std::move(server_name)),
      body_bytes_max_(body_bytes_max) {}

HttpClient::~HttpClient() = default;

namespace {

// Looks a host name up; an address is its own answer.
Task<Result<tcp::endpoint>> look_up(std::string address, Deadline deadline) {
  const auto colon = address.rfind(':');
  boost::system::error_code not_numeric;
  if (colon != std::string::npos) {
    asio::ip::make_address(address.substr(0, colon), not_numeric);
  }
  if (colon == std::string::npos || !not_numeric) co_return parse_endpoint(address);
  tcp::resolver resolver(co_await asio::this_coro::executor);
  DeadlineGuard guard(resolver, deadline);
  auto [error, found] = co_await resolver.async_resolve(address.substr(0, colon),
                                                        address.substr(colon + 1), use_result);
  if (guard.expired()) {
    co_return make_error(ErrorKind::timeout, "look up " + address + ": no answer in time");
  }
  if (error) co_return from_error_code(error, "look up " + address);
  co_return found.begin()->endpoint();
}

}  // namespace

Task<Result<std::unique_ptr<HttpClient::Connection>>> HttpClient::connect(Deadline deadline) {
  CO_TRY(const tcp::endpoint endpoint, co_await look_up(address_, deadline));
  auto connection = std::make_unique<Connection>(executor_, body_bytes_max_);
  HttpStream& stream = connection->stream;
  {
    tcp::socket& socket = stream.socket();
    DeadlineGuard guard(socket, deadline);
    auto [error] = co_await socket.async_connect(endpoint, use_result);
    if (guard.expired()) {
      co_return make_error(ErrorKind::timeout, "connect to " + address_ + ": no answer in time");
    }
    if (error) co_return from_error_code(error, "connect to " + address_);
  }
  set_low_latency(stream.socket());
  if (!tls_) co_return connection;
  HttpStream::Tls& tls = stream.secure(*tls_);
  tls.set_verify_callback(asio::ssl::host_name_verification(server_name_));
  SSL_set_tlsext_host_name(tls.native_handle(), server_name_.c_str());
  DeadlineGuard guard(stream.socket(), deadline);
  const auto error = co_await stream.shake_hands(asio::ssl::stream_base::client);
  if (guard.expired()) {
    co_return make_error(ErrorKind::timeout, "TLS with " + address_ + ": no answer in time");
  }
  if (error) co_return connection_error(error, "TLS with " + address_);
  co_return connection;
}

Task<Result<HttpResponse>> HttpClient::exchange(Connection& connection, const HttpRequest& request,
                                                Deadline deadline) {
  http::request<http::string_body> message;
  message.version(11);
  message.method_string(request.method);
  message.target(request.target);
  for (const auto& [name, value] : request.headers) message.insert(name, value);
  if (!message.count(http::field::host)) message.set(http::field::host, address_);
  message.keep_alive(true);
  message.body() = request.body;
  message.prepare_payload();
  connection.began = false;
  std::string text = request.method + " " + request.target + " HTTP/1.1\r\n";
  append_fields(text, message.base());
  text += message.body();
  {
    DeadlineGuard guard(connection.stream.socket(), deadline);
    const auto error = co_await connection.stream.write(text);
    if (guard.expired()) co_return make_error(ErrorKind::timeout, "request not sent in time");
    if (error) co_return connection_error(error, "send request");
  }
  co_return co_await read_response(connection.stream, connection.buffer, body_bytes_max_, deadline,
                                   connection.began);
}

Task<Result<HttpResponse>> HttpClient::request(HttpRequest request, Deadline deadline) {
  for (;;) {
    std::unique_ptr<Connection> connection;
    const bool reused = request.repeatable && !idle_.empty();
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
