#include "region/daemon.h"

#include "region/core.h"
#include "region/described.h"
#include "region/keeper/keeper.h"
#include "region/moves/bystander.h"
#include "region/moves/coordinator.h"
#include "region/moves/giver.h"
#include "region/passed_call.h"
#include "region/peers/gossip.h"
#include "region/peers/server.h"
#include "region/provisioning.h"
#include "region/router_orders.h"
#include "region/secrets.h"
#include "region/status.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr const char* kPassOn = "pass-on";
constexpr Duration kPassLimit = 15s;
// A function may run for 15 minutes; everything else answers at once.
constexpr Duration kInvocationLimit = 905s;

}  // namespace

// In the order of their making: each refers to those before it only.
struct Daemon::Parts {
  Parts(const RegionConfig& config, Outside outside)
      : world(std::move(outside)),
        tasks(world.executor),
        truth(world.executor, world.store, config.region),
        instances(world.make_instance),
        views(world.clock),
        client(world.peers),
        events(config, truth, world.store, world.clock, tasks),
        groups(world.executor, world.store, changed()),
        core{config, world.facts, world.clock, world.random, tasks, truth,
             events, instances,   client,      views,        groups},
        key_ring(world.executor, world.store, world.vault, world.clock, config.region,
                 config.account_id),
        gossip(core, truth),
        orders(core, world.router),
        keeper(core, truth, changed()),
        coordinator(core, truth, orders, gossip, changed()),
        giver(core, truth, orders, changed()),
        bystander(core, truth, orders),
        provisioner(core, truth, gossip, world.remove_tree, changed()),
        secrets(core, truth, world.store, world.vault, key_ring, gossip) {}

  // What was true is not any more: those who act on it look again.
  std::function<void()> changed() {
    return [this] {
      keeper.look();
      orders.look();
    };
  }
  Result<void> load() {
    TRY(const auto documents, world.store.load());
    TRY_VOID(truth.load(documents));
    TRY_VOID(groups.load(documents));
    TRY_VOID(key_ring.load(documents));
    return secrets.load(documents);
  }
  void serve();
  net::Task<PeerReply> serve_passed_call(std::string body);

  Outside world;
  net::TaskGroup tasks;
  Truth truth;
  Instances instances;
  PeerViews views;
  PeerClient client;
  Events events;
  GroupBook groups;
  Core core;
  KeyRing key_ring;
  Gossip gossip;
  RouterOrders orders;
  Keeper keeper;
  Coordinator coordinator;
  Giver giver;
  Bystander bystander;
  Provisioner provisioner;
  SecretKeeper secrets;
  PeerServer server;
  net::HttpHandler api;
};

void Daemon::Parts::serve() {
  coordinator.serve(server);
  giver.serve(server);
  bystander.serve(server);
  provisioner.serve(server);
  secrets.serve(server);
  server.on_bytes(kPassOn, [this](messages::Caller, std::string body) {
    return serve_passed_call(std::move(body));
  });
  provisioner.set_password_by(
      [this](std::string role, std::string verifier) {
        return secrets.set_password(std::move(role), std::move(verifier));
      },
      [this](std::string role) { return secrets.forget_password_of(std::move(role)); });
  gossip.start(server, {.called_off =
                            [this](model::Operation operation) {
                              return giver.called_off(std::move(operation));
                            },
                        .changed = changed(),
                        .secrets =
                            [this](RegionId from, nlohmann::json clocks) {
                              return secrets.learn(std::move(from), std::move(clocks));
                            },
                        .secret_clocks = [this] { return secrets.clocks(); }});
}

