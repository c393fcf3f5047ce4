#include "sim/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace aurora_global::sim {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration kFaultsEnd = 45s;      // Every fault is over by then,
constexpr Duration kCalmWithin = 240s;    // and so long after it everything is well.
constexpr Duration kThink = 60ms;         // Of a client between two writes, about.
constexpr Duration kKnowsAndWrites = 8s;  // A region that knows better stops within.
// A request that one daemon passes on to another is answered, or given up, within this.
constexpr Time kOnItsWayAtMost = 30s;
constexpr const char* kGlobal = "global";
constexpr const char* kAccount = "123456789012";

const char* const kRegions[] = {"us-east-1", "us-west-2", "eu-west-1", "ap-south-1", "sa-east-1"};

region::RegionConfig config_of(int index, int regions) {
  region::RegionConfig config;
  config.region = RegionId{kRegions[index]};
  config.index = index + 1;
  config.home = "/nonexistent/sim";
  config.account_id = kAccount;
  config.address_prefix = "127.0." + std::to_string(index + 1);
  config.global_writer = config.address_prefix + ".10:5432";
  config.cluster = config.address_prefix + ".11:5432";
  config.reader = config.address_prefix + ".12:5432";
  for (int i = 0; i < regions; ++i) {
    const std::string prefix = "127.0." + std::to_string(i + 1);
    if (i == index) continue;
    config.peers.push_back(
        {RegionId{kRegions[i]}, prefix + ".2:4566", prefix + ".21:5432", prefix + ".200:5432"});
  }
  return config;
}

// The daemon under test, with its doors to the simulated machine.
struct Daemon {
  Daemon(Kernel& kernel, Machine& machine, Network& network, const region::RegionConfig& config,
         std::uint64_t seed)
      : loop(kernel, machine.clock),
        randomness(seed),
        store(kernel, machine.disk),
        vault(region::Vault::from_key(std::string(64, 'a')).value()),
        peers(network, loop, machine.region, peers_of(config)),
        router(kernel, machine),
        operators(loop.executor()) {
    region::Facts facts;
    facts.region = machine.region;
    facts.account_id = kAccount;
    facts.engine_version = "15.18";
    facts.global_writer_host = "127.0.0.10";
    region::MakeInstance make = [this, &kernel, &machine](std::string identifier, int slot) {
      return std::make_unique<SimInstance>(kernel, machine, loop.executor(), std::move(identifier),
                                           slot);
    };
    const ClockOfThread in_force(machine.clock);
    const auto keep_trees = [](std::filesystem::path) -> net::Task<Result<void>> {
      co_return ok();
    };
    region::Outside outside{loop.executor(), machine.clock, randomness, store, vault, peers,
                            router,          make,          keep_trees, facts, {}};
    auto opened = region::Daemon::open(config, std::move(outside));
    if (opened.has_error()) {
      failure = opened.error().message;
      return;
    }
    core = std::move(*opened);
    const auto started = core->start();
    if (started.has_error()) failure = started.error().message;
  }
  ~Daemon() {
    store.crash();
    loop.kill();
    core.reset();
  }
  static std::set<RegionId> peers_of(const region::RegionConfig& config) {
    std::set<RegionId> peers;
    for (const auto& peer : config.peers) peers.insert(peer.region);
    return peers;
  }

  Loop loop;
  SeededRandomness randomness;
  SimStore store;
  region::Vault vault;
  SimPeers peers;
  SimRouterLink router;
  std::unique_ptr<region::Daemon> core;
  net::TaskGroup operators;
  std::string failure;
};

// A write of a client, from its commit on.
struct Write {
  int server = 0;  // Where it was committed,
  Epoch epoch;     // which had been opened in this epoch.
  bool acknowledged = false;
  bool given_up = false;  // A failover went on without it.
};

