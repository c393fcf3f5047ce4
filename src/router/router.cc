#include "router/router.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>

#include "base/json.h"
#include "net/daemon.h"
#include "net/file.h"
#include "net/log.h"
#include "net/tls.h"
#include "net/together.h"

namespace aurora_global::router {

namespace asio = boost::asio;
using nlohmann::json;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kOrderLimitMs = 600'000;
// A session that listens and does not come to the new server holds up nobody for longer.
constexpr Duration kListenersLimit = 1s;

// Where a password can be looked up: at the region's own instances, which its router reaches
// without one.
std::vector<BackendAddress> own_servers(const Topology& topology) {
  std::vector<BackendAddress> own;
  std::vector<BackendAddress> others;
  for (const char* endpoint : {"cluster", "reader", "global-writer"}) {
    const auto found = topology.backends.find(endpoint);
    if (found == topology.backends.end()) continue;
    for (const BackendAddress& one : found->second) {
      if (!one.socket.empty()) own.push_back(one);
      if (one.socket.empty() && !one.tls) others.push_back(one);
    }
  }
  return own.empty() ? others : own;
}

// The same for the global writer endpoint, which promises the writer's truth.
std::vector<BackendAddress> writers(const Topology& topology) {
  const auto found = topology.backends.find("global-writer");
  return found == topology.backends.end() ? std::vector<BackendAddress>() : found->second;
}

Result<Duration> limit_in(const json& request, const char* name, std::int64_t otherwise_ms) {
  const auto value = request.value(name, otherwise_ms);
  if (value < 0 || value > kOrderLimitMs) {
    return make_error(ErrorKind::invalid, std::string(name) + " is from 0 to 600000 milliseconds");
  }
  return Duration(std::chrono::milliseconds(value));
}

// The members that count something, added up.
void add_counts(json& to, const json& from) {
  for (const auto& [name, value] : from.items()) {
    if (value.is_object()) {
      json& inner = to[name];
      if (inner.is_null()) inner = json::object();
      add_counts(inner, value);
    } else if (!value.is_number_integer()) {
      to[name] = value;
    } else {
      to[name] = to.value(name, std::int64_t{0}) + value.get<std::int64_t>();
    }
  }
}

}  // namespace

// One thread with all endpoints. The first has no thread of its own.
struct Router::Worker {
  std::unique_ptr<asio::io_context> context;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  std::thread thread;
  asio::any_io_executor executor;
  std::unique_ptr<Verifiers> verifiers;
  std::unique_ptr<Verifiers> verifiers_of_writer;
  std::vector<std::unique_ptr<Endpoint>> endpoints;

  Endpoint* endpoint(const std::string& name) const {
    for (const auto& one : endpoints) {
      if (one->name() == name) return one.get();
    }
    return nullptr;
  }

  // Runs `task` on this thread and returns on the caller's.
  template <typename T>
  net::Task<T> run(net::Task<T> task) {
    co_return co_await asio::co_spawn(executor, std::move(task), asio::use_awaitable);
  }
  net::Task<void> start() {
    for (const auto& one : endpoints) one->start();
    co_return;
  }
  net::Task<void> stop() {
    for (const auto& one : endpoints) co_await one->stop();
  }
  // The three steps of Mover::adopt(), for all endpoints.
  net::Task<bool> adopt(Topology topology) {
    verifiers->ask_at(own_servers(topology));
    verifiers_of_writer->ask_at(writers(topology));
    bool listeners = false;
    for (const auto& one : endpoints) {
      listeners |= one->mover().adopt(topology.backends[one->name()], topology.epoch);
    }
    co_return listeners;
  }
  net::Task<void> await_listeners(Deadline deadline) {
    for (const auto& one : endpoints) co_await one->mover().await_listeners(deadline);
  }
  net::Task<void> open() {
    for (const auto& one : endpoints) one->mover().open();
    co_return;
  }
  net::Task<void> release(std::string name) {
    endpoint(name)->mover().release();
    co_return;
  }
  net::Task<json> status(std::size_t index) { co_return endpoints.at(index)->status(); }
  net::Task<json> sessions() {
    json all = json::array();
    for (const auto& one : endpoints) {
      for (auto& session : one->sessions_json()) all.push_back(std::move(session));
    }
    co_return all;
  }
  net::Task<bool> cancel(pgwire::CancelRequest request) {
    for (const auto& one : endpoints) {
      if (co_await one->cancel(request)) co_return true;
    }
    co_return false;
  }
};

Router::Router(asio::any_io_executor executor, const RouterConfig& config)
    : config_(config), orders_(std::move(executor)) {}

Router::~Router() = default;

