#include "router/session.h"

#include "net/log.h"

#include <algorithm>

namespace aurora_global::router {
namespace {

using namespace std::chrono_literals;
using pgwire::Bytes;
using pgwire::BytesView;
using pgwire::kHeaderBytes;

constexpr Duration kEver = std::chrono::hours(24 * 365);
constexpr std::size_t kUnnamedBytesMax = 1024 * 1024;

void append(Bytes& to, BytesView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

void drop_front(Bytes& bytes, std::size_t count) {
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace

Session::Session(SessionHost& host, Channel client, Backend::Parameters parameters,
                 std::string client_address)
    : host_(host),
      client_(std::move(client)),
      parameters_(std::move(parameters)),
      client_address_(std::move(client_address)),
      moving_(host.executor),
      changed_(host.executor) {}

bool Session::idle() const {
  return tracker_.idle() && splitter_.between() && own_.empty() && !client_message_open_;
}

bool Session::stands_for_now(const Captured& captured) const {
  return captured.report == backend_->session_state() && captured.statements == statements_;
}

bool Session::fresh() const { return captured_ && stands_for_now(*captured_); }

bool Session::carryable() const {
  if (!backend_ || !idle()) return false;
  if (fresh()) return captured_->state.obstacle.empty();
  return backend_->clean() && !named_;
}

void Session::let_on() {
  --stops_;
  changed_.notify();
}

std::string_view Session::state() const {
  if (lost()) return "waiting for a server";
  if (!kept_.empty() && must_wait()) return "held";
  if (tracker_.in_transaction()) return "in transaction";
  return tracker_.idle() ? "idle" : "active";
}

// ---- from the client to the server

bool Session::must_wait() const {
  if (!tracker_.at_boundary()) return false;
  if (backend_->lost) return true;
  // Whether a transaction is open is known when everything is answered.
  if (!unparsed_.empty() && tracker_.answers_due()) return true;
  // What would follow in the same breath must not come before a move that may be due by then.
  if (host_.config.move_every > 0 && tracker_.answers_due()) return true;
  if (stops_ == 0 && !host_.gate.closed()) return false;
  return tracker_.answers_due() || !tracker_.in_transaction();
}

void Session::note_client(const pgwire::Piece& piece) {
  const char type = piece.type;
  if (piece.begins) {
    tracker_.client(type);
    ran_something_ = true;
    switch (type) {
      case 'P': {
        const bool unnamed = piece.bytes[kHeaderBytes] == 0;
        copying_unnamed_ = unnamed;
        if (unnamed) {
          unnamed_.clear();
          unnamed_too_large_ = piece.size > kUnnamedBytesMax;
        } else {
          named_ = true;
          ++statements_;
          if (!unparsed_.empty()) {
            const auto name = pgwire::statement_name(type, piece.bytes.subspan(kHeaderBytes));
            if (name) unparsed_.erase(std::string(*name));
          }
        }
        if (!unparsed_.empty()) parses_.emplace_back();  // The client's own.
        break;
      }
      case 'Q':
        unnamed_.clear();
        unnamed_too_large_ = false;
        break;
      case 'C':
        ++statements_;
        if (!unparsed_.empty()) {
          if (const auto name = pgwire::statement_name(type, piece.bytes.subspan(kHeaderBytes))) {
            unparsed_.erase(std::string(*name));
          }
        }
        break;
      default: break;
    }
  }
  if (type == 'P' && copying_unnamed_ && !unnamed_too_large_) append(unnamed_, piece.bytes);
}

// How much of what the client sent goes to the server now.
Result<Session::Cut> Session::cut(BytesView input) {
  Cut cut;
  while (cut.forward < input.size()) {
    const BytesView rest = input.subspan(cut.forward);
    if (splitter_.between()) {
      if (rest[0] == 'X') {
        cut.goodbye = true;
        break;
      }
      if (must_wait()) {
        cut.blocked = true;
        break;
      }
      if (!unparsed_.empty() && (rest[0] == 'B' || rest[0] == 'D')) {
        auto ahead = splitter_;
        TRY(const auto piece, ahead.next(rest));
        if (!piece) break;
        const auto name = pgwire::statement_name(piece->type, piece->bytes.subspan(kHeaderBytes));
        if (name && unparsed_.contains(std::string(*name))) {
          cut.parse_first = *name;
          break;
        }
      }
    }
    TRY(const auto piece, splitter_.next(rest));
    if (!piece) break;
    note_client(*piece);
    cut.forward += piece->bytes.size();
  }
  return cut;
}

// Returns false when the server does not take it.
net::Task<bool> Session::forward(BytesView bytes) {
  const auto backend = backend_;
  const Channel::Moved moved = backend->channel().write_some(bytes);
  if (moved.state == Channel::State::ended) co_return false;
  if (moved.bytes == bytes.size()) co_return true;
  Bytes rest(bytes.begin() + static_cast<std::ptrdiff_t>(moved.bytes), bytes.end());
  const auto sent = co_await backend->channel().write(std::move(rest), Deadline::in(kEver));
  co_return sent.has_value();
}

// Returns false when the session is over.
net::Task<bool> Session::wait_while_blocked() {
  const Deadline held_until = Deadline::in(host_.config.hold_timeout);
  while (!ended_ && must_wait()) {
    const Deadline deadline = tracker_.answers_due() ? Deadline::in(kEver) : held_until;
    if (co_await changed_.wait(deadline) || !must_wait()) continue;
    if (deadline.passed()) {
      end({"57P01", "the writer of endpoint " + host_.endpoint + " did not come in time",
           "Connect again; `aurora-global status` tells what the Region waits for."});
    }
    co_return false;  // Or the router is ending.
  }
  co_return !ended_;
}

net::Task<void> Session::pump_client() {
  bool more = true;  // There may be something to read already.
  while (!ended_) {
    // Once more what is kept: it may have been waiting.
    const bool looked = !kept_.empty();
    BytesView input(kept_);
    if (!looked) {
      const Channel::Moved moved =
          more ? client_.read_some(host_.scratch) : co_await client_.receive(host_.scratch);
      if (moved.state == Channel::State::ended) break;
      more = moved.more;
      if (moved.state == Channel::State::again) continue;
      input = BytesView(host_.scratch).first(moved.bytes);
    }
    const auto cut = this->cut(input);
    if (cut.has_error()) {
      end({"08P01", cut.error().message, ""});
      co_return;
    }
    // The scratch buffer is another session's as soon as we wait.
    BytesView sending = input.first(cut->forward);
    Bytes rest(sending.end(), input.end());
    Bytes looked_at;
    if (looked) {
      looked_at.assign(sending.begin(), sending.end());
      sending = looked_at;
    }
    kept_ = std::move(rest);
    // The server takes nearly everything at once, and nothing has to wait for it then.
    const Channel::Moved sent = backend_->channel().write_some(sending);
    sending = sending.subspan(sent.bytes);
    if (sent.state == Channel::State::ended || (!sending.empty() && !co_await forward(sending))) {
      if (!ended_) end_lost("its connection broke");
      co_return;
    }
    if (cut->goodbye) break;
    if (!cut->parse_first.empty()) {
      auto unparsed = unparsed_.extract(cut->parse_first);
      const Bytes parse = unparsed.mapped();
      parses_.push_back({unparsed.key(), parse});
      tracker_.client('P');
      if (!co_await forward(parse)) co_return end_lost("its connection broke");
    } else if (cut->blocked) {
      if (!co_await wait_while_blocked()) break;
    } else if (!kept_.empty()) {
      // A message's beginning: the rest is needed.
      const Channel::Moved moved =
          more ? client_.read_some(host_.scratch) : co_await client_.receive(host_.scratch);
      if (moved.state == Channel::State::ended) break;
      more = moved.more;
      append(kept_, BytesView(host_.scratch).first(moved.bytes));
    }
  }
  ended_ = true;
}

void Session::attach(std::unique_ptr<Backend> backend) {
  told_ = backend->parameters();
  backend_ = std::move(backend);
}

net::Task<void> Session::run(Bytes received) {
  const auto self = shared_from_this();
  kept_ = std::move(received);
  host_.tasks.spawn("server to client", pump_server(backend_));
  co_await pump_client();
  client_.close();
  backend_->leave();
  next_.reset();
  changed_.notify();
}

// ---- from the server to the client

void Session::to_client(BytesView bytes) {
  if (bytes.empty() || ended_) return;
  if (unsent_.empty()) {
    const Channel::Moved moved = client_.write_some(bytes);
    if (moved.state == Channel::State::ended) return;  // The client's own pump notices.
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

// A message of the server, or a part of it. Returns whether the client gets it.
bool Session::for_client(Backend& backend, const pgwire::Piece& piece) {
  const bool whole = piece.begins && piece.ends;
  const auto body = whole ? piece.bytes.subspan(kHeaderBytes) : BytesView();
  if (piece.type == 'S' && whole) {
    const auto status = pgwire::parse_parameter_status(body);
    if (!status) return true;
    if (!backend.note_parameter(*status)) return false;
    auto& told = told_[std::string(status->name)];
    if (told == status->value) return false;
    told = status->value;
    return true;
  }
  if (!own_.empty() && piece.type != 'A' && piece.type != 'N') {
    const auto own = own_.front();
    const auto taken = own->collector.take(piece);
    if (taken.has_error()) own->problem = taken.error();
    if (!own->done()) return false;
    own_.pop_front();
    changed_.notify();
    return false;
  }
  if (piece.type == 'E' && whole && tracker_.idle() && own_.empty()) {
    // Nobody asked: the server ends the session. Who carries it on need not tell the client.
    const auto error = pgwire::parse_error(body);
    last_words_.assign(piece.bytes.begin(), piece.bytes.end());
    // Its own decision about this session (an administrator's, a time-out), not its end.
    terminated_ = error && error->sqlstate != "57P02";
    return false;
  }
  if (piece.type == 'E' && whole) {
    const auto error = pgwire::parse_error(body);
    told_end_ = error && (error->severity == "FATAL" || error->severity == "PANIC");
  }
  if (piece.type == 'N' && whole && tracker_.idle()) {
    // A server that is killed warns its clients so; whoever is carried on has no use for it.
    const auto notice = pgwire::parse_error(body);
    if (notice && (notice->sqlstate == "57P01" || notice->sqlstate == "57P02")) return false;
  }
  if (!piece.begins) return true;
  if (piece.type == '1' && !parses_.empty()) {
    const bool ours = !parses_.front().name.empty();
    parses_.pop_front();
    return !ours;
  }
  if (piece.type == 'Z') {
    // Refused once more: the next use tries it again.
    for (Hidden& one : parses_) {
      if (!one.name.empty()) unparsed_[one.name] = std::move(one.parse);
    }
    parses_.clear();
    tracker_.server('Z', whole ? static_cast<char>(body[0]) : 'E');
    if (host_.config.move_every > 0 && !tracker_.in_transaction()) count_transaction();
    if (stops_ > 0 || host_.gate.closed() || !kept_.empty()) changed_.notify();
    return true;
  }
  if (piece.type == 'C' && whole && !unparsed_.empty()) {
    const std::string tag(body.begin(), body.end());  // With its zero.
    if (tag.starts_with("DISCARD ALL") || tag.starts_with("DEALLOCATE ALL")) unparsed_.clear();
  }
  tracker_.server(piece.type);
  if (piece.type == 'G' && !kept_.empty()) changed_.notify();
  return true;
}

void Session::count_transaction() {
  if (++transactions_ < host_.config.move_every) return;
  transactions_ = 0;
  host_.due(shared_from_this());
}

Result<void> Session::take_pieces(Backend& backend, BytesView input, std::size_t& taken) {
  std::size_t from = 0;  // What goes to the client begins here.
  for (;;) {
    TRY(const auto piece, backend.splitter.next(input.subspan(taken)));
    if (!piece) break;
    const bool passes = for_client(backend, *piece);
    const std::size_t next = taken + piece->bytes.size();
    if (passes) {
      client_message_open_ = !piece->ends;
      if (piece->ends && !piece->begins && stops_ > 0) changed_.notify();
    } else {
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
    return ok();
  }
  append(backend.kept, input);
  TRY_VOID(take_pieces(backend, backend.kept, taken));
  drop_front(backend.kept, taken);
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
    const auto taken = take(*backend, BytesView(host_.scratch).first(moved.bytes));
    if (taken.has_error()) {
      log::warn("{}: {}", backend->address().name(), taken.error().message);
      break;
    }
    if (!unsent_.empty() && !co_await flush_client()) break;
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
  changed_.notify();
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
  if (!client_message_open_ && unsent_.empty()) {
    Bytes error;
    pgwire::put_error(error, "FATAL",
                      {"", std::string(end.sqlstate), std::move(end.message), std::move(end.hint)});
    client_.write_some(error);
  }
  client_.close();
  backend_->leave();
  changed_.notify();
}

void Session::end_as_told() {
  if (ended_) return;
  if (!client_message_open_) to_client(last_words_);
  ended_ = true;
  client_.close();
  changed_.notify();
}

void Session::end_lost(std::string_view why) {
  if (ended_) return;
  const std::string server = backend_ ? backend_->address().name() : host_.endpoint;
  if (told_end_) return end_as_told();
  if (tracker_.answers_due() || !tracker_.at_boundary()) {
    end({"08007",
         "the outcome of what was sent to " + server + " is not known: " + std::string(why),
         "Connect again and look whether it was committed."});
  } else if (tracker_.in_transaction()) {
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
