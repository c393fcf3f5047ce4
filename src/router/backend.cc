#include "router/backend.h"

#include <array>

namespace aurora_global::router {
namespace {

constexpr std::size_t kAnswerBytesMax = 16 * 1024 * 1024;
// Of all answers to one question: a session's state has at most 64 MiB, and two digits a byte.
constexpr std::size_t kAnswersBytesMax = 160 * 1024 * 1024;
constexpr std::size_t kNoticeBytesMax = 64 * 1024;
constexpr std::size_t kNotificationsMax = 16 * 1024 * 1024;

net::Task<Result<Channel>> connect(BackendAddress address, net::TlsContext tls, Deadline deadline) {
  if (!address.socket.empty()) {
    co_return co_await Channel::connect_unix(address.socket, deadline);
  }
  CO_TRY(Channel channel, co_await Channel::connect_tcp(address.address, deadline));
  if (address.tls) {
    if (!tls) {
      co_return make_error(ErrorKind::invalid,
                           address.address + " needs TLS, and router.toml names no tls_dir");
    }
    pgwire::Bytes request;
    pgwire::put_ssl_request(request);
    CO_TRY_VOID(co_await channel.write(std::move(request), deadline));
    // One byte: what follows belongs to TLS.
    std::uint8_t answer = 0;
    for (;;) {
      const Channel::Moved moved = channel.read_some({&answer, 1});
      if (moved.state == Channel::State::done) break;
      net::DeadlineGuard guard(channel.socket(), deadline);
      const bool ready = moved.state == Channel::State::again && co_await channel.readable();
      if (guard.expired()) co_return make_error(ErrorKind::timeout, "no answer in time");
      if (!ready) co_return make_error(ErrorKind::unavailable, "the connection was closed");
    }
    if (answer != 'S') co_return make_error(ErrorKind::denied, "the server speaks no TLS");
    CO_TRY_VOID(co_await channel.connect_tls(std::move(tls), deadline));
  }
  co_return channel;
}

}  // namespace

Result<void> AnswerCollector::take(const pgwire::Piece& piece) {
  switch (piece.type) {
    case 'D':
    case 'E': break;
    case 'Z':
      if (!piece.ends || due_ == 0) return ok();
      answers.push_back(std::move(present_));
      present_ = Answer{};
      --due_;
      return ok();
    default: return ok();
  }
  if (piece.size > kAnswerBytesMax) {
    return make_error(ErrorKind::exhausted, "an answer of " + std::to_string(piece.size) +
                                                " bytes is larger than a router takes");
  }
  total_ += piece.bytes.size();
  if (total_ > kAnswersBytesMax) {
    return make_error(ErrorKind::exhausted, "answers of more than " +
                                                std::to_string(kAnswersBytesMax) +
                                                " bytes are more than a router takes");
  }
  if (piece.begins) partial_.clear();
  partial_.insert(partial_.end(), piece.bytes.begin(), piece.bytes.end());
  if (!piece.ends) return ok();
  const auto body = pgwire::BytesView(partial_).subspan(pgwire::kHeaderBytes);
  if (piece.type == 'E') {
    auto error = pgwire::parse_error(body);
    if (!error) return make_error(ErrorKind::corrupt, "malformed ErrorResponse");
    if (!present_.error) present_.error = std::move(error);
    return ok();
  }
  auto row = pgwire::parse_data_row(body);
  if (!row) return make_error(ErrorKind::corrupt, "malformed DataRow");
  present_.rows.push_back(std::move(*row));
  return ok();
}

net::Task<Result<std::unique_ptr<Backend>>> Backend::open(BackendAddress address,
                                                          Parameters parameters,
                                                          net::TlsContext tls, Deadline deadline,
                                                          pgwire::Bytes* refusal) {
  const std::string name = address.name();
  auto channel = co_await connect(address, std::move(tls), deadline);
  if (channel.has_error()) co_return channel.error().in(name);
  std::unique_ptr<Backend> backend(new Backend(std::move(*channel), std::move(address)));
  const auto logged_in = co_await backend->log_in(parameters, deadline, refusal);
  if (logged_in.has_error()) co_return logged_in.error();
  co_return backend;
}

bool Backend::note_parameter(const pgwire::ParameterStatus& status) {
  if (status.name == kSessionStateParameter) {
    const auto at = status.value.find('@');
    session_state_ = status.value.substr(0, at);
    written_ = at == std::string_view::npos ? "" : status.value.substr(at + 1);
    return false;
  }
  if (status.name == kSessionUserParameter) {
    session_user_ = status.value;
    return false;
  }
  parameters_[std::string(status.name)] = status.value;
  return true;
}

bool Backend::listens() const {
  const std::string parts = session_state_.substr(0, session_state_.find('#'));
  return parts.find("listening") != std::string::npos;
}

// Returns whether the session is ready.
Result<bool> Backend::take_login(const pgwire::Piece& piece, pgwire::Bytes* refusal) {
  const auto body = piece.bytes.subspan(pgwire::kHeaderBytes);
  switch (piece.type) {
    case 'R': {
      const auto authentication = pgwire::parse_authentication(body);
      if (!authentication) break;
      if (authentication->kind == 0) return false;
      return make_error(ErrorKind::denied, address_.name() +
                                               " asks for a password (authentication method " +
                                               std::to_string(authentication->kind) + ")");
    }
    case 'S': {
      const auto status = pgwire::parse_parameter_status(body);
      if (!status) break;
      note_parameter(*status);
      return false;
    }
    case 'K': {
      const auto key = pgwire::parse_backend_key(body);
      if (!key) break;
      key_ = *key;
      return false;
    }
    case 'N':
      if (login_notices_.size() + piece.bytes.size() <= kNoticeBytesMax) {
        login_notices_.insert(login_notices_.end(), piece.bytes.begin(), piece.bytes.end());
      }
      return false;
    case 'Z': return true;
    case 'E': {
      const auto error = pgwire::parse_error(body);
      if (!error) break;
      if (refusal != nullptr) refusal->assign(piece.bytes.begin(), piece.bytes.end());
      return make_error(ErrorKind::unavailable, error->message, error->sqlstate);
    }
    default: break;
  }
  return make_error(ErrorKind::corrupt, address_.name() + " answers a login with a message '" +
                                            std::string(1, piece.type) + "' that makes no sense");
}

net::Task<Result<void>> Backend::log_in(const Parameters& parameters, Deadline deadline,
                                        pgwire::Bytes* refusal) {
  pgwire::Bytes startup;
  pgwire::put_startup(startup, parameters);
  CO_TRY_VOID(co_await channel_.write(std::move(startup), deadline));
  pgwire::Splitter whole([](char, std::size_t size) { return size; });
  pgwire::Bytes received;
  for (;;) {
    std::size_t at = 0;
    for (;;) {
      CO_TRY(const auto piece, whole.next(pgwire::BytesView(received).subspan(at)));
      if (!piece) break;
      at += piece->bytes.size();
      CO_TRY(const bool ready, take_login(*piece, refusal));
      if (ready) co_return ok();
    }
    received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(at));
    if (received.size() > kAnswerBytesMax) {
      co_return make_error(ErrorKind::corrupt, address_.name() + " answers a login at no end");
    }
    CO_TRY_VOID(co_await channel_.read(received, deadline));
  }
}

