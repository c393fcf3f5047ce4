// The keeper: brings every instance of this region to its duty, again and again.
//
// Each round compares what should be with what is and does the next thing. It holds no plan over a
// round, so a crash at any point is followed by the same comparison.
#include <algorithm>
#include <fstream>

#include "net/log.h"
#include "net/together.h"
#include "region/controller.h"
#include "region/postgres_files.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRound = 250ms;
constexpr Duration kQueryLimit = 3s;
constexpr Duration kStartLimit = 60s;
constexpr Duration kSeedLimit = 3600s;
constexpr Duration kRewindLimit = 600s;
constexpr Duration kStopLimit = 30s;
// A standby that gets no stream this long, while its source's region answers, is looked after.
constexpr Duration kSilenceBeforeMending = 8s;
constexpr Duration kBackoffMax = 30s;
// A session that does not come to the end of its transaction in this time is prepared when it is
// held.
constexpr Duration kPrepareSessionsLimit = 3s;
constexpr Duration kOrderSlack = 500ms;  // For the order itself.
constexpr Duration kPeerHoldSlack = 1s;  // For the way to another region and back.
// A member from which nothing came for so long is not asked to hold its clients.
constexpr Duration kSilentBystander = 2s;
// Longer than a switchover takes from its fence to its release.
constexpr Duration kHeldAtMost = 45s;

std::string slot_of(const RegionId& region) {
  std::string name = "ag_" + region.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string slot_of_reader(int slot) { return "ag_reader_" + std::to_string(slot); }

Duration backoff_after(int failures) {
  const auto steps = std::min(failures, 7);
  return std::min(Duration(250ms) * (1 << steps), Duration(kBackoffMax));
}

}  // namespace

net::Task<void> Controller::keep() {
  while (!tasks_.stopping()) {
    co_await keep_once();
    co_await wake_.wait_for(kRound);
  }
}

Instance* Controller::instance_in_slot(int slot) const {
  for (auto& [identifier, instance] : instances_) {
    if (instance->slot() == slot) return instance.get();
  }
  return nullptr;
}

Instance* Controller::head() const { return instance_in_slot(1); }

void Controller::sync_instances() {
  if (!cluster_) return;
  for (const model::DbInstance& facts : cluster_->instances) {
    if (instances_.contains(facts.identifier) || facts.status == "deleting") continue;
    instances_[facts.identifier] = make_instance_(facts.identifier, facts.slot);
  }
}

net::Task<void> Controller::keep_once() {
  sync_instances();
  const model::Duty now = duty();
  if (Instance* instance = head()) co_await keep_one(*instance, now);
  // Names, not iterators: an instance may be deleted while another one is being kept.
  std::vector<std::string> readers;
  for (const auto& [identifier, instance] : instances_) {
    if (instance->slot() != 1) readers.push_back(identifier);
  }
  for (const std::string& identifier : readers) {
    const auto found = instances_.find(identifier);
    if (found != instances_.end()) co_await keep_one(*found->second, now);
  }
  co_await keep_statuses();
  co_await publish_topology();
}

// One instance, with its lock and its back-off.
net::Task<void> Controller::keep_one(Instance& instance, model::Duty wanted) {
  const std::string identifier = instance.identifier();
  if (const auto at = not_before_.find(identifier);
      at != not_before_.end() && clock_.now() < at->second) {
    co_return;
  }
  // Whoever holds the lock (a fence, a promotion) knows better what the instance has to be.
  if (instance.lock().held()) co_return;
  auto guard = co_await instance.lock().lock(Deadline::in(1ms));
  if (guard.has_error()) co_return;
  Result<void> kept =
      co_await instance.set_forwarding(forwarding_for(instance), Deadline::in(kQueryLimit));
  if (kept.has_error()) {
    log::warn("instance {}: set write forwarding: {}", identifier, kept.error().message);
  }
  if (instance.slot() == 1) {
    kept = co_await keep_head(wanted);
  } else {
    kept = co_await keep_reader(instance);
  }
  if (kept.has_value()) {
    failures_.erase(identifier);
    not_before_.erase(identifier);
    co_return;
  }
  if (tasks_.stopping()) co_return;
  const Duration pause = backoff_after(failures_[identifier]++);
  not_before_[identifier] = clock_.now() + pause;
  log::warn("instance {} (duty {}): {}; again in {} ms", identifier, model::name_of(wanted),
            kept.error().message,
            std::chrono::duration_cast<std::chrono::milliseconds>(pause).count());
}

