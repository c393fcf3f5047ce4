#include "region/moves/coordinator.h"

#include "model/merge.h"
#include "net/log.h"
#include "net/together.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRetryPause = 100ms;
constexpr Duration kAskLimit = 3s;
constexpr Duration kPeerSlack = 2s;  // For the way to another region and back.
constexpr Duration kHoldSlack = 1500ms;
// A member from which nothing came for so long is not asked to hold its clients.
constexpr Duration kSilentBystander = 2s;
// Replay that does not come along in this time is helped.
constexpr Duration kReplayPatience = 200ms;

model::StepEvent event_of(const Result<void>& outcome) {
  if (outcome.has_value()) return model::StepEvent::succeeded;
  // `superseded` is a failure like others, for a peer may have said it: only our own copy decides.
  return outcome.error().kind == ErrorKind::timeout ? model::StepEvent::timed_out
                                                    : model::StepEvent::failed;
}

}  // namespace

void Coordinator::resume() {
  for (const auto& [global, operation] : core_.truth.now().operations) {
    if (!operation.running() || operation.to != core_.here()) continue;
    core_.tasks.spawn("operation " + operation.id, run(global, true, core_.instances.claim_move()));
  }
}

bool Coordinator::is_current(const std::string& global_cluster, const std::string& id) const {
  const model::Operation* operation = core_.truth.running_operation(global_cluster);
  return operation != nullptr && operation->id == id;
}

net::Task<void> Coordinator::run(std::string global_cluster, bool restarted,
                                 Instances::Claim claim) {
  // Held until the operation has ended.
  const Instances::Claim nobody_replaces_the_data = std::move(claim);
  const std::string id = core_.truth.operation(global_cluster)->id;
  while (!core_.tasks.stopping() && is_current(global_cluster, id)) {
    const model::Operation operation = *core_.truth.operation(global_cluster);
    model::StepTiming timing;
    timing.step = operation.step;
    timing.started = core_.clock.wall_now();
    model::StepEvent event = model::StepEvent::restarted;
    const auto past = [&] {
      const model::GlobalCluster* global = core_.truth.global(global_cluster);
      return global == nullptr || model::is_superseded(operation, *global);
    };
    if (past()) {
      event = model::StepEvent::superseded;
    } else if (!restarted) {
      event = co_await perform(operation, &timing.note);
      if (core_.tasks.stopping()) co_return;
      if (past()) event = model::StepEvent::superseded;
    }
    restarted = false;
    timing.ended = core_.clock.wall_now();
    if (!is_current(global_cluster, id)) co_return;  // Superseded while we waited.
    co_await conclude(operation, event, std::move(timing));
  }
}

net::Task<model::StepEvent> Coordinator::perform(model::Operation operation, std::string* note) {
  Duration limit = model::time_limit(operation.kind, operation.step);
  // The sessions of the bystanders drain first, then this region's, then the old region's. In a
  // failover nobody is waited for.
  const bool drains = operation.kind == model::OperationKind::switchover;
  if (operation.step == model::Step::fence && drains) limit += 3 * operation.drain.timeout;
  const auto outcome = co_await attempt(operation, Deadline::in(limit));
  if (outcome.has_error()) *note = outcome.error().message;
  co_return event_of(outcome);
}

