#include "router/endpoint.h"

#include "net/log.h"

#include <algorithm>

#include "pgwire/names.h"

namespace aurora_global::router {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using nlohmann::json;
using pgwire::Bytes;
using namespace std::chrono_literals;

constexpr Duration kRetryMin = 5ms;
constexpr Duration kRetryMax = 200ms;
constexpr Duration kMoveLimit = 5s;
constexpr std::size_t kScratchBytes = 64 * 1024;
constexpr std::size_t kAtOnceMax = 32;  // Sessions that are prepared at the same time.
constexpr std::size_t kListedMax = 1000;
constexpr std::size_t kReasonsMax = 100;

// A server that still starts, or ends; and one without a process for us. Another may serve, or the
// same one soon.
bool may_pass(std::string_view sqlstate) {
  return sqlstate.empty() || sqlstate == "57P03" || sqlstate == "57P01";
}

Error protocol_error(ErrorKind kind, std::string_view sqlstate, std::string message) {
  return make_error(kind, std::move(message), std::string(sqlstate));
}

}  // namespace

Endpoint::Endpoint(Surroundings surroundings, EndpointConfig endpoint,
                   std::atomic<std::size_t>& all_clients)
    : around_(std::move(surroundings)),
      endpoint_(std::move(endpoint)),
      all_clients_(all_clients),
      gate_(around_.executor),
      tasks_(around_.executor),
      host_{around_.executor,
            around_.config,
            endpoint_.name,
            gate_,
            tasks_,
            around_.server_tls,
            std::vector<std::uint8_t>(kScratchBytes),
            {},
            {}},
      changed_(around_.executor),
      reception_({.config = around_.config,
                  .endpoint = endpoint_.name,
                  .identity = around_.identity,
                  .verifiers = endpoint_.name == "global-writer" ? around_.verifiers_of_writer
                                                                 : around_.verifiers,
                  .thread = around_.thread,
                  .cancel = around_.cancel,
                  .log_in =
                      [this](Backend::Parameters parameters, Bytes& refusal, Deadline deadline) {
                        return log_in(std::move(parameters), refusal, deadline);
                      },
                  .full =
                      [this] {
                        return all_clients_ >
                               static_cast<std::size_t>(around_.config.max_connections);
                      },
                  .changed = changed_,
                  .tasks = tasks_}),
      watch_(tasks_, sessions_, cut_total_) {
  host_.lost = [this](SessionPointer session) { carry(std::move(session)); };
  host_.due = [this](SessionPointer session) { move_in_place(std::move(session)); };
}

Endpoint::~Endpoint() = default;

void Endpoint::start() { tasks_.spawn("servers of " + endpoint_.name, watch_.run()); }

net::Task<void> Endpoint::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

// ---- clients come in

Endpoint::Place::Place(std::atomic<std::size_t>& here, std::atomic<std::size_t>& all)
    : here_(&here), all_(&all) {
  ++*here_;
  ++*all_;
}

Endpoint::Place::Place(Place&& other) noexcept
    : here_(std::exchange(other.here_, nullptr)), all_(other.all_) {}

Endpoint::Place::~Place() {
  if (here_ == nullptr) return;
  --*here_;
  --*all_;
}

void Endpoint::serve(tcp::socket socket, Place place) {
  ++accepted_total_;
  tasks_.spawn("session", serve_client(std::move(socket), std::move(place)));
}

net::Task<void> Endpoint::serve_client(tcp::socket socket, [[maybe_unused]] Place place) {
  auto guest = co_await reception_.receive(std::move(socket));
  if (!guest) co_return;
  const auto session = std::make_shared<Session>(host_, std::move(guest->client),
                                                 std::move(guest->parameters), guest->address);
  session->client_key = guest->key;
  session->attach(std::move(guest->server));
  const SessionSet::Member member(sessions_, session);
  if (!listed(session->server())) {  // The writer has moved while the client took its greeting.
    carry(session);
  } else if (preparing_) {
    tasks_.spawn("prepare session", session->prepare(*preparing_, Deadline::in(kMoveLimit)));
  }
  co_await session->run(std::move(guest->received));
}

std::vector<BackendAddress> Endpoint::candidates() {
  std::vector<BackendAddress> all;
  for (const BackendAddress& one : backends_) {
    if (!one.draining) all.push_back(one);
  }
  if (all.empty()) all = backends_;  // A server that lags serves better than none.
  if (!all.empty()) {
    const auto first = static_cast<std::ptrdiff_t>(next_backend_++ % all.size());
    std::rotate(all.begin(), all.begin() + first, all.end());
  }
  return all;
}

bool Endpoint::listed(const BackendAddress& server) const {
  return std::any_of(backends_.begin(), backends_.end(),
                     [&](const BackendAddress& one) { return one.same_server(server); });
}