net::Task<Result<void>> Controller::keep_head(model::Duty wanted) {
  Instance& instance = *head();
  switch (wanted) {
    case model::Duty::primary: co_return co_await bring_up_primary(instance);
    case model::Duty::standby: co_return co_await bring_up_standby(instance);
    case model::Duty::fenced:
    case model::Duty::waiting_for_epoch: break;
  }
  if (instance.running() && !instance.is_standby_directory()) {
    // A fence in the engine holds by itself, and the sessions stay until the outcome is known.
    const auto state = co_await instance.state(Deadline::in(kQueryLimit));
    if (fence_ && state.has_value() && state->fenced_for >= fence_->epoch) co_return ok();
    log::warn("instance {} is stopped: {}", instance.identifier(), model::name_of(wanted));
    co_return co_await instance.stop(StopMode::fast, Deadline::in(kStopLimit));
  }
  co_return ok();
}

net::Task<Result<void>> Controller::bring_up_primary(Instance& instance) {
  if (!instance.has_data()) {
    log::info("instance {}: initdb", instance.identifier());
    Bootstrap bootstrap{cluster_->database_name, cluster_->master_username, master_verifier_};
    CO_TRY_VOID(co_await instance.init(std::move(bootstrap), Deadline::in(kStartLimit)));
  }
  if (!instance.running()) {
    const bool standby = instance.is_standby_directory();
    log::info("instance {}: start as {}", instance.identifier(),
              standby ? "standby, to be promoted" : "primary");
    std::optional<WalSource> source;
    if (standby) source = WalSource{};
    CO_TRY_VOID(co_await instance.start(source, Deadline::in(kStartLimit)));
  }
  const model::GlobalCluster* global = own_global();
  if (instance.is_standby_directory()) {
    const Epoch epoch = global == nullptr ? Epoch{} : global->epoch;
    log::info("instance {}: promote", instance.identifier());
    CO_TRY_VOID(co_await instance.promote(epoch, config_.region.name, Deadline::in(kStartLimit)));
  }
  head_silent_since_.reset();
  // Of a switchover that was called off while nobody could be told.
  CO_TRY_VOID(co_await instance.unfence(Deadline::in(kQueryLimit)));
  co_return co_await keep_slots(instance);
}

std::optional<WalSource> Controller::source_for_head() const {
  const model::GlobalCluster* global = own_global();
  if (global == nullptr) return std::nullopt;
  const PeerConfig* peer = config_.peer(global->writer_region);
  if (peer == nullptr) return std::nullopt;
  const auto colon = peer->postgres.rfind(':');
  const auto tls = config_.home / "postgres-tls";
  WalSource source;
  source.upstream = global->writer_region;
  source.conninfo =
      conninfo({{"host", peer->postgres.substr(0, colon)},
                {"port", peer->postgres.substr(colon + 1)},
                {"user", "rdsrepladmin"},
                {"sslmode", "verify-ca"},
                {"sslrootcert", (tls / "server-ca.crt").string()},
                {"sslcert", (tls / "replication.crt").string()},
                {"sslkey", (tls / "replication.key").string()},
                {"application_name", config_.region.name + "/" + head()->identifier()},
                {"connect_timeout", "5"}});
  source.slot = slot_of(config_.region);
  return source;
}

WalSource Controller::source_for_reader(const Instance& reader) {
  WalSource source;
  source.upstream = config_.region;
  source.conninfo =
      conninfo({{"host", head()->socket_dir().string()},
                {"port", "5432"},
                {"user", "rdsrepladmin"},
                {"application_name", config_.region.name + "/" + reader.identifier()}});
  source.slot = slot_of_reader(reader.slot());
  return source;
}