// The row says what comes next; what must survive a crash is stored before it is acted on. A store
// that fails leaves the operation where it is: the step is done again.
net::Task<void> Coordinator::conclude(model::Operation before, model::StepEvent event,
                                      model::StepTiming timing) {
  const model::Row& row = model::next_row(before.kind, before.step, event);
  std::string reason;
  if (row.to == model::Step::abort || event == model::StepEvent::superseded ||
      row.to == model::Step::aborted) {
    reason = std::string(row.sentence) + (timing.note.empty() ? "" : " (" + timing.note + ")");
  }
  log::info("{} {} epoch {}: {} {}: {}{}", model::name_of(before.kind), before.id,
            before.epoch.value, model::name_of(before.step), model::name_of(event), row.sentence,
            timing.note.empty() ? "" : " [" + timing.note + "]");
  const std::string global_cluster = before.global_cluster;
  // `commit` has stored the step that follows it, together with the epoch.
  const bool stored = before.step == model::Step::commit && row.to == model::Step::promote;
  if (row.to == before.step || stored || !model::must_be_stored(row.to)) {
    truth_.advance(global_cluster, row.to, std::move(timing), std::move(reason));
    if (row.to == before.step) co_await net::sleep_for(kRetryPause);
    co_return;
  }
  std::optional<model::Operation> settled;
  if (row.to == model::Step::done) settled = co_await settle_the_loss(before);
  const auto decide = [&](const State& now) -> Result<Change> {
    Change change;
    model::Operation next = now.operations.at(global_cluster);
    if (next.id != before.id) return change;
    if (settled) {
      next.final_lsn = settled->final_lsn;
      next.lost_bytes = settled->lost_bytes;
    }
    next.step = row.to;
    next.add(timing);
    if (next.reason.empty()) next.reason = reason;
    if (model::is_end(row.to)) next.ended = core_.clock.wall_now();
    change.operations.push_back(std::move(next));
    return change;
  };
  const auto kept = co_await truth_.commit(decide);
  if (kept.has_error()) {
    if (!core_.tasks.stopping()) log::error("store operation: {}", kept.error().message);
    co_await net::sleep_for(kRetryPause);
    co_return;
  }
  if (!model::is_end(row.to)) co_return;
  tell_of_the_end(*core_.truth.operation(global_cluster));
  // The clients go on where the newer epoch's topology leads them, or where they were.
  const model::GlobalCluster* global = core_.truth.own_global();
  const bool follows = global != nullptr && global->epoch >= before.epoch;
  if (event == model::StepEvent::superseded && !follows) co_await orders_.release(before.id);
  // The others must not take a finished operation for a running one.
  gossip_.tell();
}

net::Task<Result<void>> Coordinator::attempt(model::Operation operation, Deadline deadline) {
  switch (operation.step) {
    case model::Step::validate: {
      model::GlobalCluster global = *core_.truth.global(operation.global_cluster);
      CO_TRY_VOID(co_await may_switch_over(std::move(global), deadline));
      co_return ok();
    }
    case model::Step::prepare: co_return co_await prepare(operation, deadline);
    case model::Step::fence: co_return co_await fence(operation, deadline);
    case model::Step::catch_up: co_return co_await catch_up(operation, deadline);
    case model::Step::commit: co_return co_await commit(operation);
    case model::Step::promote: co_return co_await promote(operation, deadline);
    case model::Step::release: co_return co_await release(operation);
    case model::Step::abort: co_return co_await abort(operation, deadline);
    case model::Step::done:
    case model::Step::aborted: break;
  }
  co_return ok();
}

net::Task<Result<void>> Coordinator::prepare(model::Operation operation, Deadline deadline) {
  const auto head = core_.head();
  if (head == nullptr) co_return make_error(ErrorKind::conflict, "the DB instance is gone");
  CO_TRY_VOID(co_await head->checkpoint(deadline));
  CO_TRY_VOID(co_await core_.peers.ask(operation.from, messages::Checkpoint{}, deadline));
  // What the checkpoints themselves took is dirt again: the second one is short.
  CO_TRY_VOID(co_await core_.peers.ask(operation.from, messages::Checkpoint{}, deadline));
  CO_TRY_VOID(co_await head->warm(deadline));
  co_return co_await prepare_sessions(operation, deadline);
}

std::vector<RegionId> Coordinator::members_of(const model::Operation& operation) const {
  std::vector<RegionId> regions;
  const model::GlobalCluster* global = core_.truth.global(operation.global_cluster);
  if (global == nullptr) return regions;
  for (const auto& member : global->members) regions.push_back(member.region);
  return regions;
}

// Every member's router. One that does not answer has its sessions opened after the move instead.
net::Task<Result<void>> Coordinator::prepare_sessions(model::Operation operation,
                                                      Deadline deadline) {
  static constexpr auto one = [](Coordinator& self, RegionId region, model::Operation what,
                                 Deadline limit) -> net::Task<void> {
    Result<void> prepared = ok();
    if (region == self.core_.here()) {
      prepared = co_await self.orders_.prepare(what, limit);
    } else {
      const auto answer =
          co_await self.core_.peers.ask(region, messages::PrepareSessions{what},
                                        limit.at_most(kPrepareSessionsLimit + kPeerSlack));
      if (answer.has_error()) prepared = answer.error();
    }
    if (prepared.has_error() && !self.core_.tasks.stopping()) {
      log::warn("sessions of {} are not prepared: {}", region.name, prepared.error().message);
    }
  };
  std::vector<net::Task<void>> tasks;
  for (const RegionId& region : members_of(operation)) {
    tasks.push_back(one(*this, region, operation, deadline));
  }
  co_await net::together(core_.tasks, "prepare sessions", std::move(tasks));
  co_return ok();
}

