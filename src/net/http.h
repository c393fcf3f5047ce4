// HTTP/1.1 server and client, plain or over mutual TLS.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/task.h"

namespace aurora_global::net {

inline constexpr std::size_t kHttpHeaderBytesMax = 64 * 1024;
inline constexpr std::size_t kHttpBodyBytesMax = 8 * 1024 * 1024;
inline constexpr std::size_t kHttpConnectionsMax = 512;    // Of one server.
inline constexpr std::size_t kHttpIdleConnectionsMax = 8;  // Kept by one client.

using Headers = std::vector<std::pair<std::string, std::string>>;

// The first value of a header, names compared without case; "" if there is none.
std::string header_value(const Headers& headers, std::string_view name);

struct HttpRequest {
  std::string method;
  std::string target;  // Path and query, as sent.
  Headers headers;
  std::string body;
  // At a server with OverLimit::counted: the bytes that came, where they are more than `body`
  // holds.
  std::uint64_t body_bytes = 0;
  std::string client_name;  // Common name of the verified client certificate; "" without TLS.
  // Of a client: doing it twice does no harm, so a kept connection that turns out closed is no
  // failure. Otherwise the request goes over a connection of its own, once.
  bool repeatable = true;
};

struct HttpResponse {
  int status = 200;
  Headers headers;  // The answer to a HEAD may tell its Content-Length; else it is the body's.
  std::string body;
  std::shared_ptr<void> held;  // Goes when the answer is sent.
};

// Which requests may have a larger body than the others. All of their bodies together are bounded:
// what comes over it is answered with 503.
struct LargeBodies {
  std::size_t each = 0, together = 0;
  std::function<bool(const HttpRequest& head)> allowed;
};

// How a failure of this kind is told over HTTP.
int http_status_of(ErrorKind kind);

// Whether a client can be sent this: a status from 200 to 599, headers without line breaks, not
// more of them than a client takes.
bool is_fit(const HttpResponse& response);
// Whether this can be the value of a header (RFC 9110, 5.5): no control character but the tab.
bool is_field_value(std::string_view text);

// Answers one request. Runs in the connection's task.
using HttpHandler = std::function<Task<HttpResponse>(HttpRequest)>;

// The answer to a request whose handler failed; the log has the id.
using FailureAnswer = std::function<HttpResponse(const HttpRequest&, const std::string& id)>;

// `handler` as a stranger may reach it: an exception that leaves it, or an answer that is no HTTP
// (a status outside 200 to 599, a line break in a header), is logged under a new request id, and
// `answer` says what the client gets.
HttpHandler guarded(HttpHandler handler, FailureAnswer answer);

using TlsContext = std::shared_ptr<asio::ssl::context>;

// What becomes of a body over the limit: `refused` answers 413 at once, `counted` reads it to its
// end (within the same 30 s) without storing more than the limit, and lets the handler say so.
enum class OverLimit { refused, counted };

// What a server takes.
struct HttpServing {
  TlsContext tls;
  bool plain_as_well = false;  // With TLS: whoever begins without it is served without it.
  std::size_t body_bytes_max = kHttpBodyBytesMax;
  OverLimit over = OverLimit::refused;
  LargeBodies large;
};

// "127.0.1.1:4566" as an endpoint. Fails with `invalid`.
Result<asio::ip::tcp::endpoint> parse_endpoint(std::string_view text);

// A listening socket. Fails with `conflict` when the address is taken (the message says what to
// do), `unavailable` otherwise.
Result<asio::ip::tcp::acceptor> listen_on(asio::any_io_executor executor, std::string_view address);

// Serves until it is closed or destroyed, or its TaskGroup ends; open connections end with the
// group. Connections are kept alive; an idle one is closed after 75 s, a request that does not
// arrive whole within 30 s ends its connection. One that is no HTTP or over the limits above is
// answered (400, 413, 431) without asking the handler. Every handler is guarded (500), and every
// answer has a Date.
class HttpServer {
 public:
  // With port 0 in `address` the system chooses one: see port().
  static Result<std::unique_ptr<HttpServer>> listen(TaskGroup& tasks, const std::string& address,
                                                    HttpHandler handler, TlsContext tls = nullptr,
                                                    std::size_t body_bytes_max = kHttpBodyBytesMax);
  static Result<std::unique_ptr<HttpServer>> listen(TaskGroup& tasks, const std::string& address,
                                                    HttpHandler handler, HttpServing serving);
  int port() const;
  ~HttpServer() { close(); }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  // Accepts no more connections.
  void close();

 private:
  struct Core;  // Shared with the tasks.
  class Waiting;
  class LargeBody;
  explicit HttpServer(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  static Task<void> accept_loop(std::shared_ptr<Core> core);
  static Task<void> serve_either(std::shared_ptr<Core> core, asio::ip::tcp::socket socket);
  static Task<void> serve_plain(std::shared_ptr<Core> core, asio::ip::tcp::socket socket);
  static Task<void> serve_tls(std::shared_ptr<Core> core, asio::ip::tcp::socket socket);
  template <typename Stream>
  static Task<void> serve(Core& core, Stream& stream, std::string client_name);

  std::shared_ptr<Core> core_;
};

// Talks to one server, given as an address or host name with a port; a name is looked up for every
// new connection. Keeps connections open between requests, so that a warm request costs one round
// trip. A request whose kept connection turns out closed before any answer is sent again on a fresh
// one, if it is repeatable.
class HttpClient {
 public:
  // With `tls`, the server's certificate must be valid for `server_name`.
  HttpClient(asio::any_io_executor executor, std::string address, TlsContext tls = nullptr,
             std::string server_name = "", std::size_t body_bytes_max = kHttpBodyBytesMax);
  ~HttpClient();

  // Fails with `unavailable` (no connection, broken off), `timeout`, `denied` (TLS refused) or
  // `corrupt`. A status other than 2xx is a value.
  Task<Result<HttpResponse>> request(HttpRequest request, Deadline deadline);

 private:
  struct Connection;
  Task<Result<std::unique_ptr<Connection>>> connect(Deadline deadline);
  Task<Result<HttpResponse>> exchange(Connection& connection, const HttpRequest& request,
                                      Deadline deadline);

  asio::any_io_executor executor_;
  std::string address_;
  TlsContext tls_;
  std::string server_name_;
  std::size_t body_bytes_max_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace aurora_global::net