// A secondary region forwards across the link, the readers of the primary region to its head.
Forwarding Controller::forwarding_for(const Instance& instance) const {
  const model::GlobalCluster* global = own_global();
  const PeerConfig* peer = global == nullptr ? nullptr : config_.peer(global->writer_region);
  Forwarding forwarding;
  if (global != nullptr) forwarding.epoch = global->epoch;
  if (peer == nullptr) {
    if (instance.slot() == 1) return forwarding;
    forwarding.primary_region = config_.region.name;
    forwarding.primary_instance = head()->identifier();
    forwarding.on = cluster_->local_write_forwarding;
    forwarding.conninfo = conninfo({{"host", head()->socket_dir().string()}, {"port", "5432"}});
    return forwarding;
  }
  const auto colon = peer->forwarding.rfind(':');
  const auto tls = config_.home / "postgres-tls";
  forwarding.on = cluster_->global_write_forwarding;
  forwarding.primary_region = global->writer_region.name;
  forwarding.conninfo = conninfo({{"host", peer->forwarding.substr(0, colon)},
                                  {"port", peer->forwarding.substr(colon + 1)},
                                  {"sslmode", "verify-ca"},
                                  {"sslrootcert", (tls / "server-ca.crt").string()},
                                  {"sslcert", (tls / "forwarding.crt").string()},
                                  {"sslkey", (tls / "forwarding.key").string()}});
  return forwarding;
}

net::Task<Result<void>> Controller::bring_up_standby(Instance& instance) {
  const auto source = source_for_head();
  if (!source) {
    co_return make_error(ErrorKind::invalid, "the writer's region is not among the peers");
  }
  if (!instance.has_data()) {
    log::info("instance {}: pg_basebackup across the link", instance.identifier());
    CO_TRY_VOID(co_await instance.seed(*source, Deadline::in(kSeedLimit)));
  }
  if (!instance.is_standby_directory()) co_return co_await rejoin(instance, *source);
  if (!instance.running()) {
    log::info("instance {}: start as standby", instance.identifier());
    CO_TRY_VOID(co_await instance.start(*source, Deadline::in(kStartLimit)));
  }
  adopted_as_primary_ = false;
  operator_confirmed_ = false;
  CO_TRY_VOID(co_await instance.follow(*source, Deadline::in(kQueryLimit)));
  CO_TRY_VOID(co_await keep_slots(instance));
  const auto& global = *own_global();
  const auto view = peers_.find(global.writer_region);
  const bool writer_answers =
      view != peers_.end() && clock_.now() - view->second.heard < 3s && view->second.running;
  if (head_state_.streaming || !writer_answers) {
    head_silent_since_.reset();
    co_return ok();
  }
  if (!head_silent_since_) head_silent_since_ = clock_.now();
  if (clock_.now() - *head_silent_since_ < kSilenceBeforeMending) co_return ok();
  head_silent_since_.reset();
  co_return co_await mend_standby(instance, *source);
}

// Whether the WAL of a stopped former primary has nothing that the new one does not have. A clean
// shutdown's has not, and that of a fenced server seldom has.
net::Task<Result<bool>> Controller::ends_at_the_fork(Instance& instance) {
  const model::GlobalCluster global = *own_global();
  CO_TRY(const std::uint32_t timeline, co_await instance.last_timeline());
  const Json request = {{"timeline", timeline}};
  CO_TRY(const Json answer,
         co_await call_peer(global.writer_region, "fork", request, Deadline::in(kQueryLimit)));
  const Lsn fork{answer.value("fork", std::uint64_t{0})};
  if (fork.value == 0) co_return false;
  CO_TRY(const bool past, co_await instance.wal_goes_past(timeline, fork));
  log::info("instance {}: timeline {} was left at {}; its own WAL {}", instance.identifier(),
               timeline, fork.text(), past ? "goes on" : "ends there");
  co_return !past;
}

