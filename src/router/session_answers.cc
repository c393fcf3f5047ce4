// The part of a session that listens to its server: what the client gets, what was the router's own
// question, and what becomes of the session when the server ends.
#include "net/log.h"

#include "router/session.h"

namespace aurora_global::router {
namespace {

using pgwire::Bytes;
using pgwire::BytesView;
using pgwire::FromServer;
using pgwire::kHeaderBytes;
using Route = pgwire::SessionCore::Route;

constexpr std::string_view kAdminShutdown = "57P01";
constexpr std::string_view kCrashShutdown = "57P02";

void drop_front(Bytes& bytes, std::size_t count) {
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
}

bool ends_session(const pgwire::ServerError& error) {
  return error.severity == "FATAL" || error.severity == "PANIC";
}

}  // namespace

void Session::to_client(BytesView bytes) {
  if (bytes.empty() || ended_) return;
  if (unsent_.empty()) {
    const Channel::Moved moved = client_.write_some(bytes);
    if (moved.state == Channel::State::ended) {
      client_gone_ = true;  // Its own pump notices.
      return;
    }
    bytes = bytes.subspan(moved.bytes);
  }
  append(unsent_, bytes);
}

// Returns false when the session is over.
net::Task<bool> Session::flush_client() {
  while (!unsent_.empty()) {
    const Channel::Moved moved = client_.write_some(unsent_);
    if (moved.state == Channel::State::ended) co_return false;
    drop_front(unsent_, moved.bytes);
    if (unsent_.empty()) break;
    if (moved.state == Channel::State::again && !co_await client_.writable()) co_return false;
  }
  if (unsent_.capacity() > host_.scratch.size()) unsent_.shrink_to_fit();
  co_return !ended_;
}

// The server ends the session, or warns that it will, while nobody waits for an answer: who carries
// it on need not tell the client.
bool Session::is_last_word(const pgwire::Piece& piece) {
  const auto type = static_cast<FromServer>(piece.type);
  if (type != FromServer::error && type != FromServer::notice) return false;
  const auto error = pgwire::parse_error(piece.bytes.subspan(kHeaderBytes));
  if (!error) return false;
  const bool rests = !core_.outcome_unknown() && !core_.in_transaction();
  if (type == FromServer::notice) {
    return rests && (error->sqlstate == kAdminShutdown || error->sqlstate == kCrashShutdown);
  }
  if (!ends_session(*error)) return false;
  if (!rests) {
    told_end_ = true;
    return false;
  }
  last_words_.assign(piece.bytes.begin(), piece.bytes.end());
  // Its own decision about this session (an administrator's, a time-out), not its end.
  terminated_ = error->sqlstate != kCrashShutdown;
  return true;
}

void Session::take_own(const pgwire::Piece& piece) {
  if (own_.empty()) return;
  const auto own = own_.front();
  if (!own->problem) {
    const auto taken = own->collector.take(piece);
    if (taken.has_error()) own->problem = taken.error();
  }
  const bool ready = static_cast<FromServer>(piece.type) == FromServer::ready && piece.ends;
  // One that went wrong is heard to its end: the client gets none of it.
  if (ready && --own->due == 0) own_.pop_front();
  if (own->done()) changed_.notify();
}

void Session::count_transaction() {
  if (carry_at_rest_ && !core_.in_transaction()) {
    carry_at_rest_ = false;
    return host_.lost(shared_from_this());
  }
  if (host_.config.move_every == 0 || leaving_ || core_.in_transaction()) return;
  if (++transactions_ < host_.config.move_every) return;
  transactions_ = 0;
  host_.due(shared_from_this());
}

// A message of the server, or a part of it. Returns whether the client gets it.
bool Session::for_client(Backend& backend, const pgwire::Piece& piece) {
  const bool whole = piece.begins && piece.ends;
  const auto type = static_cast<FromServer>(piece.type);
  if (type == FromServer::parameter_status && whole) {
    const auto status = pgwire::parse_parameter_status(piece.bytes.subspan(kHeaderBytes));
    if (!status) return true;
    if (!backend.note_parameter(*status)) return false;
    auto& told = told_[std::string(status->name)];
    if (told == status->value) return false;
    told = status->value;
    return true;
  }
  if (whole && is_last_word(piece)) return false;
  const Route route = core_.server(piece);
  if (route == Route::own) take_own(piece);
  if (route == Route::client && type == FromServer::ready) count_transaction();
  return route == Route::client;
}

Result<void> Session::take_pieces(Backend& backend, BytesView input, std::size_t& taken) {
  std::size_t from = 0;  // What goes to the client begins here.
  for (;;) {
    TRY(const auto piece, backend.splitter.next(input.subspan(taken)));
    if (!piece) break;
    const bool passes = for_client(backend, *piece);
    const std::size_t next = taken + piece->bytes.size();
    if (!passes) {
      to_client(input.subspan(from, taken - from));
      from = next;
    }
    taken = next;
  }
  to_client(input.subspan(from, taken - from));
  return ok();
}

Result<void> Session::take(Backend& backend, BytesView input) {
  std::size_t taken = 0;
  if (backend.kept.empty()) {
    TRY_VOID(take_pieces(backend, input, taken));
    append(backend.kept, input.subspan(taken));
  } else {
    append(backend.kept, input);
    TRY_VOID(take_pieces(backend, backend.kept, taken));
    drop_front(backend.kept, taken);
  }
  // Somebody may wait for the session to come to rest, or to be answered.
  if (stops_ > 0 || host_.gate.closed() || !kept_.empty() || leaving_) changed_.notify();
  return ok();
}

net::Task<void> Session::pump_server(std::shared_ptr<Backend> backend) {
  const auto self = shared_from_this();
  // What came with the last answer to the router itself.
  Bytes early = std::move(backend->kept);
  backend->kept.clear();
  if (!early.empty() && take(*backend, early).has_error()) co_return server_ended(*backend);
  bool more = true;  // There may be something to read already.
  while (!ended_) {
    const Channel::Moved moved = more ? backend->channel().read_some(host_.scratch)
                                      : co_await backend->channel().receive(host_.scratch);
    if (moved.state == Channel::State::ended) break;
    more = moved.more;
    if (moved.state == Channel::State::again) continue;
    if (backend != backend_) break;  // The session has moved: it has nothing to say any more.
    heard_ = true;
    const auto taken = take(*backend, BytesView(host_.scratch).first(moved.bytes));
    if (taken.has_error()) {
      log::warn("{}: {}", backend->address().name(), taken.error().message);
      break;
    }
    if (!unsent_.empty() && !co_await flush_client()) break;
    if (leaving_ && client_gone_) break;
  }
  server_ended(*backend);
}

void Session::server_ended(Backend& backend) {
  backend.lost = true;
  backend.channel().close();
  if (&backend != backend_.get() || ended_) return;
  for (const auto& own : own_) {
    own->problem = make_error(ErrorKind::unavailable, "the server ended the session");
  }
  own_.clear();
  core_.forget_questions();
  changed_.notify();
  if (leaving_) return;
  if (!idle()) {
    end_lost("its server has ended");
  } else {
    host_.lost(shared_from_this());
  }
}

void Session::end(End end) {
  if (ended_) return;
  ended_ = true;
  log::info("{}: session of {} ended with {}: {} ({})", host_.endpoint, client_address_,
            end.sqlstate, end.message, end.hint);
  if (!core_.client_message_open() && unsent_.empty()) {
    Bytes error;
    pgwire::put_error(error, "FATAL",
                      {"", std::string(end.sqlstate), std::move(end.message), std::move(end.hint)});
    client_.write_some(error);
  }
  client_.close();
  leave_server();
  changed_.notify();
}

void Session::end_as_told() {
  if (ended_) return;
  if (!core_.client_message_open()) to_client(last_words_);
  ended_ = true;
  client_.close();
  changed_.notify();
}

void Session::end_lost(std::string_view why) {
  if (ended_) return;
  const std::string server = backend_ ? backend_->address().name() : host_.endpoint;
  if (told_end_ || terminated_) return end_as_told();
  if (core_.outcome_unknown()) {
    end({"08007",
         "the outcome of what was sent to " + server + " is not known: " + std::string(why),
         "Connect again and look whether it was committed."});
  } else if (core_.in_transaction()) {
    end({"57P01", "the transaction was rolled back: " + server + ": " + std::string(why),
         "Connect again and repeat it."});
  } else {
    std::string reason = "its state cannot be carried to another server";
    if (captured_ && !captured_->state.obstacle.empty()) {
      reason = "the session has " + captured_->state.obstacle +
               ", which cannot be carried to another server";
    } else if (next_ && !next_->obstacle.empty()) {
      reason = next_->obstacle;
    }
    end({"57P01", "terminating connection because " + server + " is gone: " + std::string(why),
         "Connect again: " + reason + "."});
  }
}

}  // namespace aurora_global::router