net::Task<PeerReply> Daemon::Parts::serve_passed_call(std::string body) {
  if (!api) {
    co_return messages::encode_error(
        make_error(ErrorKind::unavailable, "no API is served here yet"));
  }
  auto passed = decode_request(body);
  if (passed.has_error()) co_return messages::encode_error(passed.error());
  net::HttpRequest call;
  call.method = std::move(passed->method);
  call.target = std::move(passed->target);
  call.headers = std::move(passed->headers);
  call.body = std::move(passed->body);
  net::HttpResponse response = co_await api(std::move(call));
  co_return PeerReply{200, encode(RawResponse{response.status, std::move(response.headers),
                                              std::move(response.body)})};
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::open(const RegionConfig& config, Outside outside) {
  auto parts = std::make_unique<Parts>(config, std::move(outside));
  TRY_VOID(parts->load());
  return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

void Daemon::set_api_handler(net::HttpHandler handler) { parts_->api = std::move(handler); }

Result<void> Daemon::start() {
  Parts& parts = *parts_;
  parts.keeper.adopt();
  parts.serve();
  TRY_VOID(parts.world.peers.serve(parts.tasks, [&parts](RegionId from, PeerRequest request) {
    return parts.server.serve(std::move(from), std::move(request));
  }));
  // First of all: what it goes on with claims the data before the keeper replaces them.
  parts.coordinator.resume();
  parts.keeper.start();
  parts.orders.start();
  parts.secrets.start();
  return ok();
}

net::Task<void> Daemon::stop() {
  parts_->world.peers.close();
  parts_->tasks.stop();
  co_await parts_->tasks.join();
}

net::Task<Result<void>> Daemon::stop_instances(Deadline deadline) {
  // Readers first: a reader that loses its source only logs about it.
  Result<void> outcome;
  std::vector<std::shared_ptr<Instance>> all;
  for (const auto& [identifier, one] : parts_->instances.all()) all.push_back(one.instance);
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a->slot() > b->slot(); });
  for (const auto& instance : all) {
    const auto stopped = co_await instance->stop(StopMode::fast, deadline);
    if (stopped.has_error()) outcome = stopped;
  }
  co_return outcome;
}

const Truth& Daemon::truth() const { return parts_->truth; }
const Instances& Daemon::instances() const { return parts_->instances; }
const Facts& Daemon::facts() const { return parts_->world.facts; }
KeyRing& Daemon::keys() { return parts_->key_ring; }

std::optional<std::string> Daemon::secret_key(std::string_view access_key_id) const {
  const auto found = parts_->world.credentials.find(std::string(access_key_id));
  if (found == parts_->world.credentials.end()) return std::nullopt;
  return found->second;
}

net::Task<Result<model::GlobalCluster>> Daemon::move_writer(std::string identifier,
                                                            std::string target_arn, MoveKind kind,
                                                            model::Drain drain) {
  CO_TRY_VOID(co_await parts_->coordinator.move_writer(identifier, target_arn, kind, drain));
  co_return described(parts_->core, parts_->truth.now().globals.at(identifier));
}

net::Task<Result<RawResponse>> Daemon::pass_on(RegionId region, RawRequest request) {
  const RegionConfig& config = parts_->core.config;
  if (config.peer(region) == nullptr) {
    std::string known = config.region.name;
    for (const auto& peer : config.peers) known += ", " + peer.region.name;
    co_return make_error(ErrorKind::denied,
                         "Credential should be scoped to a valid region, not '" + region.name +
                             "'; this platform has " + known,
                         "SignatureDoesNotMatch");
  }
  const bool invocation = request.target.find("/invocations") != std::string::npos ||
                          request.target.find("/failover") != std::string::npos;
  const auto deadline = Deadline::in(invocation ? kInvocationLimit : kPassLimit);
  PeerRequest message{kPassOn, encode(request), false};
  const auto reply = co_await parts_->client.pass(region, std::move(message), deadline);
  if (reply.has_error()) co_return reply.error().in("pass a call on to " + region.name);
  if (reply->status != 200) co_return messages::error_in(*reply, region, kPassOn);
  co_return decode_response(reply->body.text());
}