net::Task<Result<std::unique_ptr<Backend>>> Endpoint::log_in(Backend::Parameters parameters,
                                                             Bytes& refusal, Deadline deadline) {
  Duration pause = kRetryMin;
  std::string last = "no server is known";
  for (;;) {
    const auto entered = co_await gate_.enter(deadline);
    if (entered.has_value()) {
      const std::vector<BackendAddress> servers = candidates();
      for (const BackendAddress& server : servers) {
        refusal.clear();
        auto opened =
            co_await Backend::open(server, parameters, around_.server_tls,
                                   deadline.at_most(around_.config.connect_timeout), &refusal);
        if (tasks_.stopping()) co_return make_error(ErrorKind::cancelled, "the router is ending");
        // The world may have moved while we connected: a stale choice would be the old writer.
        if (!listed(server) || gate_.closed()) break;
        if (opened.has_value()) co_return opened;
        last = opened.error().message;
        if (!may_pass(opened.error().code)) co_return opened.error();
      }
    }
    refusal.clear();
    if (deadline.passed()) {
      co_return protocol_error(ErrorKind::timeout, "57P03",
                               "endpoint " + endpoint_.name + " of " + around_.config.region +
                                   " has no instance to connect to: " + last);
    }
    if (tasks_.stopping()) co_return make_error(ErrorKind::cancelled, "the router is ending");
    if (gate_.closed()) continue;
    co_await changed_.wait(deadline.at_most(pause));
    pause = std::min(pause * 2, Duration(kRetryMax));
  }
}

net::Task<bool> Endpoint::cancel(pgwire::CancelRequest request) {
  const auto session = sessions_.find(request);
  if (!session) co_return false;
  if (session->cancel_waiting()) co_return true;
  co_await router::cancel(session->server(), session->server_key(), around_.server_tls,
                          Deadline::in(around_.config.connect_timeout));
  co_return true;
}

// ---- the writer moves

bool Endpoint::adopt(std::vector<BackendAddress> backends, Epoch epoch) {
  backends_ = std::move(backends);
  epoch_is_new_ = epoch > epoch_;
  epoch_ = epoch;
  if (epoch_is_new_) preparing_.reset();
  gate_.hold(epoch);
  listeners_.clear();
  for (const SessionPointer& session : sessions_.all()) {
    if (listed(session->server()) || !session->listens()) continue;
    listeners_.push_back(session);
    session->goes_first = true;
    carry(session);
    session->changed().notify();  // It may be on its way already.
  }
  return !listeners_.empty();
}

net::Task<void> Endpoint::await_listeners(Deadline deadline) {
  const auto listeners = std::move(listeners_);
  listeners_.clear();
  for (const SessionPointer& session : listeners) {
    while (session->carried && !session->ended() && !deadline.passed() && !tasks_.stopping()) {
      co_await session->changed().wait(deadline);
    }
  }
}

void Endpoint::open() {
  // Stopped before the gate opens, so that none sends its next transaction to the old server.
  for (const SessionPointer& session : sessions_.all()) {
    if (!listed(session->server())) {
      carry(session);
    } else if (epoch_is_new_) {
      session->stay();
    }
  }
  epoch_is_new_ = false;
  gate_.reached(epoch_);
  changed_.notify();
  for (const SessionPointer& session : sessions_.all()) session->changed().notify();
}

void Endpoint::release() {
  preparing_.reset();
  for (const SessionPointer& session : sessions_.all()) session->stay();
  gate_.release();
  for (const SessionPointer& session : sessions_.all()) session->changed().notify();
}

void Endpoint::carry(SessionPointer session) {
  if (session->carried || session->ended()) return;
  session->carried = true;
  session->stop();
  tasks_.spawn("carry session", carry_on(std::move(session)));
}

net::Task<void> Endpoint::carry_on(SessionPointer session) {
  struct Carried {
    Session& session;
    ~Carried() {
      session.carried = session.goes_first = false;
      session.let_on();
    }
  } carried{*session};
  const Deadline deadline = Deadline::in(around_.config.hold_timeout);
  Duration pause = kRetryMin;
  std::string why = "the writer has moved";
  if (session->lost() && session->terminated() && !gate_.closed() && listed(session->server())) {
    ++cut_total_;
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
    if (!session->lost() && listed(session->server())) co_return;
    if (deadline.passed() || !session->idle() || (session->lost() && !session->carryable())) {
      ++cut_total_;
      co_return session->end_lost(why);
    }
    const std::vector<BackendAddress> servers = candidates();
    if (!servers.empty()) {
      const auto moved = co_await session->move(servers.front(), deadline.at_most(kMoveLimit));
      if (moved.has_value() && session->ended()) {
        ++cut_total_;
        co_return;
      }
      if (moved.has_value()) {
        ++moved_total_;
        continue;  // The writer may have moved on meanwhile.
      }
      why = moved.error().message;
      if (!may_pass(moved.error().code)) {
        ++cut_total_;
        co_return session->end_lost(why);
      }
    }
    co_await changed_.wait(deadline.at_most(pause));
    pause = std::min(pause * 2, Duration(kRetryMax));
  }
}

