// The server half of net/http.h.
#include <algorithm>
#include <array>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <ctime>
#include <map>
#include <utility>

#include "base/rng.h"
#include "net/http.h"
#include "net/http_stream.h"
#include "net/log.h"
#include "net/tls.h"

namespace aurora_global::net {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr Duration kIdleLimit = 75s;
constexpr Duration kReadLimit = 30s;
constexpr Duration kReadLimitPerMiB = 1s;
constexpr Duration kHandshakeLimit = 10s;
constexpr Duration kDrainLimit = 1s;

// A body of which no more than `kept_max` bytes are stored; the others are counted.
struct CountedBody {
  struct value_type {
    std::string text;
    std::uint64_t bytes = 0;
    std::size_t kept_max = 0;
  };

  class reader {
   public:
    template <bool isRequest, typename Fields>
    reader(http::header<isRequest, Fields>&, value_type& body) : body_(body) {}

    void init(const boost::optional<std::uint64_t>&, boost::system::error_code& error) {
      error = {};
    }
    template <typename Buffers>
    std::size_t put(const Buffers& buffers, boost::system::error_code& error) {
      error = {};
      std::size_t came = 0;
      for (const asio::const_buffer piece : beast::buffers_range_ref(buffers)) {
        const std::size_t room = body_.kept_max - body_.text.size();
        body_.text.append(static_cast<const char*>(piece.data()), std::min(room, piece.size()));
        came += piece.size();
      }
      body_.bytes += came;
      return came;
    }
    void finish(boost::system::error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

using Parser = http::request_parser<CountedBody>;

// What came of waiting for a request.
enum class Arrival { whole, malformed, header_too_large, body_too_large, too_many_bodies, gone };

Arrival arrival_of(const boost::system::error_code& error) {
  if (!error) return Arrival::whole;
  if (error == http::error::body_limit) return Arrival::body_too_large;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return Arrival::header_too_large;
  }
  const bool broke_off =
      error == http::error::end_of_stream || error == http::error::partial_message;
  const bool protocol = error.category() == make_error_code(http::error::bad_method).category();
  return protocol && !broke_off ? Arrival::malformed : Arrival::gone;
}

HttpResponse refusal_of(Arrival arrival, std::size_t body_bytes_max) {
  HttpResponse answer;
  answer.headers.emplace_back("Content-Type", "text/plain");
  if (arrival == Arrival::body_too_large) {
    answer.status = 413;
    answer.body = "The request body is over " + std::to_string(body_bytes_max) + " bytes\n";
  } else if (arrival == Arrival::too_many_bodies) {
    answer.status = 503;
    answer.body = "There are too many large requests at once\n";
  } else if (arrival == Arrival::header_too_large) {
    answer.status = 431;
    answer.body = "The request header is over " + std::to_string(kHttpHeaderBytesMax) + " bytes\n";
  } else {
    answer.status = 400;
    answer.body = "The request is not HTTP/1.1\n";
  }
  return answer;
}

Task<Arrival> read_header(HttpStream& stream, beast::flat_buffer& buffer, Parser& parser) {
  DeadlineGuard guard(stream.socket(), Deadline::in(kIdleLimit));
  const auto error = co_await read_http(stream, buffer, parser, HttpPart::header);
  co_return error ? arrival_of(error) : Arrival::whole;
}

Task<Arrival> read_rest(HttpStream& stream, beast::flat_buffer& buffer, Parser& parser) {
  const std::uint64_t length = parser.content_length_remaining().value_or(0);
  DeadlineGuard guard(stream.socket(),
                      Deadline::in(kReadLimit + kReadLimitPerMiB * (length >> 20)));
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    const auto error = co_await stream.write("HTTP/1.1 100 Continue\r\n\r\n");
    if (error) co_return Arrival::gone;
  }
  const auto error = co_await read_http(stream, buffer, parser, HttpPart::whole);
  co_return arrival_of(error);
}

Task<bool> write_answer(HttpStream& stream, const http::response<http::string_body>& message) {
  std::string text = "HTTP/1.1 " + std::to_string(message.result_int()) + " ";
  text.append(message.reason()).append("\r\n");
  append_fields(text, message.base());
  text += message.body();
  DeadlineGuard guard(stream.socket(), Deadline::in(kReadLimit));
  const auto error = co_await stream.write(text);
  co_return !error;
}

// Reads on for a moment before the connection is closed: closing with unread bytes resets it, and
// the client may never see the answer.
Task<void> drain(tcp::socket& socket) {
  boost::system::error_code ignored;
  socket.shutdown(tcp::socket::shutdown_send, ignored);
  std::array<char, 16 * 1024> waste;
  DeadlineGuard guard(socket, Deadline::in(kDrainLimit));
  for (;;) {
    auto [error, size] = co_await socket.async_read_some(asio::buffer(waste), use_result);
    if (error) co_return;
  }
}

// What stands in the header of a request.
HttpRequest head_of(const Parser& parser) {
  HttpRequest request;
  request.method = std::string(parser.get().method_string());
  request.target = std::string(parser.get().target());
  for (const auto& field : parser.get()) {
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  return request;
}

HttpRequest taken_from(Parser& parser) {
  HttpRequest request = head_of(parser);
  request.body_bytes = parser.get().body().bytes;
  request.body = std::move(parser.get().body().text);
  return request;
}

// What this server decides about an answer, whatever a handler says.
bool is_framing(std::string_view name) {
  return beast::iequals(name, "Content-Length") || beast::iequals(name, "Transfer-Encoding") ||
         beast::iequals(name, "Connection");
}

// The answer to a HEAD has the length of what a GET would get: the body's, or what is said of it.
void tell_length_only(http::response<http::string_body>& message, const HttpResponse& answer) {
  const std::string said = header_value(answer.headers, "Content-Length");
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(said.data(), said.data() + said.size(), length);
  const bool number = error == std::errc() && end == said.data() + said.size() && !said.empty();
  if (message.body().empty() && number) message.content_length(length);
  message.body().clear();
}

bool may_have_body(int status) { return status != 204 && status != 304; }

// RFC 9110, 5.6.7. Clients correct their clocks by it.
std::string http_date() {
  const auto since = SystemClock().wall_now().time_since_epoch();
  const std::time_t now = std::chrono::duration_cast<std::chrono::seconds>(since).count();
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[40];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return text;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

// Why `response` cannot be sent; "" if it can.
std::string flaw_of(const HttpResponse& response) {
  if (response.status < 200 || response.status > 599) {
    return "the status of the answer is " + std::to_string(response.status);
  }
  std::size_t size = 0;
  for (const auto& [name, value] : response.headers) {
    if (!is_token(name) || !is_field_value(value)) return "a header of the answer is none: " + name;
    size += name.size() + value.size();
  }
  return size > kHttpHeaderBytesMax ? "the header of the answer is too large" : "";
}

HttpResponse plain_failure(const HttpRequest&, const std::string& id) {
  HttpResponse response;
  response.status = 500;
  response.headers = {{"Content-Type", "text/plain"}, {"x-amzn-RequestId", id}};
  response.body = "Internal failure; the log has it as request " + id + "\n";
  return response;
}

Task<HttpResponse> answer_guarded(HttpHandler handler, FailureAnswer answer, HttpRequest request) {
  HttpRequest head;  // What a failure is told with; the body is the handler's.
  head.method = request.method;
  head.target = request.target;
  head.headers = request.headers;
  std::string failure;
  try {
    auto handling = handler(std::move(request));
    HttpResponse response = co_await std::move(handling);
    failure = flaw_of(response);
    if (failure.empty()) co_return response;
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted) throw;  // The task is asked to end.
    failure = error.what();
  } catch (const std::exception& error) {
    failure = error.what();
  }
  const std::string id = random_uuid();
  log::error("request {} ({} {}) failed: {}", id, head.method,
             head.target.substr(0, head.target.find('?')), failure);
  co_return answer(head, id);
}

struct Counted {
  std::size_t& count;
  explicit Counted(std::size_t& counted) : count(counted) { ++count; }
  ~Counted() { --count; }
};

}  // namespace

bool is_field_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](unsigned char c) { return (c < ' ' && c != '\t') || c == 127; });
}