Result<std::unique_ptr<Router>> Router::make(asio::any_io_executor executor,
                                             const RouterConfig& config) {
  std::unique_ptr<Router> router(new Router(executor, config));
  if (!config.tls_dir.empty()) {
    router->identity_ = std::make_unique<ServerIdentity>();
    TRY(*router->identity_, load_identity(config.tls_dir));
    TRY(router->server_tls_,
        net::client_tls(config.tls_dir / "forwarding.crt", config.tls_dir / "forwarding.key",
                        config.tls_dir / "server-ca.crt"));
  }
  net::TlsContext replication;
  if (!config.tls_dir.empty()) {
    TRY(replication,
        net::client_tls(config.tls_dir / "replication.crt", config.tls_dir / "replication.key",
                        config.tls_dir / "server-ca.crt"));
  }
  for (int i = 0; i < config.threads; ++i) {
    auto worker = std::make_unique<Worker>();
    worker->executor = executor;
    if (i > 0) {
      worker->context = std::make_unique<asio::io_context>(1);
      worker->work.emplace(worker->context->get_executor());
      worker->executor = worker->context->get_executor();
    }
    worker->verifiers =
        std::make_unique<Verifiers>(worker->executor, nullptr, Verifiers::Age::recent);
    worker->verifiers_of_writer =
        std::make_unique<Verifiers>(worker->executor, replication, Verifiers::Age::now);
    const Endpoint::Surroundings surroundings{
        worker->executor,
        config,
        router->identity_.get(),
        router->server_tls_,
        *worker->verifiers,
        *worker->verifiers_of_writer,
        static_cast<unsigned>(i),
        [one = router.get()](pgwire::CancelRequest request) { return one->cancel(request); }};
    for (const EndpointConfig& endpoint : config.endpoints) {
      worker->endpoints.push_back(
          std::make_unique<Endpoint>(surroundings, endpoint, router->clients_[endpoint.name]));
    }
    router->workers_.push_back(std::move(worker));
  }
  return router;
}

net::Task<Result<void>> Router::start() {
  for (const auto& worker : workers_) {
    if (worker->context)
      worker->thread = std::thread([&context = *worker->context] { context.run(); });
  }
  if (const auto kept = net::read_file(config_.topology_file); kept.has_value()) {
    const auto taken = co_await take(parse_json(*kept));
    if (taken.has_error()) {
      log::warn("{} is not used: {}", config_.topology_file.string(), taken.error().message);
    }
  }
  for (const auto& worker : workers_) co_await worker->run(worker->start());
  for (const EndpointConfig& endpoint : config_.endpoints) {
    std::vector<Endpoint*> of_threads;
    for (const auto& worker : workers_) of_threads.push_back(worker->endpoint(endpoint.name));
    std::vector<std::string> addresses = {endpoint.listen};
    addresses.insert(addresses.end(), endpoint.also_listen.begin(), endpoint.also_listen.end());
    for (const std::string& address : addresses) {
      listeners_.push_back(std::make_unique<Listener>(orders_.executor(), address, of_threads));
      CO_TRY_VOID(listeners_.back()->start());
    }
  }
  co_return ok();
}

net::Task<void> Router::stop() {
  for (const auto& listener : listeners_) co_await listener->stop();
  orders_.stop();
  co_await orders_.join();
  for (const auto& worker : workers_) {
    co_await worker->run(worker->stop());
    worker->work.reset();
    if (worker->thread.joinable()) worker->thread.join();
  }
}

bool Router::knows(const std::string& endpoint) const {
  return workers_.front()->endpoint(endpoint) != nullptr;
}

// May be called on any of the threads.
net::Task<void> Router::cancel(pgwire::CancelRequest request) {
  const std::size_t thread = request.secret_key & 0xf;
  if (thread >= workers_.size()) co_return;
  Worker& worker = *workers_[thread];
  co_await worker.run(worker.cancel(request));
}

net::Task<Result<json>> Router::take(json snapshot) {
  CO_TRY(Topology fresh, parse_topology(snapshot));
  if (fresh.region != config_.region) {
    co_return make_error(ErrorKind::invalid, "this is the router of " + config_.region +
                                                 ", the topology is of " + fresh.region);
  }
  if (fresh.older_than(topology_)) {
    co_return make_error(ErrorKind::superseded, "superseded: a newer topology is in force");
  }
  topology_ = fresh;
  bool listeners = false;
  for (const auto& worker : workers_) listeners |= co_await worker->run(worker->adopt(fresh));
  if (listeners) {
    const Deadline deadline = Deadline::in(kListenersLimit);
    for (const auto& worker : workers_) {
      co_await worker->run(worker->await_listeners(deadline));
    }
  }
  for (const auto& worker : workers_) co_await worker->run(worker->open());
  log::info("topology {} epoch {}: the writer is in {}", fresh.version, fresh.epoch.value,
            fresh.writer_region);
  co_return json{{"version", fresh.version}};
}

net::Task<Result<json>> Router::status() {
  json answer = {{"version", topology_.version}, {"epoch", topology_.epoch.value}};
  answer["endpoints"] = json::array();
  for (std::size_t i = 0; i < config_.endpoints.size(); ++i) {
    json whole = json::object();
    for (const auto& worker : workers_) add_counts(whole, co_await worker->run(worker->status(i)));
    answer["endpoints"].push_back(std::move(whole));
  }
  co_return answer;
}

