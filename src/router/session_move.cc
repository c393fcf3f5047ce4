// The part of a session that moves it: what it carries is read, restored elsewhere, and the client
// goes on there.
#include "net/log.h"

#include "router/session.h"

namespace aurora_global::router {
namespace {

using namespace std::chrono_literals;
using pgwire::Bytes;

constexpr std::string_view kQueryCanceled = "57014";
constexpr std::string_view kNoSuchStatement = "26000";
constexpr int kAskTimesMax = 20;
constexpr Duration kNotificationsLimit = 1s;
constexpr std::size_t kOpeningMax = 32;
// A session that does not come to the end of its transaction in this time is prepared when it is
// held.
constexpr Duration kRestLimit = 1s;

// One of the sessions that are opened at the same time.
class Opening {
 public:
  explicit Opening(SessionHost& host) : host_(&host) { ++host.opening; }
  Opening(Opening&& other) noexcept : host_(std::exchange(other.host_, nullptr)) {}
  Opening& operator=(Opening&&) = delete;
  ~Opening() {
    if (host_ == nullptr) return;
    --host_->opening;
    host_->opened.notify();
  }
  // Fails with `timeout`.
  static net::Task<Result<Opening>> begin(SessionHost& host, Deadline deadline) {
    while (host.opening >= kOpeningMax) {
      if (deadline.passed()) {
        co_return make_error(ErrorKind::timeout, "other sessions that move come first");
      }
      co_await host.opened.wait(deadline);
    }
    co_return Opening(host);
  }

 private:
  SessionHost* host_;
};

// Stops the session as long as it lives.
class Stop {
 public:
  explicit Stop(Session& session) : session_(session) { session_.stop(); }
  ~Stop() { session_.resume(); }
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;

