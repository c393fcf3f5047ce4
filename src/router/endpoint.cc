#include "router/endpoint.h"

#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <sys/socket.h>
#include "net/log.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "net/http.h"

namespace aurora_global::router {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using nlohmann::json;
using pgwire::Bytes;
using namespace std::chrono_literals;

constexpr Duration kLoginLimit = 60s;  // As PostgreSQL's authentication_timeout.
constexpr Duration kGoodbyeLimit = 5s;
constexpr Duration kRetryMin = 5ms;
constexpr Duration kRetryMax = 200ms;
constexpr Duration kMoveLimit = 5s;
constexpr std::size_t kScratchBytes = 64 * 1024;
constexpr std::size_t kAtOnceMax = 32;  // Sessions that are prepared at the same time.
constexpr std::size_t kListedMax = 1000;
constexpr std::size_t kReasonsMax = 100;
constexpr Duration kTick = 250ms;
constexpr int kSilentTicksMax = 4;

// A server that still starts, or ends; and one without a process for us. Another may serve, or the
// same one soon.
bool may_pass(std::string_view sqlstate) {
  return sqlstate.empty() || sqlstate == "57P03" || sqlstate == "57P01";
}

// A client that vanishes without a word is noticed by the kernel after about 10 s.
void watch_for_silence(tcp::socket& socket) {
  boost::system::error_code ignored;
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  using Idle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
  using Interval = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
  using Count = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;
  socket.set_option(Idle(5), ignored);
  socket.set_option(Interval(1), ignored);
  socket.set_option(Count(5), ignored);
}

// The last bits name the thread, so that a cancel request finds it.
std::uint32_t fresh_key(unsigned thread) {
  std::uint32_t key = 0;
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&key), sizeof key) == 1);
  return (key & ~0xfu) | thread;
}

bool asks_for_replication(const std::map<std::string, std::string>& parameters) {
  const auto found = parameters.find("replication");
  if (found == parameters.end()) return false;
  static const std::set<std::string_view> kNo = {"false", "off", "no", "0"};
  return !kNo.contains(found->second);
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
      changed_(around_.executor) {
  host_.lost = [this](SessionPointer session) { carry(std::move(session)); };
  host_.due = [this](SessionPointer session) { move_in_place(std::move(session)); };
}

Endpoint::~Endpoint() = default;

void Endpoint::start() { tasks_.spawn("servers of " + endpoint_.name, watch_servers()); }

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
  boost::system::error_code error;
  const auto remote = socket.remote_endpoint(error);
  if (error) co_return;
  const std::string address = remote.address().to_string() + ":" + std::to_string(remote.port());
  watch_for_silence(socket);
  Channel client{Channel::Socket(std::move(socket))};
  const auto welcomed = co_await welcome(client, address);
  if (!welcomed.has_error() || welcomed.error().kind == ErrorKind::cancelled) co_return;
  ++refused_total_;
  const Error& why = welcomed.error();
  const std::string sqlstate = why.code.empty() ? "08P01" : why.code;
  log::info("{}: {} is refused with {}: {}", endpoint_.name, address, sqlstate, why.message);
  const bool wait = sqlstate == "57P03";
  const Bytes answer = pgwire::fatal_error(
      sqlstate, why.message,
      wait ? "Try again; `aurora-global status` tells what the Region waits for." : "");
  const auto told = co_await client.write(answer, Deadline::in(kGoodbyeLimit));
  (void)told;  // The client may have left: nobody else is to be told.
  boost::system::error_code ignored;
  client.socket().shutdown(Channel::Socket::shutdown_both, ignored);
  client.close();
}

