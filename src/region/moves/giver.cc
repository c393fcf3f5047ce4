#include "region/moves/giver.h"
#include "net/log.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kGiversCheckpointLimit = 60s;
constexpr Duration kGiversStopLimit = 12s;
constexpr Duration kEngineFenceLimit = 7s;
// A failover waits 300 ms for the fence: the engine is asked for a part of it, then killed.
constexpr Duration kEngineFenceAtOnceLimit = 100ms;
constexpr Duration kGiverAskLimit = 3s;

}  // namespace

void Giver::serve(PeerServer& server) {
  using messages::Caller;
  server.on<messages::Inspect>([this](Caller, messages::Inspect) { return inspect(); });
  server.on<messages::Checkpoint>([this](Caller, messages::Checkpoint) { return checkpoint(); });
  server.on<messages::Fork>([this](Caller, messages::Fork request) { return fork(request); });
  server.on<messages::FenceOrder>(
      [this](Caller, messages::FenceOrder request) { return fence(std::move(request)); });
  server.on<messages::Unfence>(
      [this](Caller, messages::Unfence request) { return unfence(std::move(request)); });
  server.on<messages::Retire>(
      [this](Caller, messages::Retire request) { return retire(std::move(request)); });
}

Giver::Answer<messages::Inspected> Giver::inspect() {
  const auto instance = core_.head();
  if (instance == nullptr || core_.truth.duty() != model::Duty::primary) {
    co_return make_error(ErrorKind::conflict, "this region is not the primary");
  }
  CO_TRY(const InstanceState state, co_await instance->state(Deadline::in(kGiverAskLimit)));
  messages::Inspected answer{
      core_.facts.engine_version, state.position, state.timeline, state.in_recovery, {}};
  // A list that cannot be had is no reason against a move.
  auto unlogged = co_await instance->unlogged_tables(Deadline::in(kGiverAskLimit));
  if (unlogged.has_value()) answer.unlogged = std::move(*unlogged);
  co_return answer;
}

Giver::Answer<messages::Nothing> Giver::checkpoint() {
  const auto instance = core_.head();
  if (instance == nullptr) {
    co_return make_error(ErrorKind::conflict, "this region has no DB instance");
  }
  CO_TRY_VOID(co_await instance->checkpoint(Deadline::in(kGiversCheckpointLimit)));
  CO_TRY_VOID(co_await instance->warm(Deadline::in(kGiverAskLimit)));
  co_return messages::Nothing{};
}

// Where this region's timeline left the one of an old primary.
Giver::Answer<messages::Forked> Giver::fork(messages::Fork request) {
  const auto instance = core_.head();
  if (instance == nullptr || core_.truth.duty() != model::Duty::primary) {
    co_return make_error(ErrorKind::conflict, "this region is not the primary");
  }
  CO_TRY(const InstanceState state, co_await instance->state(Deadline::in(kGiverAskLimit)));
  if (state.in_recovery) {
    co_return make_error(ErrorKind::unavailable, "this region's writer is not promoted yet");
  }
  const auto fork = co_await instance->fork_of(request.timeline);
  co_return messages::Forked{fork.has_value() ? *fork : Lsn{}, state.timeline, state.position};
}

// Why this region does not promise that operation's epoch.
Result<void> Giver::why_not(const model::Operation& operation) const {
  const model::GlobalCluster* global = core_.truth.own_global();
  if (global == nullptr || global->identifier != operation.global_cluster ||
      operation.epoch <= global->epoch) {
    return make_error(ErrorKind::superseded, "epoch " + std::to_string(operation.epoch.value) +
                                                 " is not newer than what this region knows");
  }
  if (global->member_in(operation.to) == nullptr) {
    return make_error(ErrorKind::superseded,
                      operation.to.name + " has left global cluster " + global->identifier);
  }
  const model::Operation* known = core_.truth.operation(operation.global_cluster);
  if (known == nullptr || known->id != operation.id) {
    return make_error(ErrorKind::superseded, "this region knows of a newer operation");
  }
  if (!known->running() || known->step == model::Step::abort) {
    return make_error(ErrorKind::superseded, "operation " + operation.id + " was called off");
  }
  // Who has heard that this region writes no more may have made the epoch true by now.
  const Promise* promise = core_.truth.now().fence.promise();
  const bool given = promise != nullptr && promise->global_cluster == operation.global_cluster &&
                     promise->operation_id != operation.id && promise->epoch >= operation.epoch;
  if (given && operation.kind == model::OperationKind::switchover) {
    return make_error(ErrorKind::conflict, "this region has promised epoch " +
                                               std::to_string(promise->epoch.value) +
                                               " to operation " + promise->operation_id);
  }
  return ok();
}