 private:
  Session& session_;
};

}  // namespace

net::Task<Result<void>> Session::tell(std::shared_ptr<Own> own, Bytes batch, Deadline deadline) {
  const auto backend = backend_;
  core_.ask(own->due);
  own_.push_back(std::move(own));
  co_return co_await backend->channel().write(std::move(batch), deadline);
}

net::Task<Result<std::vector<Answer>>> Session::ask(Bytes batch, std::size_t count,
                                                    Deadline deadline) {
  const auto own = std::make_shared<Own>(count);
  const auto backend = backend_;
  CO_TRY_VOID(co_await tell(own, std::move(batch), deadline));
  while (!own->done()) {
    if (ended_ || backend->lost) co_return make_error(ErrorKind::unavailable, "the session ended");
    if (deadline.passed()) co_return make_error(ErrorKind::timeout, "no answer in time");
    co_await changed_.wait(deadline);
  }
  if (own->problem) co_return *own->problem;
  co_return std::move(own->collector.answers);
}

net::Task<void> Session::hear_out(Deadline deadline) {
  while (!own_.empty() && !ended_ && !backend_->lost && !deadline.passed()) {
    co_await changed_.wait(deadline);
  }
}

// Requires a stop, and an idle session.
net::Task<Result<CarriedState>> Session::read_state(Deadline deadline) {
  CarriedState state;
  for (int times = 0; times < kAskTimesMax; ++times) {
    if (backend_->lost) co_return make_error(ErrorKind::unavailable, "its server is gone");
    const auto answers = co_await ask(ask_for_state(), 1, deadline);
    if (answers.has_error() && answers.error().kind == ErrorKind::exhausted) {
      state.obstacle = "more state than a router carries (" + answers.error().message + ")";
      co_return state;
    }
    if (answers.has_error()) co_return answers.error();
    const Answer& answer = answers->front();
    if (!answer.error) co_return parse_carried_state(answer.rows);
    state.obstacle = "state that could not be read (" + answer.error->message + ")";
    // The client's cancel request, or its statement_timeout, was not meant for us.
    if (answer.error->sqlstate != kQueryCanceled) break;
  }
  co_return state;
}

// Requires a stop, and an idle session. Asks whether the server has an unnamed statement.
net::Task<Result<void>> Session::look_for_unnamed(Deadline deadline) {
  for (int times = 0; times < kAskTimesMax && core_.unnamed_in_doubt(); ++times) {
    CO_TRY(const auto answers, co_await ask(ask_for_unnamed(), 1, deadline));
    const auto& error = answers.front().error;
    if (error && error->sqlstate == kQueryCanceled) continue;
    core_.unnamed_is_there(!error || error->sqlstate != kNoSuchStatement);
  }
  co_return ok();
}

// Requires a stop. Reads what has to be carried, if it is not known.
net::Task<Result<void>> Session::capture(Deadline deadline) {
  while (!idle()) {
    if (ended_) co_return make_error(ErrorKind::cancelled, "the session ended");
    if (core_.needs_flush() && !sending_) {
      core_.flushed();
      Bytes flush;
      pgwire::put_flush(flush);
      if (!co_await forward(std::move(flush))) {
        co_return make_error(ErrorKind::unavailable, "its server is gone");
      }
      continue;
    }
    if (deadline.passed()) co_return make_error(ErrorKind::timeout, "a transaction is under way");
    co_await changed_.wait(deadline);
  }
  if (ended_) co_return make_error(ErrorKind::cancelled, "the session ended");
  if (fresh()) co_return ok();
  if (core_.unnamed_in_doubt()) CO_TRY_VOID(co_await look_for_unnamed(deadline));
  Captured captured;
  if (!backend_->reports_state()) {
    if (core_.has_run_something())
      captured.state.obstacle = "state that only the extension could tell";
  } else if (!backend_->clean() || core_.has_named() || core_.uncertain() ||
             (backend_->session_state() != kClean && !backend_->lost)) {
    CO_TRY(captured.state, co_await read_state(deadline));
  }
  captured.report = backend_->session_state();
  captured.statements = core_.statements_version();
  captured_ = std::move(captured);
  co_return ok();
}

// A session at `target` with what was captured.
net::Task<Result<void>> Session::warm(BackendAddress target, Deadline deadline) {
  const Captured of = *captured_;
  const std::uint64_t stays = stays_;
  std::optional<Opening> opening;
  Batch batch;
  if (next_ && next_->backend && next_->backend->address().same_server(target) &&
      !next_->backend->channel().broken()) {
    if (next_->of.report == of.report && next_->of.statements == of.statements) co_return ok();
    batch = restore(of.state);
  } else {
    next_.reset();
    CO_TRY(Opening place, co_await Opening::begin(host_, deadline));
    opening.emplace(std::move(place));
    auto opened = co_await Backend::open(target, parameters_, host_.server_tls, deadline, nullptr);
    if (opened.has_error()) co_return opened.error();
    next_.emplace();
    next_->backend = std::move(*opened);
    const Backend& fresh = *next_->backend;
    // ALTER ROLE may have said something else meanwhile.
    const bool alike =
        !fresh.reports_state() || of.report.empty() || fresh.session_state() == of.report;
    if (!of.state.empty() || !alike) batch = restore(of.state);
  }
  // Taken out while we wait: a session that ends meanwhile drops what it has.
  Next next = std::move(*next_);
  next_.reset();
  next.of = of;
  next.obstacle.clear();
  if (!next.backend->same_user(*backend_)) {
    next.obstacle = "its role was dropped or renamed, and the name is another role's";
  } else if (!batch.what.empty() && of.state.empty() && of.report.starts_with(kClean) &&
             of.report != kClean) {
    // Its server went before it could be asked.
    next.obstacle = "what ALTER ROLE gave the session could not be read";
  } else if (!batch.what.empty()) {
    CO_TRY(const auto answers,
           co_await next.backend->ask(std::move(batch.bytes), batch.what.size(), deadline));
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i].error) continue;
      next.obstacle = batch.what[i] + " could not be restored (" + answers[i].error->message + ")";
      break;
    }
  }
  if (ended_) co_return make_error(ErrorKind::cancelled, "the session ended");
  if (stays != stays_) co_return make_error(ErrorKind::cancelled, "the session stays");
  next_ = std::move(next);
  co_return ok();
}

net::Task<void> Session::prepare(BackendAddress target, Deadline deadline) {
  const auto self = shared_from_this();
  const auto guard = co_await moving_.lock(deadline);
  if (guard.has_error() || ended_) co_return;
  {
    const Stop stop(*this);
    const auto captured = co_await capture(deadline.at_most(kRestLimit));
    if (captured.has_error() || !captured_->state.obstacle.empty()) co_return;
  }
  const auto warmed = co_await warm(target, deadline);
  if (warmed.has_error() && warmed.error().kind != ErrorKind::cancelled && !ended_) {
    log::warn("{}: session of {} could not be prepared at {}: {}", host_.endpoint, client_address_,
              target.name(), warmed.error().message);
  }
}

net::Task<bool> Session::settle(Deadline deadline) {
  const auto self = shared_from_this();
  const auto guard = co_await moving_.lock(deadline);
  if (guard.has_error()) co_return ended_;
  const Stop stop(*this);
  const auto captured = co_await capture(deadline);
  co_return captured.has_value() || ended_ || backend_->lost;
}

