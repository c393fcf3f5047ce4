#include "region/keeper/keeper.h"

#include "net/log.h"
#include "region/keeper/sources.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRound = 250ms;
constexpr Duration kQueryLimit = 3s;
constexpr Duration kStartLimit = 60s;
constexpr Duration kSeedLimit = 3600s;
constexpr Duration kStopLimit = 30s;
constexpr Duration kBackoffFirst = 250ms;
constexpr Duration kBackoffMax = 30s;
// The writer's region answers: then a standby should get what it writes.
constexpr Duration kWriterAnswers = 3s;
// A server that replays the same segment for so long will not come up.
constexpr Duration kMutePatience = 120s;
// Actions of one round; a way from anything to its duty has fewer.
constexpr int kActionsMax = 6;

Duration backoff_after(int failures) {
  return std::min(kBackoffFirst * (1 << std::min(failures, 7)), kBackoffMax);
}

}  // namespace

Keeper::Keeper(Core& core, Truth& truth, std::function<void()> changed)
    : core_(core), truth_(truth), changed_(std::move(changed)), wake_(core.tasks.executor()) {}

void Keeper::adopt() {
  core_.instances.sync(core_.truth.cluster());
  const auto head = core_.head();
  if (head != nullptr && head->running() && !head->is_standby_directory()) {
    truth_.take_word(EpochEvidence::Word::adopted);
  }
}

void Keeper::start() { core_.tasks.spawn("keeper", watch_over_all()); }

net::Task<void> Keeper::watch_over_all() {
  while (!core_.tasks.stopping()) {
    core_.instances.sync(core_.truth.cluster());
    for (const auto& [identifier, one] : core_.instances.all()) {
      if (kept_.insert(identifier).second) {
        core_.tasks.spawn("keeper of " + identifier, keep(identifier));
      }
    }
    co_await wake_.wait_for(kRound);
  }
}

net::Task<void> Keeper::keep(std::string identifier) {
  int failures = 0;
  Instant not_before = core_.clock.now();
  while (!core_.tasks.stopping()) {
    const auto instance = core_.instances.find(identifier);
    if (instance == nullptr) break;
    if (core_.clock.now() >= not_before) {
      not_before = core_.clock.now() + co_await keep_once(*instance, &failures);
    }
    co_await look_at(*instance);
    co_await wake_.wait_for(kRound);
  }
  kept_.erase(identifier);
}

// One instance, with its lock. Returns how long to leave it alone after a failure.
net::Task<Duration> Keeper::keep_once(Instance& instance, int* failures) {
  // Whoever holds the lock (a fence, a promotion) knows better what the instance has to be.
  if (instance.lock().held()) co_return Duration::zero();
  const auto guard = co_await instance.lock().lock(Deadline::in(1ms));
  if (guard.has_error()) co_return Duration::zero();
  const auto forwards =
      co_await instance.set_forwarding(forwarding_of(core_, instance), Deadline::in(kQueryLimit));
  if (forwards.has_error() && !core_.tasks.stopping()) {
    log::warn("instance {}: set write forwarding: {}", instance.identifier(),
              forwards.error().message);
  }
  if (const model::DbCluster* cluster = core_.truth.cluster()) {
    auto parameters = core_.groups.parameters_of(*cluster, instance.identifier());
    const auto set =
        co_await instance.set_parameters(std::move(parameters), Deadline::in(kQueryLimit));
    if (set.has_error() && !core_.tasks.stopping()) {
      log::warn("instance {}: set parameters: {}", instance.identifier(), set.error().message);
    }
  }
  const bool is_head = instance.slot() == Instances::kHeadSlot;
  const auto kept = co_await (is_head ? keep_head(instance) : keep_reader(instance));
  if (kept.has_value() || core_.tasks.stopping()) {
    *failures = 0;
    co_return Duration::zero();
  }
  const Duration pause = backoff_after((*failures)++);
  log::warn("instance {} (duty {}): {}; again in {} ms", instance.identifier(),
            model::name_of(core_.truth.duty()), kept.error().message, milliseconds(pause));
  co_return pause;
}