class World final : public Wire {
 public:
  World(const Plan& plan, const Beginning* beginning, bool trace)
      : plan_(plan), kernel_(plan.seed + 17), network_(kernel_, plan.way), trace_(trace) {
    for (int i = 0; i < plan.regions; ++i) {
      configs_.push_back(std::make_unique<region::RegionConfig>(config_of(i, plan.regions)));
      machines_.push_back(std::make_unique<Machine>(kernel_, *this, RegionId{kRegions[i]}));
      Machine& machine = *machines_.back();
      machine.share = region::share_of(*configs_.back());
      machine.router.gate = std::make_shared<router::SessionGate>(machine.clients.executor());
      machine.postgres.on_promoted = [this, i](Postgres&) { on_promoted(i); };
      machine.disk.on_durable = [this, i] { on_durable(i); };
      known_.push_back({});
      if (beginning != nullptr) {
        machine.disk.documents = beginning->documents[static_cast<std::size_t>(i)];
        machine.postgres.data() = beginning->data[static_cast<std::size_t>(i)];
        machine.opened_in = i == 0 ? Epoch{1} : Epoch{};
      }
    }
    newest_ = Epoch{1};
    daemons_.resize(static_cast<std::size_t>(plan.regions));
  }
  ~World() override {
    for (auto& daemon : daemons_) daemon.reset();
    for (auto& machine : machines_) machine->clients.kill();
  }

  Outcome run();
  Beginning set_up();
  void converse(const std::vector<Saying>& sayings);

  Postgres* server_in(const RegionId& region) override {
    for (auto& machine : machines_) {
      if (machine->region == region) return &machine->postgres;
    }
    return nullptr;
  }
  bool passes(const RegionId& from, const RegionId& to) override {
    return network_.passes(from, to);
  }
  Duration latency(const RegionId& from, const RegionId& to) override {
    return network_.latency(from, to);
  }

 private:
  template <typename... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    if (!trace_) return;
    const double ms = static_cast<double>(kernel_.now().count()) / 1e6;
    std::printf("%12.3f ms  %s\n", ms, fmt::format(format, std::forward<Args>(args)...).c_str());
  }
  void violate(std::string what) {
    if (!violation_.empty()) return;
    violation_ = std::move(what);
    note("VIOLATION: {}", violation_);
    kernel_.halt();
  }
  Machine& machine(int i) { return *machines_[static_cast<std::size_t>(i)]; }
  Daemon* daemon(int i) { return daemons_[static_cast<std::size_t>(i)].get(); }
  int index_of(const RegionId& region) const {
    for (std::size_t i = 0; i < machines_.size(); ++i) {
      if (machines_[i]->region == region) return static_cast<int>(i);
    }
    return -1;
  }

  void start_daemon(int i);
  void kill_daemon(int i, Duration lasts);
  void restart_router(int i);
  void perform(const Step& step);
  void end_faults();
  net::Task<void> ask(int i, int target, region::MoveKind kind);
  net::Task<void> remove(int i, int target);
  void request(const Step& step);

  net::Task<void> client(int i);
  net::Task<void> write_once(int i, WriteId id);
  void on_acknowledged(int from, WriteId id);
  void on_promoted(int i);
  void on_durable(int i);
  // The last operation of this region that its disk has; nullopt: none, or not readable.
  json operation_on_disk(int i);
  std::string operation_id_on_disk(int i) {
    const json operation = operation_on_disk(i);
    return operation.is_object() ? operation.value("id", "") : "";
  }
  std::string unwell();
  // It has left the global cluster, and is a cluster of its own.
  bool is_out(int i) {
    if (removed_ != i || daemon(i) == nullptr) return false;
    const auto clusters = daemon(i)->core->db_clusters();
    return clusters.empty() || clusters[0].global_cluster_identifier.empty();
  }
  std::string describe();

  const Plan& plan_;
  Kernel kernel_;
  Network network_;
  bool trace_;
  std::vector<std::unique_ptr<region::RegionConfig>> configs_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<std::unique_ptr<Daemon>> daemons_;
  std::uint64_t started_ = 0;

  // What is known of the run.
  struct Known {
    Epoch epoch;  // The newest that the region's disk has,
    Time since{};
    std::size_t received = 0;  // and what its server had then.
    std::uint64_t chain = 0;
  };
  std::vector<Known> known_;
  Epoch newest_;
  std::map<std::uint32_t, RegionId> begun_;  // Timelines, and who has begun them.
  bool lossy_ = false;  // A failover was asked for: writes may be lost from now on.
  std::map<WriteId, Write> writes_;
  WriteId last_id_ = 0;
  std::uint64_t asked_ = 0;
  std::optional<Time> last_asked_;
  Time last_ack_{};
  int removed_ = -1;
  bool faults_over_ = false;
  std::string violation_;
  Counts counts_;
};

