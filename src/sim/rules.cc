#include "sim/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "model/codec.h"
#include "region/peers/messages.h"

namespace aurora_global::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kKnowsAndWrites = 8s;  // A region that knows better stops within.

template <typename T>
std::optional<T> on_disk(const Machine& machine, std::string_view kind) {
  const auto& all = machine.disk.documents;
  const auto found = all.lower_bound(std::string(kind));
  if (found == all.end() || found->first.rfind(kind, 0) != 0) return std::nullopt;
  auto read = model::decode_text<T>(found->second, found->first);
  if (read.has_error()) return std::nullopt;
  return std::move(*read);
}

std::string text(Epoch epoch) { return std::to_string(epoch.value); }

}  // namespace

int Scene::index_of(const RegionId& region) const {
  for (int i = 0; i < size(); ++i) {
    if (at(i).region == region) return i;
  }
  return -1;
}

void Rules::Tally::add(const Tally& other) {
  writes += other.writes;
  acknowledged += other.acknowledged;
  lost += other.lost;
  switchovers += other.switchovers;
  failovers += other.failovers;
  fences += other.fences;
  starts += other.starts;
}

Rules::Rules(Scene& scene, std::function<void(std::string)> violate)
    : scene_(scene), violate_(std::move(violate)), writes_(1) {}

Rules::Known& Rules::known(const Machine& machine) {
  return known_[static_cast<std::size_t>(scene_.index_of(machine.region))];
}

void Rules::begin() {
  watching_ = true;
  known_.resize(scene_.machines.size());
  for (const auto& machine : scene_.machines) {
    const auto global = on_disk<model::GlobalCluster>(*machine, "global:");
    if (global) decided_[{global->epoch, global->decision}] = Time{};
    if (global) newest_ = std::max(newest_, global->epoch);
  }
  for (const auto& machine : scene_.machines) stored(*machine);
}

void Rules::daemon_started(int i) {
  if (!watching_) return;
  Known& knows = known_[static_cast<std::size_t>(i)];
  knows.daemon_since = scene_.kernel.now();
  knows.had_promised = false;
}

void Rules::joined(int i) {
  known_[static_cast<std::size_t>(i)] = Known{};
  daemon_started(i);
  stored(scene_.at(i));
}

WriteId Rules::committed(int i) {
  const Machine& there = scene_.at(i);
  ++tally_.writes;
  writes_.push_back({i, there.opened_in, there.opened_in < newest_});
  const Known& knows = known_[static_cast<std::size_t>(i)];
  const std::string& who = there.region.name;
  if (scene_.removed == i) return writes_.size() - 1;
  if (!knows.confirmed.empty() && there.opened_in < knows.confirmed_epoch) {
    violate_(who + " writes after it has confirmed the fence of operation " + knows.confirmed);
  }
  if (knows.returned_blind) {
    violate_(who + " returned after epoch " + text(newest_) +
             " was stored, and was opened for writing without having heard of it");
  }
  return writes_.size() - 1;
}

void Rules::acknowledged(WriteId id) {
  Write& write = writes_[id];
  write.acknowledged = true;
  ++tally_.acknowledged;
  last_acknowledged_ = scene_.kernel.now();
  if (!write.too_late || scene_.removed == write.server) return;
  const std::string& who = scene_.at(write.server).region.name;
  if (!scene_.lossy) {
    return violate_(
        fmt::format("write {} was acknowledged by {} of epoch {} after epoch {} had "
                    "opened, and nobody had asked for a failover",
                    id, who, write.epoch.value, newest_.value));
  }
  // After a failover an old primary may go on as long as it cannot know better.
  const Known& knows = known_[static_cast<std::size_t>(write.server)];
  if (!scene_.faults_over || knows.epoch <= write.epoch) return;
  if (scene_.kernel.now() - std::max(knows.since, *scene_.faults_over) > kKnowsAndWrites) {
    violate_(
        fmt::format("{} acknowledges writes of epoch {} although its daemon has known epoch "
                    "{} for a while",
                    who, write.epoch.value, knows.epoch.value));
  }
}

