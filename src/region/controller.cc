#include "region/controller.h"

#include <algorithm>

#include "net/log.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kGossipEvery = 500ms;
constexpr Duration kGossipLimit = 2s;

}  // namespace

Controller::Controller(const RegionConfig& config, Outside outside)
    : executor_(outside.executor),
      config_(config),
      clock_(outside.clock),
      randomness_(outside.random),
      store_(outside.store),
      vault_(outside.vault),
      transport_(outside.peers),
      router_(outside.router),
      make_instance_(std::move(outside.make_instance)),
      key_ring_(executor_, store_, vault_, clock_, config.region, config.account_id),
      facts_(std::move(outside.facts)),
      keys_(std::move(outside.credentials)),
      wake_(executor_),
      tasks_(executor_) {}

Controller::~Controller() = default;

Result<std::unique_ptr<Controller>> Controller::open(const RegionConfig& config, Outside outside) {
  std::unique_ptr<Controller> controller(new Controller(config, std::move(outside)));
  TRY_VOID(controller->load());
  return controller;
}

Result<void> Controller::load() {
  TRY(const auto documents, store_.load());
  TRY_VOID(key_ring_.load(documents));
  for (const Store::Document& document : documents) {
    const auto kind = document.name.substr(0, document.name.find(':'));
    if (kind == "cluster") {
      TRY(cluster_, from_text<model::DbCluster>(document.text, document.name));
    } else if (kind == "global") {
      TRY(auto global, from_text<model::GlobalCluster>(document.text, document.name));
      const std::string identifier = global.identifier;
      globals_[identifier] = std::move(global);
    } else if (kind == "operation") {
      TRY(auto operation, from_text<model::Operation>(document.text, document.name));
      const std::string global = operation.global_cluster;
      operations_[global] = std::move(operation);
    } else if (kind == "fence") {
      TRY(const auto json, from_text<Json>(document.text, document.name));
      fence_ = Fence{json.value("operation_id", ""), json.value("global_cluster", ""),
                     Epoch{json.value("epoch", std::uint64_t{0})},
                     Lsn{json.value("final_lsn", std::uint64_t{0})}};
    } else if (kind == "bootstrap") {
      TRY(const auto json, from_text<Json>(document.text, document.name));
      master_verifier_ = json.value("master_verifier", "");
    } else if (kind == "secret") {
      TRY_VOID(load_secret(document));
    } else if (kind == "left") {
      left_.insert(document.text);
    }
  }
  return ok();
}

Result<void> Controller::start() {
  for (const PeerConfig& peer : config_.peers) peers_[peer.region] = PeerView{};
  sync_instances();
  if (Instance* instance = head()) {
    adopted_as_primary_ = instance->running() && !instance->is_standby_directory();
  }
  TRY_VOID(transport_.serve(tasks_, [this](RegionId from, PeerRequest request) {
    return serve_peer(std::move(from), std::move(request));
  }));
  for (const PeerConfig& peer : config_.peers) {
    tasks_.spawn("gossip with " + peer.region.name, gossip_with(peer.region));
  }
  tasks_.spawn("keeper", keep());
  tasks_.spawn("keeper of the keys", keep_keys());
  for (const auto& [global, operation] : operations_) {
    if (operation.running() && operation.to == config_.region) {
      tasks_.spawn("operation " + operation.id, run_operation(global, true));
    }
  }
  return ok();
}

net::Task<void> Controller::stop() {
  transport_.close();
  tasks_.stop();
  co_await tasks_.join();
}

net::Task<Result<void>> Controller::stop_instances(Deadline deadline) {
  // Readers first: a reader that loses its source only logs about it.
  Result<void> outcome;
  for (auto it = instances_.rbegin(); it != instances_.rend(); ++it) {
    auto stopped = co_await it->second->stop(StopMode::fast, deadline);
    if (stopped.has_error()) outcome = stopped;
  }
  co_return outcome;
}

std::optional<std::string> Controller::secret_key(std::string_view access_key_id) const {
  const auto found = keys_.find(std::string(access_key_id));
  if (found == keys_.end()) return std::nullopt;
  return found->second;
}

net::Task<Result<void>> Controller::save_global(std::string identifier) {
  std::vector<Store::Document> documents = {
      {"global:" + identifier, Json(globals_.at(identifier)).dump()}};
  co_return co_await store_.put(std::move(documents));
}

net::Task<Result<void>> Controller::save_cluster() {
  if (!cluster_) {
    CO_TRY_VOID(co_await store_.erase("bootstrap"));
    co_return co_await store_.erase("cluster");
  }
  std::vector<Store::Document> documents = {
      {"cluster", Json(*cluster_).dump()},
      {"bootstrap", Json{{"master_verifier", master_verifier_}}.dump()}};
  co_return co_await store_.put(std::move(documents));
}