void World::start_daemon(int i) {
  auto& place = daemons_[static_cast<std::size_t>(i)];
  if (place || !violation_.empty()) return;
  note("{}: daemon starts", machine(i).region.name);
  place = std::make_unique<Daemon>(kernel_, machine(i), network_,
                                   *configs_[static_cast<std::size_t>(i)],
                                   plan_.seed * 1000 + ++started_);
  if (!place->failure.empty()) {
    violate(machine(i).region.name + ": the daemon does not start: " + place->failure);
  }
}

void World::kill_daemon(int i, Duration lasts) {
  auto& place = daemons_[static_cast<std::size_t>(i)];
  if (!place) return;
  note("{}: daemon is killed", machine(i).region.name);
  network_.forget(&place->loop);
  place.reset();
  kernel_.after(lasts, net::Job([this, i] { start_daemon(i); }));
}

void World::restart_router(int i) {
  Router& router = machine(i).router;
  router.gate->release();
  router.gate = std::make_shared<router::SessionGate>(machine(i).clients.executor());
  router.version = 0;
  router.epoch = Epoch{};
  router.writer = RegionId{};
  if (router.kept) take_topology(machine(i), *router.kept);
}

void World::perform(const Step& step) {
  ++counts_.acts[static_cast<int>(step.act)];
  note("-- {}", step.text());
  Machine& here = machine(step.region);
  const int i = step.region;
  const auto later = [&](std::function<void()> undo) {
    kernel_.after(step.lasts, net::Job([undo] { undo(); }));
  };
  switch (step.act) {
    case Act::switchover:
    case Act::failover:
    case Act::remove_region: request(step); break;
    case Act::kill_daemon: kill_daemon(i, step.lasts); break;
    case Act::kill_at_step:
      if (Daemon* victim = daemon(i)) {
        victim->loop.after_steps(step.number, [this, i, lasts = step.lasts] {
          kernel_.after(0s, net::Job([this, i, lasts] { kill_daemon(i, lasts); }));
        });
      }
      break;
    case Act::kill_machine:
      kill_daemon(i, step.lasts);
      here.postgres.crash();
      restart_router(i);
      break;
    case Act::crash_postgres: here.postgres.crash(); break;
    case Act::stop_daemon:
      if (Daemon* stopped = daemon(i)) {
        stopped->loop.stop();
        later([this, i] {
          if (Daemon* present = daemon(i)) present->loop.go_on();
        });
      }
      break;
    case Act::freeze_postgres:
      if (here.postgres.process() == Postgres::Process::down) break;
      here.postgres.freeze();
      later([&here] { here.postgres.thaw(); });
      break;
    case Act::restart_router: restart_router(i); break;
    case Act::cut_one_way:
    case Act::cut_both_ways: {
      const RegionId a = here.region, b = machine(step.other).region;
      network_.cut(a, b);
      if (step.act == Act::cut_both_ways) network_.cut(b, a);
      later([this] { network_.heal(); });
      break;
    }
    case Act::isolate:
      for (auto& other : machines_) {
        if (other->region == here.region) continue;
        network_.cut(here.region, other->region);
        network_.cut(other->region, here.region);
      }
      later([this] { network_.heal(); });
      break;
    case Act::bad_network:
      network_.faults = {0.08, 0.1, 0.1};
      later([this] { network_.faults = {}; });
      break;
    case Act::full_disk:
      here.disk.full = true;
      later([&here] { here.disk.full = false; });
      break;
    case Act::slow_disk:
      here.disk.slow = 0.4;
      later([&here] { here.disk.slow = 0; });
      break;
    case Act::slow_promotion:
      here.faults.promotion = step.lasts;
      later([&here] { here.faults.promotion = 30ms; });
      break;
    case Act::failing_orders:
      here.faults.orders_fail = true;
      later([&here] { here.faults.orders_fail = false; });
      break;
    case Act::pause_replay:
      here.postgres.pause_replay(true);
      later([&here] { here.postgres.pause_replay(false); });
      break;
    case Act::jump_clock: here.clock.jump_wall(std::chrono::milliseconds(step.number)); break;
    case Act::drift_clock: here.clock.drift(step.number); break;
  }
}