HeadFacts Keeper::facts_of(Instance& head) const {
  HeadFacts facts;
  facts.duty = core_.truth.duty();
  facts.has_data = facts.duty == model::Duty::standby ? head.can_follow() : head.has_data();
  facts.running = head.running();
  facts.standby_directory = head.is_standby_directory();
  facts.has_source = source_of_head(core_, head).has_value();
  facts.lost_epoch = core_.truth.now().lost.has_value();
  if (const auto* seen = core_.instances.seen(head.identifier())) {
    const bool mute = seen->mute_since && core_.clock.now() - *seen->mute_since > kMutePatience;
    facts.stalled = mute || seen->stream.stalled(core_.clock.now());
  }
  return facts;
}

net::Task<Result<void>> Keeper::keep_head(Instance& head) {
  for (int actions = 0; actions < kActionsMax && !core_.tasks.stopping(); ++actions) {
    // What was open when this daemon came has ended: it opens again on what the others say.
    const bool adopted = core_.truth.now().evidence.word() == EpochEvidence::Word::adopted;
    if (adopted && !head.running()) truth_.withdraw_word();
    HeadFacts facts = facts_of(head);
    const bool may_not_write =
        facts.duty == model::Duty::fenced || facts.duty == model::Duty::waiting_for_epoch;
    if (may_not_write && facts.running && !facts.standby_directory) {
      const auto state = co_await head.state(Deadline::in(kQueryLimit));
      // Told otherwise meanwhile: a server whose fence was lifted is not one that has lost it.
      if (core_.truth.duty() != facts.duty) continue;
      const Promise* promise = core_.truth.now().fence.promise();
      facts.engine_fenced =
          promise != nullptr && state.has_value() && state->fenced_for >= promise->epoch;
    }
    const Action action = decide(facts);
    const bool quiet = action == Action::rest || action == Action::leave;
    if (!quiet) log::info("instance {}: {}", head.identifier(), name_of(action));
    CO_TRY_VOID(co_await perform(action, head));
    if (quiet) co_return ok();
  }
  co_return ok();
}

WalSource Keeper::source(const Instance& head) const {
  return source_of_head(core_, head).value_or(WalSource{});
}

net::Task<Result<void>> Keeper::perform(Action action, Instance& head) {
  const std::optional<WalSource> none;
  const std::optional<WalSource> nowhere = WalSource{};
  switch (action) {
    case Action::leave: break;
    case Action::rest: co_return co_await rest(head);
    case Action::init: co_return co_await init(head);
    case Action::start_primary: co_return co_await head.start(none, Deadline::in(kStartLimit));
    case Action::start_for_promotion:
      co_return co_await head.start(nowhere, Deadline::in(kStartLimit));
    case Action::promote: {
      const model::GlobalCluster* global = core_.truth.own_global();
      const Epoch epoch = global == nullptr ? Epoch{} : global->epoch;
      co_return co_await head.promote(epoch, core_.here().name, Deadline::in(kStartLimit));
    }
    case Action::stop: co_return co_await head.stop(StopMode::fast, Deadline::in(kStopLimit));
    case Action::stop_at_once:
      truth_.withdraw_word();
      co_return co_await head.stop(StopMode::immediate, Deadline::in(kStopLimit));
    case Action::no_source:
      co_return make_error(ErrorKind::invalid, "the writer's region is not among the peers");
    case Action::seed: {
      const auto claim = core_.instances.claim_replacement();
      if (claim == nullptr) co_return ok();
      CO_TRY(const bool taken, co_await head.take_volume(core_.volume()));
      if (taken) co_return ok();
      co_return co_await head.seed(source(head), Deadline::in(kSeedLimit));
    }
    case Action::rejoin: co_return co_await rejoin(head);
    case Action::keep_and_seed: co_return co_await keep_and_seed(head);
    case Action::start_standby:
      co_return co_await head.start(source(head), Deadline::in(kStartLimit));
    case Action::mend: co_return co_await mend_head(head);
  }
  co_return ok();
}