// Fails with what the client is told: `cancelled` means nothing.
net::Task<Result<void>> Endpoint::welcome(Channel& client, std::string address) {
  const Deadline deadline = Deadline::in(kLoginLimit);
  Bytes received;
  CO_TRY(const auto packet, co_await greet(client, around_.identity, received, deadline));
  if (!packet) co_return make_error(ErrorKind::cancelled, "the client left");
  if (const auto* request = std::get_if<pgwire::CancelRequest>(&*packet)) {
    co_await around_.cancel(*request);
    co_return make_error(ErrorKind::cancelled, "it was a cancel request");
  }
  auto startup = std::get<pgwire::StartupMessage>(*packet);
  co_return co_await admit(client, std::move(startup), std::move(address), std::move(received),
                           deadline);
}

// What a newer client asks for beyond protocol 3.0 is refused as PostgreSQL 15 does.
net::Task<Result<void>> Endpoint::negotiate(Channel& client, pgwire::StartupMessage& startup,
                                            Deadline deadline) {
  std::vector<std::string> unknown;
  for (const auto& [name, value] : startup.parameters) {
    if (name.starts_with("_pq_.")) unknown.push_back(name);
  }
  if (unknown.empty() && startup.minor == 0) co_return ok();
  for (const std::string& name : unknown) startup.parameters.erase(name);
  Bytes answer;
  pgwire::put_negotiation(answer, unknown);
  co_return co_await client.write(std::move(answer), deadline);
}

net::Task<Result<void>> Endpoint::check_password(Channel& client, std::string user, Bytes& received,
                                                 Deadline deadline) {
  // The region's only instance may be on its way back, as a standby of the new writer.
  const Deadline patience = deadline.at_most(around_.config.hold_timeout);
  Duration pause = kRetryMin;
  auto role = co_await around_.verifiers.find(user, patience);
  while (role.has_error() && !patience.passed() && !tasks_.stopping()) {
    co_await changed_.wait(patience.at_most(pause));
    pause = std::min(pause * 2, Duration(kRetryMax));
    role = co_await around_.verifiers.find(user, patience);
  }
  if (role.has_error()) {
    co_return protocol_error(
        ErrorKind::unavailable, "57P03",
        "no instance of " + around_.config.region +
            " can tell whether the password is right: " + role.error().message);
  }
  CO_TRY_VOID(co_await authenticate(client, around_.identity, user, *role, received, deadline));
  if (role->superuser) {
    co_return protocol_error(ErrorKind::denied, "28000",
                             "superuser \"" + user + "\" may not log in through an endpoint");
  }
  co_return ok();
}