// A former primary becomes a standby of the new one.
net::Task<Result<void>> Controller::rejoin(Instance& instance, WalSource source) {
  const model::GlobalCluster global = *own_global();
  if (instance.running()) {
    log::warn("instance {}: a newer epoch {} belongs to {}; stopped at once", instance.identifier(),
              global.epoch.value, global.writer_region.name);
    CO_TRY_VOID(co_await instance.stop(StopMode::immediate, Deadline::in(kStopLimit)));
  }
  adopted_as_primary_ = false;
  operator_confirmed_ = false;
  // A standby that has gone past the fork would wait for ever, without an error.
  CO_TRY(const bool same_history, co_await ends_at_the_fork(instance));
  if (!same_history) {
    // pg_rewind reads the new timeline from the control file, which a checkpoint brings up to date.
    CO_TRY_VOID(co_await call_peer(global.writer_region, "checkpoint", Json::object(),
                                   Deadline::in(kStartLimit)));
    log::info("instance {}: pg_rewind", instance.identifier());
    const auto rewound = co_await instance.rewind(source, Deadline::in(kRewindLimit));
    if (rewound.has_error()) {
      log::warn("instance {}: {}; copied anew, the old data are kept in data.diverged",
                   instance.identifier(), rewound.error().message);
      CO_TRY_VOID(co_await instance.set_aside("diverged"));
      CO_TRY_VOID(co_await instance.seed(source, Deadline::in(kSeedLimit)));
    }
  }
  CO_TRY_VOID(co_await instance.start(source, Deadline::in(kStartLimit)));
  note_event(same_history ? "Rejoined the global cluster as a secondary"
                          : "Rejoined the global cluster as a secondary after a rewind",
             {"global failover"});
  fence_.reset();
  co_return co_await save_fence();
}

// A standby whose history has left the primary's, or whose slot is gone.
net::Task<Result<void>> Controller::mend_standby(Instance& instance, WalSource source) {
  const model::GlobalCluster global = *own_global();
  log::warn("instance {}: no stream from {} for {} s; its history is compared",
            instance.identifier(), global.writer_region.name,
            std::chrono::duration_cast<std::chrono::seconds>(kSilenceBeforeMending).count());
  CO_TRY_VOID(co_await instance.stop(StopMode::fast, Deadline::in(kStopLimit)));
  CO_TRY_VOID(co_await call_peer(global.writer_region, "checkpoint", Json::object(),
                                 Deadline::in(kStartLimit)));
  const auto rewound = co_await instance.rewind(source, Deadline::in(kRewindLimit));
  if (rewound.has_error()) {
    log::warn("instance {}: {}; copied anew", instance.identifier(), rewound.error().message);
    CO_TRY_VOID(co_await instance.set_aside("diverged"));
    CO_TRY_VOID(co_await instance.seed(source, Deadline::in(kSeedLimit)));
  }
  co_return co_await instance.start(source, Deadline::in(kStartLimit));
}

net::Task<Result<void>> Controller::keep_reader(Instance& reader) {
  Instance* source_instance = head();
  if (source_instance == nullptr || !source_instance->running()) co_return ok();
  const WalSource source = source_for_reader(reader);
  if (!reader.has_data()) {
    log::info("instance {}: pg_basebackup in the region", reader.identifier());
    CO_TRY_VOID(co_await reader.seed(source, Deadline::in(kSeedLimit)));
  }
  if (!reader.running()) {
    CO_TRY_VOID(co_await reader.start(source, Deadline::in(kStartLimit)));
  }
  CO_TRY(const InstanceState state, co_await reader.state(Deadline::in(kQueryLimit)));
  reader_lag_ms_[reader.identifier()] = state.replay_lag_ms;
  auto& silent = reader_silent_since_;
  if (state.streaming) {
    silent.erase(reader.identifier());
    co_return ok();
  }
  const auto [since, fresh] = silent.try_emplace(reader.identifier(), clock_.now());
  if (fresh || clock_.now() - since->second < kSilenceBeforeMending) co_return ok();
  silent.erase(since);
  log::warn("instance {}: no stream from the head; copied anew", reader.identifier());
  CO_TRY_VOID(co_await reader.stop(StopMode::immediate, Deadline::in(kStopLimit)));
  CO_TRY_VOID(co_await reader.seed(source, Deadline::in(kSeedLimit)));
  co_return co_await reader.start(source, Deadline::in(kStartLimit));
}