net::Task<Result<std::vector<Answer>>> Backend::ask(pgwire::Bytes batch, std::size_t count,
                                                    Deadline deadline) {
  // Written in parts, read meanwhile: a server that cannot get rid of its answers reads no more.
  AnswerCollector collector(count);
  pgwire::BytesView rest(batch);
  while (!collector.complete()) {
    const Channel::Moved moved = channel_.write_some(rest);
    if (moved.state == Channel::State::ended) {
      co_return make_error(ErrorKind::unavailable, address_.name() + ": the connection was closed");
    }
    rest = rest.subspan(moved.bytes);
    if (moved.state == Channel::State::done && moved.bytes > 0 && !rest.empty()) continue;
    if (rest.empty()) {
      CO_TRY_VOID(co_await channel_.read(kept, deadline));
    } else {
      // A server in the middle of a large statement has nothing to say before it has all of it.
      CO_TRY_VOID(co_await channel_.readable_or_writable(deadline));
      std::array<std::uint8_t, 4096> chunk;
      const Channel::Moved heard = channel_.read_some(chunk);
      if (heard.state == Channel::State::ended) {
        co_return make_error(ErrorKind::unavailable,
                             address_.name() + ": the connection was closed");
      }
      kept.insert(kept.end(), chunk.begin(),
                  chunk.begin() + static_cast<std::ptrdiff_t>(heard.bytes));
    }
    std::size_t at = 0;
    for (;;) {
      CO_TRY(const auto piece, splitter.next(pgwire::BytesView(kept).subspan(at)));
      if (!piece) break;
      at += piece->bytes.size();
      if (piece->type == 'S' && piece->begins && piece->ends) {
        const auto status =
            pgwire::parse_parameter_status(piece->bytes.subspan(pgwire::kHeaderBytes));
        if (status) note_parameter(*status);
      }
      if (piece->type == 'A') {
        if (notifications_.size() + piece->bytes.size() > kNotificationsMax) {
          co_return make_error(ErrorKind::exhausted, "more notifications than a router keeps");
        }
        notifications_.insert(notifications_.end(), piece->bytes.begin(), piece->bytes.end());
      }
      CO_TRY_VOID(collector.take(*piece));
    }
    kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(at));
  }
  co_return std::move(collector.answers);
}

void Backend::leave() {
  if (!channel_.open()) return;
  pgwire::Bytes goodbye;
  pgwire::put_terminate(goodbye);
  channel_.write_some(goodbye);
  channel_.close();
}

net::Task<void> cancel(BackendAddress address, pgwire::BackendKey key, net::TlsContext tls,
                       Deadline deadline) {
  auto channel = co_await connect(std::move(address), std::move(tls), deadline);
  if (channel.has_error()) co_return;
  const pgwire::CancelRequest request{key.process_id, key.secret_key};
  const auto sent = co_await channel->write(pgwire::encode(request), deadline);
  if (sent.has_error()) co_return;
  // The server closes when it has dealt with it; libpq's client waits for just that.
  pgwire::Bytes nothing;
  co_await channel->read(nothing, deadline);
  channel->close();
}

}  // namespace aurora_global::router