// Something of this machine has become durable.
void Rules::stored(Machine& machine) {
  if (!watching_) return;
  Known& knows = known(machine);
  auto operation = on_disk<model::Operation>(machine, "operation:");
  const bool ended = operation && knows.operation && operation->id == knows.operation->id &&
                     operation->step == model::Step::done && knows.operation->running();
  knows.operation = std::move(operation);
  if (ended && knows.operation->kind == model::OperationKind::failover) {
    check_loss(scene_.index_of(machine.region), *knows.operation);
  }
  const auto fence = machine.disk.documents.find("fence");
  const std::string before = std::exchange(knows.fenced_for, "");
  if (fence != machine.disk.documents.end()) {
    const auto json = parse_json(fence->second);
    if (json.is_object()) knows.fenced_for = json.value("operation_id", "");
  }
  if (!knows.fenced_for.empty() && knows.fenced_for != before) knows.had_promised = true;
  if (knows.confirmed != knows.fenced_for) knows.confirmed.clear();
  const auto global = on_disk<model::GlobalCluster>(machine, "global:");
  if (!global) return;
  const bool news = global->epoch != knows.epoch || global->decision != knows.decision;
  if (!news) return;
  if (global->epoch < knows.epoch) {
    violate_(machine.region.name + " has gone back from epoch " + text(knows.epoch) + " to " +
             text(global->epoch));
  }
  const std::pair decision{global->epoch, global->decision};
  if (global->decision.region == machine.region) {
    decided_.emplace(decision, scene_.kernel.now());
  } else if (!decided_.contains(decision)) {
    violate_(machine.region.name + " has stored epoch " + text(global->epoch) + ", which " +
             global->decision.region.name + " has not stored, who decided it");
  }
  const auto& wal = machine.postgres.data().wal;
  knows.epoch = global->epoch;
  knows.decision = global->decision;
  knows.writer = global->writer_region;
  knows.since = scene_.kernel.now();
  knows.received = wal.size();
  knows.chain = wal.empty() ? 0 : wal.back().chain;
  knows.histories = machine.postgres.histories();
}

void Rules::answered(const RegionId& by, const region::PeerRequest& request,
                     const region::PeerReply& reply) {
  if (!watching_ || request.what != region::messages::FenceOrder::kName || reply.status != 200) {
    return;
  }
  region::messages::Caller caller;
  const auto order =
      region::messages::read_request<region::messages::FenceOrder>(request.body, caller);
  if (order.has_error()) return;
  Known& knows = known_[static_cast<std::size_t>(scene_.index_of(by))];
  if (knows.fenced_for != order->operation.id) {
    violate_(by.name + " confirms the fence of operation " + order->operation.id +
             ", and its disk has no such promise");
  }
  ++tally_.fences;
  knows.confirmed = order->operation.id;
  knows.confirmed_epoch = order->operation.epoch;
}

// A server has started, and is no standby.
void Rules::started(Machine& machine) {
  if (!watching_) return;
  if (machine.postgres.data().half_rewound) {
    return violate_(machine.region.name + " runs on data that are half another server's");
  }
  Known& knows = known(machine);
  ++tally_.starts;
  knows.returned_blind = false;
  if (knows.writer == machine.region && knows.epoch > machine.opened_in) {
    machine.opened_in = knows.epoch;
    opened(machine);
  }
  if (knows.had_promised || scene_.removed >= 0) return;
  // An earlier daemon may have ordered it.
  const Time since = std::min(knows.daemon_since, machine.postgres.ordered());
  for (const auto& [decision, when] : decided_) {
    if (decision.first > knows.epoch && when < since) knows.returned_blind = true;
  }
}

void Rules::published(Machine& machine, const model::Topology& topology) {
  if (!watching_ || scene_.removed >= 0 || topology.epoch <= newest_) return;
  violate_("the router of " + machine.region.name + " is sent to " + topology.writer_region.name +
           " for epoch " + text(topology.epoch) + ", in which no server was opened yet");
}

