#include "router/session.h"

namespace aurora_global::router {
namespace {

using namespace std::chrono_literals;
using pgwire::Bytes;
using pgwire::BytesView;

constexpr Duration kEver = std::chrono::hours(24 * 365);
constexpr Duration kLastWordsLimit = 2s;  // A server that has closed has said them already.

}  // namespace

Session::Session(SessionHost& host, Channel client, Backend::Parameters parameters,
                 std::string client_address)
    : host_(host),
      client_(std::move(client)),
      parameters_(std::move(parameters)),
      client_address_(std::move(client_address)),
      moving_(host.executor),
      changed_(host.executor) {}

bool Session::idle() const { return core_.idle() && !leaving_ && !sending_; }

bool Session::stands_for_now(const Captured& captured) const {
  return captured.report == backend_->session_state() &&
         captured.statements == core_.statements_version() && !core_.uncertain();
}

bool Session::fresh() const {
  return captured_ && stands_for_now(*captured_) && !core_.unnamed_in_doubt();
}

bool Session::carryable() const {
  if (!backend_ || !idle() || core_.unnamed_in_doubt()) return false;
  if (fresh()) return captured_->state.obstacle.empty();
  return backend_->clean() && !core_.has_named() && !core_.uncertain();
}

void Session::resume() {
  --stops_;
  changed_.notify();
}

SessionState Session::state() const {
  if (lost()) return SessionState::waiting_for_server;
  if (!kept_.empty() && must_wait()) return SessionState::held;
  if (core_.in_transaction()) return SessionState::in_transaction;
  return core_.idle() ? SessionState::idle : SessionState::active;
}

std::string Session::application_name() const {
  const auto found = told_.find("application_name");
  return found == told_.end() ? std::string() : found->second;
}

std::string_view name_of(SessionState state) {
  switch (state) {
    case SessionState::idle: return "idle";
    case SessionState::active: return "active";
    case SessionState::in_transaction: return "in transaction";
    case SessionState::held: return "held";
    case SessionState::waiting_for_server: return "waiting for a server";
  }
  return "";
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
  if (!ended_) co_await let_server_finish();
  ended_ = true;
  client_.close();
  leave_server();
  next_.reset();
  changed_.notify();
}

// A server in the middle of a message takes Terminate for its end and runs it: it is left without a
// word, and rolls back.
void Session::leave_server() {
  if (between_messages()) return backend_->leave();
  backend_->channel().close();
}

// ---- from the client to the server

pgwire::SessionCore::Hold Session::hold() const {
  // A server that has said its last words reads nothing any more.
  return {stops_ > 0 || host_.gate.closed(), backend_->lost || !last_words_.empty(),
          host_.config.move_every > 0};
}

bool Session::cancel_waiting() {
  if (ended_ || kept_.empty() || !core_.cancel_waiting(hold())) return false;
  changed_.notify();
  return true;
}

// Returns false when the server does not take it.
net::Task<bool> Session::forward(Bytes bytes) {
  const auto backend = backend_;
  struct Sending {
    Session& session;
    ~Sending() {
      session.sending_ = false;
      session.changed_.notify();
    }
  } sending{*this};
  sending_ = true;
  const auto sent = co_await backend->channel().write(std::move(bytes), Deadline::in(kEver));
  co_return sent.has_value();
}

// The same for bytes that are another session's as soon as we wait.
net::Task<bool> Session::send_to_server(BytesView bytes) {
  // The server takes nearly everything at once, and nothing has to wait for it then.
  const Channel::Moved moved = backend_->channel().write_some(bytes);
  if (moved.state == Channel::State::ended) co_return false;
  if (moved.bytes == bytes.size()) co_return true;
  co_return co_await forward(
      Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(moved.bytes), bytes.end()));
}

// Returns false when the session is over.
net::Task<bool> Session::wait_while_blocked() {
  const Deadline held_until = Deadline::in(host_.config.hold_timeout);
  while (!ended_ && must_wait()) {
    const Deadline deadline = core_.answers_due() ? Deadline::in(kEver) : held_until;
    if (co_await changed_.wait(deadline) || !must_wait()) continue;
    if (deadline.passed()) {
      end({"57P01", "the writer of endpoint " + host_.endpoint + " did not come in time",
           "Connect again; `aurora-global status` tells what the Region waits for."});
    }
    co_return false;  // Or the router is ending.
  }
  co_return !ended_;
}

// The server takes nothing any more: it has said why, or it is gone.
net::Task<void> Session::hear_last_words() {
  const auto backend = backend_;
  const Deadline deadline = Deadline::in(kLastWordsLimit);
  while (!ended_ && !backend->lost && !deadline.passed()) co_await changed_.wait(deadline);
  if (!ended_) end_lost("its connection broke");
}

// The client has said goodbye, or nothing any more: what it had sent is run to its end and
// answered, as PostgreSQL does it. With client_connection_check_interval PostgreSQL looks whether
// the stream has ended, and cancels then.
net::Task<void> Session::let_server_finish() {
  leaving_ = true;
  Bytes goodbye;
  pgwire::put_terminate(goodbye);
  if (!core_.pending() || !between_messages()) co_return;
  if (!co_await forward(std::move(goodbye))) co_return;
  backend_->channel().end_writing();
  while (!ended_ && !client_gone_ && !backend_->lost && (core_.pending() || !unsent_.empty())) {
    co_await changed_.wait(Deadline::in(kEver));
  }
}

net::Task<void> Session::pump_client() {
  bool more = true;  // There may be something to read already.
  while (!ended_) {
    // Once more what is kept: it may have been waiting.
    Bytes looked_at;
    BytesView input;
    if (kept_.empty()) {
      const Channel::Moved moved =
          more ? client_.read_some(host_.scratch) : co_await client_.receive(host_.scratch);
      if (moved.state == Channel::State::ended) break;
      more = moved.more;
      if (moved.state == Channel::State::again) continue;
      input = BytesView(host_.scratch).first(moved.bytes);
    } else {
      looked_at.swap(kept_);
      input = looked_at;
    }
    auto cut = core_.cut(input, hold());
    if (cut.has_error()) {
      end({"08P01", cut.error().message, ""});
      co_return;
    }
    const BytesView rest = input.subspan(cut->forward + cut->drop);
    kept_.assign(rest.begin(), rest.end());
    if (!co_await send_to_server(input.first(cut->forward))) co_return co_await hear_last_words();
    switch (cut->then) {
      case pgwire::SessionCore::Then::leave: co_return;
      case pgwire::SessionCore::Then::tell_client:
        to_client(cut->bytes);
        changed_.notify();
        if (!unsent_.empty() && !co_await flush_client()) co_return;
        break;
      case pgwire::SessionCore::Then::wait:
        if (!co_await wait_while_blocked()) co_return;
        break;
      case pgwire::SessionCore::Then::read: {
        if (kept_.empty() || cut->drop > 0) break;
        // A message's beginning: the rest is needed.
        const Channel::Moved moved =
            more ? client_.read_some(host_.scratch) : co_await client_.receive(host_.scratch);
        if (moved.state == Channel::State::ended) co_return;
        more = moved.more;
        append(kept_, BytesView(host_.scratch).first(moved.bytes));
        break;
      }
    }
  }
}

}  // namespace aurora_global::router
