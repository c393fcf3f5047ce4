// The coordinator: the target region's daemon runs an Operation along the model's table.
//
// What is durable, and when: the operation before its first act and when it enters `fence`; the new
// epoch together with step `promote` in one transaction (`commit`); the end. Between fence and
// release nothing else is written, so the window holds one synchronous write of this side.
#include "region/controller.h"

#include "net/log.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRetryPause = 100ms;
constexpr Duration kAskLimit = 3s;
// For a target that has just become a standby. Callers wait 10 s for the answer.
constexpr Duration kStartLimit = 5s;
constexpr Duration kLookLimit = 1s;

constexpr std::string_view kInvalidGlobal = "InvalidGlobalClusterStateFault";

std::int64_t milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

model::StepEvent event_of(const Result<void>& outcome) {
  if (outcome.has_value()) return model::StepEvent::succeeded;
  return outcome.error().kind == ErrorKind::timeout ? model::StepEvent::timed_out
                                                    : model::StepEvent::failed;
}

}  // namespace

net::Task<Result<model::GlobalCluster>> Controller::move_writer(std::string identifier,
                                                                std::string target_arn,
                                                                MoveKind kind, model::Drain drain) {
  const auto found = globals_.find(identifier);
  if (found == globals_.end() || found->second.deleted) {
    co_return fault(ErrorKind::not_found, "GlobalClusterNotFoundFault",
                    "Global cluster " + identifier + " not found");
  }
  CO_TRY(const model::ClusterArn arn, model::parse_cluster_arn(target_arn));
  const model::GlobalMember* target = found->second.member_by_arn(target_arn);
  if (target == nullptr) {
    co_return fault(ErrorKind::not_found, "DBClusterNotFoundFault",
                    "DBCluster " + target_arn + " is not a member of global cluster " + identifier);
  }
  if (target->region == config_.region) co_return co_await accept_move(identifier, kind, drain);
  const Json request = {{"global_cluster", identifier},
                        {"data_loss_allowed", kind == MoveKind::data_loss_allowed},
                        {"drain_timeout_ms", milliseconds(drain.timeout)},
                        {"drain_policy", model::name_of(drain.policy)}};
  const auto answer = co_await call_peer(target->region, "move", request,
                                         Deadline::in(kStartLimit + kLookLimit + kAskLimit));
  if (answer.has_error()) {
    if (!answer.error().code.empty()) co_return answer.error();
    co_return fault(
        ErrorKind::unavailable, "InvalidDBClusterStateFault",
        "The target region " + arn.region.name + " cannot be reached: " + answer.error().message);
  }
  Json reply = *answer;
  co_await learn(reply.value("gossip", Json::object()));
  // The target's own operation is its word; take it for the answer even before gossip brings it.
  auto operation = reply.value("operation", model::Operation{});
  if (!operation.global_cluster.empty()) co_await learn_operation(std::move(operation));
  co_return described(globals_.at(identifier));
}

// Why a switchover would not be safe now; success means that it is.
net::Task<Result<void>> Controller::why_not_switch_over(const model::GlobalCluster& global) {
  const std::string old_region = global.writer_region.name;
  const auto refuse = [&](std::string why) {
    return fault(ErrorKind::conflict, std::string(kInvalidGlobal),
                 "Global cluster " + global.identifier + " cannot be switched over to " +
                     config_.region.name + ": " + why);
  };
  Instance* instance = head();
  if (instance == nullptr) {
    co_return fault(ErrorKind::conflict, "InvalidDBClusterStateFault",
                    "The DB cluster in " + config_.region.name +
                        " has no DB instance; create one before it can become the primary");
  }
  const auto replicates = [](const Result<InstanceState>& state) {
    return state.has_value() && state->in_recovery && state->streaming;
  };
  const Deadline started = Deadline::in(kStartLimit);
  auto state = co_await instance->state(Deadline::in(kAskLimit));
  while (!replicates(state) && !started.passed() && !tasks_.stopping()) {
    co_await net::sleep_for(kRetryPause);  // A server that starts tells nobody.
    state = co_await instance->state(Deadline::in(kLookLimit));
  }
  if (state.has_error()) co_return refuse("its instance does not answer: " + state.error().message);
  if (!replicates(state)) {
    co_return refuse("it is not replicating from " + old_region + " now");
  }
  const auto theirs =
      co_await call_peer(global.writer_region, "inspect", Json::object(), Deadline::in(kAskLimit));
  if (theirs.has_error()) {
    co_return refuse("the primary region " + old_region +
                     " does not answer (a failover with AllowDataLoss needs no primary): " +
                     theirs.error().message);
  }
  if (const auto version = theirs->value("engine_version", ""); version != facts_.engine_version) {
    co_return refuse("the engine versions differ: " + version + " in " + old_region + ", " +
                     facts_.engine_version + " in " + config_.region.name);
  }
  const std::uint64_t written = theirs->value("position", std::uint64_t{0});
  const std::uint64_t lag = written > state->position.value ? written - state->position.value : 0;
  if (lag > config_.switchover_lag_bytes_max) {
    co_return refuse("its replication lag is " + std::to_string(lag) + " bytes, the limit is " +
                     std::to_string(config_.switchover_lag_bytes_max));
  }
  co_return ok();
}