// A slot for everyone who streams from the head, none for anyone else.
net::Task<Result<void>> Controller::keep_slots(Instance& instance) {
  std::vector<std::string> wanted;
  const model::GlobalCluster* global = own_global();
  if (global != nullptr && global->writer_region == config_.region) {
    for (const auto& member : global->members) {
      if (member.region != config_.region) wanted.push_back(slot_of(member.region));
    }
  }
  for (const auto& [identifier, other] : instances_) {
    if (other->slot() != 1) wanted.push_back(slot_of_reader(other->slot()));
  }
  co_return co_await instance.keep_slots(std::move(wanted), Deadline::in(kQueryLimit));
}

void Controller::set_instance_status(const std::string& identifier, std::string status) {
  if (!cluster_) return;
  for (model::DbInstance& instance : cluster_->instances) {
    if (instance.identifier != identifier || instance.status == status) continue;
    if (instance.status == "deleting") return;
    const bool created = instance.status == "creating" && status == "available";
    instance.status = std::move(status);
    if (created) note_event("DB instance created", {"creation"}, identifier);
  }
}

net::Task<void> Controller::keep_statuses() {
  if (!cluster_) co_return;
  const std::string before = Json(*cluster_).dump();
  for (auto& [identifier, instance] : instances_) {
    Result<InstanceState> state = make_error(ErrorKind::unavailable, "not running");
    const bool busy = instance->lock().held();
    if (instance->running() && !busy) state = co_await instance->state(Deadline::in(kQueryLimit));
    if (state.has_value()) {
      forwarding_[identifier].take(*state, clock_.now());
    } else if (!instance->running()) {
      forwarding_.erase(identifier);
    }
    if (instance->slot() == 1 && !busy) {
      head_running_ = state.has_value();
      if (state.has_value()) head_state_ = *state;
      if (!head_running_) head_state_.streaming = false;
    }
    if (!cluster_) co_return;  // Deleted while we asked.
    const auto facts = std::find_if(cluster_->instances.begin(), cluster_->instances.end(),
                                    [&](const auto& one) { return one.identifier == identifier; });
    if (facts == cluster_->instances.end()) co_return;
    if (state.has_value()) {
      set_instance_status(identifier, "available");
    } else if (facts->status == "available" && !busy) {
      const bool held_down =
          duty() == model::Duty::fenced || duty() == model::Duty::waiting_for_epoch;
      if (!held_down) set_instance_status(identifier, "starting");
    } else if (facts->status == "starting" || facts->status == "creating") {
      continue;
    }
  }
  if (cluster_->status == "creating") cluster_->status = "available";
  if (Json(*cluster_).dump() != before) {
    const auto saved = co_await save_cluster();
    if (saved.has_error()) log::error("store cluster: {}", saved.error().message);
  }
}

// How this region's router reaches one of its instances.
Controller::Json Controller::backend_of(const Instance& instance) const {
  return {{"address", instance.address() + ":5432"}, {"socket", instance.socket_dir().string()}};
}

// How this region's router reaches the head instance of any region; null if it does not.
Controller::Json Controller::backend_in(const RegionId& region) const {
  if (region == config_.region) return head() == nullptr ? Json(nullptr) : backend_of(*head());
  const PeerConfig* peer = config_.peer(region);
  if (peer == nullptr) return nullptr;
  return {{"address", peer->forwarding}, {"tls", true}};
}

Controller::Json Controller::topology() const {
  const model::GlobalCluster* global = own_global();
  const bool member = global == nullptr || global->member_in(config_.region) != nullptr;
  const RegionId writer = global == nullptr ? config_.region : global->writer_region;
  Json writers = Json::array();
  if (member || writer == config_.region) {
    if (Json backend = backend_in(writer); !backend.is_null())
      writers.push_back(std::move(backend));
  }
  Json heads = Json::array();
  Json readers = Json::array();
  for (const auto& [identifier, instance] : instances_) {
    if (instance->slot() == 1) {
      heads.push_back(backend_of(*instance));
    } else if (instance->has_data()) {
      Json backend = backend_of(*instance);
      const auto lag = reader_lag_ms_.find(identifier);
      const bool lags = lag != reader_lag_ms_.end() && lag->second > config_.reader_lag_ms_max;
      if (lags || reader_silent_since_.contains(identifier)) backend["draining"] = true;
      readers.push_back(std::move(backend));
    }
  }
  if (readers.empty()) readers = heads;
  return {{"epoch", global == nullptr ? 0 : global->epoch.value},
          {"region", config_.region.name},
          {"writer_region", writer.name},
          {"endpoints",
           {{{"name", "global-writer"}, {"backends", writers}},
            {{"name", "cluster"}, {"backends", heads}},
            {{"name", "reader"}, {"backends", readers}}}}};
}