void World::end_faults() {
  note("-- all faults are over");
  faults_over_ = true;
  network_.heal();
  network_.faults = {};
  for (int i = 0; i < plan_.regions; ++i) {
    Machine& here = machine(i);
    here.disk.full = false;
    here.disk.slow = 0;
    here.faults = {};
    here.postgres.thaw();
    here.postgres.pause_replay(false);
    here.clock.drift(0);
    if (Daemon* present = daemon(i)) {
      present->loop.go_on();
      present->loop.after_steps(0, nullptr);
    }
    start_daemon(i);
  }
}

// An operator at region i, or wherever a daemon answers.
void World::request(const Step& step) {
  const int target = step.region;
  if (step.act != Act::switchover) lossy_ = true;
  if (step.act == Act::remove_region) {
    if (removed_ >= 0) return;
    for (int i = 0; i < plan_.regions; ++i) {
      if (Daemon* at = daemon(i)) {
        removed_ = target;
        at->operators.spawn("remove", remove(i, target));
        return;
      }
    }
    return;
  }
  // Half of the operators talk to the target, the others to somebody else.
  int asked = step.other % plan_.regions;
  if (kernel_.chance(0.5) || daemon(asked) == nullptr) asked = target;
  if (daemon(asked) == nullptr) return;
  const auto kind = step.act == Act::switchover ? region::MoveKind::lossless
                                                : region::MoveKind::data_loss_allowed;
  daemon(asked)->operators.spawn("operator", ask(asked, target, kind));
}

net::Task<void> World::ask(int i, int target, region::MoveKind kind) {
  const std::string arn =
      model::cluster_arn(machine(target).region, kAccount, "cluster-" + std::to_string(target));
  const bool lossless = kind == region::MoveKind::lossless;
  note("{}: asked for a {} to {}", machine(i).region.name, lossless ? "switchover" : "failover",
       machine(target).region.name);
  model::Drain drain;
  drain.timeout = kernel_.between(0ms, 500ms);
  if (kernel_.chance(0.2)) drain.policy = model::DrainPolicy::abort;
  const std::string before = operation_id_on_disk(target);
  const std::uint64_t first = ++asked_;
  // An earlier request may still be on its way, also that of a daemon that has died meanwhile.
  const bool alone = !last_asked_ || kernel_.now() - *last_asked_ > kOnItsWayAtMost;
  last_asked_ = kernel_.now();
  const auto answer = co_await daemon(i)->core->move_writer(kGlobal, arn, kind, drain);
  const bool refused = answer.has_error() && answer.error().kind == ErrorKind::conflict;
  const std::string after = operation_id_on_disk(target);
  if (refused && i == target && alone && first == asked_ && before != after) {
    violate("a refusal (" + answer.error().message + ") has left operation " + after);
  }
  ++(answer.has_value() ? counts_.accepted : counts_.refused);
  note("{}: answers {}", machine(i).region.name,
       answer.has_value() ? "yes" : "no: " + answer.error().message);
}