net::Task<Result<model::GlobalCluster>> Controller::accept_move(std::string identifier,
                                                                MoveKind kind, model::Drain drain) {
  const model::GlobalCluster global = globals_.at(identifier);
  const bool lossless = kind == MoveKind::lossless;
  if (const model::Operation* running = running_operation(identifier)) {
    // A switchover that waits for a dead region to hear that it was called off gives way.
    // So does one whose coordinator has fenced this region and is silent: an operator's word.
    const bool fenced_us = fence_ && fence_->operation_id == running->id;
    const bool gives_way = !lossless && (running->step == model::Step::abort || fenced_us);
    if (!gives_way) {
      co_return fault(ErrorKind::conflict, std::string(kInvalidGlobal),
                      "Global cluster " + identifier + " is in state " + described(global).status +
                          ": a " + std::string(model::name_of(running->kind)) + " to " +
                          running->to.name + " is in step " +
                          std::string(model::name_of(running->step)));
    }
    operations_[identifier].step = model::Step::aborted;
    operations_[identifier].reason = "superseded by a failover";
  }
  const bool waits = duty() == model::Duty::waiting_for_epoch || duty() == model::Duty::fenced;
  if (global.writer_region == config_.region && !(waits && !lossless)) {
    co_return fault(ErrorKind::conflict, "InvalidDBClusterStateFault",
                    "The DB cluster in " + config_.region.name +
                        " is already the primary of global cluster " + identifier);
  }
  if (lossless) {
    CO_TRY_VOID(co_await why_not_switch_over(global));
  } else if (head() == nullptr || !head()->has_data()) {
    co_return fault(ErrorKind::conflict, "InvalidDBClusterStateFault",
                    "The DB cluster in " + config_.region.name + " has no DB instance with data");
  }
  // Another call came while we checked.
  if (running_operation(identifier) != nullptr || globals_.at(identifier).epoch != global.epoch) {
    co_return fault(ErrorKind::conflict, std::string(kInvalidGlobal),
                    "Another operation on global cluster " + identifier + " has just begun");
  }
  model::Operation operation;
  operation.id = randomness_.hex(8);
  operation.kind = lossless ? model::OperationKind::switchover : model::OperationKind::failover;
  operation.global_cluster = identifier;
  operation.from = global.writer_region;
  operation.to = config_.region;
  if (const auto* member = global.member_in(global.writer_region)) {
    operation.from_arn = member->cluster_arn;
  }
  operation.to_arn = global.member_in(config_.region)->cluster_arn;
  operation.epoch = global.epoch.next();
  // What was promised to another region may be true there by now: never the same epoch twice.
  if (fence_ && fence_->global_cluster == identifier && fence_->epoch >= operation.epoch) {
    operation.epoch = fence_->epoch.next();
  }
  operation.drain = drain;
  operation.step = model::first_step(operation.kind);
  operation.started = now();
  operations_[identifier] = operation;
  CO_TRY_VOID(co_await save_operation(identifier));
  note_event(std::string(lossless ? "Global switchover" : "Global failover") + " to DB cluster " +
                 cluster_->identifier + " in Region " + config_.region.name + " started",
             {"global failover"});
  tasks_.spawn("operation " + operation.id, run_operation(identifier, false));
  co_return described(globals_.at(identifier));
}