net::Task<Result<void>> Endpoint::admit(Channel& client, pgwire::StartupMessage startup,
                                        std::string address, Bytes received, Deadline deadline) {
  Backend::Parameters& parameters = startup.parameters;
  const std::string user = parameters["user"];
  if (user.empty()) {
    co_return protocol_error(ErrorKind::denied, "28000",
                             "no PostgreSQL user name specified in startup packet");
  }
  if (parameters["database"].empty()) parameters["database"] = user;
  CO_TRY_VOID(co_await negotiate(client, startup, deadline));
  if (around_.config.require_tls && !client.tls()) {
    co_return protocol_error(ErrorKind::denied, "28000",
                             "no pg_hba.conf entry for host \"" +
                                 address.substr(0, address.rfind(':')) + "\", user \"" + user +
                                 "\", database \"" + parameters["database"] + "\", no encryption");
  }
  if (all_clients_ > static_cast<std::size_t>(around_.config.max_connections)) {
    co_return protocol_error(ErrorKind::exhausted, "53300",
                             "too many connections for endpoint " + endpoint_.name + " of " +
                                 around_.config.region + " (limit " +
                                 std::to_string(around_.config.max_connections) + ")");
  }
  if (asks_for_replication(parameters) && endpoint_.name != "cluster") {
    co_return protocol_error(
        ErrorKind::invalid, "0A000",
        "replication connections go to the cluster endpoint, not to " + endpoint_.name);
  }
  CO_TRY_VOID(co_await check_password(client, user, received, deadline));
  parameters["options"] +=
      " -c aurora_global.report_session_state=on -c aurora_global.client=" + address + "/" +
      endpoint_.name;
  Bytes refusal;
  auto server = co_await log_in(parameters, refusal, Deadline::in(around_.config.hold_timeout));
  if (server.has_error()) {
    if (refusal.empty()) co_return server.error();
    ++refused_total_;
    const auto told = co_await client.write(refusal, Deadline::in(kGoodbyeLimit));
    (void)told;
    client.close();
    co_return make_error(ErrorKind::cancelled, "the server has refused it");
  }

  const pgwire::BackendKey key{(*server)->key().process_id, fresh_key(around_.thread)};
  Bytes greeting;
  pgwire::put_authentication_ok(greeting);
  for (const auto& [name, value] : (*server)->parameters()) {
    pgwire::put_parameter_status(greeting, name, value);
  }
  pgwire::put_backend_key(greeting, key);
  pgwire::put_ready(greeting, 'I');
  CO_TRY_VOID(co_await client.write(std::move(greeting), deadline));
  const auto session = std::make_shared<Session>(host_, std::move(client), parameters, address);
  session->client_key = key;
  session->attach(std::move(*server));
  const auto place = sessions_.insert(sessions_.end(), session);
  by_key_[key.secret_key] = session;
  struct Leave {
    Endpoint& endpoint;
    std::list<SessionPointer>::iterator place;
    std::uint32_t key;
    ~Leave() {
      endpoint.sessions_.erase(place);
      endpoint.by_key_.erase(key);
    }
  } leave{*this, place, key.secret_key};
  if (!listed(session->server())) {  // The writer has moved while the client took its greeting.
    carry(session);
  } else if (preparing_) {
    tasks_.spawn("prepare session", session->prepare(*preparing_, Deadline::in(kMoveLimit)));
  }
  co_await session->run(std::move(received));
  co_return make_error(ErrorKind::cancelled, "the session is over");
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
  const auto found = by_key_.find(request.secret_key);
  if (found == by_key_.end()) co_return false;
  const auto session = found->second.lock();
  if (!session || session->client_key.process_id != request.process_id) co_return false;
  if (session->cancel_waiting()) co_return true;
  co_await router::cancel(session->server(), session->server_key(), around_.server_tls,
                          Deadline::in(around_.config.connect_timeout));
  co_return true;
}

// ---- the writer moves

void Endpoint::use(std::vector<BackendAddress> backends, Epoch epoch) {
  backends_ = std::move(backends);
  const bool moved = epoch > epoch_;
  epoch_ = epoch;
  if (moved) preparing_.reset();
  // Stopped before the gate opens, so that none sends its next transaction to the old server.
  for (const SessionPointer& session : snapshot()) {
    if (!listed(session->server())) {
      carry(session);
    } else if (moved) {
      session->stay();
    }
  }
  gate_.reached(epoch);
  changed_.notify();
  for (const SessionPointer& session : snapshot()) session->changed().notify();
}