net::Task<Result<void>> Controller::save_operation(std::string global_cluster) {
  std::vector<Store::Document> documents = {
      {"operation:" + global_cluster, Json(operations_.at(global_cluster)).dump()}};
  co_return co_await store_.put(std::move(documents));
}

net::Task<Result<void>> Controller::save_fence() {
  if (!fence_) co_return co_await store_.erase("fence");
  const Json json = {{"operation_id", fence_->operation_id},
                     {"global_cluster", fence_->global_cluster},
                     {"epoch", fence_->epoch.value},
                     {"final_lsn", fence_->final_lsn.value}};
  std::vector<Store::Document> documents = {{"fence", json.dump()}};
  co_return co_await store_.put(std::move(documents));
}

void Controller::note_event(std::string message, std::vector<std::string> categories,
                            std::string instance) {
  if (!cluster_) return;
  model::Event event;
  event.source_type = instance.empty() ? "db-cluster" : "db-instance";
  event.source_identifier = instance.empty() ? cluster_->identifier : instance;
  event.source_arn = instance.empty()
                         ? cluster_->arn
                         : model::instance_arn(config_.region, config_.account_id, instance);
  event.message = std::move(message);
  event.categories = std::move(categories);
  event.date = now();
  log::info("event: {} {}: {}", event.source_type, event.source_identifier, event.message);
  // Its own task: an event is never worth a wait inside a write-unavailability window.
  auto write = [](Controller& self, model::Event noted) -> net::Task<void> {
    const auto written = co_await self.store_.add_event(std::move(noted));
    if (written.has_error()) log::warn("store event: {}", written.error().message);
  };
  tasks_.spawn("store event", write(*this, std::move(event)));
}

const model::GlobalCluster* Controller::own_global() const {
  if (!cluster_ || cluster_->global_cluster_identifier.empty()) return nullptr;
  const auto found = globals_.find(cluster_->global_cluster_identifier);
  return found == globals_.end() || found->second.deleted ? nullptr : &found->second;
}

model::GlobalCluster* Controller::own_global() {
  return const_cast<model::GlobalCluster*>(std::as_const(*this).own_global());
}

bool Controller::epoch_confirmed() const {
  if (adopted_as_primary_ || operator_confirmed_) return true;
  const model::GlobalCluster* global = own_global();
  if (global == nullptr) return true;
  return std::all_of(global->members.begin(), global->members.end(), [&](const auto& member) {
    if (member.region == config_.region) return true;
    const auto view = peers_.find(member.region);
    return view != peers_.end() && view->second.heard_ever;
  });
}

model::Duty Controller::duty() const {
  const model::GlobalCluster* global = own_global();
  model::DutyFacts facts;
  facts.global = global;
  facts.region = config_.region;
  if (fence_ && global != nullptr && fence_->global_cluster == global->identifier) {
    facts.fenced_for = fence_->epoch;
  }
  facts.epoch_confirmed = epoch_confirmed();
  return model::duty_of(facts);
}

const model::Operation* Controller::running_operation(const std::string& global_cluster) const {
  const auto found = operations_.find(global_cluster);
  return found != operations_.end() && found->second.running() ? &found->second : nullptr;
}

model::GlobalCluster Controller::described(const model::GlobalCluster& global) const {
  model::GlobalCluster copy = global;
  for (model::GlobalMember& member : copy.members) {
    if (member.region == copy.writer_region) {
      member.connected = true;
    } else if (member.region == config_.region) {
      member.connected = head_running_ && head_state_.streaming;
    } else if (const auto view = peers_.find(member.region); view != peers_.end()) {
      const bool fresh = view->second.heard_ever && clock_.now() - view->second.heard < 5s;
      member.connected = fresh && view->second.head.streaming;
    }
  }
  if (const model::Operation* operation = running_operation(global.identifier)) {
    const bool lossless = operation->kind == model::OperationKind::switchover;
    copy.status = lossless ? "switching-over" : "failing-over";
    copy.failover =
        model::FailoverState{operation->step == model::Step::abort ? "cancelling" : copy.status,
                             operation->from_arn, operation->to_arn, !lossless};
  }
  return copy;
}

