// A client's socket: start-up with SCRAM-SHA-256 or trust, messages out, messages in.
//
// Blocking, with deadlines. One thread. Fails with ConnectionError.
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include "messages.h"

namespace aurora_global::sessions {

using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;

struct ConnectionError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Target {
  std::string name;      // What reports call it.
  std::string host;      // An IPv4 address, or the directory of a Unix socket.
  std::string password;  // Of all roles that a plan may log in as.
  static constexpr int kPort = 5432;
};

class Connection {
 public:
  enum class Event { message, ended, late };

  explicit Connection(const Target& target);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Sends, and takes in what comes meanwhile: a server that cannot get rid of its answers reads no
  // more.
  void send(std::string_view bytes, Instant until);
  // The next message into `message`.
  Event next(Message& message, Instant until);
  // Answers the server's questions for a password until it says ReadyForQuery or an error, which
  // is the last of what is returned.
  std::vector<Message> log_in(const Parameters& parameters, const std::string& password,
                              Instant until);

 private:
  bool wait(short events, Instant until) const;
  bool take_in();
  void answer_scram(const Message& message, const std::string& password, Instant until);

  int socket_ = -1;
  bool ended_ = false;
  std::string in_;
  std::size_t at_ = 0;
  std::string nonce_;
};

}  // namespace aurora_global::sessions
