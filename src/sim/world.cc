#include "sim/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "model/codec.h"
#include "sim/node.h"
#include "sim/rules.h"

namespace aurora_global::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kBeginsWithin = 20s;  // The platform is well so long after its start,
constexpr Duration kCalmWithin = 240s;   // and so long after the last fault.
constexpr Duration kLook = 200ms;        // Between two looks whether it is,
constexpr Duration kWellFor = 1s;        // which it is when it has been for so long.
constexpr Duration kServedWithin = 3s;   // Some client, at any time then.
constexpr Duration kThink = 60ms;        // Of a client between two writes, about.
// A request that one daemon passes on to another is answered, or given up, within this.
constexpr Time kOnItsWayAtMost = 30s;
constexpr std::size_t kLagMax = 40;  // Records.
constexpr int kTries = 300;          // Of an operator who waits until a region has left.
constexpr const char* kGlobal = "global";

class World final : public Wire {
 public:
  World(const Plan& plan, const Beginning* beginning, bool trace)
      : plan_(plan),
        kernel_(plan.seed + 17),
        network_(kernel_, plan.way),
        scene_(kernel_),
        rules_(scene_, [this](std::string what) { violate(std::move(what)); }),
        trace_(trace) {
    for (int i = 0; i < plan.regions; ++i) {
      configs_.push_back(std::make_unique<region::RegionConfig>(config_of(i, plan.regions)));
      scene_.machines.push_back(
          std::make_unique<Machine>(kernel_, *this, rules_, region_number(i)));
      machine(i).share = region::share_of(*configs_.back());
      machine(i).disk.puts = &puts_;
      if (beginning == nullptr) continue;
      machine(i).disk.documents = beginning->documents[static_cast<std::size_t>(i)];
      machine(i).postgres.data() = beginning->data[static_cast<std::size_t>(i)];
      machine(i).opened_in = i == 0 ? Epoch{1} : Epoch{};
    }
    network_.on_answer = [this](const RegionId& by, const region::PeerRequest& request,
                                const region::PeerReply& reply) {
      rules_.answered(by, request, reply);
    };
    nodes_.resize(static_cast<std::size_t>(plan.regions));
    if (beginning != nullptr) rules_.begin();
  }
  ~World() override {
    for (auto& node : nodes_) node.reset();
    for (auto& machine : scene_.machines) machine->clients.kill();
  }

  Outcome run();
  Beginning set_up();
  void converse(const std::vector<Saying>& sayings);