void Rules::promotion_ordered(Machine& machine, Epoch epoch) {
  if (!watching_ || scene_.removed == scene_.index_of(machine.region)) return;
  const Known& knows = known(machine);
  if (knows.epoch >= epoch) return;
  violate_(machine.region.name + " promotes its server for epoch " + text(epoch) +
           ", and its disk has epoch " + text(knows.epoch));
}

// A server has opened for writing: what was acknowledged before must be there.
void Rules::opened(Machine& machine) {
  if (!watching_) return;
  const int i = scene_.index_of(machine.region);
  const Known& knows = known(machine);
  // A cluster of its own, whose history nobody compares; unless the removal comes too late.
  const bool decided = knows.epoch == machine.opened_in && knows.writer == machine.region;
  if (scene_.removed == i && !decided) return;
  check_timeline(machine);
  const Epoch epoch = machine.opened_in;
  const bool ours = knows.operation && knows.operation->epoch == epoch;
  if (!ours && !scene_.lossy) {
    return violate_(machine.region.name + " was opened in epoch " + text(epoch) +
                    " without an operation on its disk that says so");
  }
  if (epoch <= newest_ && !scene_.lossy) {
    return violate_("epoch " + text(epoch) + " was opened after epoch " + text(newest_));
  }
  if (ours && knows.epoch == epoch) check_history(i, knows);
  // One that is late is not where the writes of the newer epoch have to be: it will give way.
  if (epoch >= newest_) settle(i, knows);
}

// Afterwards nothing could tell the two histories apart.
void Rules::check_timeline(const Machine& machine) {
  const std::uint32_t timeline = machine.postgres.data().timeline;
  const auto [begun, first] = begun_.emplace(timeline, machine.region);
  if (first || begun->second == machine.region) return;
  violate_("timeline " + std::to_string(timeline) + " was begun by " + begun->second.name +
           " and by " + machine.region.name);
}

// Nothing that had arrived when the epoch was stored may be missing.
void Rules::check_history(int i, const Known& knows) {
  const Postgres& server = scene_.at(i).postgres;
  const auto& wal = server.data().wal;
  // One that was on its way back to another writer's history arrives there first.
  if (server.histories() == knows.histories && knows.received > 0 &&
      (wal.size() < knows.received || wal[knows.received - 1].chain != knows.chain)) {
    violate_(scene_.at(i).region.name + " had received more when it stored epoch " +
             text(knows.epoch) + " than it has opened with");
  }
}

// What a failover says that it has lost is not more than what the old server has beyond the fork.
void Rules::check_loss(int i, const model::Operation& operation) {
  const int from = scene_.index_of(operation.from);
  const std::uint64_t said = operation.lost_bytes.value_or(0);
  if (from < 0 || from == i || said == 0) return;
  if (scene_.at(i).opened_in != operation.epoch) return;
  const auto& ours = scene_.at(i).postgres.data().wal;
  const auto& theirs = scene_.at(from).postgres.data().wal;
  // One that has been rewound or copied since cannot be compared any more.
  const DataDirectory& old = scene_.at(from).postgres.data();
  if (old.standby_signal || old.half_rewound) return;
  std::size_t common = 0;
  while (common < ours.size() && common < theirs.size() &&
         ours[common].chain == theirs[common].chain) {
    ++common;
  }
  const std::uint64_t beyond = (theirs.size() - common) * kRecordBytes;
  if (said <= beyond) return;
  violate_(
      fmt::format("the failover of epoch {} says that it has lost at least {} bytes; {} has {} "
                  "that {} has not",
                  operation.epoch.value, said, operation.from.name, beyond, operation.to.name));
}