net::Task<Result<void>> Controller::router(Json order, Deadline deadline) {
  auto answer = co_await router_.order(std::move(order), deadline);
  if (answer.has_error()) co_return answer.error();
  co_return ok();
}

// Tells the router where everything is, when that has changed or the router is new.
net::Task<void> Controller::publish_topology() {
  Json snapshot = topology();
  const Epoch epoch{snapshot.value("epoch", std::uint64_t{0})};
  if (holding_for_ && epoch < *holding_for_) co_return;
  // The epoch is stored before its writer is open: whoever went there now would find a standby.
  for (const auto& [global, operation] : operations_) {
    const bool opening =
        operation.step == model::Step::commit || operation.step == model::Step::promote;
    if (opening && operation.epoch == epoch) co_return;
  }
  holding_for_.reset();
  held_by_.clear();
  const std::string text = snapshot.dump();
  const auto deadline = Deadline::in(1s);
  if (text == published_topology_) {
    const Json question = {{"do", "status"}};
    const auto status = co_await router_.order(question, deadline);
    if (status.has_value() && status->value("version", std::uint64_t{0}) > 0) co_return;
  }
  // Versions grow over restarts without being stored: they are the time in microseconds.
  snapshot["version"] = static_cast<std::uint64_t>(now().time_since_epoch().count());
  const Json order = {{"do", "topology"}, {"topology", snapshot}};
  const auto told = co_await router(order, deadline);
  if (told.has_value()) published_topology_ = text;
  // After the order: clients wait for that one.
  const auto kept = co_await router_.keep_topology(snapshot.dump(2));
  if (kept.has_error()) log::warn("keep topology: {}", kept.error().message);
}

// The router opens and warms a session at the target for each that it has.
net::Task<Result<void>> Controller::prepare_own_sessions(model::Operation operation,
                                                         Deadline deadline) {
  const Json backend = backend_in(operation.to);
  if (backend.is_null()) co_return ok();
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline.at_most(kPrepareSessionsLimit).left());
  const Json order = {{"do", "prepare"},
                      {"endpoint", "global-writer"},
                      {"epoch", operation.epoch.value},
                      {"backend", backend},
                      {"limit_ms", limit.count()}};
  auto answer = co_await router_.slow_order(order, Deadline::in(limit + kOrderSlack));
  if (answer.has_error()) co_return answer.error();
  co_return ok();
}

// Every member's router. One that does not answer has its sessions opened after the move instead.
net::Task<Result<void>> Controller::prepare_sessions(model::Operation operation,
                                                     Deadline deadline) {
  std::vector<net::Task<void>> tasks;
  static constexpr auto one = [](Controller& self, RegionId region, model::Operation what,
                                 Deadline limit) -> net::Task<void> {
    Result<void> prepared = ok();
    if (region == self.config_.region) {
      prepared = co_await self.prepare_own_sessions(what, limit);
    } else {
      const Json request = {{"operation", what}};
      const auto answer = co_await self.call_peer(region, "prepare-sessions", request,
                                                  limit.at_most(kPrepareSessionsLimit + 2s));
      if (answer.has_error()) prepared = answer.error();
    }
    if (prepared.has_error()) {
      log::warn("sessions of {} are not prepared: {}", region.name, prepared.error().message);
    }
  };
  for (const RegionId& region : members_of(operation)) {
    tasks.push_back(one(*this, region, operation, deadline));
  }
  co_await net::together(tasks_, "prepare sessions", std::move(tasks));
  co_return ok();
}

std::vector<RegionId> Controller::members_of(const model::Operation& operation) const {
  std::vector<RegionId> regions;
  const auto global = globals_.find(operation.global_cluster);
  if (global == globals_.end()) return regions;
  for (const auto& member : global->second.members) regions.push_back(member.region);
  return regions;
}

