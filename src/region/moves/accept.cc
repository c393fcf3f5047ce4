// Whether a move may begin, and how it is written down: the part of the coordinator that refuses.
#include "model/merge.h"
#include "net/log.h"
#include "region/moves/coordinator.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kAcceptRetryPause = 100ms;
constexpr Duration kAcceptAskLimit = 3s;
// For a target that has just become a standby.
constexpr Duration kTargetStartLimit = 5s;
constexpr Duration kLookLimit = 1s;
// Whoever asked for the move is told within this time whether it begins, and does not begin later:
// another region waits kMoveAnswerLimit + kAcceptAskLimit for its answer, and a caller 10 s or
// more.
constexpr Duration kMoveAnswerLimit = 6s;
constexpr Duration kSilence = 2s;  // Of a coordinator that is not waited for any more.
// What has arrived is replayed in this time, or something is in its way.
constexpr Duration kReplayLimit = 1s;
constexpr std::uint64_t kWalPage = 8192;

// An operator's word to move the writer with loss, whatever is under way: over a switchover that
// waits for a dead region to hear that it was called off, over one of ours that has restarted and
// waits for the word of a dead region, and over one whose coordinator has fenced this region or is
// not heard of any more.
bool gives_way(const model::Operation& running, const Core& core, MoveKind kind) {
  if (kind == MoveKind::lossless) return false;
  const bool silent =
      running.to != core.here() && core.views.fresh(running.to, kSilence) == nullptr;
  const bool waits = running.to == core.here() && running.step == model::Step::promote &&
                     !core.truth.epoch_confirmed();
  return running.step == model::Step::abort || core.truth.now().fence.is_for(running.id) ||
         silent || waits;
}

// `ours` was asked before `theirs`.
Result<void> continues(const InstanceState& ours, const messages::Inspected& theirs,
                       const std::string& old_region) {
  if (theirs.timeline != 0 && ours.timeline != theirs.timeline) {
    return make_error(ErrorKind::conflict, "it is on timeline " + std::to_string(ours.timeline) +
                                               ", " + old_region + " on timeline " +
                                               std::to_string(theirs.timeline));
  }
  if (ours.end() > theirs.position) {
    return make_error(ErrorKind::conflict, "it has diverged: its WAL goes to " + ours.end().text() +
                                               ", that of " + old_region + " ends at " +
                                               theirs.position.text());
  }
  return ok();
}

