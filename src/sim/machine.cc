#include "sim/machine.h"

#include <algorithm>
#include <tuple>

namespace aurora_global::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPoll = 2ms;
constexpr const char* kWriter = "global-writer";

Postgres::Source source_of(const region::WalSource& source) { return {source.upstream}; }

}  // namespace

net::Task<Result<void>> SimInstance::order(std::string_view what, Deadline deadline) {
  co_await net::sleep_for(kernel_.between(100us, 1500us));
  while (postgres().frozen() && !deadline.passed()) co_await net::sleep_for(20ms);
  if (postgres().frozen()) co_return make_error(ErrorKind::timeout, std::string(what));
  if (postgres().process() == Postgres::Process::starting) {
    co_return make_error(ErrorKind::unavailable, "the database system is starting up");
  }
  if (!postgres().answers()) co_return make_error(ErrorKind::unavailable, "no server");
  if (machine_.faults.orders_fail && kernel_.chance(0.5)) {
    co_return make_error(ErrorKind::unavailable, std::string(what) + ": connection lost");
  }
  co_return ok();
}

net::Task<Result<void>> SimInstance::init(region::Bootstrap, Deadline) {
  co_await net::sleep_for(kernel_.between(100ms, 300ms));
  postgres().init();
  co_return ok();
}

net::Task<Result<void>> SimInstance::seed(region::WalSource source, Deadline) {
  note_timeline();
  data() = DataDirectory{};
  co_await net::sleep_for(kernel_.between(100ms, 2s));
  if (!postgres().copy_from(source_of(source))) {
    co_return make_error(ErrorKind::internal, "pg_basebackup ended with 1");
  }
  co_return ok();
}

net::Task<Result<void>> SimInstance::start(std::optional<region::WalSource> source,
                                           Deadline deadline) {
  if (running()) co_return ok();
  std::optional<Postgres::Source> from;
  if (source) from = source_of(*source);
  postgres().start(from, kernel_.between(20ms, 400ms));
  while (!postgres().answers()) {
    if (postgres().process() == Postgres::Process::down) {
      co_return make_error(ErrorKind::unavailable, "ended while starting");
    }
    if (deadline.passed()) co_return make_error(ErrorKind::timeout, "does not accept connections");
    co_await net::sleep_for(5ms);
  }
  co_return ok();
}

net::Task<Result<void>> SimInstance::stop(region::StopMode mode, Deadline) {
  if (!running()) co_return ok();
  const int process = postgres().incarnation();
  if (mode == region::StopMode::immediate || postgres().frozen()) {
    // A postmaster that does not react is killed with its backends after a while.
    co_await net::sleep_for(postgres().frozen() ? Duration(3s) : kernel_.between(2ms, 30ms));
    if (postgres().incarnation() == process) postgres().crash();
    co_return ok();
  }
  co_await net::sleep_for(kernel_.between(20ms, 300ms));
  if (postgres().incarnation() == process) postgres().shut_down();
  co_return ok();
}

net::Task<Result<void>> SimInstance::follow(region::WalSource source, Deadline deadline) {
  CO_TRY_VOID(co_await order("reload", deadline));
  postgres().follow(source_of(source));
  co_return ok();
}

net::Task<Result<std::optional<Lsn>>> SimInstance::fence(Epoch epoch, model::DrainPolicy,
                                                         Deadline deadline) {
  CO_TRY_VOID(co_await order("fence", deadline));
  if (postgres().in_recovery()) {
    co_return make_error(ErrorKind::conflict, "the server is in recovery");
  }
  postgres().fence(epoch);
  const Lsn end = lsn_of(data().wal.size());
  co_await net::sleep_for(kernel_.between(1ms, 30ms));
  if (machine_.faults.orders_fail && kernel_.chance(0.3)) {
    co_return make_error(ErrorKind::unavailable, "fence: connection lost");
  }
  co_return std::optional<Lsn>(end);
}

net::Task<Result<void>> SimInstance::unfence(Deadline deadline) {
  CO_TRY_VOID(co_await order("unfence", deadline));
  postgres().unfence();
  co_return ok();
}

net::Task<Result<void>> SimInstance::await_replay(Lsn position, Deadline deadline) {
  for (;;) {
    CO_TRY_VOID(co_await order("await replay", deadline));
    if (lsn_of(postgres().replayed()).value >= position.value) co_return ok();
    if (deadline.passed()) co_return make_error(ErrorKind::timeout, "not replayed in time");
    co_await net::sleep_for(kPoll);
  }
}

net::Task<Result<void>> SimInstance::promote(Epoch epoch, std::string, Deadline deadline) {
  CO_TRY_VOID(co_await order("promote", deadline));
  machine_.watch.promotion_ordered(machine_, epoch);
  const bool opens = machine_.opened_in < epoch && !postgres().in_recovery();
  machine_.opened_in = std::max(machine_.opened_in, epoch);
  if (opens) machine_.watch.opened(machine_);
  const std::uint32_t known = std::max(data().timeline, machine_.noted_timeline);
  postgres().begin_promotion(machine_.faults.promotion,
                             region::timeline_for(epoch, known, machine_.share));
  while (postgres().in_recovery()) {
    if (deadline.passed()) co_return make_error(ErrorKind::timeout, "still in recovery");
    co_await net::sleep_for(kPoll);
    if (!postgres().answers()) co_return make_error(ErrorKind::unavailable, "no server");
  }
  postgres().unfence();
  co_await net::sleep_for(kPoll);
  CO_TRY_VOID(co_await order("store the epoch", deadline));
  co_return ok();
}

