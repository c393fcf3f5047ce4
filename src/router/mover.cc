#include "router/mover.h"

#include "pgwire/names.h"

namespace aurora_global::router {
namespace {

namespace asio = boost::asio;
using nlohmann::json;
using namespace std::chrono_literals;

constexpr Duration kMoveLimit = 5s;
constexpr std::size_t kAtOnceMax = 32;  // Sessions that are prepared at the same time.
constexpr std::size_t kReasonsMax = 100;

}  // namespace

void Mover::welcome(const SessionSet::Pointer& session) {
  if (!servers_.list(session->server())) {  // The writer has moved while the client logged in.
    carry(session);
  } else if (preparing_) {
    tasks_.spawn("prepare session", session->prepare(*preparing_, Deadline::in(kMoveLimit)));
  }
}

bool Mover::adopt(std::vector<BackendAddress> servers, Epoch epoch) {
  servers_.set(std::move(servers));
  epoch_is_new_ = epoch > epoch_;
  epoch_ = epoch;
  if (epoch_is_new_) preparing_.reset();
  gate_.hold(epoch);
  listeners_.clear();
  for (const SessionSet::Pointer& session : sessions_.all()) {
    if (servers_.list(session->server()) || !session->listens()) continue;
    listeners_.push_back(session);
    session->goes_first = true;
    carry(session);
    session->changed().notify();  // It may be on its way already.
  }
  return !listeners_.empty();
}

net::Task<void> Mover::await_listeners(Deadline deadline) {
  const auto listeners = std::move(listeners_);
  listeners_.clear();
  for (const SessionSet::Pointer& session : listeners) {
    while (session->carried && !session->ended() && !deadline.passed() && !tasks_.stopping()) {
      co_await session->changed().wait(deadline);
    }
  }
}

void Mover::open() {
  // Stopped before the gate opens, so that none sends its next transaction to the old server.
  for (const SessionSet::Pointer& session : sessions_.all()) {
    const bool listed = servers_.list(session->server());
    if (!listed && !epoch_is_new_ && !servers_.all().empty()) {
      session->carry_at_rest();  // Its server is none of ours any more, and serves it as before.
    } else if (!listed) {
      carry(session);
    } else if (epoch_is_new_) {
      session->stay();
    }
  }
  epoch_is_new_ = false;
  gate_.reached(epoch_);
  servers_.changed().notify();
  for (const SessionSet::Pointer& session : sessions_.all()) session->changed().notify();
}

void Mover::release() {
  preparing_.reset();
  for (const SessionSet::Pointer& session : sessions_.all()) session->stay();
  gate_.release();
  for (const SessionSet::Pointer& session : sessions_.all()) session->changed().notify();
}

void Mover::carry(SessionSet::Pointer session) {
  if (session->carried || session->ended()) return;
  session->carried = true;
  session->stop();
  tasks_.spawn("carry session", carry_on(std::move(session)));
}

net::Task<void> Mover::carry_on(SessionSet::Pointer session) {
  struct Carried {
    Session& session;
    ~Carried() {
      session.carried = session.goes_first = false;
      session.resume();
    }
  } carried{*session};
  const Deadline deadline = Deadline::in(config_.hold_timeout);
  Duration pause = kServersRetryMin;
  std::string why = "the writer has moved";
  if (session->lost() && session->terminated() && !gate_.closed() &&
      servers_.list(session->server())) {
    ++counts_.cut;
    co_return session->end_as_told();
  }
  while (!session->ended() && !tasks_.stopping()) {
    // Whoever goes first does so while the gate is closed for all others.
    while (gate_.closed() && !session->goes_first && !session->ended() && !deadline.passed() &&
           !tasks_.stopping()) {
      co_await session->changed().wait(deadline);
    }
    co_await session->hear_out(deadline.at_most(kMoveLimit));
    if (session->ended()) co_return;
    if (!session->lost() && servers_.list(session->server())) co_return;
    if (deadline.passed() || !session->idle() || (session->lost() && !session->carryable())) {
      ++counts_.cut;
      co_return session->end_lost(why);
    }
    const std::vector<BackendAddress> servers = servers_.candidates();
    if (!servers.empty()) {
      const auto moved = co_await session->move(servers.front(), deadline.at_most(kMoveLimit));
      if (moved.has_value() && session->ended()) {
        ++counts_.cut;
        co_return;
      }
      if (moved.has_value()) {
        ++counts_.moved;
        continue;  // The writer may have moved on meanwhile.
      }
      why = moved.error().message;
      if (!may_pass(moved.error().code)) {
        ++counts_.cut;
        co_return session->end_lost(why);
      }
    }
    co_await servers_.changed().wait(deadline.at_most(pause));
    pause = std::min(pause * 2, Duration(kServersRetryMax));
  }
}

// ---- as often as a test wants

void Mover::move_in_place(SessionSet::Pointer session) {
  if (session->carried || session->ended() || session->lost() || gate_.closed()) return;
  session->carried = true;
  session->stop();
  tasks_.spawn("move session in place", do_move_in_place(std::move(session)));
}

net::Task<void> Mover::do_move_in_place(SessionSet::Pointer session) {
  // One that has just ended a transaction and is not idle will not be, however long it is stopped.
  auto moved = Result<std::string>("the session does not come to rest");
  if (session->idle()) moved = co_await session->move_in_place(Deadline::in(kMoveLimit));
  if (moved.has_value() && moved->empty()) {
    ++counts_.moved_in_place;
  } else if (!session->ended() && !session->lost()) {
    // It may quote names in whatever encoding the client has.
    const std::string why = pgwire::printable(moved.has_value() ? *moved : moved.error().message);
    ++counts_.stayed[counts_.stayed.size() < kReasonsMax || counts_.stayed.contains(why)
                         ? why
                         : "something else"];
  }
  session->carried = false;
  session->resume();
  // What it was not told of meanwhile.
  if (session->lost() || !servers_.list(session->server())) carry(std::move(session));
}

namespace {

// Runs `work` for every session, a bounded number at a time, and returns when all are done.
template <typename Work>
net::Task<void> for_each(std::vector<std::shared_ptr<Session>> sessions, net::TaskGroup& tasks,
                         asio::any_io_executor executor, std::size_t at_once, Work work) {
  struct State {
    explicit State(asio::any_io_executor e) : done(std::move(e)) {}
    std::size_t running = 0;
    net::Event done;
  };
  const auto state = std::make_shared<State>(executor);
  struct Running {
    std::shared_ptr<State> state;
    explicit Running(std::shared_ptr<State> s) : state(std::move(s)) { ++state->running; }
    Running(Running&&) noexcept = default;
    ~Running() {
      if (!state) return;
      --state->running;
      state->done.notify();
    }
  };
  static constexpr auto one = []([[maybe_unused]] Running running, std::shared_ptr<Session> session,
                                 Work what) -> net::Task<void> { co_await what(*session); };
  for (const auto& session : sessions) {
    while (state->running >= at_once && !tasks.stopping()) {
      co_await state->done.wait(Deadline::in(1h));
    }
    if (tasks.stopping()) co_return;
    tasks.spawn("session", one(Running(state), session, work));
  }
  while (state->running > 0 && !tasks.stopping()) co_await state->done.wait(Deadline::in(1h));
}

net::Task<void> settle(Session& session, Deadline deadline, std::shared_ptr<std::size_t> settled) {
  const bool done = co_await session.settle(deadline);
  if (done) ++*settled;
}

}  // namespace

net::Task<json> Mover::prepare(BackendAddress target, Deadline deadline) {
  preparing_ = target;
  const auto sessions = sessions_.all();
  co_await for_each(sessions, tasks_, executor_, kAtOnceMax,
                    [target, deadline](Session& session) -> net::Task<void> {
                      return session.prepare(target, deadline);
                    });
  co_return json{{"sessions", sessions.size()}};
}

net::Task<json> Mover::hold(Epoch epoch, model::DrainPolicy policy, Deadline deadline) {
  gate_.hold(epoch);
  const auto sessions = sessions_.all();
  const auto settled = std::make_shared<std::size_t>(0);
  co_await for_each(sessions, tasks_, executor_, sessions.size() + 1,
                    [settled, deadline](Session& session) -> net::Task<void> {
                      return settle(session, deadline, settled);
                    });
  std::size_t open = 0;
  for (const SessionSet::Pointer& session : sessions_.all()) {
    if (session->ended() || session->lost() || session->idle()) continue;
    ++open;
    // Let go meanwhile: nobody has to go.
    if (policy == model::DrainPolicy::abort || !gate_.closed()) continue;
    ++counts_.cut;
    session->end({"57P01", "terminating connection because the writer moves",
                  "The transaction was still open when the time for it to end was over; connect "
                  "again and repeat it."});
  }
  co_return json{{"sessions", sessions.size()}, {"settled", *settled}, {"open", open}};
}

}  // namespace aurora_global::router