std::vector<InstanceHealth> Daemon::instance_health() const { return health_of(parts_->core); }
net::Task<Result<model::RegionStatus>> Daemon::status() {
  return status_of(parts_->core, parts_->orders);
}
net::Task<Result<std::vector<model::Event>>> Daemon::events(WallTime from, WallTime to) {
  return parts_->world.store.events(from, to);
}

// The rest is the roles' own.
net::Task<Result<model::GlobalCluster>> Daemon::create_global_cluster(CreateGlobalCluster r) {
  return parts_->provisioner.create_global_cluster(std::move(r));
}
net::Task<Result<model::GlobalCluster>> Daemon::modify_global_cluster(ModifyGlobalCluster r) {
  return parts_->provisioner.modify_global_cluster(std::move(r));
}
net::Task<Result<model::GlobalCluster>> Daemon::delete_global_cluster(std::string identifier) {
  return parts_->provisioner.delete_global_cluster(std::move(identifier));
}
net::Task<Result<model::GlobalCluster>> Daemon::remove_from_global_cluster(
    std::string identifier, std::string cluster_arn) {
  return parts_->provisioner.remove_from_global_cluster(std::move(identifier),
                                                        std::move(cluster_arn));
}
std::vector<model::GlobalCluster> Daemon::global_clusters() const {
  return parts_->provisioner.global_clusters();
}
net::Task<Result<model::DbCluster>> Daemon::create_db_cluster(CreateDbCluster r) {
  return parts_->provisioner.create_db_cluster(std::move(r));
}
net::Task<Result<model::DbCluster>> Daemon::modify_db_cluster(ModifyDbCluster r) {
  return parts_->provisioner.modify_db_cluster(std::move(r));
}
net::Task<Result<model::DbCluster>> Daemon::delete_db_cluster(std::string identifier) {
  return parts_->provisioner.delete_db_cluster(std::move(identifier));
}
std::vector<model::DbCluster> Daemon::db_clusters() const {
  return parts_->provisioner.db_clusters();
}
net::Task<Result<model::DbInstance>> Daemon::create_db_instance(CreateDbInstance r) {
  return parts_->provisioner.create_db_instance(std::move(r));
}
net::Task<Result<model::DbInstance>> Daemon::modify_db_instance(ModifyDbInstance r) {
  return parts_->provisioner.modify_db_instance(std::move(r));
}
net::Task<Result<model::DbInstance>> Daemon::delete_db_instance(std::string identifier) {
  return parts_->provisioner.delete_db_instance(std::move(identifier));
}
net::Task<Result<model::DbInstance>> Daemon::reboot_db_instance(std::string identifier) {
  return parts_->provisioner.reboot_db_instance(std::move(identifier));
}
std::vector<model::DbGroup> Daemon::db_groups(model::GroupKind kind) const {
  return parts_->groups.db_groups(kind);
}
net::Task<Result<void>> Daemon::update_db_group(model::GroupKind kind, std::string name,
                                                GroupEdit edit) {
  return parts_->groups.update_db_group(kind, std::move(name), std::move(edit));
}
std::vector<std::string> Daemon::secret_names() const { return parts_->secrets.secret_names(); }
Result<std::string> Daemon::about_secret(const std::string& name) const {
  return parts_->secrets.about_secret(name);
}
Result<std::string> Daemon::secret_values(const std::string& name) const {
  return parts_->secrets.secret_values(name);
}
net::Task<Result<void>> Daemon::update_secret(std::string name, SecretEdit edit) {
  return parts_->secrets.update_secret(std::move(name), std::move(edit));
}
net::Task<Result<void>> Daemon::update_about_secret(std::string name, SecretEdit edit) {
  return parts_->secrets.update_about_secret(std::move(name), std::move(edit));
}
net::Task<Result<void>> Daemon::rotate_secret(std::string name, std::string version_id) {
  return parts_->secrets.rotate_secret(std::move(name), std::move(version_id));
}

}  // namespace aurora_global::region
