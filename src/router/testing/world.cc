#include "router/testing/world.h"

namespace aurora_global::router::testing {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

std::string address_in(int block, int last) {
  return "127.81." + std::to_string(block) + "." + std::to_string(last) + ":5432";
}

}  // namespace

World::World(boost::asio::any_io_executor executor, int block)
    : east(executor, address_in(block, 21), "east"),
      west(executor, address_in(block, 22), "west"),
      executor_(executor),
      block_(block) {
  config.region = "us-east-1";
  config.topology_file = "/nonexistent/topology.json";
  config.require_tls = false;
  config.hold_timeout = 10s;
  config.endpoints = {{"global-writer", at(10)}, {"cluster", at(11)}};
  west.standby = true;
}

std::string World::at(int last) const { return address_in(block_, last); }

std::string World::endpoint(std::string name) const { return at(name == "cluster" ? 11 : 10); }

Result<void> World::start_servers() {
  TRY_VOID(east.start());
  return west.start();
}

net::Task<Result<void>> World::start() {
  CO_TRY_VOID(start_servers());
  CO_TRY(router_, Router::make(executor_, config));
  co_return co_await router_->start();
}

net::Task<void> World::stop_router() {
  if (router_) co_await router_->stop();
  router_.reset();
}

net::Task<void> World::stop() {
  co_await stop_router();
  co_await east.stop();
  co_await west.stop();
}

net::Task<Result<json>> World::ask(json request) {
  co_return co_await router_->control(std::move(request));
}

json World::topology(std::uint64_t epoch, std::uint64_t version,
                     std::vector<const FakeServer*> servers) const {
  json backends = json::array();
  for (const FakeServer* server : servers) backends.push_back(server->backend());
  return {{"do", "topology"},
          {"topology",
           {{"version", version},
            {"epoch", epoch},
            {"region", "us-east-1"},
            {"writer_region", "us-east-1"},
            {"endpoints",
             {{{"name", "global-writer"}, {"backends", backends}},
              {{"name", "cluster"}, {"backends", backends}}}}}}};
}

net::Task<Result<json>> World::writer_is(const FakeServer& server, std::uint64_t epoch) {
  co_return co_await ask(topology(epoch, epoch, {&server}));
}

net::Task<Result<json>> World::prepare(const FakeServer& target, std::uint64_t epoch,
                                       int limit_ms) {
  json request = {{"do", "prepare"},
                  {"endpoint", "global-writer"},
                  {"epoch", epoch},
                  {"backend", target.backend()},
                  {"limit_ms", limit_ms}};
  co_return co_await ask(std::move(request));
}

net::Task<Result<json>> World::hold(std::uint64_t epoch, int drain_ms, std::string policy) {
  json request = {{"do", "hold"},
                  {"endpoint", "global-writer"},
                  {"epoch", epoch},
                  {"drain_ms", drain_ms},
                  {"policy", policy}};
  co_return co_await ask(std::move(request));
}

net::Task<Result<json>> World::release() {
  json request = {{"do", "release"}, {"endpoint", "global-writer"}};
  co_return co_await ask(std::move(request));
}

void World::hand_over(FakeServer& from, FakeServer& to) {
  from.fenced = true;
  to.stored = from.stored;
  to.standby = false;
}

net::Task<bool> World::swap() {
  hand_over(east, west);
  co_return (co_await writer_is(west, 2)).has_value();
}

net::Task<bool> World::switch_over() {
  const auto prepared = co_await prepare(west, 2);
  const auto held = co_await hold(2);
  const bool swapped = co_await swap();
  co_return prepared.has_value() && held.has_value() && swapped;
}

net::Task<std::unique_ptr<FakeClient>> World::connect(std::string endpoint_name) {
  auto connected = co_await FakeClient::connect(endpoint(std::move(endpoint_name)));
  co_return connected.has_value() ? std::move(*connected) : nullptr;
}

net::Task<std::unique_ptr<FakeClient>> World::client() {
  auto client = co_await connect();
  if (!client) co_return nullptr;
  const FakeClient::Parameters parameters = {{"user", "app"}, {"application_name", "test"}};
  const Outcome outcome = co_await client->log_in(parameters, std::string(kPassword));
  co_return outcome.good() ? std::move(client) : nullptr;
}

net::Task<bool> World::until(std::function<bool()> condition, Duration limit) {
  const Deadline deadline = Deadline::in(limit);
  while (!condition() && !deadline.passed()) co_await net::sleep_for(1ms);
  co_return condition();
}

net::Task<bool> World::stays(std::function<bool()> condition, Duration look) {
  co_return !co_await until([&] { return !condition(); }, look);
}

}  // namespace aurora_global::router::testing