net::Task<Result<std::string>> SimInstance::rewind(region::WalSource source, Deadline) {
  co_await net::sleep_for(kernel_.between(50ms, 500ms));
  if (running()) co_return make_error(ErrorKind::internal, "target server must be shut down");
  note_timeline();
  if (!postgres().begin_rewind(source_of(source))) {
    co_return make_error(ErrorKind::internal, "pg_rewind --dry-run ended with 1");
  }
  co_await net::sleep_for(kernel_.between(50ms, 1500ms));
  if (!postgres().end_rewind(source_of(source))) {
    co_return make_error(ErrorKind::internal, "pg_rewind ended with 1");
  }
  machine_.kept_from = SIZE_MAX;
  co_return std::string("Done!");
}

net::Task<Result<int>> SimInstance::clear_the_way_of_replay(Deadline deadline) {
  CO_TRY_VOID(co_await order("clear the way", deadline));
  co_return 0;
}

net::Task<Result<std::string>> SimInstance::what_blocks_replay(Deadline deadline) {
  CO_TRY_VOID(co_await order("what blocks", deadline));
  co_return std::string();
}

net::Task<Result<std::vector<std::string>>> SimInstance::unlogged_tables(Deadline deadline) {
  CO_TRY_VOID(co_await order("unlogged tables", deadline));
  co_return std::vector<std::string>();
}

net::Task<Result<region::InstanceState>> SimInstance::state(Deadline deadline) {
  CO_TRY_VOID(co_await order("state", deadline));
  region::InstanceState state;
  state.in_recovery = postgres().in_recovery();
  state.position = lsn_of(postgres().replayed());
  state.received = lsn_of(data().wal.size());
  state.streaming = postgres().streaming();
  state.timeline = data().timeline;
  state.fenced_for = data().fence.value_or(Epoch{});
  co_return state;
}

net::Task<Result<Lsn>> SimInstance::end_of_clean_shutdown() {
  if (!data().shut_down_cleanly) {
    co_return make_error(ErrorKind::internal, "the instance did not shut down cleanly");
  }
  co_return lsn_of(data().wal.size());
}

net::Task<Result<Lsn>> SimInstance::fork_of(std::uint32_t timeline) {
  for (const Fork& fork : data().forks) {
    if (fork.parent == timeline) co_return lsn_of(fork.end);
  }
  co_return make_error(ErrorKind::not_found, "no such fork");
}

net::Task<Result<bool>> SimInstance::wal_goes_past(std::uint32_t timeline, Lsn lsn) {
  const auto& wal = data().wal;
  const std::size_t next = records_before(lsn);
  co_return next < wal.size() && wal[next].timeline == timeline;
}

net::Task<Result<std::filesystem::path>> SimInstance::set_aside(std::string) {
  note_timeline();
  data() = DataDirectory{};
  co_return std::filesystem::path("/sim/aside");
}

net::Task<Result<std::filesystem::path>> SimInstance::keep_wal(std::uint32_t, Lsn fork) {
  machine_.kept_from = std::min(machine_.kept_from, records_before(fork));
  co_return std::filesystem::path("/sim/kept");
}

net::Task<Result<void>> SimInstance::remove_files() {
  note_timeline();
  data() = DataDirectory{};
  co_return ok();
}

void take_topology(Machine& machine, const model::Topology& topology) {
  Router& router = machine.router;
  if (topology.version < router.version) return;
  router.epoch = topology.epoch;
  router.version = topology.version;
  router.writer = RegionId{};
  for (const model::EndpointBackends& endpoint : topology.endpoints) {
    if (endpoint.name == kWriter && !endpoint.backends.empty()) {
      router.writer = topology.writer_region;
    }
  }
  router.gate->reached(topology.epoch);
}

net::Task<Result<void>> SimRouterLink::reach() {
  co_await net::sleep_for(kernel_.between(50us, 500us));
  if (!machine_.router.up) co_return make_error(ErrorKind::unavailable, "no router");
  co_return ok();
}

net::Task<Result<void>> SimRouterLink::publish(model::Topology topology, Deadline) {
  CO_TRY_VOID(co_await reach());
  const Router& router = machine_.router;
  if (topology.version < router.version) {
    co_return make_error(ErrorKind::superseded, "a newer topology is in force");
  }
  machine_.watch.published(machine_, topology);
  take_topology(machine_, topology);
  co_return ok();
}

net::Task<Result<std::uint64_t>> SimRouterLink::version(Deadline) {
  CO_TRY_VOID(co_await reach());
  co_return machine_.router.version;
}

net::Task<Result<void>> SimRouterLink::prepare(region::PrepareOrder, Deadline) {
  co_return co_await reach();
}

net::Task<Result<region::Held>> SimRouterLink::hold(region::HoldOrder order, Deadline) {
  CO_TRY_VOID(co_await reach());
  Router& router = machine_.router;
  if (order.epoch <= router.epoch) {
    co_return make_error(ErrorKind::superseded, "that epoch has been reached");
  }
  region::Held held;
  if (order.endpoint != kWriter) co_return held;
  router.gate->hold(order.epoch);
  const Deadline limit = Deadline::in(order.drain.timeout);
  while (router.open > 0 && !limit.passed()) co_await net::sleep_for(kPoll);
  held.open = router.open;
  co_return held;
}

net::Task<Result<void>> SimRouterLink::release(std::string endpoint, Deadline) {
  CO_TRY_VOID(co_await reach());
  if (endpoint == kWriter) machine_.router.gate->release();
  co_return ok();
}

net::Task<Result<nlohmann::json>> SimRouterLink::status(Deadline) {
  CO_TRY_VOID(co_await reach());
  co_return nlohmann::json::object();
}

net::Task<Result<void>> SimRouterLink::keep(model::Topology topology) {
  machine_.router.kept = std::move(topology);
  co_return ok();
}

}  // namespace aurora_global::sim