// Nothing that a client was told of goes without being kept for an operator, whoever wrote it: its
// writer may be gone for good.
void Rules::discarded(Machine& machine, std::size_t first) {
  if (!watching_) return;
  const auto& wal = machine.postgres.data().wal;
  for (std::size_t at = first; at < std::min(wal.size(), machine.kept_from); ++at) {
    const WriteId id = wal[at].id;
    if (id >= writes_.size() || !writes_[id].acknowledged) continue;
    return violate_("write " + std::to_string(id) + ", acknowledged by " +
                    scene_.at(writes_[id].server).region.name + ", is discarded by a rewind of " +
                    machine.region.name + " and kept nowhere");
  }
}

void Rules::settle(int i, const Known& knows) {
  const Epoch epoch = scene_.at(i).opened_in;
  const bool ours = knows.operation && knows.operation->epoch == epoch;
  const bool failover = ours && knows.operation->kind == model::OperationKind::failover;
  // Whoever a switchover moves the writer from has fenced: all of its epoch is at the target.
  const int from = ours ? scene_.index_of(knows.operation->from) : -1;
  const bool planned = ours && !failover && from >= 0 && scene_.at(from).opened_in == newest_;
  std::vector<bool> present(writes_.size());
  for (const WalRecord& record : scene_.at(i).postgres.data().wal) {
    if (record.id < present.size()) present[record.id] = true;
  }
  std::uint64_t missing = 0, missing_of_planned = 0;
  WriteId example = 0;
  for (WriteId id = 1; id < writes_.size(); ++id) {
    Write& write = writes_[id];
    if (!write.acknowledged || write.given_up || present[id]) continue;
    ++missing;
    if (planned && write.server == from && write.epoch == newest_) ++missing_of_planned;
    example = id;
    if (failover || scene_.lossy) write.given_up = true;
  }
  if (failover) tally_.lost += missing;
  ++(failover ? tally_.failovers : tally_.switchovers);
  newest_ = std::max(newest_, epoch);
  // Where a failover was never asked for, nothing may be missing; nor may anything be that the old
  // primary of a switchover had acknowledged.
  if (missing_of_planned == 0 && (missing == 0 || failover || scene_.lossy)) return;
  violate_(fmt::format("the switchover of epoch {} to {} lost {} acknowledged writes, such as {}",
                       epoch.value, scene_.at(i).region.name, missing, example));
}

void Rules::finish() {
  std::vector<bool> present(writes_.size());
  for (int i = 0; i < scene_.size(); ++i) {
    const Postgres& server = scene_.at(i).postgres;
    if (!server.takes_writes() || i == scene_.removed) continue;
    for (const WalRecord& record : server.data().wal) {
      if (record.id < present.size()) present[record.id] = true;
    }
  }
  for (WriteId id = 1; id < writes_.size(); ++id) {
    const Write& write = writes_[id];
    if (!write.acknowledged || write.given_up || present[id]) continue;
    if (scene_.lossy) {
      ++tally_.lost;  // Of an old primary that could not know.
      continue;
    }
    return violate_("write " + std::to_string(id) + ", acknowledged by " +
                    scene_.at(write.server).region.name + ", is gone");
  }
}

std::string describe(const Scene& scene) {
  std::string all;
  for (const auto& machine : scene.machines) {
    const Postgres& server = machine->postgres;
    all += fmt::format(
        "\n    {}: {}{}{}{} timeline {} with {} records, opened in {}, router epoch {} -> '{}'{}",
        machine->region.name, server.process() == Postgres::Process::down ? "down" : "up",
        server.in_recovery() ? " standby" : "", server.streaming() ? " streaming" : "",
        server.data().fence ? " fenced" : "", server.data().timeline, server.data().wal.size(),
        machine->opened_in.value, machine->router.epoch.value, machine->router.writer.name,
        machine->router.gate->closed() ? " held" : "");
    for (const auto& [name, document] : machine->disk.documents) {
      if (name.rfind("global:", 0) == 0 || name.rfind("operation:", 0) == 0 ||
          name.rfind("fence", 0) == 0) {
        all += "\n      " + name + " " + document.substr(0, 600);
      }
    }
  }
  return all;
}

}  // namespace aurora_global::sim
