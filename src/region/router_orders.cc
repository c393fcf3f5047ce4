#include "region/router_orders.h"
#include "net/log.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kOrdersRound = 250ms;
constexpr Duration kOrderLimit = 1s;
constexpr Duration kOrderSlack = 500ms;  // For the order itself.
// Longer than a switchover takes from its fence to its release, beside the drains.
constexpr Duration kHeldAtMost = 45s;

// A region that can be heard at all is heard within this.
constexpr Duration kNextWord = 5s;

constexpr const char* kWriter = "global-writer";
constexpr const char* kCluster = "cluster";
constexpr const char* kReader = "reader";

model::Backend backend_of(const Instance& instance) {
  return {instance.address() + ":5432", instance.socket_dir().string(), false, false};
}

}  // namespace

RouterOrders::RouterOrders(Core& core, RouterLink& router)
    : core_(core),
      router_(router),
      wake_(core.tasks.executor()),
      publishing_(core.tasks.executor()) {}

void RouterOrders::start() {
  core_.tasks.spawn("topology", keep());
  core_.tasks.spawn("end the hold of an earlier daemon", release_what_was_held_before());
}

net::Task<void> RouterOrders::keep() {
  while (!core_.tasks.stopping()) {
    co_await publish();
    co_await wake_.wait_for(kOrdersRound);
  }
}

// How this region's router reaches the head instance of any region.
std::optional<model::Backend> RouterOrders::backend_in(const RegionId& region) const {
  if (region == core_.here()) {
    const auto head = core_.head();
    if (head == nullptr) return std::nullopt;
    return backend_of(*head);
  }
  const PeerConfig* peer = core_.config.peer(region);
  if (peer == nullptr) return std::nullopt;
  return model::Backend{peer->forwarding, "", true, false};
}

std::vector<model::Backend> RouterOrders::readers() const {
  std::vector<model::Backend> readers;
  for (const auto& [identifier, one] : core_.instances.all()) {
    if (one.instance->slot() == Instances::kHeadSlot || !serving_.contains(identifier)) continue;
    model::Backend backend = backend_of(*one.instance);
    backend.draining = one.seen.state.replay_lag_ms > core_.config.reader_lag_ms_max ||
                       one.seen.stream.silent(core_.clock.now()) > 1s;
    readers.push_back(std::move(backend));
  }
  return readers;
}

model::Topology RouterOrders::topology() const {
  const model::GlobalCluster* global = core_.truth.own_global();
  const bool member = global == nullptr || global->member_in(core_.here()) != nullptr;
  model::Topology topology;
  topology.epoch = global == nullptr ? Epoch{} : global->epoch;
  topology.region = core_.here();
  topology.writer_region = global == nullptr ? core_.here() : global->writer_region;
  std::vector<model::Backend> writers, heads;
  if (member || topology.writer_region == core_.here()) {
    if (auto backend = backend_in(topology.writer_region)) writers.push_back(*backend);
  }
  if (const auto head = core_.head()) heads.push_back(backend_of(*head));
  std::vector<model::Backend> all_readers = readers();
  if (all_readers.empty()) all_readers = heads;
  // A server of an older epoch that nobody has fenced gets no clients, whether or not it can be
  // stopped: what they wrote there would be lost.
  const auto head = core_.head();
  const bool stale = head != nullptr && core_.truth.duty() == model::Duty::standby &&
                     !head->is_standby_directory() && head->running();
  if (stale && core_.truth.now().fence.closed() == nullptr) heads.clear();
  topology.endpoints = {{kWriter, writers}, {kCluster, heads}, {kReader, all_readers}};
  return topology;
}

// The epoch is stored before its writer is open: whoever went there now would find a standby.
bool RouterOrders::writer_is_open(const model::GlobalCluster& global) {
  using enum model::Step;
  const model::Operation* operation = core_.truth.decider_of(global);
  if (operation != nullptr && model::progress(operation->step) >= model::progress(promote)) {
    return operation->step != promote;
  }
  if (global.writer_region == core_.here()) return true;
  // This daemon has just started, or somebody else was faster with the epoch than the writer's
  // region: that one's next word says how far its operation is.
  if (doubted_ != global.decision) {
    doubted_ = global.decision;
    doubted_since_ = core_.clock.now();
  }
  const PeerView* word = core_.views.of(global.writer_region);
  const bool told = word != nullptr && word->heard > doubted_since_;
  return told || core_.clock.now() - doubted_since_ > kNextWord;
}

// One that starts for the first time serves nobody yet; later on its clients wait for it. What a
// daemon finds that starts anew serves already.
void RouterOrders::look_who_serves() {
  const bool first = !published_ && serving_.empty();
  for (const auto& [identifier, one] : core_.instances.all()) {
    if (!one.instance->has_data()) {
      serving_.erase(identifier);
    } else if (first || one.seen.running) {
      serving_.insert(identifier);
    }
  }
}