net::Task<Result<void>> Keeper::init(Instance& head) {
  CO_TRY(const bool taken, co_await head.take_volume(core_.volume()));
  if (taken || !core_.truth.now().cluster) co_return ok();
  // Whoever became the writer by a move had data: an empty database in their place would be served.
  const model::GlobalCluster* global = core_.truth.own_global();
  const model::Operation* last =
      global == nullptr ? nullptr : core_.truth.operation(global->identifier);
  if (last != nullptr && last->epoch == global->epoch && last->to == core_.here()) {
    co_return make_error(ErrorKind::conflict,
                         "this region became the primary by a move and its instance has no data; "
                         "no empty database takes their place, fail over to another region");
  }
  const OwnCluster& own = *core_.truth.now().cluster;
  for (const model::DbInstance& instance : own.facts.instances) {
    if (instance.identifier != head.identifier() || instance.status == "creating") continue;
    co_return make_error(ErrorKind::corrupt,
                         "its data are gone, and it is not new: no empty database takes their "
                         "place; what was set aside is beside its data directory");
  }
  Bootstrap bootstrap{own.facts.database_name, own.facts.master_username, own.master_verifier};
  co_return co_await head.init(std::move(bootstrap), Deadline::in(kStartLimit));
}

net::Task<Result<void>> Keeper::rest(Instance& head) {
  if (core_.truth.duty() == model::Duty::standby) {
    truth_.withdraw_word();
    CO_TRY_VOID(co_await head.follow(source(head), Deadline::in(kQueryLimit)));
    CO_TRY_VOID(co_await raise_settings(head, source(head)));
    // What was promised or lost is over: the writer is elsewhere, and this follows it.
    const auto forget = [](const State& now) -> Result<Change> {
      Change change;
      if (now.fence.up()) change.fence = Fence();
      if (now.lost) change.lost = std::optional<LostEpoch>();
      return change;
    };
    CO_TRY_VOID(co_await truth_.commit(forget));
  } else {
    // Of a switchover that was called off while nobody could be told.
    CO_TRY_VOID(co_await head.unfence(Deadline::in(kQueryLimit)));
    CO_TRY_VOID(co_await head.keep_rights(Deadline::in(kQueryLimit)));
  }
  co_return co_await head.keep_slots(slots_at_head(core_), Deadline::in(kQueryLimit));
}

net::Task<Result<void>> Keeper::keep_reader(Instance& reader) {
  const auto head = core_.head();
  if (head == nullptr) co_return ok();
  const WalSource from = source_of_reader(core_, *head, reader);
  for (int actions = 0; actions < kActionsMax && !core_.tasks.stopping(); ++actions) {
    ReaderFacts facts{head->running(), reader.has_data(), reader.running(), false};
    if (const auto* seen = core_.instances.seen(reader.identifier())) {
      facts.stalled = seen->stream.stalled(core_.clock.now());
    }
    const Action action = decide(facts);
    if (action == Action::leave) co_return ok();
    if (action == Action::rest) {
      CO_TRY_VOID(co_await reader.follow(from, Deadline::in(kQueryLimit)));
      co_return co_await raise_settings(reader, from);
    }
    log::info("instance {}: {}", reader.identifier(), name_of(action));
    if (action == Action::start_standby) {
      CO_TRY_VOID(co_await reader.start(from, Deadline::in(kStartLimit)));
    } else {
      CO_TRY_VOID(co_await copy_anew(reader, from));
    }
  }
  co_return ok();
}

// Every wait may have let a failover in that makes this region's head the writer.
Result<void> Keeper::may_lose_data(const Instance& instance) const {
  const bool is_head = instance.slot() == Instances::kHeadSlot;
  if (!is_head || core_.truth.duty() == model::Duty::standby) return ok();
  return make_error(ErrorKind::superseded, "this region is no standby any more: its data stay");
}

// A copy has no writes of its own: nothing of it is kept.
net::Task<Result<void>> Keeper::copy_anew(Instance& instance, WalSource from) {
  CO_TRY_VOID(may_lose_data(instance));
  if (auto* seen = core_.instances.seen(instance.identifier())) seen->stream.reset();
  CO_TRY_VOID(co_await instance.stop(StopMode::immediate, Deadline::in(kStopLimit)));
  CO_TRY_VOID(may_lose_data(instance));
  co_return co_await instance.seed(std::move(from), Deadline::in(kSeedLimit));
}