// Returns when the transactions under way have ended, or their time is over. With the policy
// `abort` it fails with `conflict` when some have not.
net::Task<Result<void>> Controller::hold_endpoints(model::Operation operation) {
  holding_for_ = operation.epoch;
  held_by_ = operation.id;
  std::vector<std::string> endpoints = {"global-writer"};
  // Where this region's head is stopped, those who are connected to it wait for its return.
  if (operation.from == config_.region) endpoints.push_back("cluster");
  const bool lossless = operation.kind == model::OperationKind::switchover;
  const Duration drain = lossless ? operation.drain.timeout : Duration(0);
  const auto drain_ms = std::chrono::duration_cast<std::chrono::milliseconds>(drain).count();
  for (const std::string& endpoint : endpoints) {
    const Json order = {{"do", "hold"},
                        {"endpoint", endpoint},
                        {"epoch", operation.epoch.value},
                        {"policy", model::name_of(operation.drain.policy)},
                        {"drain_ms", drain_ms}};
    const auto held = co_await router_.slow_order(order, Deadline::in(drain + kOrderSlack));
    if (held.has_error()) {
      log::warn("hold {}: {}", endpoint, held.error().message);
      continue;
    }
    const auto open = held->value("open", std::int64_t{0});
    if (open == 0 || operation.drain.policy != model::DrainPolicy::abort) continue;
    co_return make_error(ErrorKind::conflict,
                         std::to_string(open) + " transactions at endpoint " + endpoint + " of " +
                             config_.region.name + " did not end within " +
                             std::to_string(drain_ms) + " ms (drain_policy abort)");
  }
  co_return ok();
}

// The routers of the members that neither give the writer away nor take it. One that does not
// answer is left out: what its clients have open then ends with the fence. Fails with `conflict`
// as hold_endpoints() does.
net::Task<Result<void>> Controller::hold_bystanders(model::Operation operation) {
  const auto refusal = std::make_shared<std::string>();
  static constexpr auto one = [](Controller& self, RegionId region, model::Operation what,
                                 std::shared_ptr<std::string> why) -> net::Task<void> {
    const Json request = {{"operation", what}};
    const auto limit = Deadline::in(what.drain.timeout + kOrderSlack + kPeerHoldSlack);
    const auto answer = co_await self.call_peer(region, "hold", request, limit);
    if (answer.has_value()) {
      if (why->empty()) *why = answer->value("why_not", "");
    } else if (!self.tasks_.stopping()) {
      log::warn("sessions of {} are not held: {}", region.name, answer.error().message);
    }
  };
  std::vector<net::Task<void>> tasks;
  for (const RegionId& region : members_of(operation)) {
    if (region == config_.region || region == operation.from) continue;
    const auto view = peers_.find(region);
    if (view == peers_.end() || !view->second.heard_ever) continue;
    if (clock_.now() - view->second.heard > kSilentBystander) continue;
    tasks.push_back(one(*this, region, operation, refusal));
  }
  if (tasks.empty()) co_return ok();
  co_await net::together(tasks_, "hold the bystanders", std::move(tasks));
  if (!refusal->empty()) co_return make_error(ErrorKind::conflict, *refusal);
  co_return ok();
}

// Of a coordinator that says nothing more: the clients go on where the writer was last known.
net::Task<void> Controller::release_forgotten_hold(std::string operation_id) {
  co_await net::sleep_for(kHeldAtMost);
  if (tasks_.stopping() || held_by_ != operation_id) co_return;
  log::warn("operation {} has held the endpoints for {} s and is not heard of any more",
            operation_id, std::chrono::duration_cast<std::chrono::seconds>(kHeldAtMost).count());
  co_await release_endpoints();
}

net::Task<void> Controller::release_endpoints() {
  holding_for_.reset();
  held_by_.clear();
  for (const char* endpoint : {"global-writer", "cluster"}) {
    const Json order = {{"do", "release"}, {"endpoint", endpoint}};
    const auto released = co_await router(order, Deadline::in(1s));
    if (released.has_error()) log::warn("release {}: {}", endpoint, released.error().message);
  }
}

}  // namespace aurora_global::region