bool is_fit(const HttpResponse& response) { return flaw_of(response).empty(); }

HttpHandler guarded(HttpHandler handler, FailureAnswer answer) {
  return [handler = std::move(handler), answer = std::move(answer)](HttpRequest request) {
    return answer_guarded(handler, answer, std::move(request));
  };
}

struct HttpServer::Core {
  TaskGroup& tasks;
  tcp::acceptor acceptor;
  HttpHandler handler;
  HttpServing takes;
  std::size_t large_bytes = 0;  // Of the large bodies that are here.
  std::size_t connections = 0;
  // Those on which no request has begun, the one that has waited longest first.
  std::map<std::uint64_t, tcp::socket*> waiting;
  std::uint64_t waits = 0;
};

// As long as a connection waits for the beginning of a request.
class HttpServer::Waiting {
 public:
  Waiting(Core& core, tcp::socket& socket) : core_(core), turn_(++core.waits) {
    core_.waiting[turn_] = &socket;
  }
  ~Waiting() { core_.waiting.erase(turn_); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  Core& core_;
  std::uint64_t turn_;
};

Result<std::unique_ptr<HttpServer>> HttpServer::listen(TaskGroup& tasks, const std::string& address,
                                                       HttpHandler handler, TlsContext tls,
                                                       std::size_t body_bytes_max) {
  HttpServing serving;
  serving.tls = std::move(tls);
  serving.body_bytes_max = body_bytes_max;
  return listen(tasks, address, std::move(handler), std::move(serving));
}

Result<std::unique_ptr<HttpServer>> HttpServer::listen(TaskGroup& tasks, const std::string& address,
                                                       HttpHandler handler, HttpServing serving) {
  TRY(tcp::acceptor acceptor, listen_on(tasks.executor(), address));
  std::shared_ptr<Core> core(new Core{
      tasks, std::move(acceptor), guarded(std::move(handler), plain_failure), std::move(serving)});
  tasks.spawn("http server " + address, accept_loop(core));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(core)));
}