net::Task<void> World::remove(int i, int target) {
  const std::string arn =
      model::cluster_arn(machine(target).region, kAccount, "cluster-" + std::to_string(target));
  const auto answer = co_await daemon(i)->core->remove_from_global_cluster(kGlobal, arn);
  if (answer.has_error()) removed_ = -1;
  note("{}: removal of {}: {}", machine(i).region.name, machine(target).region.name,
       answer.has_value() ? "done" : answer.error().message);
}

net::Task<void> World::client(int i) {
  for (;;) {
    co_await net::sleep_for(kernel_.between(kThink / 2, kThink * 2));
    const WriteId id = ++last_id_;
    co_await write_once(i, id);
  }
}

// One transaction through the region's global writer endpoint.
net::Task<void> World::write_once(int i, WriteId id) {
  const auto gate = machine(i).router.gate;
  const auto entered = co_await gate->enter(Deadline::in(10s));
  if (entered.has_error() || gate != machine(i).router.gate) co_return;
  const RegionId writer = machine(i).router.writer;
  const int server = index_of(writer);
  if (server < 0) co_return;
  struct Open {
    int& count;
    explicit Open(int& c) : count(c) { ++count; }
    ~Open() { --count; }
  } open{machine(i).router.open};
  // The statement travels, works for a while, and commits.
  co_await net::sleep_for(latency(machine(i).region, writer) + kernel_.between(0ms, 20ms));
  if (!passes(machine(i).region, writer)) co_return;
  Machine& there = machine(server);
  if (!there.postgres.takes_writes()) co_return;
  there.postgres.write(id);
  ++counts_.writes;
  writes_[id] = Write{server, there.opened_in};
  const int process = there.postgres.incarnation();
  co_await net::sleep_for(latency(writer, machine(i).region));
  if (!passes(writer, machine(i).region) || there.postgres.incarnation() != process) co_return;
  on_acknowledged(i, id);
}

void World::on_acknowledged(int, WriteId id) {
  Write& write = writes_[id];
  write.acknowledged = true;
  ++counts_.acknowledged;
  last_ack_ = kernel_.now();
  if (write.epoch >= newest_) return;
  const std::string who = machine(write.server).region.name;
  if (!lossy_) {
    violate("write " + std::to_string(id) + " was acknowledged by " + who + " of epoch " +
            std::to_string(write.epoch.value) + " after epoch " + std::to_string(newest_.value) +
            " had opened, and nobody had asked for a failover");
    return;
  }
  // After a failover an old primary may go on as long as it cannot know better.
  const Known& known = known_[static_cast<std::size_t>(write.server)];
  Daemon* there = daemon(write.server);
  const bool knows = known.epoch > write.epoch && kernel_.now() - known.since > kKnowsAndWrites;
  if (faults_over_ && knows && there != nullptr) {
    violate(who + " acknowledges writes of epoch " + std::to_string(write.epoch.value) +
            " although its daemon has known epoch " + std::to_string(known.epoch.value) +
            " for a while");
  }
}

void World::on_durable(int i) {
  Known& known = known_[static_cast<std::size_t>(i)];
  const auto found = machine(i).disk.documents.find(std::string("global:") + kGlobal);
  if (found == machine(i).disk.documents.end()) return;
  // Cheap enough: the epoch is a number of its own in the text.
  const auto at = found->second.find("\"epoch\":");
  if (at == std::string::npos) return;
  const Epoch epoch{std::strtoull(found->second.c_str() + at + 8, nullptr, 10)};
  if (epoch <= known.epoch) return;
  const auto& wal = machine(i).postgres.data().wal;
  known = {epoch, kernel_.now(), wal.size(), wal.empty() ? 0 : wal.back().chain};
}

json World::operation_on_disk(int i) {
  const auto found = machine(i).disk.documents.find(std::string("operation:") + kGlobal);
  if (found == machine(i).disk.documents.end()) return json();
  return json::parse(found->second, nullptr, false);
}

