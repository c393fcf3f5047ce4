// The control sockets between processes of one machine: JSON lines over a Unix socket (0600).
//
// Protocol: docs/reference/control.md, "Control sockets". One request, one answer, in order.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "net/mutex.h"
#include "net/task.h"

namespace aurora_global::net {

inline constexpr std::size_t kControlLineBytesMax = 1024 * 1024;

// Answers one request with {"ok": true, ...}; an Error becomes {"ok": false, "error": message}.
using ControlHandler = std::function<Task<Result<nlohmann::json>>(nlohmann::json)>;

class ControlServer {
 public:
  // Replaces a socket file that nobody listens on. Fails with `conflict` if somebody does.
  static Result<std::unique_ptr<ControlServer>> listen(TaskGroup& tasks,
                                                       const std::filesystem::path& path,
                                                       ControlHandler handler);
  ~ControlServer();

 private:
  using Socket = asio::local::stream_protocol::socket;
  using Acceptor = asio::local::stream_protocol::acceptor;

  ControlServer(TaskGroup& tasks, Acceptor acceptor, ControlHandler handler,
                std::filesystem::path path);
  Task<void> accept_loop();
  Task<void> serve(Socket socket);

  TaskGroup& tasks_;
  Acceptor acceptor_;
  ControlHandler handler_;
  std::filesystem::path path_;
};

// Connects when first used and again after a failure. Calls are made one after the other.
class ControlClient {
 public:
  ControlClient(asio::any_io_executor executor, std::filesystem::path path);

  // The answer's members. Fails with `unavailable`, `timeout`, or `conflict` with the other side's
  // own sentence.
  Task<Result<nlohmann::json>> call(nlohmann::json request, Deadline deadline);

 private:
  using Socket = asio::local::stream_protocol::socket;
  Task<Result<nlohmann::json>> exchange(std::string line, Deadline deadline);

  asio::any_io_executor executor_;
  std::filesystem::path path_;
  AsyncMutex lock_;
  std::optional<Socket> socket_;
  std::string buffer_;
};

// Fails with `invalid` if `request` has a member that is not in `known`.
Result<void> refuse_unknown_members(const nlohmann::json& request,
                                    std::initializer_list<std::string_view> known);

}  // namespace aurora_global::net
