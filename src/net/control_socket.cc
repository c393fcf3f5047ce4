#include "net/control_socket.h"

#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include "base/check.h"
#include "base/json.h"

namespace aurora_global::net {
namespace {

using asio::local::stream_protocol;

// A path that does not fit sockaddr_un is an error with words, not an exception.
Result<stream_protocol::endpoint> endpoint_of(const std::filesystem::path& path) {
  constexpr std::size_t kPathMax = 107;
  if (path.string().size() > kPathMax) {
    return make_error(ErrorKind::invalid, "the socket path " + path.string() + " is longer than " +
                                              std::to_string(kPathMax) +
                                              " bytes; choose a shorter home directory");
  }
  return stream_protocol::endpoint(path.string());
}

// Bytes that are no UTF-8 are replaced: text of the outside may be in it.
std::string line_of(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

Result<void> refuse_unknown_members(const nlohmann::json& request,
                                    std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : request.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return make_error(ErrorKind::invalid, "unknown member '" + name + "' in the request");
    }
  }
  return ok();
}

ControlServer::ControlServer(TaskGroup& tasks, Acceptor acceptor, ControlHandler handler,
                             std::filesystem::path path)
    : tasks_(tasks),
      acceptor_(std::move(acceptor)),
      handler_(std::move(handler)),
      path_(std::move(path)) {}

ControlServer::~ControlServer() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

Result<std::unique_ptr<ControlServer>> ControlServer::listen(TaskGroup& tasks,
                                                             const std::filesystem::path& path,
                                                             ControlHandler handler) {
  TRY(const auto endpoint, endpoint_of(path));
  boost::system::error_code error;
  {
    stream_protocol::socket probe(tasks.executor());
    probe.connect(endpoint, error);
    if (!error) {
      return make_error(ErrorKind::conflict,
                        "another process serves the control socket " + path.string());
    }
  }
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  Acceptor acceptor(tasks.executor());
  const mode_t before = umask(0177);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.bind(endpoint, error);
  umask(before);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return from_error_code(error, "listen on " + path.string());
  std::unique_ptr<ControlServer> server(
      new ControlServer(tasks, std::move(acceptor), std::move(handler), path));
  tasks.spawn("control socket", server->accept_loop());
  return server;
}

Task<void> ControlServer::accept_loop() {
  for (;;) {
    Socket socket(tasks_.executor());
    auto [error] = co_await acceptor_.async_accept(socket, use_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      co_await sleep_for(std::chrono::milliseconds(10));
      continue;
    }
    tasks_.spawn("control connection", serve(std::move(socket)));
  }
}

Task<void> ControlServer::serve(Socket socket) {
  std::string buffer;
  for (;;) {
    auto [error, size] = co_await asio::async_read_until(
        socket, asio::dynamic_buffer(buffer, kControlLineBytesMax), '\n', use_result);
    if (error) co_return;  // Also when a line is too long: nothing sensible can follow it.
    nlohmann::json request = parse_json(buffer.substr(0, size));
    buffer.erase(0, size);
    Result<nlohmann::json> answer =
        make_error(ErrorKind::invalid, "the request is no JSON object with a member \"do\"");
    std::string malformed;
    if (request.is_object() && request.contains("do")) {
      try {
        auto handling = handler_(std::move(request));
        answer = co_await std::move(handling);
      } catch (const nlohmann::json::exception& problem) {
        malformed = problem.what();
      }
    }
    nlohmann::json reply = nlohmann::json::object();
    if (!malformed.empty()) {
      reply = {{"ok", false}, {"error", "malformed request: " + malformed}};
    } else if (answer.has_error()) {
      reply = {{"ok", false}, {"error", answer.error().message}};
    } else {
      CHECK(answer->is_object());
      reply = std::move(*answer);
      reply["ok"] = true;
    }
    const std::string line = line_of(reply);
    auto [write_error, written] =
        co_await asio::async_write(socket, asio::buffer(line), use_result);
    if (write_error) co_return;
  }
}

ControlClient::ControlClient(asio::any_io_executor executor, std::filesystem::path path)
    : executor_(executor), path_(std::move(path)), lock_(executor) {}

Task<Result<nlohmann::json>> ControlClient::exchange(std::string line, Deadline deadline) {
  const bool fresh = !socket_;
  if (fresh) {
    CO_TRY(const auto endpoint, endpoint_of(path_));
    socket_.emplace(executor_);
    buffer_.clear();
    DeadlineGuard guard(*socket_, deadline);
    auto [error] = co_await socket_->async_connect(endpoint, use_result);
    if (error) co_return from_error_code(error, "connect to " + path_.string());
  }
  DeadlineGuard guard(*socket_, deadline);
  auto [write_error, written] =
      co_await asio::async_write(*socket_, asio::buffer(line), use_result);
  if (write_error) co_return from_error_code(write_error, "ask " + path_.string());
  auto [error, size] = co_await asio::async_read_until(
      *socket_, asio::dynamic_buffer(buffer_, kControlLineBytesMax), '\n', use_result);
  if (guard.expired()) {
    co_return make_error(ErrorKind::timeout, path_.string() + " did not answer in time");
  }
  if (error) co_return from_error_code(error, "hear from " + path_.string());
  nlohmann::json answer = parse_json(buffer_.substr(0, size));
  buffer_.erase(0, size);
  if (!answer.is_object()) co_return make_error(ErrorKind::corrupt, "the answer is no JSON object");
  co_return answer;
}

Task<Result<nlohmann::json>> ControlClient::call(nlohmann::json request, Deadline deadline) {
  CO_TRY(const auto guard, co_await lock_.lock(deadline));
  const std::string line = line_of(request);
  const bool reused = socket_.has_value();
  auto answer = co_await exchange(line, deadline);
  if (answer.has_error() && reused && answer.error().kind == ErrorKind::unavailable) {
    socket_.reset();  // The other process was restarted since the last call.
    answer = co_await exchange(line, deadline);
  }
  if (answer.has_error()) {
    socket_.reset();
    co_return answer;
  }
  // Whoever is at the other end may be of another version, or no router at all.
  const auto verdict = answer->find("ok");
  if (verdict == answer->end() || !verdict->is_boolean()) {
    co_return make_error(ErrorKind::corrupt,
                         "the answer has no member \"ok\" that is true or false");
  }
  if (!verdict->get<bool>()) {
    const auto why = answer->find("error");
    const bool said = why != answer->end() && why->is_string();
    co_return make_error(ErrorKind::conflict, said ? why->get<std::string>() : "refused");
  }
  co_return answer;
}

}  // namespace aurora_global::net