// ---- as often as a test wants

void Endpoint::move_in_place(SessionPointer session) {
  if (session->carried || session->ended() || session->lost() || gate_.closed()) return;
  session->carried = true;
  session->stop();
  tasks_.spawn("move session in place", do_move_in_place(std::move(session)));
}

net::Task<void> Endpoint::do_move_in_place(SessionPointer session) {
  // One that has just ended a transaction and is not idle will not be, however long it is stopped.
  auto moved = Result<std::string>("the session does not come to rest");
  if (session->idle()) moved = co_await session->move_in_place(Deadline::in(kMoveLimit));
  if (moved.has_value() && moved->empty()) {
    ++moved_in_place_total_;
  } else if (!session->ended() && !session->lost()) {
    // It may quote names in whatever encoding the client has.
    const std::string why = pgwire::printable(moved.has_value() ? *moved : moved.error().message);
    ++stayed_[stayed_.size() < kReasonsMax || stayed_.contains(why) ? why : "something else"];
  }
  session->carried = false;
  session->let_on();
  // What it was not told of meanwhile.
  if (session->lost() || !listed(session->server())) carry(std::move(session));
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
    Running(Running&&) = default;
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

net::Task<json> Endpoint::prepare(BackendAddress target, Deadline deadline) {
  preparing_ = target;
  const auto sessions = sessions_.all();
  co_await for_each(sessions, tasks_, around_.executor, kAtOnceMax,
                    [target, deadline](Session& session) -> net::Task<void> {
                      return session.prepare(target, deadline);
                    });
  co_return json{{"sessions", sessions.size()}};
}

net::Task<json> Endpoint::hold(Epoch epoch, model::DrainPolicy policy, Deadline deadline) {
  gate_.hold(epoch);
  const auto sessions = sessions_.all();
  const auto settled = std::make_shared<std::size_t>(0);
  co_await for_each(sessions, tasks_, around_.executor, sessions.size() + 1,
                    [settled, deadline](Session& session) -> net::Task<void> {
                      return settle(session, deadline, settled);
                    });
  std::size_t open = 0;
  for (const SessionPointer& session : sessions_.all()) {
    if (session->ended() || session->lost() || session->idle()) continue;
    ++open;
    if (policy == model::DrainPolicy::abort) continue;
    ++cut_total_;
    session->end({"57P01", "terminating connection because the writer moves",
                  "The transaction was still open when the time for it to end was over; connect "
                  "again and repeat it."});
  }
  co_return json{{"sessions", sessions.size()}, {"settled", *settled}, {"open", open}};
}

// ---- what people see

json Endpoint::status() const {
  json backends = json::array();
  for (const BackendAddress& one : backends_) backends.push_back(one.name());
  const std::size_t clients = clients_;
  std::size_t held = clients - std::min(clients, sessions_.size());
  for (const SessionPointer& session : sessions_.all())
    held += session->state() == SessionState::held ? 1 : 0;
  json status = {{"name", endpoint_.name},
                 {"listen", endpoint_.listen},
                 {"sessions", sessions_.size()},
                 {"held", held},
                 {"backends", backends},
                 {"accepted_total", accepted_total_},
                 {"refused_total", reception_.refused_total()},
                 {"cut_total", cut_total_},
                 {"moved_total", moved_total_}};
  if (around_.config.move_every > 0) {
    status["moved_in_place_total"] = moved_in_place_total_;
    status["stayed"] = stayed_;
  }
  return status;
}

json Endpoint::sessions_json() const {
  json all = json::array();
  for (const SessionPointer& session : sessions_.all()) {
    if (all.size() == kListedMax) break;
    const auto& parameters = session->parameters();
    const auto value = [&](const char* name) {
      const auto found = parameters.find(name);
      return found == parameters.end() ? std::string() : pgwire::printable(found->second);
    };
    all.push_back({{"endpoint", endpoint_.name},
                   {"client", session->client_address()},
                   {"user", value("user")},
                   {"database", value("database")},
                   {"application_name", pgwire::printable(session->application_name())},
                   {"server", session->server().name()},
                   {"server_pid", session->server_key().process_id},
                   {"state", name_of(session->state())}});
  }
  return all;
}

}  // namespace aurora_global::router
