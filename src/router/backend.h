// A session at a server, logged in as the session's user: the router's other side.
//
// In the region it comes through the instance's Unix socket, across the link under TLS with the
// router's client certificate; neither asks for a password. The extension reports what of the
// session's state a fresh one would not have.
//
// One thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pgwire/message.h"
#include "router/channel.h"
#include "router/config.h"

namespace aurora_global::router {

// What the extension reports under this name is not for the client.
inline constexpr std::string_view kSessionStateParameter = "aurora_global.session_state";
inline constexpr std::string_view kSessionUserParameter = "aurora_global.session_user";
inline constexpr std::string_view kClean = "clean";

// The answer to all that one ReadyForQuery ends.
struct Answer {
  std::vector<pgwire::Row> rows;
  std::optional<pgwire::ServerError> error;
};

// Puts answers together from a server's messages.
class AnswerCollector {
 public:
  explicit AnswerCollector(std::size_t count) : due_(count) {}
  // A part of a message; nothing of it is needed afterwards. Fails with `corrupt` or, for answers
  // larger than a router takes, `exhausted`.
  Result<void> take(const pgwire::Piece& piece);
  bool complete() const { return due_ == 0; }
  std::vector<Answer> answers;

 private:
  std::size_t due_;
  Answer present_;
  pgwire::Bytes partial_;
  std::size_t total_ = 0;  // Bytes of rows and errors so far.
};

class Backend {
 public:
  using Parameters = std::map<std::string, std::string>;

  // Logs in. A refusal by the server has its SQLSTATE in Error::code, and `refusal` is its
  // ErrorResponse as it came. Otherwise fails with `unavailable`, `timeout`, `denied` or `corrupt`.
  static net::Task<Result<std::unique_ptr<Backend>>> open(BackendAddress address,
                                                          Parameters parameters,
                                                          net::TlsContext tls, Deadline deadline,
                                                          pgwire::Bytes* refusal);
  ~Backend() { leave(); }

  // Sends `batch` and collects `count` answers, while nobody relays. Fails as open() does.
  net::Task<Result<std::vector<Answer>>> ask(pgwire::Bytes batch, std::size_t count,
                                             Deadline deadline);
  // Says goodbye and closes.
  void leave();

  Channel& channel() { return channel_; }
  const BackendAddress& address() const { return address_; }
  pgwire::BackendKey key() const { return key_; }
  // As the server last reported them, the session's state excepted.
  const Parameters& parameters() const { return parameters_; }
  // What came to it while it was asked, before a client was there: whole messages, for the client.
  const pgwire::Bytes& notifications() const { return notifications_; }
  // What the server warned of at the login: whole messages, for the client.
  const pgwire::Bytes& login_notices() const { return login_notices_; }
  // A ParameterStatus has come. Returns whether it is for the client.
  bool note_parameter(const pgwire::ParameterStatus& status);
  // The server has the extension.
  bool reports_state() const { return !session_state_.empty(); }
  const std::string& session_state() const { return session_state_; }
  // Nobody has touched it since its login; a digest says how ALTER ROLE let it begin.
  bool clean() const { return session_state_.starts_with(kClean); }
  // It listens for notifications.
  bool listens() const;
  // What it has written through a standby, as another one has to be told; empty: nothing.
  const std::string& written() const { return written_; }
  // The role that logged in is the same one, of whatever name; unknown without the extension.
  bool same_user(const Backend& other) const {
    return session_user_.empty() || other.session_user_.empty() ||
           session_user_ == other.session_user_;
  }

  pgwire::Splitter splitter{pgwire::look_at_server};
  pgwire::Bytes kept;  // The beginning of a message.
  bool lost = false;   // Its stream has ended.

 private:
  Backend(Channel channel, BackendAddress address)
      : channel_(std::move(channel)), address_(std::move(address)) {}
  net::Task<Result<void>> log_in(const Parameters& parameters, Deadline deadline,
                                 pgwire::Bytes* refusal);
  Result<bool> take_login(const pgwire::Piece& piece, pgwire::Bytes* refusal);

  Channel channel_;
  BackendAddress address_;
  pgwire::BackendKey key_;
  Parameters parameters_;
  std::string session_state_;
  std::string written_;
  std::string session_user_;
  pgwire::Bytes login_notices_;
  pgwire::Bytes notifications_;
};

// Asks the server behind `address` to cancel what the session with `key` does.
net::Task<void> cancel(BackendAddress address, pgwire::BackendKey key, net::TlsContext tls,
                       Deadline deadline);

// An error that a client is told with this SQLSTATE.
inline Error protocol_error(ErrorKind kind, std::string_view sqlstate, std::string message) {
  return make_error(kind, std::move(message), std::string(sqlstate));
}

inline void append(pgwire::Bytes& to, pgwire::BytesView bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

}  // namespace aurora_global::router
