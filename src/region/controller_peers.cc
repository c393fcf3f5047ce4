// What other regions may ask of this one, JSON both ways.
#include <algorithm>

#include "region/controller.h"

#include "net/log.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kCheckpointLimit = 60s;
constexpr Duration kFenceStopLimit = 12s;
constexpr Duration kEngineFenceLimit = 7s;
constexpr Duration kAskLimit = 3s;

}  // namespace

net::Task<PeerReply> Controller::serve_peer(RegionId from, PeerRequest request) {
  PeerReply reply;
  const auto refuse = [&](int status, std::string why, std::string code) {
    const Json body = {{"error", std::move(why)}, {"code", std::move(code)}};
    reply.status = status;
    reply.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  Json body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) {
    refuse(400, "the request is no JSON object", "");
    co_return reply;
  }
  (void)from;
  Result<Json> answer = Json::object();
  std::string malformed;
  try {
    auto dispatched = dispatch_peer(request.what, std::move(body));
    answer = co_await std::move(dispatched);
  } catch (const Json::exception& error) {
    malformed = error.what();
  }
  if (!malformed.empty()) {
    refuse(400, "the request " + request.what + " is malformed: " + malformed, "");
  } else if (answer.has_error()) {
    refuse(net::http_status_of(answer.error().kind), answer.error().message, answer.error().code);
  } else {
    reply.body = answer->dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  co_return reply;
}

net::Task<Result<Controller::Json>> Controller::dispatch_peer(std::string what, Json request) {
  if (what == "gossip") {
    co_await learn(std::move(request));
    co_return gossip_message();
  }
  if (what == "inspect") co_return co_await peer_inspect();
  if (what == "checkpoint") co_return co_await peer_checkpoint();
  if (what == "join") co_return co_await peer_join(std::move(request));
  if (what == "prepare-sessions") {
    const auto operation = request.at("operation").get<model::Operation>();
    CO_TRY_VOID(co_await prepare_own_sessions(operation, Deadline::in(kAskLimit)));
    co_return Json::object();
  }
  if (what == "hold") co_return co_await peer_hold(std::move(request));
  if (what == "fence") co_return co_await peer_fence(std::move(request));
  if (what == "unfence") co_return co_await peer_unfence(std::move(request));
  if (what == "retire") co_return co_await peer_retire(std::move(request));
  if (what == "fork") co_return co_await peer_fork(std::move(request));
  if (what == "move") co_return co_await peer_move(std::move(request));
  if (what == "change") co_return co_await peer_change(std::move(request));
  if (what == "secret") co_return co_await peer_secret(std::move(request));
  if (what == "password") co_return co_await peer_password(std::move(request));
  if (what == "pass-on") co_return co_await peer_pass_on(std::move(request));
  co_return make_error(ErrorKind::not_found, "unknown request " + what);
}

net::Task<Result<Controller::Json>> Controller::peer_inspect() {
  Instance* instance = head();
  if (instance == nullptr || duty() != model::Duty::primary) {
    co_return make_error(ErrorKind::conflict, "this region is not the primary");
  }
  CO_TRY(const InstanceState state, co_await instance->state(Deadline::in(kAskLimit)));
  co_return Json{{"engine_version", facts_.engine_version},
                 {"position", state.position.value},
                 {"in_recovery", state.in_recovery}};
}

net::Task<Result<Controller::Json>> Controller::peer_checkpoint() {
  Instance* instance = head();
  if (instance == nullptr) {
    co_return make_error(ErrorKind::conflict, "this region has no DB instance");
  }
  CO_TRY_VOID(co_await instance->checkpoint(Deadline::in(kCheckpointLimit)));
  CO_TRY_VOID(co_await instance->warm(Deadline::in(kAskLimit)));
  co_return Json::object();
}

// A DB cluster in another region becomes a member. Idempotent.
net::Task<Result<Controller::Json>> Controller::peer_join(Json request) {
  const std::string identifier = request.at("global_cluster").get<std::string>();
  const auto member = request.at("member").get<model::GlobalMember>();
  const auto found = globals_.find(identifier);
  if (found == globals_.end() || found->second.deleted) {
    co_return fault(ErrorKind::not_found, "GlobalClusterNotFoundFault",
                    "Global cluster " + identifier + " not found");
  }
  if (found->second.writer_region != config_.region || duty() != model::Duty::primary ||
      !head_running_) {
    co_return fault(ErrorKind::conflict, "InvalidDBClusterStateFault",
                    "Source cluster " + (cluster_ ? cluster_->arn : identifier) +
                        " is in a state which is not valid for physical replication");
  }
  model::GlobalCluster& global = found->second;
  const auto arn = model::parse_cluster_arn(member.cluster_arn);
  if (cluster_ && arn.has_value() && arn->identifier == cluster_->identifier) {
    co_return fault(ErrorKind::conflict, "DBClusterAlreadyExistsFault",
                    "DB cluster identifiers of a global cluster are unique over all Regions; " +
                        arn->identifier + " is taken in " + config_.region.name);
  }
  if (model::GlobalMember* present = global.member_in(member.region)) {
    if (present->cluster_arn != member.cluster_arn) {
      co_return fault(
          ErrorKind::conflict, "InvalidGlobalClusterStateFault",
          "Global cluster " + identifier + " already has a member in " + member.region.name);
    }
    present->global_write_forwarding = member.global_write_forwarding;
  } else {
    global.members.push_back(member);
  }
  ++global.version;
  CO_TRY_VOID(co_await save_global(identifier));
  wake_.notify();
  co_return Json{{"global", globals_.at(identifier)},
                 {"engine_version", facts_.engine_version},
                 {"database_name", cluster_ ? cluster_->database_name : ""},
                 {"master_username", cluster_ ? cluster_->master_username : ""}};
}

// The writer moves between two other regions, and this one's clients wait meanwhile. They are let
// go by the topology of the new epoch, or when gossip says that the operation was called off.
net::Task<Result<Controller::Json>> Controller::peer_hold(Json request) {
  const auto operation = request.at("operation").get<model::Operation>();
  const model::GlobalCluster* global = own_global();
  const auto known = operations_.find(operation.global_cluster);
  const bool over = known != operations_.end() && known->second.id == operation.id &&
                    (known->second.step == model::Step::abort || !known->second.running());
  if (global == nullptr || global->identifier != operation.global_cluster ||
      operation.epoch <= global->epoch || over) {
    co_return make_error(ErrorKind::superseded, "operation " + operation.id + " is over");
  }
  operations_[operation.global_cluster] = operation;
  tasks_.spawn("end a forgotten hold", release_forgotten_hold(operation.id));
  const auto held = co_await hold_endpoints(operation);
  if (held.has_error()) co_return Json{{"why_not", held.error().message}};
  co_return Json::object();
}

// Stored while the routers drain: the engine is fenced after both.
net::Task<Result<void>> Controller::hold_and_store_fence(model::Operation operation,
                                                         Deadline deadline) {
  struct Storing {
    net::Event done;
    std::optional<Result<void>> outcome;
  };
  const auto storing = std::make_shared<Storing>(Storing{net::Event(executor_), std::nullopt});
  static constexpr auto store = [](Controller& self, std::shared_ptr<Storing> here) -> Task<void> {
    here->outcome = co_await self.save_fence();
    here->done.notify();
  };
  fence_ = Fence{operation.id, operation.global_cluster, operation.epoch, Lsn{}};
  tasks_.spawn("store the fence", store(*this, storing));
  const auto held = co_await hold_endpoints(operation);
  while (!storing->outcome) {
    if (deadline.passed() || tasks_.stopping()) {
      co_return make_error(ErrorKind::timeout, "the fence was not stored in time");
    }
    co_await storing->done.wait(deadline);
  }
  CO_TRY_VOID(*storing->outcome);
  co_return held;
}

// The fence of a failover, and of an engine that cannot refuse writes.
net::Task<Result<Lsn>> Controller::shut_down_for(model::Operation operation, Instance& instance) {
  const bool lossless = operation.kind == model::OperationKind::switchover;
  const StopMode mode = lossless ? StopMode::fast : StopMode::immediate;
  CO_TRY_VOID(co_await instance.stop(mode, Deadline::in(kFenceStopLimit)));
  adopted_as_primary_ = false;
  if (!lossless) co_return Lsn{};
  CO_TRY(const Lsn end, co_await instance.end_of_clean_shutdown());
  note_event("The old primary DB cluster was shut down", {"global failover"});
  co_return end;
}

net::Task<Result<Lsn>> Controller::end_writes(model::Operation operation, Instance& instance) {
  if (operation.kind == model::OperationKind::failover || !instance.running()) {
    co_return co_await shut_down_for(operation, instance);
  }
  const auto fenced = co_await instance.fence(operation.epoch, operation.drain.policy,
                                              Deadline::in(kEngineFenceLimit));
  if (fenced.has_value() && *fenced) co_return **fenced;
  if (fenced.has_error()) {
    if (fenced.error().kind == ErrorKind::conflict) co_return fenced.error();
    log::warn("instance {}: the engine is not fenced: {}; it is shut down", instance.identifier(),
              fenced.error().message);
  }
  co_return co_await shut_down_for(operation, instance);
}

// One order: clients held, fence durable, no write any more, the last WAL position answered.
net::Task<Result<Controller::Json>> Controller::peer_fence(Json request) {
  auto operation = request.at("operation").get<model::Operation>();
  const std::string identifier = operation.global_cluster;
  model::GlobalCluster* global = own_global();
  if (global == nullptr || global->identifier != identifier || operation.epoch <= global->epoch) {
    co_return make_error(ErrorKind::superseded, "epoch " + std::to_string(operation.epoch.value) +
                                                    " is not newer than what this region knows");
  }
  if (fence_ && fence_->operation_id == operation.id && fence_->final_lsn.value != 0) {
    co_return Json{{"final_lsn", fence_->final_lsn.value}};
  }
  operations_[identifier] = operation;
  Instance* instance = head();
  if (instance == nullptr) co_return Json{{"final_lsn", 0}};
  if (config_.test.skip_fence) {
    CO_TRY(const InstanceState state, co_await instance->state(Deadline::in(kAskLimit)));
    co_return Json{{"final_lsn", state.position.value}};
  }
  // The keeper leaves an instance alone whose lock is held; otherwise it would stop this one as
  // soon as its region is fenced.
  CO_TRY(const auto guard, co_await instance->lock().lock(Deadline::in(kFenceStopLimit)));
  CO_TRY_VOID(co_await hold_and_store_fence(
      operation, Deadline::in(operation.drain.timeout + kFenceStopLimit)));
  CO_TRY(const Lsn final_lsn, co_await end_writes(operation, *instance));
  if (!fence_ || fence_->operation_id != operation.id) {
    co_return make_error(ErrorKind::superseded, "the operation was called off meanwhile");
  }
  fence_->final_lsn = final_lsn;
  co_return Json{{"final_lsn", fence_->final_lsn.value}};
}

// This region goes on as the primary.
net::Task<void> Controller::lift_fence() {
  fence_.reset();
  const auto saved = co_await save_fence();
  if (saved.has_error()) log::error("store fence: {}", saved.error().message);
  if (Instance* instance = head(); instance != nullptr && instance->running()) {
    const auto lifted = co_await instance->unfence(Deadline::in(kAskLimit));
    // The keeper lifts it, too.
    if (lifted.has_error()) log::warn("lift the fence: {}", lifted.error().message);
  }
  co_await release_endpoints();
  wake_.notify();
}

// The new epoch is stored: the old server's sessions end, and it writes nothing any more. What
// becomes of it is the keeper's business, once the new writer can be asked.
net::Task<Result<Controller::Json>> Controller::peer_retire(Json request) {
  const auto operation = request.at("operation").get<model::Operation>();
  Instance* instance = head();
  const bool ours = fence_ && fence_->operation_id == operation.id;
  if (!ours || instance == nullptr || !instance->running()) co_return Json::object();
  CO_TRY(const auto guard, co_await instance->lock().lock(Deadline::in(kAskLimit)));
  // Somebody else had the lock: gossip may have been faster.
  if (!fence_ || fence_->operation_id != operation.id) co_return Json::object();
  CO_TRY_VOID(co_await instance->stop(StopMode::immediate, Deadline::in(kFenceStopLimit)));
  adopted_as_primary_ = false;
  note_event("The old primary DB cluster was shut down", {"global failover"});
  co_return Json::object();
}

// Where this region's timeline left the one of an old primary.
net::Task<Result<Controller::Json>> Controller::peer_fork(Json request) {
  const auto timeline = request.at("timeline").get<std::uint32_t>();
  Instance* instance = head();
  if (instance == nullptr || duty() != model::Duty::primary) {
    co_return make_error(ErrorKind::conflict, "this region is not the primary");
  }
  CO_TRY(const InstanceState state, co_await instance->state(Deadline::in(kAskLimit)));
  if (state.in_recovery) {
    co_return make_error(ErrorKind::unavailable, "this region's writer is not promoted yet");
  }
  const auto fork = co_await instance->fork_of(timeline);
  co_return Json{{"fork", fork.has_value() ? fork->value : 0}};
}

net::Task<Result<Controller::Json>> Controller::peer_unfence(Json request) {
  const auto operation = request.at("operation").get<model::Operation>();
  auto called_off = operation;
  called_off.step = model::Step::aborted;
  operations_[operation.global_cluster] = called_off;
  operator_confirmed_ = true;  // The coordinator says that this region is the primary.
  if (fence_ && fence_->operation_id == operation.id) {
    co_await lift_fence();
    co_return Json::object();
  }
  co_await release_endpoints();
  wake_.notify();
  co_return Json::object();
}

net::Task<Result<Controller::Json>> Controller::peer_move(Json request) {
  const std::string identifier = request.at("global_cluster").get<std::string>();
  const bool loss = request.at("data_loss_allowed").get<bool>();
  if (!globals_.contains(identifier) || globals_.at(identifier).deleted) {
    co_return fault(ErrorKind::not_found, "GlobalClusterNotFoundFault",
                    "Global cluster " + identifier + " not found");
  }
  const MoveKind kind = loss ? MoveKind::data_loss_allowed : MoveKind::lossless;
  model::Drain drain;
  if (const auto timeout_ms = request.value("drain_timeout_ms", std::int64_t{-1});
      timeout_ms >= 0) {
    drain.timeout =
        std::min(Duration(std::chrono::milliseconds(timeout_ms)), model::kDrainTimeoutMax);
  }
  drain.policy =
      model::drain_policy_named(request.value("drain_policy", "")).value_or(drain.policy);
  CO_TRY_VOID(co_await accept_move(identifier, kind, drain));
  co_return Json{{"gossip", gossip_message()}, {"operation", operations_.at(identifier)}};
}

// A change of the global cluster that only the writer's region may make.
net::Task<Result<Controller::Json>> Controller::peer_change(Json request) {
  const std::string action = request.at("action").get<std::string>();
  const std::string identifier = request.at("identifier").get<std::string>();
  Result<model::GlobalCluster> changed = model::GlobalCluster{};
  if (action == "modify") {
    ModifyGlobalCluster change;
    change.identifier = identifier;
    change.new_identifier = request.value("new_identifier", "");
    change.engine_version = request.value("engine_version", "");
    if (request.contains("deletion_protection")) {
      change.deletion_protection = request.at("deletion_protection").get<bool>();
    }
    changed = co_await modify_global_cluster(std::move(change));
  } else if (action == "delete") {
    changed = co_await delete_global_cluster(identifier);
  } else if (action == "remove") {
    changed = co_await remove_from_global_cluster(identifier, request.at("arn").get<std::string>());
  } else {
    co_return make_error(ErrorKind::invalid, "unknown change " + action);
  }
  if (changed.has_error()) co_return changed.error();
  co_return Json{{"global", *changed}};
}

net::Task<Result<Controller::Json>> Controller::peer_pass_on(Json request) {
  if (!api_handler_) co_return make_error(ErrorKind::unavailable, "no API is served here yet");
  net::HttpRequest call;
  call.method = request.at("method").get<std::string>();
  call.target = request.at("target").get<std::string>();
  call.body = request.at("body").get<std::string>();
  for (const auto& header : request.at("headers")) {
    call.headers.emplace_back(header.at(0).get<std::string>(), header.at(1).get<std::string>());
  }
  auto serving = api_handler_(std::move(call));
  const net::HttpResponse response = co_await std::move(serving);
  Json headers = Json::array();
  for (const auto& [name, value] : response.headers) headers.push_back({name, value});
  co_return Json{{"status", response.status}, {"headers", headers}, {"body", response.body}};
}

net::Task<Result<RawResponse>> Controller::pass_on(RegionId region, RawRequest request) {
  if (config_.peer(region) == nullptr) {
    std::string known = config_.region.name;
    for (const auto& peer : config_.peers) known += ", " + peer.region.name;
    co_return fault(ErrorKind::denied, "SignatureDoesNotMatch",
                    "Credential should be scoped to a valid region, not '" + region.name +
                        "'; this platform has " + known);
  }
  Json headers = Json::array();
  for (const auto& [name, value] : request.headers) headers.push_back({name, value});
  const Json message = {{"method", request.method},
                        {"target", request.target},
                        {"headers", headers},
                        {"body", request.body}};
  // A function may run for 15 minutes; everything else answers at once.
  const bool invocation = request.target.find("/invocations") != std::string::npos ||
                          request.target.find("/failover") != std::string::npos;
  const Duration limit = invocation ? Duration(905s) : Duration(15s);
  CO_TRY(const Json answer, co_await call_peer(region, "pass-on", message, Deadline::in(limit)));
  RawResponse response;
  response.status = answer.value("status", 500);
  response.body = answer.value("body", "");
  for (const auto& header : answer.value("headers", Json::array())) {
    response.headers.emplace_back(header.at(0).get<std::string>(), header.at(1).get<std::string>());
  }
  co_return response;
}

Controller::Json Controller::forwarding_json() const {
  std::int64_t open = 0, accepted = 0, statements = 0, micros = 0;
  bool on = false;
  Json instances = Json::array();
  for (const auto& [identifier, instance] : instances_) {
    const auto view = forwarding_.find(identifier);
    if (view == forwarding_.end() || view->second.now().empty()) continue;
    const bool replica = view->second.in_recovery();
    const bool local = replica && instance->slot() != 1 && duty() == model::Duty::primary;
    const bool forwards = replica && instance->forwarding().on;
    on = on || forwards;
    open += view->second.value("replica_open_sessions");
    accepted += view->second.value("writer_open_sessions");
    statements += view->second.lately("replica_statements");
    micros += view->second.lately("replica_statement_us");
    instances.push_back({{"instance", identifier},
                         {"role", replica ? "replica" : "writer"},
                         {"local", local},
                         {"on", forwards},
                         {"counters", view->second.now()}});
  }
  const double mean = static_cast<double>(micros) / 1000 / static_cast<double>(statements);
  return {{"on", on},
          {"open_sessions", open},
          {"accepted_sessions", accepted},
          {"mean_latency_ms", statements == 0 ? Json(nullptr) : Json(mean)},
          {"instances", std::move(instances)}};
}

net::Task<Result<std::string>> Controller::status_json() {
  Json status = {{"region", config_.region.name},
                 {"duty", model::name_of(duty())},
                 {"epoch_confirmed", epoch_confirmed()},
                 {"engine_version", facts_.engine_version},
                 {"head", head_json()},
                 {"forwarding", forwarding_json()},
                 {"clusters", Json::array()},
                 {"globals", Json::array()},
                 {"operations", Json::array()},
                 {"peers", Json::array()}};
  if (fence_) {
    status["fence"] = {{"operation_id", fence_->operation_id}, {"epoch", fence_->epoch.value}};
  }
  if (cluster_) status["clusters"].push_back(*cluster_);
  for (const auto& [identifier, global] : globals_) {
    if (!global.deleted) status["globals"].push_back(global);
  }
  for (const auto& [global, operation] : operations_) status["operations"].push_back(operation);
  for (const auto& [region, view] : peers_) {
    const auto age =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - view.heard);
    status["peers"].push_back({{"region", region.name},
                               {"heard", view.heard_ever},
                               {"heard_ms_ago", view.heard_ever ? age.count() : -1},
                               {"position", view.head.position.value},
                               {"streaming", view.head.streaming}});
  }
  const Json question = {{"do", "status"}};
  const auto routing = co_await router_.order(question, Deadline::in(1s));
  if (routing.has_value()) status["router"] = *routing;
  co_return status.dump();
}

}  // namespace aurora_global::region