// Every wait may have let the coordinator's word in that the operation was called off.
Result<void> Giver::still_promised(const model::Operation& operation) const {
  if (core_.truth.now().fence.is_for(operation.id)) return ok();
  log::info("operation {} was called off meanwhile; nothing is fenced", operation.id);
  return make_error(ErrorKind::superseded, "operation " + operation.id + " was called off");
}

// Stored while the routers drain: the engine is fenced after both.
net::Task<Result<void>> Giver::promise_and_hold(model::Operation operation, Deadline deadline) {
  struct Storing {
    net::Event done;
    std::optional<Result<void>> outcome;
  };
  const auto storing = std::make_shared<Storing>(Storing{net::Event(core_.tasks.executor()), {}});
  static constexpr auto store = [](Giver& self, model::Operation what,
                                   std::shared_ptr<Storing> here) -> net::Task<void> {
    const auto decide = [&](const State& now) -> Result<Change> {
      TRY_VOID(self.why_not(what));
      Change change;
      TRY(change.fence, now.fence.promised({what.id, what.global_cluster, what.epoch}));
      return change;
    };
    here->outcome = co_await self.truth_.commit(decide);
    here->done.notify();
  };
  core_.tasks.spawn("store the fence", store(*this, operation, storing));
  const auto held = co_await orders_.hold(operation);
  while (!storing->outcome) {
    if (deadline.passed() || core_.tasks.stopping()) {
      co_return make_error(ErrorKind::timeout, "the fence was not stored in time");
    }
    co_await storing->done.wait(deadline);
  }
  CO_TRY_VOID(*storing->outcome);
  promised_here_ = operation.id;
  CO_TRY_VOID(still_promised(operation));
  co_return held;
}

// The fence of an engine that cannot refuse writes.
net::Task<Result<Lsn>> Giver::shut_down(Instance& instance) {
  CO_TRY_VOID(co_await instance.stop(StopMode::fast, Deadline::in(kGiversStopLimit)));
  CO_TRY(const Lsn end, co_await instance.end_of_clean_shutdown());
  truth_.withdraw_word();
  core_.events.of_failover("The old primary DB cluster was shut down");
  co_return end;
}

// In a failover the coordinator does not wait long, and goes on without an answer: the sessions
// here end as fast as they can.
net::Task<Result<Lsn>> Giver::end_writes_at_once(model::Operation operation, Instance& instance) {
  Lsn end;
  if (instance.running()) {
    const auto fenced = co_await instance.fence(operation.epoch, model::DrainPolicy::terminate,
                                                Deadline::in(kEngineFenceAtOnceLimit));
    if (fenced.has_value() && *fenced) end = **fenced;
  }
  CO_TRY_VOID(co_await instance.stop(StopMode::immediate, Deadline::in(kGiversStopLimit)));
  truth_.withdraw_word();
  core_.events.of_failover("The old primary DB cluster was shut down");
  co_return end;
}

net::Task<Result<Lsn>> Giver::end_writes(model::Operation operation, Instance& instance) {
  if (operation.kind == model::OperationKind::failover) {
    co_return co_await end_writes_at_once(operation, instance);
  }
  if (!instance.running()) co_return co_await shut_down(instance);
  const auto fenced = co_await instance.fence(operation.epoch, operation.drain.policy,
                                              Deadline::in(kEngineFenceLimit));
  if (fenced.has_value() && *fenced) co_return **fenced;
  if (fenced.has_error()) {
    if (fenced.error().kind == ErrorKind::conflict) co_return fenced.error();
    CO_TRY_VOID(still_promised(operation));
    log::warn("instance {}: the engine is not fenced: {}; it is shut down", instance.identifier(),
              fenced.error().message);
  }
  co_return co_await shut_down(instance);
}