int HttpServer::port() const { return core_->acceptor.local_endpoint().port(); }

void HttpServer::close() {
  boost::system::error_code ignored;
  core_->acceptor.close(ignored);
}

Task<void> HttpServer::accept_loop(std::shared_ptr<Core> core) {
  while (core->acceptor.is_open()) {
    tcp::socket socket(core->tasks.executor());
    auto [error] = co_await core->acceptor.async_accept(socket, use_result);
    if (error == asio::error::operation_aborted || !core->acceptor.is_open()) co_return;
    if (error) {  // Out of descriptors or a client that left: go on, but not in a tight loop.
      co_await sleep_for(10ms);
      continue;
    }
    if (core->connections >= kHttpConnectionsMax) {
      // Whoever has something to say comes before those who hold a connection open.
      if (core->waiting.empty()) continue;
      const auto longest = core->waiting.begin();
      boost::system::error_code gone;
      longest->second->shutdown(tcp::socket::shutdown_both, gone);
      core->waiting.erase(longest);
    }
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    if (core->takes.tls && core->takes.plain_as_well) {
      core->tasks.spawn("http or https connection", serve_either(core, std::move(socket)));
    } else if (core->takes.tls) {
      core->tasks.spawn("https connection", serve_tls(core, std::move(socket)));
    } else {
      core->tasks.spawn("http connection", serve_plain(core, std::move(socket)));
    }
  }
}

// TLS begins with a record of a handshake, which no method of HTTP begins like.
Task<void> HttpServer::serve_either(std::shared_ptr<Core> core, tcp::socket socket) {
  constexpr char kHandshake = 0x16;
  char first = 0;
  {
    const Counted counted(core->connections);
    const Waiting waiting(*core, socket);
    DeadlineGuard guard(socket, Deadline::in(kIdleLimit));
    auto [error, size] = co_await socket.async_receive(asio::buffer(&first, 1),
                                                       tcp::socket::message_peek, use_result);
    if (error || size == 0) co_return;
  }
  auto serving = first == kHandshake ? serve_tls(core, std::move(socket))
                                     : serve_plain(core, std::move(socket));
  co_await std::move(serving);
}

Task<void> HttpServer::serve_plain(std::shared_ptr<Core> core, tcp::socket socket) {
  const Counted counted(core->connections);
  HttpStream stream(std::move(socket));
  co_await serve(*core, stream, "");
}

