#include "region/peers/gossip.h"

#include <algorithm>

#include "model/merge.h"
#include "net/log.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kEvery = 500ms;
constexpr Duration kLimit = 2s;

PeerView view_of(const messages::Gossip& message) {
  PeerView view;
  view.engine_version = message.engine_version;
  view.cluster_identifier = message.cluster;
  view.instance_identifiers = message.instances;
  view.head = message.head;
  return view;
}

}  // namespace

void Gossip::start(PeerServer& server, Listeners listeners) {
  listeners_ = std::move(listeners);
  server.on<messages::Gossip>(
      [this](messages::Caller caller,
             messages::Gossip request) -> net::Task<Result<messages::Gossip>> {
        CO_TRY_VOID(co_await learn(caller.region, std::move(request), Word::request));
        co_return message();
      });
  for (const PeerConfig& peer : core_.config.peers) {
    core_.tasks.spawn("gossip with " + peer.region.name, talk_with(peer.region));
  }
}

messages::Gossip Gossip::message() const {
  const State& now = truth_.now();
  messages::Gossip message;
  message.from = core_.here();
  message.engine_version = core_.facts.engine_version;
  message.head = core_.instances.head_status();
  for (const auto& [identifier, global] : now.globals) message.globals.push_back(global);
  for (const auto& [global, one] : now.operations) message.operations.push_back(one);
  message.left = now.left;
  if (listeners_.secret_clocks) message.secrets = listeners_.secret_clocks();
  if (const model::DbCluster* cluster = truth_.cluster()) {
    message.cluster = cluster->identifier;
    for (const auto& instance : cluster->instances) {
      message.instances.push_back(instance.identifier);
    }
  }
  return message;
}

void Gossip::tell_of_a_new_writer(const model::GlobalCluster& now, bool split, bool lost) {
  log::info("global cluster {}: the writer is {} in epoch {}", now.identifier,
            now.writer_region.name, now.epoch.value);
  if (!split) return;
  const std::string epoch = std::to_string(now.epoch.value);
  log::warn("global cluster {}: epoch {} was decided twice; the decision of {} holds{}",
            now.identifier, epoch, now.decision.region.name,
            lost ? ", this region gives way and keeps its own writes aside" : "");
  if (!lost) return;
  core_.events.of_failover("Two Regions became the primary in epoch " + epoch +
                           "; the DB cluster in " + now.writer_region.name +
                           " goes on, and the writes made only here are kept aside");
}

net::Task<Result<void>> Gossip::learn_global(model::GlobalCluster theirs) {
  const std::string identifier = theirs.identifier;
  bool taken = false, new_writer = false, split = false, lost = false, removed = false;
  const auto decide = [&](const State& now) -> Result<Change> {
    Change change;
    const auto found = now.globals.find(identifier);
    const model::GlobalCluster* ours = found == now.globals.end() ? nullptr : &found->second;
    if (model::merge(ours, theirs) == model::Merge::keep_ours) {
      // The other side learns the same way that its own decision does not hold.
      if (ours != nullptr && model::is_split(*ours, theirs) &&
          splits_.insert({theirs.epoch, theirs.decision}).second) {
        log::warn("global cluster {}: {} has decided epoch {} as well; the decision of {} holds",
                  identifier, theirs.decision.region.name, theirs.epoch.value,
                  ours->decision.region.name);
      }
      return change;
    }
    taken = true;
    split = ours != nullptr && model::is_split(*ours, theirs);
    new_writer = ours == nullptr || ours->writer_region != theirs.writer_region;
    lost = ours != nullptr && new_writer && ours->writer_region == core_.here();
    if (lost && split) change.lost = LostEpoch{identifier, ours->epoch, ours->decision};
    change.globals.push_back(theirs);
    const bool member = theirs.member_in(core_.here()) != nullptr;
    if (now.cluster && now.cluster->facts.global_cluster_identifier == identifier && !member) {
      // Removed by the writer's region: a DB cluster of its own from now on.
      removed = true;
      change.cluster = now.cluster;
      (*change.cluster)->facts.global_cluster_identifier.clear();
      change.fence = Fence();
      // Its word may have been that of an older primary: the present one hears of it, too.
      change.left = now.left;
      (*change.left)[identifier] = now.cluster->facts.resource_id;
    }
    return change;
  };
  CO_TRY_VOID(co_await truth_.commit(decide));
  if (!taken) co_return ok();
  if (new_writer && !theirs.writer_region.empty()) tell_of_a_new_writer(theirs, split, lost);
  if (removed) {
    core_.events.of_failover("The DB cluster was removed from global cluster " + identifier);
  }
  if (listeners_.changed) listeners_.changed();
  co_return ok();
}