net::Task<void> RouterOrders::publish() {
  const auto turn = co_await publishing_.lock(Deadline::in(kOrderLimit));
  if (turn.has_error()) co_return;
  look_who_serves();
  model::Topology snapshot = topology();
  if (holding_for_ && snapshot.epoch < *holding_for_) co_return;
  const model::GlobalCluster* global = core_.truth.own_global();
  if (global != nullptr && !writer_is_open(*global)) co_return;
  holding_for_.reset();
  held_by_.clear();
  const auto deadline = Deadline::in(kOrderLimit);
  if (!published_ || *published_ == snapshot) {
    const auto version = co_await router_.version(deadline);
    if (version.has_error()) co_return;  // It starts, or hangs; the next round asks again.
    if (published_ && *version > 0) co_return;
    version_ = std::max(version_, *version);
  }
  const model::Topology content = snapshot;
  // Versions grow over restarts without being stored: they are the time in microseconds, or the
  // next number where the clock went back.
  version_ = std::max<std::uint64_t>(
      version_ + 1, static_cast<std::uint64_t>(core_.clock.wall_now().time_since_epoch().count()));
  snapshot.version = version_;
  const auto told = co_await router_.publish(snapshot, deadline);
  if (told.has_value()) {
    published_ = content;
  } else {
    published_.reset();
    log::warn("the router does not take topology {}: {}", version_, told.error().message);
  }
  // After the order: clients wait for that one.
  const auto kept = co_await router_.keep(snapshot);
  if (kept.has_error()) log::warn("keep topology: {}", kept.error().message);
}

net::Task<Result<void>> RouterOrders::prepare(model::Operation operation, Deadline deadline) {
  const auto backend = backend_in(operation.to);
  if (!backend) co_return ok();
  const Duration limit = deadline.at_most(kPrepareSessionsLimit).left();
  PrepareOrder order{kWriter, operation.epoch, *backend, limit};
  co_return co_await router_.prepare(std::move(order), Deadline::in(limit + kOrderSlack));
}

net::Task<Result<void>> RouterOrders::hold(model::Operation operation) {
  holding_for_ = operation.epoch;
  held_by_ = operation.id;
  std::vector<std::string> endpoints = {kWriter};
  // Where this region's head is stopped, those who are connected to it wait for its return.
  if (operation.from == core_.here()) {
    endpoints.push_back(kCluster);
    if (readers().empty()) endpoints.push_back(kReader);  // It leads to the head.
  }
  const bool lossless = operation.kind == model::OperationKind::switchover;
  model::Drain drain = operation.drain;
  if (!lossless) drain = {Duration(0), model::DrainPolicy::terminate};
  for (const std::string& endpoint : endpoints) {
    HoldOrder order{endpoint, operation.epoch, drain};
    const auto held =
        co_await router_.hold(std::move(order), Deadline::in(drain.timeout + kOrderSlack));
    // Let go while its transactions ended. An order that was on its way may have come later.
    if (held_by_ != operation.id) {
      if (held_by_.empty()) co_await let_go(endpoint);
      co_return make_error(ErrorKind::superseded,
                           "operation " + operation.id + " was called off while sessions ended");
    }
    if (held.has_error()) {
      log::warn("hold {}: {}", endpoint, held.error().message);
      continue;
    }
    if (held->open == 0 || drain.policy != model::DrainPolicy::abort) continue;
    co_return make_error(ErrorKind::conflict, std::to_string(held->open) +
                                                  " transactions at endpoint " + endpoint + " of " +
                                                  core_.here().name + " did not end within " +
                                                  std::to_string(milliseconds(drain.timeout)) +
                                                  " ms (drain_policy abort)");
  }
  co_return ok();
}

net::Task<void> RouterOrders::release(std::string operation_id) {
  if (!held_by_.empty() && held_by_ != operation_id) co_return;
  holding_for_.reset();
  held_by_.clear();
  for (const char* endpoint : {kWriter, kCluster, kReader}) co_await let_go(endpoint);
}

net::Task<void> RouterOrders::let_go(std::string endpoint) {
  const auto released = co_await router_.release(endpoint, Deadline::in(kOrderLimit));
  if (released.has_error()) log::warn("release {}: {}", endpoint, released.error().message);
}

void RouterOrders::release_when_forgotten(const model::Operation& operation) {
  // Each region's sessions may take that long to end their transactions.
  const Duration held_at_most = kHeldAtMost + 3 * operation.drain.timeout;
  core_.tasks.spawn("end a forgotten hold", forget_later(operation.id, held_at_most));
}

// The router may hold for an operation of which this daemon, which has started since, hears nothing
// any more.
net::Task<void> RouterOrders::release_what_was_held_before() {
  co_await net::sleep_for(kHeldAtMost);
  const model::GlobalCluster* global = core_.truth.own_global();
  const bool runs =
      global != nullptr && core_.truth.running_operation(global->identifier) != nullptr;
  if (core_.tasks.stopping() || !held_by_.empty() || runs || core_.truth.now().fence.up())
    co_return;
  for (const char* endpoint : {kWriter, kCluster, kReader}) co_await let_go(endpoint);
}

// Of a coordinator that says nothing more: the clients go on where the writer was last known.
net::Task<void> RouterOrders::forget_later(std::string operation_id, Duration held_at_most) {
  co_await net::sleep_for(held_at_most);
  if (core_.tasks.stopping() || held_by_ != operation_id) co_return;
  log::warn("operation {} has held the endpoints for {} ms and is not heard of any more",
            operation_id, milliseconds(held_at_most));
  co_await release(operation_id);
}

}  // namespace aurora_global::region