net::Task<void> Controller::run_operation(std::string global_cluster, bool restarted) {
  const std::string id = operations_.at(global_cluster).id;
  while (!tasks_.stopping()) {
    model::Operation& begun = operations_.at(global_cluster);
    if (begun.id != id || !begun.running()) co_return;
    const model::Step step = begun.step;
    const model::OperationKind kind = begun.kind;
    model::StepTiming timing;
    timing.step = step;
    timing.started = now();
    model::StepEvent event = model::StepEvent::restarted;
    if (!restarted) {
      Duration limit = model::time_limit(kind, step);
      // The sessions of the bystanders drain first, then this region's, then the old region's.
      if (step == model::Step::fence) limit += 3 * begun.drain.timeout;
      const auto outcome = co_await attempt(global_cluster, Deadline::in(limit));
      if (tasks_.stopping()) co_return;
      event = event_of(outcome);
      if (outcome.has_error()) timing.note = outcome.error().message;
    }
    restarted = false;
    timing.ended = now();
    const model::Row& row = model::next_row(kind, step, event);
    model::Operation& operation = operations_.at(global_cluster);
    if (operation.id != id) co_return;  // Superseded while we waited.
    operation.timings.push_back(timing);
    operation.step = row.to;
    if (row.to == model::Step::abort && operation.reason.empty()) {
      operation.reason =
          std::string(row.sentence) + (timing.note.empty() ? "" : " (" + timing.note + ")");
    }
    log::info("{} {} epoch {}: {} {}: {}{}", model::name_of(kind), id, operation.epoch.value,
              model::name_of(step), model::name_of(event), row.sentence,
              timing.note.empty() ? "" : " [" + timing.note + "]");
    if (row.to == step) co_await net::sleep_for(kRetryPause);
    // `fence` must be known after a crash before it is asked for; the other steps need no write.
    if (row.to == model::Step::fence || model::is_end(row.to)) {
      if (model::is_end(row.to)) {
        operations_.at(global_cluster).ended = now();
        operation_ended(operations_.at(global_cluster));
      }
      const auto saved = co_await save_operation(global_cluster);
      if (saved.has_error()) log::error("store operation: {}", saved.error().message);
      // The others must not take a finished operation for a running one.
      if (model::is_end(row.to)) co_await gossip_now();
    }
  }
}

net::Task<Result<void>> Controller::attempt(std::string global_cluster, Deadline deadline) {
  const model::Operation operation = operations_.at(global_cluster);
  switch (operation.step) {
    case model::Step::validate: {
      const model::GlobalCluster global = globals_.at(global_cluster);
      co_return co_await why_not_switch_over(global);
    }
    case model::Step::prepare: co_return co_await do_prepare(operation, deadline);
    case model::Step::fence: co_return co_await do_fence(global_cluster, deadline);
    case model::Step::catch_up: co_return co_await do_catch_up(operation, deadline);
    case model::Step::commit: co_return co_await do_commit(global_cluster);
    case model::Step::promote: co_return co_await do_promote(operation, deadline);
    case model::Step::release: co_return co_await do_release(operation, deadline);
    case model::Step::abort: co_return co_await do_abort(operation, deadline);
    case model::Step::done:
    case model::Step::aborted: break;
  }
  co_return ok();
}

net::Task<Result<void>> Controller::do_prepare(model::Operation operation, Deadline deadline) {
  CO_TRY_VOID(co_await head()->checkpoint(deadline));
  CO_TRY_VOID(co_await call_peer(operation.from, "checkpoint", Json::object(), deadline));
  // What the checkpoints themselves took is dirt again: the second one is short.
  CO_TRY_VOID(co_await call_peer(operation.from, "checkpoint", Json::object(), deadline));
  CO_TRY_VOID(co_await head()->warm(deadline));
  co_return co_await prepare_sessions(operation, deadline);
}

net::Task<Result<void>> Controller::do_fence(std::string global_cluster, Deadline deadline) {
  const model::Operation operation = operations_.at(global_cluster);
  // The bystanders first: only their own clients wait while they are asked.
  if (operation.kind == model::OperationKind::switchover) {
    CO_TRY_VOID(co_await hold_bystanders(operation));
  }
  CO_TRY_VOID(co_await hold_endpoints(operation));
  if (operation.from.empty() || operation.from == config_.region) co_return ok();
  const Json request = {{"operation", operation}};
  CO_TRY(const Json answer, co_await call_peer(operation.from, "fence", request, deadline));
  operations_.at(global_cluster).final_lsn = Lsn{answer.value("final_lsn", std::uint64_t{0})};
  co_return ok();
}