// The routers of the members that neither give the writer away nor take it. One that does not
// answer is left out: what its clients have open then ends with the fence.
net::Task<Result<void>> Coordinator::hold_bystanders(model::Operation operation) {
  const auto refusal = std::make_shared<std::string>();
  static constexpr auto one = [](Coordinator& self, RegionId region, model::Operation what,
                                 std::shared_ptr<std::string> why) -> net::Task<void> {
    const auto limit = Deadline::in(what.drain.timeout + kHoldSlack);
    const auto answer = co_await self.core_.peers.ask(region, messages::Hold{what}, limit);
    if (answer.has_value()) {
      if (why->empty()) *why = answer->why_not;
    } else if (answer.error().kind == ErrorKind::conflict) {
      if (why->empty()) *why = answer.error().message;
    } else if (!self.core_.tasks.stopping()) {
      log::warn("sessions of {} are not held: {}", region.name, answer.error().message);
    }
  };
  std::vector<net::Task<void>> tasks;
  for (const RegionId& region : members_of(operation)) {
    if (region == core_.here() || region == operation.from) continue;
    if (core_.views.fresh(region, kSilentBystander) == nullptr) continue;
    tasks.push_back(one(*this, region, operation, refusal));
  }
  if (tasks.empty()) co_return ok();
  co_await net::together(core_.tasks, "hold the bystanders", std::move(tasks));
  if (!refusal->empty()) co_return make_error(ErrorKind::conflict, *refusal);
  co_return ok();
}

net::Task<Result<void>> Coordinator::fence(model::Operation operation, Deadline deadline) {
  // The bystanders first: only their own clients wait while they are asked.
  if (operation.kind == model::OperationKind::switchover) {
    CO_TRY_VOID(co_await hold_bystanders(operation));
  }
  CO_TRY_VOID(co_await orders_.hold(operation));
  if (operation.from.empty() || operation.from == core_.here()) co_return ok();
  CO_TRY(const auto fenced,
         co_await core_.peers.ask(operation.from, messages::FenceOrder{operation}, deadline));
  // A member may have come or gone since the last gossip.
  if (fenced.global) CO_TRY_VOID(co_await gossip_.learn_global(*fenced.global));
  if (is_current(operation.global_cluster, operation.id)) {
    truth_.note_final_lsn(operation.global_cluster, fenced.final_lsn);
  }
  co_return ok();
}

net::Task<Result<void>> Coordinator::catch_up(model::Operation operation, Deadline deadline) {
  const auto head = core_.head();
  if (head == nullptr) co_return make_error(ErrorKind::conflict, "the DB instance is gone");
  core_.events.of_failover("Waiting for data synchronization with the target DB cluster");
  for (;;) {
    const auto replayed =
        co_await head->await_replay(operation.final_lsn, deadline.at_most(kReplayPatience));
    if (replayed.has_value() || replayed.error().kind != ErrorKind::timeout) co_return replayed;
    if (deadline.passed()) co_return replayed;
    // Nobody writes meanwhile: a reader's transaction is not worth that.
    CO_TRY(const int ended, co_await head->clear_the_way_of_replay(deadline));
    if (ended == 0) continue;
    log::warn("{} sessions at {} were ended: replay waited for them", ended, core_.here().name);
  }
}