void Session::carry_at_rest() {
  carry_at_rest_ = !idle();
  if (!carry_at_rest_) host_.lost(shared_from_this());
}

void Session::stay() {
  ++stays_;
  if (next_ && next_->backend) next_->backend->leave();
  next_.reset();
  captured_.reset();  // It may be large, and will be read again.
}

void Session::switch_to(std::unique_ptr<Backend> backend) {
  const auto old = backend_;
  backend_ = std::move(backend);
  core_.moved();
  last_words_.clear();
  terminated_ = false;
  old->leave();
  Bytes news;
  // Of a server that is another one now. In place the old session was told the same.
  if (!backend_->address().same_server(old->address())) news = backend_->notifications();
  for (const auto& [name, value] : backend_->parameters()) {
    // A session may have been opened at the new writer while that was a standby. It says so with
    // its first answer, which is no news to the client of a writer.
    if (name == "in_hot_standby" && host_.endpoint == "global-writer") continue;
    auto& told = told_[name];
    if (told == value) continue;
    told = value;
    pgwire::put_parameter_status(news, name, value);
  }
  to_client(news);
  host_.tasks.spawn("server to client", pump_server(backend_));
}

// Requires a stop, and a session at the new server.
net::Task<Result<void>> Session::finish_move(Deadline deadline) {
  Next next = std::move(*next_);
  next_.reset();
  Bytes unnamed = core_.unnamed();
  const std::string written = backend_->written();
  switch_to(std::move(next.backend));
  captured_.reset();
  Batch batch;
  if (!next.of.state.empty()) batch = arrive();
  read_after(batch, written);
  if (!unnamed.empty()) restore_unnamed(batch, unnamed, backend_->reports_state());
  if (batch.what.empty()) co_return ok();
  const std::size_t count = batch.what.size();
  const auto told = co_await tell(std::make_shared<Own>(count), std::move(batch.bytes), deadline);
  if (told.has_error()) end_lost(told.error().message);
  co_return ok();
}

// What was committed before the fence is on its way to us: a server says it before it answers Sync.
// One that does not answer has nothing more to say.
net::Task<void> Session::hear_notifications(Deadline deadline) {
  if (backend_->lost) co_return;
  Bytes sync;
  pgwire::put_sync(sync);
  const auto heard = co_await ask(std::move(sync), 1, deadline.at_most(kNotificationsLimit));
  (void)heard;
}

void Session::end_by(const std::string& obstacle) {
  end({"57P01", "terminating connection because the writer has moved",
       "Connect again: " + obstacle + "."});
}

// Requires a stop. What keeps the session from being carried, for people; empty: nothing.
net::Task<Result<std::string>> Session::obstacle(Deadline deadline) {
  if (core_.unnamed_too_large()) {
    co_return std::string("its last unnamed statement is too large to be carried");
  }
  CO_TRY_VOID(co_await capture(deadline));
  const std::string& what = captured_->state.obstacle;
  if (what.empty()) co_return std::string();
  co_return "the session has " + what + ", which cannot be carried to another server";
}

net::Task<Result<void>> Session::move(BackendAddress target, Deadline deadline) {
  const auto self = shared_from_this();
  CO_TRY(const auto guard, co_await moving_.lock(deadline));
  if (ended_ || (!backend_->lost && backend_->address().same_server(target))) co_return ok();
  const Stop stop(*this);
  const auto found = co_await obstacle(deadline);
  if (ended_) co_return ok();
  if (found.has_error()) {
    end_lost(found.error().message);
    co_return ok();
  }
  if (found->empty()) CO_TRY_VOID(co_await warm(target, deadline));
  const std::string why = found->empty() ? next_->obstacle : *found;
  if (!why.empty()) {
    end_by(why);
    co_return ok();
  }
  if (backend_->listens()) co_await hear_notifications(deadline);
  if (ended_) co_return ok();
  if (!next_) co_return make_error(ErrorKind::unavailable, "what was prepared is gone");
  co_return co_await finish_move(deadline);
}

net::Task<Result<std::string>> Session::move_in_place(Deadline deadline) {
  const auto self = shared_from_this();
  CO_TRY(const auto guard, co_await moving_.lock(deadline));
  const Stop stop(*this);
  CO_TRY(std::string why, co_await obstacle(deadline));
  if (why.empty()) {
    CO_TRY_VOID(co_await warm(backend_->address(), deadline));
    why = next_->obstacle;
  }
  if (!why.empty()) {
    stay();
    co_return why;
  }
  CO_TRY_VOID(co_await finish_move(deadline));
  co_return std::string();
}

}  // namespace aurora_global::router