net::Task<Result<void>> Controller::do_catch_up(model::Operation operation, Deadline deadline) {
  note_event("Waiting for data synchronization with the target DB cluster", {"global failover"});
  co_return co_await head()->await_replay(operation.final_lsn, deadline);
}

net::Task<Result<void>> Controller::do_commit(std::string global_cluster) {
  model::GlobalCluster global = globals_.at(global_cluster);
  model::Operation operation = operations_.at(global_cluster);
  if (operation.kind == model::OperationKind::failover && head_running_) {
    operation.final_lsn = head_state_.received;  // What had arrived when we last looked.
  }
  global.epoch = operation.epoch;
  global.writer_region = config_.region;
  ++global.version;
  operation.step = model::Step::promote;
  std::vector<Store::Document> documents = {
      {"global:" + global_cluster, Json(global).dump()},
      {"operation:" + global_cluster, Json(operation).dump()}};
  CO_TRY_VOID(co_await store_.put(std::move(documents)));
  globals_[global_cluster] = std::move(global);
  operations_.at(global_cluster).final_lsn = operation.final_lsn;
  if (fence_) {
    // An operator goes on here in spite of it. The stored one is of an older epoch by now and binds
    // nobody.
    static constexpr auto forget = [](Controller& self) -> net::Task<void> {
      const auto saved = co_await self.save_fence();
      if (saved.has_error()) log::error("store fence: {}", saved.error().message);
    };
    fence_.reset();
    tasks_.spawn("forget the fence", forget(*this));
  }
  operator_confirmed_ = true;
  // Beside the promotion: what the old server writes from now on would only have to be rewound.
  if (operation.kind == model::OperationKind::switchover) {
    tasks_.spawn("retire " + operation.from.name, retire_old_region(operation));
  }
  co_return ok();
}

// Not awaited, and not repeated: gossip brings the new epoch to a region that has missed it.
net::Task<void> Controller::retire_old_region(model::Operation operation) {
  const Json request = {{"operation", operation}};
  const auto retired =
      co_await call_peer(operation.from, "retire", request, Deadline::in(kAskLimit));
  if (retired.has_error() && !tasks_.stopping()) {
    log::info("{} learns of its retirement later: {}", operation.from.name,
              retired.error().message);
  }
}

net::Task<Result<void>> Controller::do_promote(model::Operation operation, Deadline deadline) {
  CO_TRY(const auto guard, co_await head()->lock().lock(deadline));
  if (!head()->running()) {
    std::optional<WalSource> source;
    if (head()->is_standby_directory()) source = WalSource{};
    CO_TRY_VOID(co_await head()->start(source, deadline));
  }
  CO_TRY_VOID(co_await head()->promote(operation.epoch, config_.region.name, deadline));
  head_state_.in_recovery = false;
  head_state_.streaming = false;
  co_return ok();
}

net::Task<Result<void>> Controller::do_release(model::Operation operation, Deadline) {
  co_await publish_topology();
  co_await gossip_now();
  note_event("The DB cluster " + cluster_->identifier +
                 " was promoted to the primary of the global cluster",
             {"global failover"});
  note_event("Aurora finished changing the DNS name that the global writer endpoint resolves to",
             {"global failover"});
  (void)operation;
  co_return ok();
}

net::Task<Result<void>> Controller::do_abort(model::Operation operation, Deadline deadline) {
  co_await release_endpoints();
  const Json request = {{"operation", operation}};
  CO_TRY_VOID(co_await call_peer(operation.from, "unfence", request, deadline));
  co_return ok();
}

void Controller::operation_ended(const model::Operation& operation) {
  const bool lossless = operation.kind == model::OperationKind::switchover;
  const std::string what = lossless ? "Global switchover" : "Global failover";
  const std::string where =
      " to DB cluster " + cluster_->identifier + " in Region " + config_.region.name;
  if (operation.step == model::Step::done) {
    note_event(what + where + (lossless ? " finished" : " completed"), {"global failover"});
  } else {
    note_event(what + where + " was cancelled: " + operation.reason, {"global failover"});
  }
  wake_.notify();
}

}  // namespace aurora_global::region