void Endpoint::release() {
  preparing_.reset();
  for (const SessionPointer& session : snapshot()) session->stay();
  gate_.release();
  for (const SessionPointer& session : snapshot()) session->changed().notify();
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
      session.carried = false;
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
    const auto entered = co_await gate_.enter(deadline);
    co_await session->hear_out(deadline.at_most(kMoveLimit));
    if (session->ended()) co_return;
    if (!session->lost() && listed(session->server())) co_return;
    if (entered.has_error() || deadline.passed() || !session->idle() ||
        (session->lost() && !session->carryable())) {
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
    const std::string& why = moved.has_value() ? *moved : moved.error().message;
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
  const auto sessions = snapshot();
  co_await for_each(sessions, tasks_, around_.executor, kAtOnceMax,
                    [target, deadline](Session& session) -> net::Task<void> {
                      return session.prepare(target, deadline);
                    });
  co_return json{{"sessions", sessions.size()}};
}

net::Task<json> Endpoint::hold(Epoch epoch, DrainPolicy policy, Deadline deadline) {
  gate_.hold(epoch);
  const auto sessions = snapshot();
  const auto settled = std::make_shared<std::size_t>(0);
  co_await for_each(sessions, tasks_, around_.executor, sessions.size() + 1,
                    [settled, deadline](Session& session) -> net::Task<void> {
                      return settle(session, deadline, settled);
                    });
  std::size_t open = 0;
  for (const SessionPointer& session : snapshot()) {
    if (session->ended() || session->lost() || session->idle()) continue;
    ++open;
    if (policy == DrainPolicy::abort) continue;
    ++cut_total_;
    session->end({"57P01", "terminating connection because the writer moves",
                  "The transaction was still open when the time for it to end was over; connect "
                  "again and repeat it."});
  }
  co_return json{{"sessions", sessions.size()}, {"settled", *settled}, {"open", open}};
}

// ---- servers that fall silent

// A connection of PostgreSQL that asks for GSSAPI is answered by one byte, costs the server a
// process for a moment, and leaves no line in its log.
net::Task<void> Endpoint::probe(BackendAddress server) {
  const Deadline deadline = Deadline::in(kTick * kSilentTicksMax);
  auto channel = co_await Channel::connect_tcp(server.address, deadline);
  if (channel.has_error()) co_return;
  const Bytes question = {0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30};
  const auto asked = co_await channel->write(question, deadline);
  if (asked.has_error()) co_return;
  Bytes answer;
  const auto heard = co_await channel->read(answer, deadline);
  if (heard.has_value()) silent_ticks_[server.address] = 0;
}

// A partition ends no connection: what is under way at a server that answers nobody gets an
// answer from us.
net::Task<void> Endpoint::watch_servers() {
  while (!tasks_.stopping()) {
    co_await net::sleep_for(kTick);
    std::map<std::string, BackendAddress> servers;
    for (const SessionPointer& session : sessions_) {
      const BackendAddress& server = session->server();
      if (server.socket.empty() && !session->lost()) servers.emplace(server.address, server);
    }
    std::erase_if(silent_ticks_, [&](const auto& one) { return !servers.contains(one.first); });
    for (const auto& [address, server] : servers) {
      if (silent_ticks_[address]++ >= kSilentTicksMax) {
        for (const SessionPointer& session : snapshot()) {
          if (session->server().address != address || session->lost() || session->ended()) continue;
          if (session->idle()) continue;
          ++cut_total_;
          session->end_lost("it does not answer");
        }
      }
      tasks_.spawn("probe", probe(server));
    }
  }
}

// ---- what people see

json Endpoint::status() const {
  json backends = json::array();
  for (const BackendAddress& one : backends_) backends.push_back(one.name());
  const std::size_t clients = clients_;
  std::size_t held = clients - std::min(clients, sessions_.size());
  for (const SessionPointer& session : sessions_)
    held += session->state() == SessionState::held ? 1 : 0;
  json status = {{"name", endpoint_.name},
                 {"listen", endpoint_.listen},
                 {"sessions", sessions_.size()},
                 {"held", held},
                 {"backends", backends},
                 {"accepted_total", accepted_total_},
                 {"refused_total", refused_total_},
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
  for (const SessionPointer& session : sessions_) {
    if (all.size() == kListedMax) break;
    const auto& parameters = session->parameters();
    const auto value = [&](const char* name) {
      const auto found = parameters.find(name);
      return found == parameters.end() ? std::string() : found->second;
    };
    all.push_back({{"endpoint", endpoint_.name},
                   {"client", session->client_address()},
                   {"user", value("user")},
                   {"database", value("database")},
                   {"application_name", value("application_name")},
                   {"server", session->server().name()},
                   {"server_pid", session->server_key().process_id},
                   {"state", name_of(session->state())}});
  }
  return all;
}

}  // namespace aurora_global::router