Task<void> HttpServer::serve_tls(std::shared_ptr<Core> core, tcp::socket socket) {
  const Counted counted(core->connections);
  HttpStream stream(std::move(socket));
  HttpStream::Tls& tls = stream.secure(*core->takes.tls);
  {
    DeadlineGuard guard(stream.socket(), Deadline::in(kHandshakeLimit));
    const auto error = co_await stream.shake_hands(asio::ssl::stream_base::server);
    if (error) co_return;
  }
  const std::string client_name = peer_common_name(tls.native_handle());
  co_await serve(*core, stream, client_name);
}

// The room that a large body takes, as long as it is here.
class HttpServer::LargeBody {
 public:
  explicit LargeBody(Core& core) : core_(core) {}
  ~LargeBody() { give_back(); }
  LargeBody(const LargeBody&) = delete;
  LargeBody& operator=(const LargeBody&) = delete;

  // The body has gone.
  void give_back() { core_.large_bytes -= std::exchange(bytes_, 0); }

  // Whether the body that a header announces may come.
  Arrival take(const Parser& parser) {
    const std::uint64_t length = parser.content_length_remaining().value_or(0);
    const bool counted = core_.takes.over == OverLimit::counted;
    if (length <= core_.takes.body_bytes_max || counted) return Arrival::whole;
    if (!core_.takes.large.allowed || !core_.takes.large.allowed(head_of(parser)))
      return Arrival::body_too_large;
    if (length >
        core_.takes.large.together - std::min(core_.takes.large.together, core_.large_bytes)) {
      return Arrival::too_many_bodies;
    }
    bytes_ = length;
    core_.large_bytes += bytes_;
    return Arrival::whole;
  }

 private:
  Core& core_;
  std::size_t bytes_ = 0;
};

template <typename Stream>
Task<void> HttpServer::serve(Core& core, Stream& stream, std::string client_name) {
  beast::flat_buffer buffer(kHttpHeaderBytesMax + core.takes.body_bytes_max);
  for (;;) {
    Parser parser;
    parser.header_limit(kHttpHeaderBytesMax);
    const std::size_t most = std::max(core.takes.body_bytes_max, core.takes.large.each);
    const bool counted = core.takes.over == OverLimit::counted;
    parser.body_limit(counted ? boost::none : boost::optional<std::uint64_t>(most));
    parser.get().body().kept_max = most;
    LargeBody large(core);
    Arrival arrival = Arrival::gone;
    {
      const Waiting waiting(core, stream.socket());
      arrival = co_await read_header(stream, buffer, parser);
    }
    if (arrival == Arrival::whole) arrival = large.take(parser);
    // Without a length nobody says that it will be large.
    if (parser.chunked() && !counted) parser.body_limit(core.takes.body_bytes_max);
    if (arrival == Arrival::whole) arrival = co_await read_rest(stream, buffer, parser);
    if (arrival == Arrival::gone) co_return;
    const bool keep = arrival == Arrival::whole && parser.get().keep_alive();
    const bool head = arrival == Arrival::whole && parser.get().method() == http::verb::head;
    HttpResponse answer;
    if (arrival == Arrival::whole) {
      HttpRequest request = taken_from(parser);
      request.client_name = client_name;
      auto handling = core.handler(std::move(request));
      answer = co_await std::move(handling);
      large.give_back();
    } else {
      answer = refusal_of(arrival, core.takes.body_bytes_max);
    }
    http::response<http::string_body> message;
    message.version(11);
    message.result(static_cast<unsigned>(answer.status));
    for (const auto& [name, value] : answer.headers) {
      if (!is_framing(name)) message.insert(name, value);
    }
    if (message.count(http::field::date) == 0) message.set(http::field::date, http_date());
    message.keep_alive(keep);
    if (may_have_body(answer.status)) message.body() = std::move(answer.body);
    message.prepare_payload();
    if (head) tell_length_only(message, answer);
    const bool written = co_await write_answer(stream, message);
    if (!written) co_return;
    if (keep) continue;
    co_await drain(stream.socket());
    co_return;
  }
}

}  // namespace aurora_global::net