model::DbCluster Controller::described(const model::DbCluster& cluster) const {
  model::DbCluster copy = cluster;
  const model::GlobalCluster* global = own_global();
  copy.writer = duty() == model::Duty::primary;
  for (const auto& [identifier, instance] : instances_) {
    const bool settled = instance->forwarding() == forwarding_for(*instance);
    copy.forwarding_settled = copy.forwarding_settled && (settled || !instance->running());
  }
  if (global == nullptr) return copy;
  for (const model::GlobalMember& member : global->members) {
    const bool here = member.region == config_.region;
    const bool writes = member.region == global->writer_region;
    if (!here && writes) copy.replication_source_arn = member.cluster_arn;
    if (!here && global->writer_region == config_.region) {
      copy.read_replica_arns.push_back(member.cluster_arn);
    }
  }
  return copy;
}

std::vector<model::GlobalCluster> Controller::global_clusters() const {
  std::vector<model::GlobalCluster> all;
  for (const auto& [identifier, global] : globals_) {
    if (!global.deleted) all.push_back(described(global));
  }
  return all;
}

std::vector<model::DbCluster> Controller::db_clusters() const {
  if (!cluster_) return {};
  return {described(*cluster_)};
}

net::Task<Result<std::vector<model::Event>>> Controller::events(WallTime from, WallTime to) {
  co_return co_await store_.events(from, to);
}

Controller::Json Controller::head_json() const {
  return {{"running", head_running_},
          {"in_recovery", head_state_.in_recovery},
          {"position", head_state_.position.value},
          {"received", head_state_.received.value},
          {"streaming", head_state_.streaming},
          {"timeline", head_state_.timeline},
          {"replay_lag_ms", head_state_.replay_lag_ms},
          {"sessions", head_state_.sessions}};
}

Controller::Json Controller::gossip_message() const {
  Json message = {{"from", config_.region.name}, {"engine_version", facts_.engine_version},
                  {"head", head_json()},         {"globals", Json::array()},
                  {"operations", Json::array()}, {"left", left_}};
  for (const auto& [identifier, global] : globals_) message["globals"].push_back(global);
  for (const auto& [global, operation] : operations_) message["operations"].push_back(operation);
  message["secrets"] = Json::object();
  for (const auto& [name, secret] : secrets_) message["secrets"][name] = secret.version;
  if (cluster_) {
    message["cluster"] = cluster_->identifier;
    for (const auto& instance : cluster_->instances) {
      message["instances"].push_back(instance.identifier);
    }
  }
  return message;
}

net::Task<void> Controller::learn_global(model::GlobalCluster theirs) {
  const std::string identifier = theirs.identifier;
  const auto ours = globals_.find(identifier);
  if (ours != globals_.end() && !model::is_newer(theirs, ours->second)) co_return;
  const bool new_writer =
      ours == globals_.end() || ours->second.writer_region != theirs.writer_region;
  if (new_writer && !theirs.writer_region.empty()) {
    log::info("global cluster {}: the writer is {} in epoch {}", identifier,
              theirs.writer_region.name, theirs.epoch.value);
  }
  globals_[identifier] = std::move(theirs);
  // What we were told of a newer epoch must be known after a crash, too.
  const auto saved = co_await save_global(identifier);
  if (saved.has_error()) log::error("store global cluster: {}", saved.error().message);
  const bool ours_now = globals_.at(identifier).member_in(config_.region) != nullptr;
  if (cluster_ && cluster_->global_cluster_identifier == identifier && !ours_now) {
    // Removed by the writer's region: a DB cluster of its own from now on.
    cluster_->global_cluster_identifier.clear();
    fence_.reset();
    note_event("The DB cluster was removed from global cluster " + identifier, {"global failover"});
    const auto detached = co_await save_cluster();
    if (detached.has_error()) log::error("store cluster: {}", detached.error().message);
  }
  wake_.notify();
}

net::Task<void> Controller::learn_operation(model::Operation theirs) {
  const std::string global = theirs.global_cluster;
  const auto ours = operations_.find(global);
  const bool mine = theirs.to == config_.region;
  if (mine || theirs.epoch.value == 0) co_return;  // We coordinate our own; nobody tells us.
  if (ours != operations_.end() && ours->second.started > theirs.started) co_return;
  const bool called_off = theirs.step == model::Step::abort || theirs.step == model::Step::aborted;
  const std::string id = theirs.id;
  const bool news = ours == operations_.end() || ours->second.id != id ||
                    (ours->second.step != model::Step::abort && ours->second.running());
  operations_[global] = std::move(theirs);
  if (!called_off) co_return;
  if (fence_ && fence_->operation_id == id) {
    log::warn("operation {} was called off; this region goes on as the primary", id);
    co_await lift_fence();
  } else if (news && (held_by_.empty() || held_by_ == id)) {
    co_await release_endpoints();
  }
}