net::Task<Result<json>> Router::sessions() {
  json all = json::array();
  for (const auto& worker : workers_) {
    const json some = co_await worker->run(worker->sessions());
    all.insert(all.end(), some.begin(), some.end());
  }
  co_return json{{"sessions", all}};
}

// prepare and hold: all threads at the same time.
net::Task<Result<json>> Router::order(std::string what, json request) {
  const std::string name = request.at("endpoint").get<std::string>();
  const Epoch epoch{request.at("epoch").get<std::uint64_t>()};
  if (epoch <= topology_.epoch) {
    co_return make_error(ErrorKind::superseded, "superseded: that epoch has been reached");
  }
  const bool prepare = what == "prepare";
  BackendAddress target;
  if (prepare) {
    CO_TRY(target, parse_backend(request.at("backend")));
  }
  const auto policy = model::drain_policy_named(request.value("policy", "terminate"));
  if (!policy) co_return make_error(ErrorKind::invalid, "a policy is terminate or abort");
  CO_TRY(const Duration limit, limit_in(request, prepare ? "limit_ms" : "drain_ms", 1000));
  const Deadline deadline = Deadline::in(limit);

  const auto whole = std::make_shared<json>(json::object());
  static constexpr auto one = [](Worker& worker, net::Task<json> task,
                                 std::shared_ptr<json> into) -> net::Task<void> {
    const json counts = co_await worker.run(std::move(task));
    add_counts(*into, counts);
  };
  std::vector<net::Task<void>> tasks;
  for (const auto& worker : workers_) {
    Mover& mover = worker->endpoint(name)->mover();
    tasks.push_back(one(
        *worker, prepare ? mover.prepare(target, deadline) : mover.hold(epoch, *policy, deadline),
        whole));
  }
  co_await net::together(orders_, what, std::move(tasks));
  co_return *whole;
}

net::Task<Result<json>> Router::control(json request) {
  const std::string what = request.at("do").get<std::string>();
  if (what == "topology") {
    CO_TRY_VOID(net::refuse_unknown_members(request, {"do", "topology"}));
    co_return co_await take(request.at("topology"));
  }
  if (what == "status" || what == "sessions") {
    CO_TRY_VOID(net::refuse_unknown_members(request, {"do"}));
    if (what == "status") co_return co_await status();
    co_return co_await sessions();
  }
  if (what != "prepare" && what != "hold" && what != "release") {
    co_return make_error(ErrorKind::invalid,
                         "unknown request '" + what +
                             "' (known: topology, prepare, hold, release, status, sessions)");
  }
  CO_TRY_VOID(net::refuse_unknown_members(
      request, {"do", "endpoint", "epoch", "backend", "limit_ms", "drain_ms", "policy"}));
  const std::string name = request.at("endpoint").get<std::string>();
  if (!knows(name)) co_return make_error(ErrorKind::not_found, "no endpoint \"" + name + "\"");
  if (what != "release") co_return co_await order(what, std::move(request));
  for (const auto& worker : workers_) co_await worker->run(worker->release(name));
  co_return json::object();
}

namespace {

constexpr std::uint64_t kConnectionsMax = 1'000'000;
constexpr std::uint64_t kFilesOfRouter = 100;
constexpr std::uint64_t kFilesOfSession = 3;  // Two sockets, three while it moves.

net::Task<int> router_body(const RouterConfig& config, asio::any_io_executor executor,
                           net::Event& stop) {
  auto made = Router::make(executor, config);
  if (made.has_error()) {
    log::error("{}", made.error().message);
    co_return 1;
  }
  Router& router = **made;
  const int code = co_await net::take_orders(
      co_await router.start(), config.control,
      [&](json request) { return router.control(std::move(request)); }, stop);
  co_await router.stop();
  co_return code;
}

}  // namespace

int connections_for(std::uint64_t open_files, std::size_t endpoints) {
  const std::uint64_t own = std::min(open_files, kFilesOfRouter);
  const std::uint64_t of_each =
      (open_files - own) / kFilesOfSession / std::max<std::size_t>(endpoints, 1);
  return static_cast<int>(std::clamp<std::uint64_t>(of_each, 1, kConnectionsMax));
}

int run_router(const std::filesystem::path& config_file, std::optional<int> move_every) {
  net::init_logging("router");
  auto config = load_router_config(config_file);
  if (config.has_value() && move_every) config->move_every = *move_every;
  if (config.has_value()) {
    // Without a file for its socket, a client would wait for ever and hear nothing.
    const std::uint64_t files = net::raise_open_files_limit();
    const int possible = connections_for(files, config->endpoints.size());
    if (possible < config->max_connections) {
      log::warn(
          "max_connections is {} instead of {}: no more than {} files may be open "
          "(raise `ulimit -Hn` and start the router again)",
          possible, config->max_connections, files);
      config->max_connections = possible;
    }
  }
  return net::run_configured(config, router_body);
}

}  // namespace aurora_global::router
