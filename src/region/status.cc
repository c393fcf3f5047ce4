#include "region/status.h"

namespace aurora_global::region {
namespace {

model::ForwardingStatus forwarding_status(const Core& core) {
  model::ForwardingStatus status;
  std::int64_t statements = 0, micros = 0;
  for (const auto& [identifier, one] : core.instances.all()) {
    const ForwardingView& view = one.seen.forwarding;
    if (view.now().empty()) continue;
    const bool replica = view.in_recovery();
    const bool forwards = replica && one.instance->forwarding().on;
    const bool local = replica && one.instance->slot() != Instances::kHeadSlot &&
                       core.truth.duty() == model::Duty::primary;
    status.on = status.on || forwards;
    status.open_sessions += view.value("replica_open_sessions");
    status.accepted_sessions += view.value("writer_open_sessions");
    statements += view.lately("replica_statements");
    micros += view.lately("replica_statement_us");
    status.instances.push_back(
        {identifier, replica ? "replica" : "writer", local, forwards, view.now()});
  }
  if (statements != 0) {
    status.mean_latency_ms = static_cast<double>(micros) / 1000 / static_cast<double>(statements);
  }
  return status;
}

model::PeerStatus peer_status(const Core& core, const RegionId& region) {
  model::PeerStatus status;
  status.region = region;
  const PeerView* view = core.views.of(region);
  if (view == nullptr) return status;
  status.heard = true;
  status.heard_ms_ago =
      std::chrono::duration_cast<std::chrono::milliseconds>(core.views.age(*view)).count();
  status.position = view->head.position;
  status.streaming = view->head.streaming;
  return status;
}

std::vector<std::string> warnings_of(const Core& core, const model::HeadStatus& head) {
  std::vector<std::string> warnings;
  if (const auto& lost = core.truth.now().lost) {
    warnings.push_back("This region had become the primary in epoch " +
                       std::to_string(lost->epoch.value) +
                       ", which another region has decided as well; it gives way, and what was "
                       "written only here is kept in a directory data.diverged-* of its instance");
  }
  for (const auto& [identifier, one] : core.instances.all()) {
    for (const auto& kept : one.instance->kept()) {
      warnings.push_back(
          "What only this Region had written was discarded, or set aside, when it "
          "rejoined; it is kept in " +
          kept.string() + " until you remove that");
    }
  }
  if (head.running && head.in_recovery && head.replay_paused) {
    warnings.push_back(
        "Replay is paused, by pg_wal_replay_pause(); or for a moment, because max_connections or "
        "its "
        "like was raised in the primary region: the standby is then started with the same");
  }
  return warnings;
}

// Where the writer was last known to be, if that was lately.
std::optional<Lsn> written_by_the_writer(const Core& core) {
  constexpr Duration kLately = std::chrono::seconds(5);
  model::HeadStatus head = core.instances.head_status();
  if (core.truth.duty() == model::Duty::standby) {
    const model::GlobalCluster* global = core.truth.own_global();
    const PeerView* view =
        global == nullptr ? nullptr : core.views.fresh(global->writer_region, kLately);
    if (view == nullptr) return std::nullopt;
    head = view->head;
  }
  if (!head.running || head.in_recovery) return std::nullopt;
  return head.position;
}

}  // namespace

std::vector<InstanceHealth> health_of(const Core& core) {
  const bool has_the_right = core.truth.duty() == model::Duty::primary;
  const std::optional<Lsn> written = written_by_the_writer(core);
  std::vector<InstanceHealth> all;
  for (const auto& [identifier, one] : core.instances.all()) {
    const InstanceState& state = one.seen.state;
    InstanceHealth health;
    health.identifier = identifier;
    health.address = one.instance->address();
    health.running = one.seen.running;
    health.in_recovery = state.in_recovery;
    health.streams = state.streaming;
    health.writes = has_the_right && one.instance->slot() == Instances::kHeadSlot &&
                    health.running && !state.in_recovery && state.fenced_for.value == 0;
    if (written) {
      health.lag_bytes =
          *written > state.position ? written->value - state.position.value : std::uint64_t{0};
    }
    all.push_back(std::move(health));
  }
  return all;
}

net::Task<Result<model::RegionStatus>> status_of(Core& core, RouterOrders& orders) {
  const State& now = core.truth.now();
  model::RegionStatus status;
  status.region = core.here();
  status.duty = model::name_of(core.truth.duty());
  status.epoch_confirmed = core.truth.epoch_confirmed();
  status.engine_version = core.facts.engine_version;
  status.head = core.instances.head_status();
  status.forwarding = forwarding_status(core);
  if (const Promise* promise = now.fence.promise()) {
    status.fence = model::FenceStatus{promise->operation_id, promise->epoch};
  }
  if (now.cluster) status.clusters.push_back(now.cluster->facts);
  for (const auto& [identifier, global] : now.globals) {
    if (!global.deleted) status.globals.push_back(global);
  }
  for (const auto& [global, operation] : now.operations) status.operations.push_back(operation);
  for (const PeerConfig& peer : core.config.peers) {
    status.peers.push_back(peer_status(core, peer.region));
  }
  status.warnings = warnings_of(core, status.head);
  auto routing = co_await orders.status();
  if (routing.has_value()) status.router = std::move(*routing);
  co_return status;
}

}  // namespace aurora_global::region