// A server has opened for writing: what was acknowledged before must be there.
void World::on_promoted(int i) {
  const Machine& here = machine(i);
  const Epoch epoch = here.opened_in;
  const std::uint32_t timeline = here.postgres.data().timeline;
  note("{}: open for writing in epoch {}, timeline {}", here.region.name, epoch.value, timeline);
  const auto [begun, first] = begun_.emplace(timeline, here.region);
  if (!first) {
    return violate("timeline " + std::to_string(timeline) + " was begun twice: by " +
                   begun->second.name + " and by " + here.region.name);
  }
  const json operation = operation_on_disk(i);
  const bool ours = operation.is_object() && operation.value("epoch", 0ull) == epoch.value;
  const bool failover = ours && operation.value("kind", "") == "failover";
  const bool left = removed_ == i;
  if (left) return;
  if (!ours && !lossy_) {
    return violate(here.region.name + " was opened in epoch " + std::to_string(epoch.value) +
                   " without an operation on its disk that says so");
  }
  if (epoch == newest_ && !lossy_) {
    return violate("epoch " + std::to_string(epoch.value) + " was opened twice");
  }
  const auto& wal = here.postgres.data().wal;
  const Known& known = known_[static_cast<std::size_t>(i)];
  if (ours && known.epoch == epoch && known.received > 0 &&
      (wal.size() < known.received || wal[known.received - 1].chain != known.chain)) {
    return violate(here.region.name + " had received more when it stored epoch " +
                   std::to_string(epoch.value) + " than it has opened with");
  }
  // Whoever a switchover moves the writer from has fenced: all of its epoch is at the target.
  const int from = ours ? index_of(RegionId{operation.value("from", "")}) : -1;
  const bool planned = ours && !failover && from >= 0 && machine(from).opened_in == newest_;
  std::set<WriteId> present;
  for (const WalRecord& record : wal) present.insert(record.id);
  std::uint64_t missing = 0;
  std::uint64_t missing_of_planned = 0;
  WriteId example = 0;
  for (auto& [id, write] : writes_) {
    if (!write.acknowledged || write.given_up || present.contains(id)) continue;
    ++missing;
    if (planned && write.server == from && write.epoch == newest_) ++missing_of_planned;
    example = id;
    if (failover || lossy_) write.given_up = true;
  }
  if (failover) {
    ++counts_.failovers;
    counts_.lost_by_failover += missing;
  } else {
    ++counts_.switchovers;
  }
  newest_ = std::max(newest_, epoch);
  // Where a failover was never asked for, nothing may be missing; nor may anything be that the old
  // primary of a switchover had acknowledged.
  if (missing_of_planned > 0 || (missing > 0 && !failover && !lossy_)) {
    violate("the switchover of epoch " + std::to_string(epoch.value) + " to " + here.region.name +
            " lost " + std::to_string(missing) + " acknowledged writes, such as " +
            std::to_string(example));
  }
}

// Why the platform is not as it should be once all faults are over; empty: it is.
std::string World::unwell() {
  int writer = -1;
  for (int i = 0; i < plan_.regions; ++i) {
    if (daemon(i) == nullptr) return machine(i).region.name + " has no daemon";
    if (is_out(i)) continue;
    if (!machine(i).postgres.takes_writes()) continue;
    if (writer >= 0) {
      return "two writers: " + machine(writer).region.name + " and " + machine(i).region.name;
    }
    writer = i;
  }
  if (writer < 0) return "nobody takes writes";
  const DataDirectory& source = machine(writer).postgres.data();
  for (int i = 0; i < plan_.regions; ++i) {
    if (is_out(i)) continue;
    const std::string& name = machine(i).region.name;
    for (const model::GlobalCluster& global : daemon(i)->core->global_clusters()) {
      if (global.status != "available") return name + " says that it is " + global.status;
      if (global.writer_region != machine(writer).region) {
        return name + " takes " + global.writer_region.name + " for the writer, which is " +
               machine(writer).region.name;
      }
    }
    if (machine(i).router.writer != machine(writer).region) {
      return "the router of " + name + " leads to " + machine(i).router.writer.name;
    }
    if (machine(i).router.gate->closed()) return "the router of " + name + " holds its clients";
    if (i == writer) continue;
    const Postgres& standby = machine(i).postgres;
    if (!standby.streaming()) return name + " does not replicate";
    const std::size_t have = standby.data().wal.size();
    if (have + 40 < source.wal.size()) return name + " lags";
    if (have == 0 || have > source.wal.size()) return name + " has more than the writer";
    if (standby.data().wal.back().chain != source.wal[have - 1].chain) {
      return name + " has another history than the writer";
    }
  }
  if (kernel_.now() - last_ack_ > 3s) return "no client is served";
  return "";
}