  Postgres* server_in(const RegionId& region) override {
    const int i = scene_.index_of(region);
    return i < 0 ? nullptr : &machine(i).postgres;
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
  Machine& machine(int i) { return scene_.at(i); }
  Node* node(int i) { return nodes_[static_cast<std::size_t>(i)].get(); }

  void start_daemon(int i);
  void kill_daemon(int i, Duration lasts);
  void restart_router(int i);
  void perform(const Step& step);
  void end_faults();
  net::Task<void> ask(int i, int target, region::MoveKind kind);
  net::Task<void> remove(int i, int target);
  net::Task<Result<void>> create(int i);
  net::Task<void> add(int i);
  void request(const Step& step);
  std::string operation_id_on_disk(int i);

  net::Task<void> client(int i, bool through_router);
  net::Task<void> write_through_router(int i);
  net::Task<void> write_at(int i, int server);
  bool is_out(int i);
  std::string unwell();
  std::string writer_of(int* writer);
  std::string follows(int i, int writer);
  // Runs until the platform has been well for a while; else says what is wrong.
  std::string await_well(Duration at_most, Duration for_so_long);
  Duration end_of_plan() const;

  const Plan& plan_;
  Kernel kernel_;
  Network network_;
  Scene scene_;
  Rules rules_;
  PutFaults puts_;
  bool trace_;
  std::vector<std::unique_ptr<region::RegionConfig>> configs_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::uint64_t started_ = 0;
  std::uint64_t asked_ = 0;
  std::optional<Time> last_asked_;
  std::string violation_;
  Counts counts_;
};

void World::start_daemon(int i) {
  auto& place = nodes_[static_cast<std::size_t>(i)];
  if (place || !violation_.empty()) return;
  note("{}: daemon starts", machine(i).region.name);
  place =
      std::make_unique<Node>(kernel_, machine(i), network_, *configs_[static_cast<std::size_t>(i)],
                             plan_.seed * 1000 + ++started_);
  rules_.daemon_started(i);
  if (!place->failure.empty()) {
    violate(machine(i).region.name + ": the daemon does not start: " + place->failure);
  }
}

void World::kill_daemon(int i, Duration lasts) {
  auto& place = nodes_[static_cast<std::size_t>(i)];
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
    case Act::remove_region:
    case Act::add_region: request(step); break;
    case Act::kill_daemon: kill_daemon(i, step.lasts); break;
    case Act::kill_at_step:
      if (Node* victim = node(i)) {
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
      if (Node* stopped = node(i)) {
        stopped->loop.stop();
        later([this, i] {
          if (Node* present = node(i)) present->loop.go_on();
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
      for (auto& other : scene_.machines) {
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
  scene_.faults_over = kernel_.now();
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
    if (Node* present = node(i)) {
      present->loop.go_on();
      present->loop.after_steps(0, nullptr);
    }
    start_daemon(i);
  }
}

std::string World::operation_id_on_disk(int i) {
  const auto found = machine(i).disk.documents.find(std::string("operation:") + kGlobal);
  if (found == machine(i).disk.documents.end()) return "";
  const auto operation = model::decode_text<model::Operation>(found->second, found->first);
  return operation.has_value() ? operation->id : "";
}

// An operator at region i, or wherever a daemon answers.
void World::request(const Step& step) {
  const int target = step.region;
  if (step.act == Act::add_region) {
    if (scene_.removed < 0 || node(scene_.removed) == nullptr) return;
    return node(scene_.removed)->operators.spawn("add", add(scene_.removed));
  }
  if (step.act != Act::switchover) scene_.lossy = true;
  if (step.act == Act::remove_region) {
    if (scene_.removed >= 0) return;
    for (int i = 0; i < plan_.regions; ++i) {
      if (Node* at = node(i)) {
        scene_.removed = scene_.leaver = target;
        at->operators.spawn("remove", remove(i, target));
        return;
      }
    }
    return;
  }
  // Half of the operators talk to the target, the others to somebody else.
  int asked = step.other % plan_.regions;
  if (kernel_.chance(0.5) || node(asked) == nullptr) asked = target;
  if (node(asked) == nullptr) return;
  const auto kind = step.act == Act::switchover ? region::MoveKind::lossless
                                                : region::MoveKind::data_loss_allowed;
  node(asked)->operators.spawn("operator", ask(asked, target, kind));
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
  const auto answer = co_await node(i)->core->move_writer(kGlobal, arn, kind, drain);
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
  const auto answer = co_await node(i)->core->remove_from_global_cluster(kGlobal, arn);
  // A daemon that could not keep what it was told may have been told that it is done.
  const bool refused = answer.has_error() && (answer.error().kind == ErrorKind::conflict ||
                                              answer.error().kind == ErrorKind::invalid ||
                                              answer.error().kind == ErrorKind::not_found);
  if (refused) scene_.removed = -1;
  note("{}: removal of {}: {}", machine(i).region.name, machine(target).region.name,
       answer.has_value() ? "done" : answer.error().message);
}

// A DB cluster of the global cluster, with its one DB instance.
net::Task<Result<void>> World::create(int i) {
  region::Daemon& core = *node(i)->core;
  region::CreateDbCluster cluster;
  cluster.identifier = "cluster-" + std::to_string(i);
  cluster.global_cluster_identifier = kGlobal;
  const auto globals = core.global_clusters();
  if (!globals.empty() && globals[0].members.empty()) {
    cluster.master_username = "postgres";
    cluster.master_password = "a-password";
  }
  CO_TRY_VOID(co_await core.create_db_cluster(std::move(cluster)));
  region::CreateDbInstance instance;
  instance.identifier = "instance-" + std::to_string(i);
  instance.cluster_identifier = "cluster-" + std::to_string(i);
  CO_TRY_VOID(co_await core.create_db_instance(std::move(instance)));
  co_return ok();
}

// What an operator does who wants a region back: its own cluster goes, and a new one joins.
net::Task<void> World::add(int i) {
  region::Daemon& core = *node(i)->core;
  auto added = Result<void>(make_error(ErrorKind::conflict, "it has not left yet"));
  for (int tries = 0; added.has_error() && tries < kTries; ++tries) {
    co_await net::sleep_for(kLook);
    if (!is_out(i)) continue;
    co_await core.delete_db_instance("instance-" + std::to_string(i));
    co_await core.delete_db_cluster("cluster-" + std::to_string(i));
    added = co_await create(i);
  }
  note("{}: addition: {}", machine(i).region.name,
       added.has_value() ? "done" : added.error().message);
  if (added.has_error() || scene_.removed != i) co_return;
  scene_.removed = -1;
  ++counts_.added;
  rules_.joined(i);
}

net::Task<void> World::client(int i, bool through_router) {
  for (;;) {
    co_await net::sleep_for(kernel_.between(kThink / 2, kThink * 2));
    if (through_router) {
      co_await write_through_router(i);
    } else {
      co_await write_at(i, i);
    }
  }
}

// One transaction through the region's global writer endpoint.
net::Task<void> World::write_through_router(int i) {
  const auto gate = machine(i).router.gate;
  const auto entered = co_await gate->enter(Deadline::in(10s));
  if (entered.has_error() || gate != machine(i).router.gate) co_return;
  const int server = scene_.index_of(machine(i).router.writer);
  if (server < 0) co_return;
  struct Open {
    int& count;
    explicit Open(int& c) : count(c) { ++count; }
    ~Open() { --count; }
  } open{machine(i).router.open};
  co_await write_at(i, server);
}

// The statement travels, works for a while, and commits; then the answer travels. A client of the
// instance itself has no router that would hold it.
net::Task<void> World::write_at(int i, int server) {
  const RegionId here = machine(i).region;
  Machine& there = machine(server);
  co_await net::sleep_for(latency(here, there.region) + kernel_.between(0ms, 20ms));
  if (!passes(here, there.region) || !there.postgres.takes_writes()) co_return;
  const WriteId id = rules_.committed(server);
  there.postgres.write(id);
  const int process = there.postgres.incarnation();
  co_await net::sleep_for(latency(there.region, here));
  if (!passes(there.region, here) || there.postgres.incarnation() != process) co_return;
  rules_.acknowledged(id);
}

// It has left the global cluster, and is a cluster of its own or not yet back.
bool World::is_out(int i) {
  if (scene_.leaver != i || node(i) == nullptr) return false;
  const auto clusters = node(i)->core->db_clusters();
  if (!clusters.empty() && !clusters[0].global_cluster_identifier.empty() &&
      !clusters[0].instances.empty()) {
    return false;
  }
  scene_.removed = i;
  return true;
}

std::string World::writer_of(int* writer) {
  *writer = -1;
  for (int i = 0; i < plan_.regions; ++i) {
    if (node(i) == nullptr) return machine(i).region.name + " has no daemon";
    if (!machine(i).postgres.takes_writes() || is_out(i)) continue;
    if (*writer >= 0) {
      return "two writers: " + machine(*writer).region.name + " and " + machine(i).region.name;
    }
    *writer = i;
  }
  return *writer < 0 ? "nobody takes writes" : "";
}

// Why region i does not follow the writer; empty: it does.
std::string World::follows(int i, int writer) {
  const std::string& name = machine(i).region.name;
  const RegionId& leader = machine(writer).region;
  const Router& router = machine(i).router;
  if (router.writer != leader) return "the router of " + name + " leads to " + router.writer.name;
  if (router.gate->closed()) return "the router of " + name + " holds its clients";
  for (const model::GlobalCluster& global : node(i)->core->global_clusters()) {
    if (global.status != "available") return name + " says that it is " + global.status;
    if (global.writer_region == leader) continue;
    return name + " takes " + global.writer_region.name + " for the writer, which is " +
           leader.name;
  }
  if (i == writer) return "";
  const Postgres& standby = machine(i).postgres;
  if (!standby.streaming()) return name + " does not replicate";
  const auto& theirs = machine(writer).postgres.data().wal;
  const auto& ours = standby.data().wal;
  if (ours.size() + kLagMax < theirs.size()) return name + " lags";
  if (ours.empty() || ours.size() > theirs.size()) return name + " has more than the writer";
  if (ours.back().chain != theirs[ours.size() - 1].chain) {
    return name + " has another history than the writer";
  }
  return "";
}

// Why the platform is not as it should be; empty: it is.
std::string World::unwell() {
  int writer = -1;
  std::string why = writer_of(&writer);
  for (int i = 0; i < plan_.regions && why.empty(); ++i) {
    if (!is_out(i)) why = follows(i, writer);
  }
  if (why.empty() && kernel_.now() - rules_.last_acknowledged() > kServedWithin) {
    why = "no client is served";
  }
  return why;
}

std::string World::await_well(Duration at_most, Duration for_so_long) {
  const Time end = kernel_.now() + at_most;
  std::optional<Time> since;
  std::string why;
  while (violation_.empty() && kernel_.now() < end) {
    kernel_.run_until(kernel_.now() + kLook);
    why = unwell();
    if (!why.empty()) since.reset();
    if (why.empty() && !since) since = kernel_.now();
    if (why.empty() && kernel_.now() - *since >= for_so_long) break;
  }
  return why;
}

Duration World::end_of_plan() const {
  Duration end{};
  for (const Step& step : plan_.steps) end = std::max(end, step.at + step.lasts);
  return end + 500ms;
}

Outcome World::run() {
  for (int i = 0; i < plan_.regions; ++i) start_daemon(i);
  std::vector<std::unique_ptr<net::TaskGroup>> groups;
  for (int i = 0; i < plan_.regions; ++i) {
    groups.push_back(std::make_unique<net::TaskGroup>(machine(i).clients.executor()));
    const ClockOfThread in_force(machine(i).clock);
    groups.back()->spawn("client", client(i, true));
    groups.back()->spawn("client", client(i, false));
  }
  // The beginning replicates before anything happens to it.
  std::string why = await_well(kBeginsWithin, 0s);
  const Time began = kernel_.now();
  puts_.arm(plan_.failing_put);
  network_.arm(plan_.spoilt_call, plan_.spoil);
  for (const Step& step : plan_.steps) {
    kernel_.at(began + step.at, net::Job([this, step] { perform(step); }));
  }
  if (why.empty()) {
    kernel_.run_until(began + end_of_plan());
    if (violation_.empty()) end_faults();
    why = await_well(kCalmWithin, kWellFor);
  }
  if (violation_.empty() && !why.empty()) {
    violate("not well " +
            std::to_string(std::chrono::duration_cast<std::chrono::seconds>(kCalmWithin).count()) +
            " s after the last fault: " + why + describe(scene_));
  }
  if (violation_.empty()) rules_.finish();
  counts_.rules = rules_.tally();
  counts_.steps = kernel_.steps();
  counts_.simulated = kernel_.now();
  counts_.calls = network_.calls;
  counts_.calls_since_begin = network_.seen();
  counts_.puts_since_begin = puts_.seen;
  counts_.packets_lost = network_.lost;
  counts_.packets_doubled = network_.doubled;
  for (auto& machine : scene_.machines) {
    counts_.transactions += machine->disk.transactions;
    counts_.transactions_failed += machine->disk.failed;
    machine->clients.kill();
  }
  return {violation_, counts_};
}

Beginning World::set_up() {
  for (int i = 0; i < plan_.regions; ++i) start_daemon(i);
  const auto begin = [](World& world, int i) -> net::Task<void> {
    if (i == 0) {
      region::CreateGlobalCluster global;
      global.identifier = kGlobal;
      global.database_name = "app";
      co_await world.node(i)->core->create_global_cluster(std::move(global));
    }
    const auto made = co_await world.create(i);
    if (made.has_error()) world.violate("set up: " + made.error().message);
  };
  for (int i = 0; i < plan_.regions && violation_.empty(); ++i) {
    node(i)->operators.spawn("create", begin(*this, i));
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
  added += other.added;
  refused += other.refused;
  rules.add(other.rules);
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