net::Task<void> Gossip::learn_operation(model::Operation theirs) {
  if (!truth_.hear(theirs)) co_return;
  const bool called_off = theirs.step == model::Step::abort || theirs.step == model::Step::aborted;
  if (called_off && listeners_.called_off) co_await listeners_.called_off(std::move(theirs));
}

// A member that was detached while nobody could be told.
net::Task<Result<void>> Gossip::forget_those_who_left(RegionId from,
                                                      std::map<std::string, std::string> left) {
  for (const auto& [identifier, resource_id] : left) {
    const auto decide = [&](const State& now) -> Result<Change> {
      Change change;
      const auto found = now.globals.find(identifier);
      if (found == now.globals.end() || found->second.writer_region != core_.here()) return change;
      model::GlobalCluster global = found->second;
      // It may have come back with another DB cluster, and this be its word of before.
      const auto gone = std::erase_if(global.members, [&](const model::GlobalMember& member) {
        const bool known = !resource_id.empty() && !member.resource_id.empty();
        return member.region == from && (!known || member.resource_id == resource_id);
      });
      if (gone == 0) return change;
      ++global.version;
      change.globals.push_back(std::move(global));
      return change;
    };
    CO_TRY_VOID(co_await truth_.commit(decide));
  }
  co_return ok();
}

net::Task<Result<void>> Gossip::learn(RegionId from, messages::Gossip message, Word word) {
  if (core_.config.peer(from) == nullptr) co_return ok();
  PeerView view = view_of(message);
  // Before the epoch that an operation has stored: its writer may not be open yet.
  for (const model::Operation& operation : message.operations) co_await learn_operation(operation);
  for (const model::GlobalCluster& global : message.globals) {
    CO_TRY_VOID(co_await learn_global(global));
  }
  CO_TRY_VOID(co_await forget_those_who_left(from, message.left));
  // Only now is the peer's word complete: the keeper may open for writing on it.
  bool first = core_.views.hear(from, std::move(view));
  if (word == Word::answer && !truth_.now().evidence.has_heard(from)) {
    truth_.heard(from);
    first = true;
  }
  if (first && listeners_.changed) listeners_.changed();
  // Not awaited: each of them takes a way there and back, and the answer must not come too late.
  if (listeners_.secrets && learning_secrets_of_.insert(from).second) {
    core_.tasks.spawn("secrets of " + from.name, learn_secrets(from, std::move(message.secrets)));
  }
  co_return ok();
}

net::Task<void> Gossip::learn_secrets(RegionId from, nlohmann::json clocks) {
  co_await listeners_.secrets(from, std::move(clocks));
  learning_secrets_of_.erase(from);
}

net::Task<Result<void>> Gossip::exchange(RegionId peer) {
  messages::Gossip ours = message();
  CO_TRY(auto theirs, co_await core_.peers.ask(peer, std::move(ours), Deadline::in(kLimit)));
  const auto learned = co_await learn(peer, std::move(theirs), Word::answer);
  // It has answered; that we cannot keep what it said is our own trouble.
  if (learned.has_error()) log::error("keep what {} says: {}", peer.name, learned.error().message);
  co_return ok();
}

net::Task<void> Gossip::talk_with(RegionId peer) {
  bool reachable = true;
  while (!core_.tasks.stopping()) {
    const auto spoken = co_await exchange(peer);
    if (core_.tasks.stopping()) co_return;
    if (spoken.has_value() && !reachable) log::info("region {} answers again", peer.name);
    if (spoken.has_error() && reachable) {
      log::warn("region {} does not answer: {}", peer.name, spoken.error().message);
    }
    reachable = spoken.has_value();
    co_await net::sleep_for(kEvery);
  }
}

void Gossip::tell() {
  static constexpr auto once = [](Gossip& self, RegionId peer) -> net::Task<void> {
    (void)co_await self.exchange(peer);  // The next one is due in half a second.
  };
  for (const PeerConfig& peer : core_.config.peers) {
    core_.tasks.spawn("gossip now with " + peer.region.name, once(*this, peer.region));
  }
}

}  // namespace aurora_global::region
