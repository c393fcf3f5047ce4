#include "router/endpoint.h"

#include "net/log.h"

#include "pgwire/names.h"

namespace aurora_global::router {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using nlohmann::json;
using pgwire::Bytes;
using namespace std::chrono_literals;

constexpr std::size_t kScratchBytes = 64 * 1024;
constexpr std::size_t kListedMax = 1000;

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
            {},
            net::Event(around_.executor)},
      servers_(around_.executor),
      mover_(around_.executor, around_.config, gate_, tasks_, sessions_, servers_),
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
                  .changed = servers_.changed(),
                  .tasks = tasks_}),
      watch_(around_.config, tasks_, sessions_, mover_.counts().cut) {
  host_.lost = [this](SessionPointer session) { mover_.carry(std::move(session)); };
  host_.due = [this](SessionPointer session) { mover_.move_in_place(std::move(session)); };
}

Endpoint::~Endpoint() = default;

void Endpoint::start() { tasks_.spawn("servers of " + endpoint_.name, watch_.run()); }

net::Task<void> Endpoint::stop() {
  for (const SessionPointer& session : sessions_.all()) {
    session->end({"57P01", "terminating connection due to administrator command",
                  "The router of " + around_.config.region + " ends; connect again."});
  }
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
  mover_.welcome(session);
  co_await session->run(std::move(guest->received));
}

net::Task<Result<std::unique_ptr<Backend>>> Endpoint::log_in(Backend::Parameters parameters,
                                                             Bytes& refusal, Deadline deadline) {
  Duration pause = kServersRetryMin;
  std::string last = "no server is known";
  for (;;) {
    const auto entered = co_await gate_.enter(deadline);
    if (entered.has_value()) {
      const std::vector<BackendAddress> servers = servers_.candidates();
      for (const BackendAddress& server : servers) {
        refusal.clear();
        auto opened =
            co_await Backend::open(server, parameters, around_.server_tls,
                                   deadline.at_most(around_.config.connect_timeout), &refusal);
        if (tasks_.stopping()) co_return make_error(ErrorKind::cancelled, "the router is ending");
        // The world may have moved while we connected: a stale choice would be the old writer.
        if (!servers_.list(server) || gate_.closed()) break;
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
    co_await servers_.changed().wait(deadline.at_most(pause));
    pause = std::min(pause * 2, Duration(kServersRetryMax));
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

// ---- what people see

json Endpoint::status() const {
  const Mover::Counts& counts = mover_.counts();
  json backends = json::array();
  for (const BackendAddress& one : servers_.all()) backends.push_back(one.name());
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
                 {"cut_total", counts.cut},
                 {"moved_total", counts.moved}};
  if (around_.config.move_every > 0) {
    status["moved_in_place_total"] = counts.moved_in_place;
    status["stayed"] = counts.stayed;
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