// The one transaction of the window.
net::Task<Result<void>> Coordinator::commit(model::Operation operation) {
  const bool failover = operation.kind == model::OperationKind::failover;
  const model::HeadStatus seen = core_.instances.head_status();
  const auto decide = [&](const State& now) -> Result<Change> {
    const auto head = core_.head();
    if (head == nullptr || !head->has_data()) {
      return make_error(ErrorKind::conflict, "the DB instance has no data");
    }
    const auto found = now.globals.find(operation.global_cluster);
    const auto present = now.operations.find(operation.global_cluster);
    if (found == now.globals.end() || present == now.operations.end() ||
        present->second.id != operation.id || found->second.epoch >= operation.epoch ||
        model::is_superseded(operation, found->second) || !now.cluster ||
        now.cluster->facts.global_cluster_identifier != operation.global_cluster) {
      return make_error(ErrorKind::superseded, "a newer decision is known by now");
    }
    Change change;
    model::GlobalCluster global = found->second;
    model::Operation next = present->second;
    if (failover) {
      const PeerView* old = core_.views.of(operation.from);
      // What had arrived at the last look; settle_the_loss() puts it right. Positions on two
      // timelines say nothing of each other.
      const bool alike = old != nullptr && old->head.timeline == seen.timeline;
      const std::uint64_t ours = std::max(seen.received.value, seen.position.value);
      next.final_lsn = Lsn{ours};
      next.lost_bytes.reset();
      if (alike) next.lost_bytes = std::max(old->head.position.value, ours) - ours;
    }
    global.epoch = operation.epoch;
    global.decision = {core_.here(), operation.id};
    global.writer_region = core_.here();
    ++global.version;
    next.step = model::next_row(next.kind, model::Step::commit, model::StepEvent::succeeded).to;
    change.globals.push_back(std::move(global));
    change.operations.push_back(std::move(next));
    // An operator may go on here in spite of a promise, which is of an older epoch now.
    if (now.fence.up()) change.fence = Fence();
    change.evidence = EpochEvidence::Word::decided;
    return change;
  };
  CO_TRY_VOID(co_await truth_.commit(decide));
  // Beside the promotion: what the old server writes from now on would only have to be rewound.
  if (!failover) {
    core_.tasks.spawn("retire " + operation.from.name, retire_old_region(operation));
  }
  co_return ok();
}

// Not awaited, and not repeated: gossip brings the new epoch to a region that has missed it.
net::Task<void> Coordinator::retire_old_region(model::Operation operation) {
  const auto retired = co_await core_.peers.ask(operation.from, messages::Retire{operation},
                                                Deadline::in(kAskLimit));
  if (retired.has_error() && !core_.tasks.stopping()) {
    log::info("{} learns of its retirement later: {}", operation.from.name,
              retired.error().message);
  }
}

net::Task<Result<void>> Coordinator::promote(model::Operation operation, Deadline deadline) {
  const auto head = core_.head();
  if (head == nullptr) co_return make_error(ErrorKind::conflict, "the DB instance is gone");
  CO_TRY(const auto guard, co_await head->lock().lock(deadline));
  // Somebody else had the lock, and may have brought a newer epoch.
  const model::GlobalCluster* global = core_.truth.global(operation.global_cluster);
  if (global == nullptr || model::is_superseded(operation, *global)) {
    co_return make_error(ErrorKind::superseded, "a newer decision is known by now");
  }
  if (!core_.truth.epoch_confirmed()) {
    co_return make_error(ErrorKind::unavailable,
                         "this region's daemon has restarted, and another region may have become "
                         "the primary meanwhile; it waits for the word of every member");
  }
  if (!head->running()) {
    std::optional<WalSource> source;
    if (head->is_standby_directory()) source = WalSource{};
    CO_TRY_VOID(co_await head->start(source, deadline));
  }
  // What has arrived is replayed before the promotion.
  const auto over = std::make_shared<bool>(false);
  core_.tasks.spawn("help replay", help_replay(head, over));
  const auto promoted = co_await head->promote(operation.epoch, core_.here().name, deadline);
  *over = true;
  if (promoted.has_error()) co_return promoted;
  core_.instances.head_is_open();
  co_return ok();
}

// A reader's transaction that replay waits for is not worth the time in which nobody writes.
net::Task<void> Coordinator::help_replay(std::shared_ptr<Instance> head,
                                         std::shared_ptr<bool> over) {
  while (!core_.tasks.stopping()) {
    co_await net::sleep_for(kReplayPatience);
    if (*over) co_return;
    const auto ended = co_await head->clear_the_way_of_replay(Deadline::in(kAskLimit));
    if (ended.has_value() && *ended > 0) {
      log::warn("{} sessions at {} were ended: replay waited for them", *ended, core_.here().name);
    }
  }
}

net::Task<Result<void>> Coordinator::release(model::Operation operation) {
  co_await orders_.publish();
  gossip_.tell();
  core_.events.of_failover("The DB cluster " + core_.truth.cluster()->identifier +
                           " was promoted to the primary of the global cluster");
  core_.events.of_failover(
      "Aurora finished changing the DNS name that the global writer endpoint resolves to");
  co_return ok();
}

net::Task<Result<void>> Coordinator::abort(model::Operation operation, Deadline deadline) {
  co_await orders_.release(operation.id);
  gossip_.tell();
  CO_TRY_VOID(co_await core_.peers.ask(operation.from, messages::Unfence{operation}, deadline));
  co_return ok();
}

}  // namespace aurora_global::region