net::Task<void> Controller::learn(Json message) {
  const RegionId from{message.value("from", "")};
  const auto view = peers_.find(from);
  if (view == peers_.end()) co_return;
  const Json head = message.value("head", Json::object());
  PeerView seen;
  seen.heard = clock_.now();
  seen.heard_ever = true;
  seen.running = head.value("running", false);
  seen.engine_version = message.value("engine_version", "");
  seen.cluster_identifier = message.value("cluster", "");
  seen.instance_identifiers = message.value("instances", std::vector<std::string>{});
  seen.head.in_recovery = head.value("in_recovery", false);
  seen.head.position = Lsn{head.value("position", std::uint64_t{0})};
  seen.head.received = Lsn{head.value("received", std::uint64_t{0})};
  seen.head.streaming = head.value("streaming", false);
  seen.head.timeline = head.value("timeline", 0u);
  seen.head.replay_lag_ms = head.value("replay_lag_ms", std::int64_t{0});
  seen.head.sessions = head.value("sessions", 0);

  // Before the epoch that an operation has stored: its writer may not be open yet.
  const auto operations = message.value("operations", std::vector<model::Operation>{});
  for (const model::Operation& operation : operations) co_await learn_operation(operation);
  const auto globals = message.value("globals", std::vector<model::GlobalCluster>{});
  for (const model::GlobalCluster& global : globals) co_await learn_global(global);
  for (const std::string& identifier : message.value("left", std::vector<std::string>{})) {
    const auto found = globals_.find(identifier);
    if (found == globals_.end() || found->second.writer_region != config_.region) continue;
    const auto gone = std::erase_if(found->second.members,
                                    [&](const auto& member) { return member.region == from; });
    if (gone == 0) continue;
    ++found->second.version;
    co_await save_global(identifier);
  }
  // Before the keeper turns to the instances: clients wait for this.
  if (topology().dump() != published_topology_) {
    tasks_.spawn("publish topology", publish_topology());
  }
  co_await learn_secrets(from, message.value("secrets", Json::object()));
  // Only now is the peer's word complete: the keeper may open for writing on it.
  const bool first = !peers_[from].heard_ever;
  peers_[from] = std::move(seen);
  if (first) wake_.notify();
}

net::Task<Result<Controller::Json>> Controller::call_peer(RegionId region, std::string what,
                                                          Json request, Deadline deadline) {
  PeerRequest message{what, request.dump(-1, ' ', false, Json::error_handler_t::replace),
                      what != "pass-on"};
  const auto response = co_await transport_.call(region, std::move(message), deadline);
  if (response.has_error()) {
    co_return response.error().in("ask region " + region.name + " to " + what);
  }
  const Json body = Json::parse(response->body, nullptr, false);
  if (body.is_discarded()) {
    co_return make_error(ErrorKind::corrupt, "region " + region.name + " answered no JSON");
  }
  if (response->status == 200) co_return body;
  co_return make_error(ErrorKind::conflict, body.value("error", "region refused"),
                       body.value("code", ""));
}

net::Task<void> Controller::gossip_with(RegionId peer) {
  bool reachable = true;
  while (!tasks_.stopping()) {
    auto answer = co_await call_peer(peer, "gossip", gossip_message(), Deadline::in(kGossipLimit));
    if (answer.has_value()) {
      if (!reachable) log::info("region {} answers again", peer.name);
      reachable = true;
      try {
        Json message = std::move(*answer);
        auto learning = learn(std::move(message));
        co_await std::move(learning);
      } catch (const Json::exception& error) {
        log::warn("gossip of region {} is malformed: {}", peer.name, error.what());
      }
    } else if (reachable && !tasks_.stopping()) {
      reachable = false;
      log::warn("region {} does not answer: {}", peer.name, answer.error().message);
    }
    co_await net::sleep_for(kGossipEvery);
  }
}

net::Task<void> Controller::gossip_now() {
  for (const PeerConfig& peer : config_.peers) {
    auto push = [](Controller& self, RegionId region) -> net::Task<void> {
      auto answer = co_await self.call_peer(region, "gossip", self.gossip_message(),
                                            Deadline::in(kGossipLimit));
      if (answer.has_value()) {
        Json message = std::move(*answer);
        co_await self.learn(std::move(message));
      }
    };
    tasks_.spawn("gossip now with " + peer.region.name, push(*this, peer.region));
  }
  co_return;
}

Error Controller::fault(ErrorKind kind, std::string code, std::string message) const {
  return make_error(kind, std::move(message), std::move(code));
}

}  // namespace aurora_global::region