Outcome World::run() {
  for (int i = 0; i < plan_.regions; ++i) start_daemon(i);
  std::vector<std::unique_ptr<net::TaskGroup>> groups;
  for (int i = 0; i < plan_.regions; ++i) {
    groups.push_back(std::make_unique<net::TaskGroup>(machine(i).clients.executor()));
    const ClockOfThread in_force(machine(i).clock);
    for (int k = 0; k < (i == 0 ? 2 : 1); ++k) groups.back()->spawn("client", client(i));
  }
  // The beginning replicates before anything happens to it.
  kernel_.run_until(3s);
  for (const Step& step : plan_.steps) {
    kernel_.at(3s + step.at, net::Job([this, step] { perform(step); }));
  }
  kernel_.run_until(kFaultsEnd);
  if (violation_.empty()) end_faults();
  std::string why = "never looked at";
  Time well_since{-1};
  const Time end = kernel_.now() + kCalmWithin;
  while (violation_.empty() && kernel_.now() < end) {
    kernel_.run_until(kernel_.now() + 500ms);
    why = unwell();
    if (!why.empty()) well_since = Time(-1);
    if (why.empty() && well_since < Time(0)) well_since = kernel_.now();
    if (why.empty() && kernel_.now() - well_since >= 3s) break;
  }
  if (violation_.empty() && !why.empty()) {
    violate("not well " +
            std::to_string(std::chrono::duration_cast<std::chrono::seconds>(kCalmWithin).count()) +
            " s after the last fault: " + why + describe());
  }
  if (violation_.empty()) {
    std::set<WriteId> present;
    for (auto& machine : machines_) {
      if (!machine->postgres.takes_writes() || is_out(index_of(machine->region))) continue;
      for (const WalRecord& record : machine->postgres.data().wal) present.insert(record.id);
    }
    for (const auto& [id, write] : writes_) {
      if (!write.acknowledged || write.given_up || present.contains(id)) continue;
      if (lossy_) {
        ++counts_.lost_by_failover;  // Of an old primary that could not know.
        continue;
      }
      violate("write " + std::to_string(id) + ", acknowledged by " +
              machine(write.server).region.name + ", is gone");
    }
  }
  counts_.steps = kernel_.steps();
  counts_.simulated = kernel_.now();
  counts_.calls = network_.calls;
  counts_.packets_lost = network_.lost;
  counts_.packets_doubled = network_.doubled;
  for (auto& machine : machines_) {
    counts_.transactions += machine->disk.transactions;
    counts_.transactions_failed += machine->disk.failed;
    machine->clients.kill();
  }
  return {violation_, counts_};
}

std::string World::describe() {
  std::string text;
  for (int i = 0; i < plan_.regions; ++i) {
    const Postgres& server = machine(i).postgres;
    text += fmt::format(
        "\n    {}: {}{}{}{} timeline {} with {} records, opened in {}, router epoch {} -> '{}'{}",
        machine(i).region.name, server.process() == Postgres::Process::down ? "down" : "up",
        server.in_recovery() ? " standby" : "", server.streaming() ? " streaming" : "",
        server.data().fence ? " fenced" : "", server.data().timeline, server.data().wal.size(),
        machine(i).opened_in.value, machine(i).router.epoch.value, machine(i).router.writer.name,
        machine(i).router.gate->closed() ? " held" : "");
    for (const auto& [name, document] : machine(i).disk.documents) {
      if (name.rfind("global:", 0) == 0 || name.rfind("operation:", 0) == 0 ||
          name.rfind("fence", 0) == 0) {
        text += "\n      " + name + " " + document.substr(0, 600);
      }
    }
  }
  return text;
}