// One order: clients held, promise durable, no write any more, the last WAL position answered.
Giver::Answer<messages::Fenced> Giver::fence(messages::FenceOrder request) {
  const model::Operation operation = std::move(request.operation);
  truth_.hear(operation);
  CO_TRY_VOID(why_not(operation));
  const Fence& present = core_.truth.now().fence;
  if (present.is_for(operation.id) && present.closed() != nullptr) {
    co_return messages::Fenced{present.closed()->final_lsn, *core_.truth.own_global()};
  }
  const auto instance = core_.head();
  if (instance == nullptr) {
    if (operation.kind == model::OperationKind::failover) co_return messages::Fenced{};
    co_return make_error(ErrorKind::conflict, "this region has no DB instance to take over from");
  }
  // The keeper leaves an instance alone whose lock is held; otherwise it would stop this one as
  // soon as its region is fenced.
  CO_TRY(const auto guard, co_await instance->lock().lock(Deadline::in(kGiversStopLimit)));
  CO_TRY_VOID(why_not(operation));  // Another operation may have had the lock.
  const auto promised = co_await promise_and_hold(
      operation, Deadline::in(operation.drain.timeout + kGiversStopLimit));
  if (promised.has_error()) {
    // Nothing was promised, so its clients need not wait for anybody's word.
    if (!core_.truth.now().fence.is_for(operation.id)) co_await orders_.release(operation.id);
    co_return promised.error();
  }
  CO_TRY(const Lsn final_lsn, co_await end_writes(operation, *instance));
  CO_TRY_VOID(truth_.close_fence(operation.id, final_lsn));
  const model::GlobalCluster* global = core_.truth.global(operation.global_cluster);
  if (global == nullptr) co_return messages::Fenced{final_lsn};
  co_return messages::Fenced{final_lsn, *global};
}

// This region goes on as the primary.
net::Task<Result<void>> Giver::lift(std::string operation_id) {
  const auto decide = [&](const State& now) -> Result<Change> {
    Change change;
    if (now.fence.is_for(operation_id)) change.fence = Fence();
    return change;
  };
  CO_TRY_VOID(co_await truth_.commit(decide));
  const auto instance = core_.head();
  if (instance != nullptr && instance->running() && core_.truth.duty() == model::Duty::primary) {
    const auto lifted = co_await instance->unfence(Deadline::in(kGiverAskLimit));
    // The keeper lifts it, too.
    if (lifted.has_error()) log::warn("lift the fence: {}", lifted.error().message);
  }
  co_return ok();
}

net::Task<void> Giver::called_off(model::Operation operation) {
  if (core_.truth.now().fence.is_for(operation.id)) {
    log::warn("operation {} was called off; this region goes on as the primary", operation.id);
    const auto lifted = co_await lift(operation.id);
    if (lifted.has_error()) log::error("lift the fence: {}", lifted.error().message);
  }
  co_await orders_.release(operation.id);
  changed_();
}

Giver::Answer<messages::Nothing> Giver::unfence(messages::Unfence request) {
  const model::Operation operation = std::move(request.operation);
  const model::GlobalCluster* global = core_.truth.own_global();
  model::Operation called_off_now = operation;
  called_off_now.step = model::Step::aborted;
  truth_.hear(called_off_now);
  // The coordinator says that this region is the primary: its word about the epoch before its own.
  // To a daemon that was there all the time; one that has started since asks every member, for
  // another one may have become the primary meanwhile, and this coordinator need not know.
  const bool ours = global != nullptr && global->identifier == operation.global_cluster &&
                    global->writer_region == core_.here() && operation.epoch > global->epoch &&
                    promised_here_ == operation.id;
  if (ours) truth_.take_word(EpochEvidence::Word::handed_back);
  CO_TRY_VOID(co_await lift(operation.id));
  co_await orders_.release(operation.id);
  changed_();
  co_return messages::Nothing{};
}

// The new epoch is stored: the old server's sessions end, and it writes nothing any more. What
// becomes of it is the keeper's business, once the new writer can be asked.
Giver::Answer<messages::Nothing> Giver::retire(messages::Retire request) {
  const std::string id = request.operation.id;
  const auto instance = core_.head();
  const Fence& fence = core_.truth.now().fence;
  if (!fence.is_for(id) || instance == nullptr || !instance->running()) {
    co_return messages::Nothing{};
  }
  CO_TRY(const auto guard, co_await instance->lock().lock(Deadline::in(kGiverAskLimit)));
  // Somebody else had the lock: gossip may have been faster.
  if (!core_.truth.now().fence.is_for(id)) co_return messages::Nothing{};
  CO_TRY_VOID(co_await instance->stop(StopMode::immediate, Deadline::in(kGiversStopLimit)));
  truth_.withdraw_word();
  core_.events.of_failover("The old primary DB cluster was shut down");
  co_return messages::Nothing{};
}

}  // namespace aurora_global::region