std::string names_of(const std::vector<std::string>& all) {
  std::string text;
  for (const std::string& name : all) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

void Coordinator::serve(PeerServer& server) {
  server.on<messages::Move>([this](messages::Caller,
                                   messages::Move request) -> net::Task<Result<messages::Moved>> {
    const MoveKind kind =
        request.data_loss_allowed ? MoveKind::data_loss_allowed : MoveKind::lossless;
    CO_TRY_VOID(co_await accept(request.global_cluster, kind, request.drain));
    co_return messages::Moved{gossip_.message(), *core_.truth.operation(request.global_cluster)};
  });
}

net::Task<Result<void>> Coordinator::move_writer(std::string identifier, std::string target_arn,
                                                 MoveKind kind, model::Drain drain) {
  const model::GlobalCluster* global = core_.truth.global(identifier);
  if (global == nullptr) co_return no_such_global(identifier);
  CO_TRY_VOID(model::parse_cluster_arn(target_arn));
  const model::GlobalMember* target = global->member_by_arn(target_arn);
  if (target == nullptr) {
    co_return make_error(
        ErrorKind::not_found,
        "DBCluster " + target_arn + " is not a member of global cluster " + identifier,
        "DBClusterNotFoundFault");
  }
  if (target->region == core_.here()) co_return co_await accept(identifier, kind, drain);
  messages::Move request{identifier, kind == MoveKind::data_loss_allowed, drain};
  const RegionId region = target->region;
  co_return co_await ask_target(region, std::move(request));
}

net::Task<Result<void>> Coordinator::ask_target(RegionId target, messages::Move request) {
  auto answer = co_await core_.peers.ask(target, std::move(request),
                                         Deadline::in(kMoveAnswerLimit + kAcceptAskLimit));
  if (answer.has_error()) {
    if (!answer.error().code.empty()) co_return answer.error();
    co_return make_error(
        ErrorKind::unavailable,
        "The target region " + target.name + " cannot be reached: " + answer.error().message,
        kInvalidCluster);
  }
  // The target's own operation is its word; take it for the answer even before gossip brings it.
  CO_TRY_VOID(co_await gossip_.learn(target, std::move(answer->gossip), Gossip::Word::answer));
  co_await gossip_.learn_operation(std::move(answer->operation));
  co_return ok();
}

net::Task<Result<void>> Coordinator::replicates(Instance& instance,
                                                const model::GlobalCluster& global,
                                                Deadline deadline) {
  const auto good = [](const Result<InstanceState>& state) {
    return state.has_value() && state->in_recovery && state->streaming;
  };
  const std::string old_region = global.writer_region.name;
  const Deadline started = deadline.at_most(kTargetStartLimit);
  auto state = co_await instance.state(deadline.at_most(kAcceptAskLimit));
  while (!good(state) && !started.passed() && !core_.tasks.stopping()) {
    co_await net::sleep_for(kAcceptRetryPause);  // A server that starts tells nobody.
    state = co_await instance.state(deadline.at_most(kLookLimit));
  }
  if (state.has_error()) {
    co_return state.error().in("its instance does not answer");
  }
  if (!good(state)) {
    co_return make_error(ErrorKind::conflict, "it is not replicating from " + old_region + " now");
  }
  co_return ok();
}

// What the primary says of itself, and what ours had said before: so the primary has whatever it
// has sent. One that has just become a standby gets to the new timeline soon.
net::Task<Result<messages::Inspected>> Coordinator::compared(Instance& instance, RegionId writer,
                                                             InstanceState* ours,
                                                             Deadline deadline) {
  const Deadline arrives = deadline.at_most(kTargetStartLimit);
  for (;;) {
    CO_TRY(*ours, co_await instance.state(deadline.at_most(kAcceptAskLimit)));
    auto theirs =
        co_await core_.peers.ask(writer, messages::Inspect{}, deadline.at_most(kAcceptAskLimit));
    const bool alike =
        theirs.has_error() || theirs->timeline == 0 || theirs->timeline == ours->timeline;
    if (alike || arrives.passed() || core_.tasks.stopping()) co_return theirs;
    co_await net::sleep_for(kAcceptRetryPause);
  }
}

// Looked at before anybody waits: what stands in the way of replay would stand there while no
// region takes writes.
net::Task<Result<void>> Coordinator::replays(Instance& instance, Deadline deadline) {
  CO_TRY(const InstanceState state, co_await instance.state(deadline.at_most(kAcceptAskLimit)));
  if (state.position >= state.received) co_return ok();
  const auto replayed =
      co_await instance.await_replay(state.received, deadline.at_most(kReplayLimit));
  if (replayed.has_value()) co_return ok();
  CO_TRY(const InstanceState later, co_await instance.state(deadline.at_most(kAcceptAskLimit)));
  if (later.position > state.position) co_return ok();  // It is behind, but it goes on.
  const auto why = co_await instance.what_blocks_replay(deadline.at_most(kAcceptAskLimit));
  // A primary that rests has sent whole pages: its last record may end on the next one, which goes
  // out with the next flush, and the fence is one.
  const bool ends_with_page = state.received.value % kWalPage == 0;
  if (ends_with_page && why.has_value() && why->empty()) co_return ok();
  co_return make_error(ErrorKind::conflict,
                       "it has received WAL that it does not replay: " +
                           (why.has_value() && !why->empty() ? *why : "the cause is not known"));
}

net::Task<Result<std::vector<std::string>>> Coordinator::may_switch_over(
    model::GlobalCluster global, Deadline deadline) {
  const std::string old_region = global.writer_region.name;
  const auto refuse = [&](const std::string& why) {
    return make_error(ErrorKind::conflict,
                      "Global cluster " + global.identifier + " cannot be switched over to " +
                          core_.here().name + ": " + why,
                      kInvalidGlobal);
  };
  const auto instance = core_.head();
  if (instance == nullptr) {
    co_return make_error(ErrorKind::conflict,
                         "The DB cluster in " + core_.here().name +
                             " has no DB instance; create one before it can become the primary",
                         kInvalidCluster);
  }
  if (const auto good = co_await replicates(*instance, global, deadline); good.has_error()) {
    co_return refuse(good.error().message);
  }
  InstanceState state;
  const auto theirs = co_await compared(*instance, global.writer_region, &state, deadline);
  if (theirs.has_error()) {
    co_return refuse("the primary region " + old_region +
                     " does not answer (a failover with AllowDataLoss needs no primary): " +
                     theirs.error().message);
  }
  if (theirs->engine_version != core_.facts.engine_version) {
    co_return refuse("the engine versions differ: " + theirs->engine_version + " in " + old_region +
                     ", " + core_.facts.engine_version + " in " + core_.here().name);
  }
  if (const auto good = continues(state, *theirs, old_region); good.has_error()) {
    co_return refuse(good.error().message);
  }
  const std::uint64_t written = theirs->position.value;
  const std::uint64_t lag = written > state.position.value ? written - state.position.value : 0;
  if (lag > core_.config.switchover_lag_bytes_max) {
    co_return refuse("its replication lag is " + std::to_string(lag) + " bytes, the limit is " +
                     std::to_string(core_.config.switchover_lag_bytes_max));
  }
  if (state.replay_paused) {
    co_return refuse(
        "its replay is paused (pg_wal_replay_resume() resumes it; for settings that are lower than "
        "in " +
        old_region + " its daemon starts it again)");
  }
  if (const auto good = co_await replays(*instance, deadline); good.has_error()) {
    co_return refuse(good.error().message);
  }
  co_return theirs->unlogged;
}

Result<void> Coordinator::why_not_now(const std::string& identifier, MoveKind kind) const {
  const model::GlobalCluster* global = core_.truth.global(identifier);
  if (global == nullptr) return no_such_global(identifier);
  const model::Operation* running = core_.truth.running_operation(identifier);
  if (running != nullptr && !gives_way(*running, core_, kind)) {
    return make_error(ErrorKind::conflict,
                      "Global cluster " + identifier + " is in state " +
                          (running->kind == model::OperationKind::switchover ? "switching-over"
                                                                             : "failing-over") +
                          ": a " + std::string(model::name_of(running->kind)) + " to " +
                          running->to.name + " is in step " +
                          std::string(model::name_of(running->step)),
                      kInvalidGlobal);
  }
  const model::Duty duty = core_.truth.duty();
  const bool waits = duty == model::Duty::waiting_for_epoch || duty == model::Duty::fenced;
  const bool lossless = kind == MoveKind::lossless;
  if (global->writer_region == core_.here() && !(waits && !lossless)) {
    return make_error(ErrorKind::conflict,
                      "The DB cluster in " + core_.here().name +
                          " is already the primary of global cluster " + identifier,
                      kInvalidCluster);
  }
  const model::DbCluster* cluster = core_.truth.cluster();
  // One that was detached by an older primary is no member, whatever the list says.
  if (cluster == nullptr || global->member_in(core_.here()) == nullptr ||
      cluster->global_cluster_identifier != identifier) {
    return make_error(ErrorKind::not_found,
                      "Global cluster " + identifier + " has no DB cluster in " + core_.here().name,
                      "DBClusterNotFoundFault");
  }
  const auto head = core_.head();
  if (!lossless && (head == nullptr || !head->has_data())) {
    return make_error(ErrorKind::conflict,
                      "The DB cluster in " + core_.here().name + " has no DB instance with data",
                      kInvalidCluster);
  }
  return ok();
}

// `seen`: the copy of the global cluster that the checks were made on.
Result<model::Operation> Coordinator::plan(const State& now, const model::GlobalCluster& seen,
                                           MoveKind kind, model::Drain drain) const {
  TRY_VOID(why_not_now(seen.identifier, kind));
  const model::GlobalCluster& global = now.globals.at(seen.identifier);
  if (global.epoch != seen.epoch || global.decision != seen.decision) {
    return make_error(ErrorKind::conflict,
                      "Another operation on global cluster " + seen.identifier + " has just begun",
                      kInvalidGlobal);
  }
  const bool lossless = kind == MoveKind::lossless;
  model::Operation operation;
  operation.id = core_.random.hex(8);
  operation.kind = lossless ? model::OperationKind::switchover : model::OperationKind::failover;
  operation.global_cluster = seen.identifier;
  operation.from = global.writer_region;
  operation.to = core_.here();
  if (const auto* member = global.member_in(global.writer_region)) {
    operation.from_arn = member->cluster_arn;
  }
  operation.to_arn = global.member_in(core_.here())->cluster_arn;
  operation.epoch = global.epoch.next();
  // What was promised to another region may be true there by now: never the same epoch twice.
  const Promise* promise = now.fence.promise();
  if (promise != nullptr && promise->global_cluster == seen.identifier &&
      promise->epoch >= operation.epoch) {
    operation.epoch = promise->epoch.next();
  }
  operation.drain = drain;
  operation.step = model::first_step(operation.kind);
  operation.started = core_.clock.wall_now();
  // After what is known to have been before it, whatever the clocks of the regions say.
  if (const auto* last = core_.truth.operation(seen.identifier)) {
    operation.started = std::max(operation.started, last->started + 1us);
    if (last->epoch > operation.epoch && last->running()) operation.epoch = last->epoch;
    // One whose coordinator is silent may have become true there by now.
    const bool called_off = last->step == model::Step::abort;
    if (last->epoch == operation.epoch && last->running() && !called_off) {
      operation.epoch = last->epoch.next();
    }
  }
  return operation;
}

net::Task<Result<void>> Coordinator::accept(std::string identifier, MoveKind kind,
                                            model::Drain drain) {
  const Deadline answer_by = Deadline::in(kMoveAnswerLimit);
  CO_TRY_VOID(why_not_now(identifier, kind));
  auto claim = core_.instances.claim_move();
  if (claim == nullptr) {
    co_return make_error(
        ErrorKind::conflict,
        "The data of the DB cluster in " + core_.here().name +
            " are just being replaced by a copy; they can become the primary's when "
            "that has ended",
        kInvalidCluster);
  }
  const model::GlobalCluster seen = *core_.truth.global(identifier);
  const bool lossless = kind == MoveKind::lossless;
  std::vector<std::string> emptied;
  if (lossless) {
    CO_TRY(emptied, co_await may_switch_over(seen, answer_by));
  }
  std::string id;
  const auto decide = [&](const State& now) -> Result<Change> {
    if (answer_by.passed()) {
      return make_error(ErrorKind::timeout,
                        "The region " + core_.here().name +
                            " did not find out in time whether the writer can move to it; "
                            "nothing has begun",
                        kInvalidGlobal);
    }
    TRY(model::Operation operation, plan(now, seen, kind, drain));
    id = operation.id;
    if (const auto* running = core_.truth.running_operation(identifier)) {
      const model::Row& row =
          model::next_row(running->kind, running->step, model::StepEvent::superseded);
      log::warn("{} {} epoch {}: {}", model::name_of(running->kind), running->id,
                running->epoch.value, row.sentence);
    }
    Change change;
    change.operations.push_back(std::move(operation));
    return change;
  };
  CO_TRY_VOID(co_await truth_.commit(decide));
  core_.events.of_failover(std::string(lossless ? "Global switchover" : "Global failover") +
                           " to DB cluster " + core_.truth.cluster()->identifier + " in Region " +
                           core_.here().name + " started");
  if (!emptied.empty()) {
    core_.events.of_failover("These tables are UNLOGGED and will be empty after the move: " +
                             names_of(emptied));
  }
  core_.tasks.spawn("operation " + id, run(identifier, false, std::move(claim)));
  co_return ok();
}

}  // namespace aurora_global::region