// What was last seen of an instance, for everybody who asks for it.
net::Task<void> Keeper::look_at(Instance& instance) {
  const std::string identifier = instance.identifier();
  const bool busy = instance.lock().held();
  Result<InstanceState> state = make_error(ErrorKind::unavailable, "not running");
  if (instance.running() && !busy) state = co_await instance.state(Deadline::in(kQueryLimit));
  auto* seen = core_.instances.seen(identifier);
  if (seen == nullptr) co_return;  // Deleted while we asked.
  if (state.has_value()) {
    seen->forwarding.take(*state, core_.clock.now());
    seen->state = *state;
    seen->running = true;
    seen->mute_since.reset();
    watch_stream(instance);
  } else if (!busy) {
    seen->running = false;
    seen->state.streaming = false;
    seen->stream.reset();
    if (!instance.running()) seen->forwarding = ForwardingView{};
    watch_startup(instance);
  }
  co_await keep_status(identifier, state.has_value(), busy);
}

void Keeper::watch_stream(Instance& instance) {
  auto* seen = core_.instances.seen(instance.identifier());
  if (seen == nullptr) return;
  Lsn written;
  bool answers = true;
  if (instance.slot() == Instances::kHeadSlot) {
    const model::GlobalCluster* global = core_.truth.own_global();
    const PeerView* writer =
        global == nullptr ? nullptr : core_.views.fresh(global->writer_region, kWriterAnswers);
    answers = core_.truth.duty() == model::Duty::standby && writer != nullptr &&
              writer->head.running && !writer->head.in_recovery;
    if (answers) written = writer->head.position;
  } else {
    const model::HeadStatus head = core_.instances.head_status();
    answers = head.running;
    written = std::max(head.received, head.position);
  }
  if (!answers || !seen->state.in_recovery) return seen->stream.reset();
  seen->stream.look({seen->state.end(), seen->state.streaming, written}, core_.clock.now());
  if (seen->stream.flows()) seen->mends = 0;
}

void Keeper::watch_startup(Instance& instance) {
  auto* seen = core_.instances.seen(instance.identifier());
  if (seen == nullptr) return;
  if (!instance.running()) return seen->mute_since.reset();
  std::string startup = instance.startup_progress();
  if (seen->mute_since && startup == seen->startup) return;
  seen->mute_since = core_.clock.now();
  seen->startup = std::move(startup);
}

// The status that DescribeDBInstances shows; stored when it changes.
net::Task<void> Keeper::keep_status(std::string identifier, bool answers, bool busy) {
  const model::Duty duty = core_.truth.duty();
  const bool held_down = duty == model::Duty::fenced || duty == model::Duty::waiting_for_epoch;
  bool created = false;
  const auto next = [&](const std::string& status) -> std::string {
    if (status == "deleting") return status;
    if (answers) return "available";
    if (status == "available" && !busy && !held_down) return "starting";
    return status;
  };
  const auto change_of = [&](const State& now) -> Result<Change> {
    Change change;
    if (!now.cluster) return change;
    OwnCluster own = *now.cluster;
    bool differs = false;
    for (model::DbInstance& instance : own.facts.instances) {
      if (instance.identifier != identifier) continue;
      const std::string status = next(instance.status);
      differs = status != instance.status;
      created = instance.status == "creating" && status == "available";
      instance.status = status;
    }
    if (own.facts.status == "creating") {
      own.facts.status = "available";
      differs = true;
    }
    if (differs) change.cluster = std::move(own);
    return change;
  };
  const auto planned = change_of(core_.truth.now());
  if (planned.has_error() || !planned->cluster) co_return;
  const auto kept = co_await truth_.commit(change_of);
  if (kept.has_error() && !core_.tasks.stopping()) {
    log::error("store cluster: {}", kept.error().message);
  } else if (created) {
    core_.events.note("DB instance created", {"creation"}, identifier);
  }
}

}  // namespace aurora_global::region
