#include "router/router.h"

#include <fstream>

#include "net/main_loop.h"
#include "net/pid_file.h"

namespace aurora_global::router {
namespace {

namespace asio = boost::asio;
using nlohmann::json;

}  // namespace

Router::Router(asio::any_io_executor executor, const RouterConfig& config) : config_(config) {
  for (const EndpointConfig& endpoint : config.endpoints) {
    endpoints_.push_back(std::make_unique<Endpoint>(executor, config, endpoint));
  }
}

Result<void> Router::start() {
  std::ifstream in(config_.topology_file);
  if (in) {
    const json kept = json::parse(in, nullptr, false);
    const auto taken = take(kept);
    if (taken.has_error()) {
      spdlog::warn("{} is not used: {}", config_.topology_file.string(), taken.error().message);
    }
  }
  for (const auto& endpoint : endpoints_) TRY_VOID(endpoint->start());
  return ok();
}

net::Task<void> Router::stop() {
  for (const auto& endpoint : endpoints_) co_await endpoint->stop();
}

Endpoint* Router::endpoint(const std::string& name) {
  for (const auto& endpoint : endpoints_) {
    if (endpoint->name() == name) return endpoint.get();
  }
  return nullptr;
}

Result<json> Router::take(const json& snapshot) {
  TRY(Topology fresh, parse_topology(snapshot));
  if (fresh.region != config_.region) {
    return make_error(ErrorKind::invalid, "this is the router of " + config_.region +
                                              ", the topology is of " + fresh.region);
  }
  if (fresh.older_than(topology_)) {
    return make_error(ErrorKind::superseded, "superseded: a newer topology is in force");
  }
  topology_ = std::move(fresh);
  for (const auto& endpoint : endpoints_) {
    const auto found = topology_.backends.find(endpoint->name());
    std::vector<std::string> backends;
    if (found != topology_.backends.end()) backends = found->second;
    endpoint->use(std::move(backends), topology_.epoch);
  }
  spdlog::info("topology {} epoch {}: the writer is in {}", topology_.version,
               topology_.epoch.value, topology_.writer_region);
  return json{{"version", topology_.version}};
}

net::Task<Result<json>> Router::control(json request) {
  const std::string what = request.at("do").get<std::string>();
  if (what == "topology") {
    CO_TRY_VOID(net::refuse_unknown_members(request, {"do", "topology"}));
    co_return take(request.at("topology"));
  }
  if (what == "status") {
    CO_TRY_VOID(net::refuse_unknown_members(request, {"do"}));
    json answer = {{"version", topology_.version}, {"epoch", topology_.epoch.value}};
    answer["endpoints"] = json::array();
    for (const auto& one : endpoints_) answer["endpoints"].push_back(one->status());
    co_return answer;
  }
  if (what != "hold" && what != "release") {
    co_return make_error(ErrorKind::invalid,
                         "unknown request '" + what + "' (known: topology, hold, release, status)");
  }
  CO_TRY_VOID(net::refuse_unknown_members(request, {"do", "endpoint", "epoch"}));
  Endpoint* target = endpoint(request.at("endpoint").get<std::string>());
  if (target == nullptr) {
    co_return make_error(ErrorKind::not_found, "no endpoint " + request.at("endpoint").dump());
  }
  if (what == "release") {
    target->gate().release();
    co_return json::object();
  }
  const Epoch epoch{request.at("epoch").get<std::uint64_t>()};
  if (epoch <= topology_.epoch) {
    co_return make_error(ErrorKind::superseded, "superseded: that epoch has been reached");
  }
  target->gate().hold(epoch);
  co_return json{{"held", target->gate().waiting()}};
}

namespace {

net::Task<int> router_body(const RouterConfig& config, asio::any_io_executor executor,
                           net::Event& stop) {
  Router router(executor, config);
  net::TaskGroup tasks(executor);
  int code = 0;
  auto started = router.start();
  Result<std::unique_ptr<net::ControlServer>> control = make_error(ErrorKind::cancelled, "");
  if (started.has_value()) {
    control = net::ControlServer::listen(
        tasks, config.control, [&](json request) { return router.control(std::move(request)); });
    if (control.has_error()) started = control.error();
  }
  if (started.has_error()) {
    spdlog::error("{}", started.error().message);
    code = 1;
  } else {
    while (!co_await stop.wait_for(std::chrono::hours(1))) {
    }
  }
  tasks.stop();
  co_await tasks.join();
  co_await router.stop();
  co_return code;
}

}  // namespace

int run_router(const std::filesystem::path& config_file) {
  net::init_logging("router");
  const auto config = load_router_config(config_file);
  if (config.has_error()) {
    spdlog::error("{}", config.error().message);
    return 2;
  }
  const auto pid_file = net::PidFile::acquire(config->pid_file);
  if (pid_file.has_error()) {
    spdlog::error("{}", pid_file.error().message);
    return 1;
  }
  return net::run_main([&](asio::any_io_executor executor, net::Event& stop) {
    return router_body(*config, executor, stop);
  });
}

}  // namespace aurora_global::router