Beginning World::set_up() {
  for (int i = 0; i < plan_.regions; ++i) start_daemon(i);
  const auto create = [](World& world, int i) -> net::Task<void> {
    region::Daemon& core = *world.daemon(i)->core;
    if (i == 0) {
      region::CreateGlobalCluster global;
      global.identifier = kGlobal;
      global.database_name = "app";
      co_await core.create_global_cluster(std::move(global));
    }
    region::CreateDbCluster cluster;
    cluster.identifier = "cluster-" + std::to_string(i);
    cluster.global_cluster_identifier = kGlobal;
    if (i == 0) {
      cluster.master_username = "postgres";
      cluster.master_password = "a-password";
    }
    const auto made = co_await core.create_db_cluster(std::move(cluster));
    if (made.has_error()) world.violate("set up: " + made.error().message);
    region::CreateDbInstance instance;
    instance.identifier = "instance-" + std::to_string(i);
    instance.cluster_identifier = "cluster-" + std::to_string(i);
    const auto served = co_await core.create_db_instance(std::move(instance));
    if (served.has_error()) world.violate("set up: " + served.error().message);
  };
  for (int i = 0; i < plan_.regions && violation_.empty(); ++i) {
    daemon(i)->operators.spawn("create", create(*this, i));
    kernel_.run_until(kernel_.now() + 10s);
  }
  kernel_.run_until(kernel_.now() + 20s);
  Beginning beginning;
  for (int i = 0; i < plan_.regions; ++i) {
    beginning.documents.push_back(machine(i).disk.documents);
    beginning.data.push_back(machine(i).postgres.data());
  }
  if (!violation_.empty()) std::fprintf(stderr, "%s\n", violation_.c_str());
  return beginning;
}

void World::converse(const std::vector<Saying>& sayings) {
  for (int i = 0; i < plan_.regions; ++i) start_daemon(i);
  kernel_.run_until(2s);
  for (const Saying& saying : sayings) {
    if (saying.answer) {
      network_.strange_answers.push_back({200, saying.body});
    } else {
      network_.say(machine(1).region, machine(0).region, {saying.what, saying.body, true});
    }
    kernel_.run_until(kernel_.now() + 300ms);
  }
  kernel_.run_until(kernel_.now() + 3s);
}

}  // namespace

void Counts::add(const Counts& other) {
  for (int i = 0; i < kActs; ++i) acts[i] += other.acts[i];
  accepted += other.accepted;
  refused += other.refused;
  switchovers += other.switchovers;
  failovers += other.failovers;
  called_off += other.called_off;
  writes += other.writes;
  acknowledged += other.acknowledged;
  lost_by_failover += other.lost_by_failover;
  calls += other.calls;
  packets_lost += other.packets_lost;
  packets_doubled += other.packets_doubled;
  transactions += other.transactions;
  transactions_failed += other.transactions_failed;
  steps += other.steps;
  simulated += other.simulated;
}

Beginning make_beginning(int regions) {
  Plan plan;
  plan.regions = regions;
  plan.way = 1ms;
  World world(plan, nullptr, false);
  return world.set_up();
}

void converse(const std::vector<Saying>& sayings, const Beginning& beginning) {
  Plan plan;
  plan.way = 1ms;
  World world(plan, &beginning, false);
  world.converse(sayings);
}

Outcome run(const Plan& plan, const Beginning& beginning, bool trace) {
  World world(plan, &beginning, trace);
  return world.run();
}

}  // namespace aurora_global::sim
