// One region of a run: a machine with its clocks, disk and PostgreSQL, the region's router, and the
// daemon that is under test.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "region/config.h"
#include "region/instance/timelines.h"
#include "region/outside.h"
#include "router/session_gate.h"
#include "sim/disk.h"
#include "sim/network.h"
#include "sim/postgres.h"

namespace aurora_global::sim {

// The router's knowledge and its gate. The gate is the product's own.
struct Router {
  std::uint64_t version = 0;
  Epoch epoch;
  RegionId writer;  // Where its global writer endpoint leads; empty: nowhere yet.
  std::shared_ptr<router::SessionGate> gate;
  int open = 0;  // Transactions under way.
  bool up = true;
  std::optional<model::Topology> kept;  // topology.json
};

// How a run may go wrong inside of one machine.
struct EngineFaults {
  Duration promotion = std::chrono::milliseconds(30);
  bool orders_fail = false;  // Every order to PostgreSQL fails half of the time.
};

struct Machine;

// Who sees what happens.
class Watch {
 public:
  virtual ~Watch() = default;
  // The daemon has told its server to open for writing,
  virtual void promotion_ordered(Machine& machine, Epoch epoch) = 0;
  virtual void opened(Machine& machine) = 0;  // and it has.
  // A server has started that is no standby.
  virtual void started(Machine& machine) = 0;
  virtual void published(Machine& machine, const model::Topology& topology) = 0;
  // A transaction of the daemon has become durable.
  virtual void stored(Machine& machine) = 0;
  // A rewind takes this record and all after it from its data.
  virtual void discarded(Machine& machine, std::size_t first) = 0;
  // The daemon of region `by` has answered.
  virtual void answered(const RegionId& by, const region::PeerRequest& request,
                        const region::PeerReply& reply) = 0;
};

struct Machine {
  Machine(Kernel& kernel, Wire& wire, Watch& who, RegionId id)
      : region(id), clock(kernel), postgres(kernel, wire, id), watch(who), clients(kernel, clock) {
    router.gate = std::make_shared<router::SessionGate>(clients.executor());
    postgres.on_promoted = [this] { watch.opened(*this); };
    postgres.on_started = [this] { watch.started(*this); };
    postgres.on_discard = [this](std::size_t first) { watch.discarded(*this, first); };
    disk.on_durable = [this] { watch.stored(*this); };
  }

  RegionId region;
  MachineClock clock;
  Disk disk;
  Postgres postgres;
  Watch& watch;
  region::TimelineShare share;
  std::uint32_t noted_timeline = 0;  // The newest of data that are gone.
  std::size_t kept_from = SIZE_MAX;  // From here on its WAL was put aside for an operator.
  Epoch opened_in;                   // The epoch that its server was last promoted for.
  EngineFaults faults;
  Router router;
  Loop clients;  // Where the applications and the router of this region run.
};

// The daemon's door to the model of its PostgreSQL.
class SimInstance final : public region::Instance {
 public:
  SimInstance(Kernel& kernel, Machine& machine, boost::asio::any_io_executor executor,
              std::string identifier, int slot)
      : Instance(executor, std::move(identifier), slot), kernel_(kernel), machine_(machine) {}

  std::string address() const override { return "127.0.0." + std::to_string(20 + slot()); }
  std::filesystem::path socket_dir() const override { return "/sim/" + machine_.region.name; }
  bool has_data() const override { return data().complete && !data().half_rewound; }
  bool is_standby_directory() const override { return data().standby_signal; }
  bool running() override { return postgres().process() != Postgres::Process::down; }
  net::Task<Result<void>> init(region::Bootstrap, Deadline deadline) override;
  net::Task<Result<void>> seed(region::WalSource source, Deadline deadline) override;
  net::Task<Result<void>> start(std::optional<region::WalSource> source,
                                Deadline deadline) override;
  net::Task<Result<void>> stop(region::StopMode mode, Deadline deadline) override;
  net::Task<Result<void>> follow(region::WalSource source, Deadline deadline) override;
  const region::Forwarding& forwarding() const override { return forwarding_; }
  net::Task<Result<void>> set_forwarding(region::Forwarding forwarding, Deadline) override {
    forwarding_ = std::move(forwarding);
    co_return ok();
  }
  net::Task<Result<void>> keep_slots(std::vector<std::string>, Deadline deadline) override {
    co_return co_await order("keep slots", deadline);
  }
  net::Task<Result<void>> warm(Deadline deadline) override {
    co_return co_await order("warm", deadline);
  }
  net::Task<Result<std::optional<Lsn>>> fence(Epoch epoch, model::DrainPolicy policy,
                                              Deadline deadline) override;
  net::Task<Result<void>> unfence(Deadline deadline) override;
  net::Task<Result<void>> await_replay(Lsn position, Deadline deadline) override;
  net::Task<Result<void>> promote(Epoch epoch, std::string region, Deadline deadline) override;
  net::Task<Result<std::string>> rewind(region::WalSource source, Deadline deadline) override;
  net::Task<Result<int>> clear_the_way_of_replay(Deadline deadline) override;
  net::Task<Result<std::string>> what_blocks_replay(Deadline deadline) override;
  net::Task<Result<std::vector<std::string>>> settings_below_primary(Deadline) override {
    co_return std::vector<std::string>();
  }
  net::Task<Result<std::vector<std::string>>> unlogged_tables(Deadline deadline) override;
  net::Task<Result<region::InstanceState>> state(Deadline deadline) override;
  net::Task<Result<void>> checkpoint(Deadline deadline) override {
    co_return co_await order("checkpoint", deadline);
  }
  net::Task<Result<void>> set_password(std::string, std::string, Deadline deadline) override {
    co_return co_await order("set password", deadline);
  }
  net::Task<Result<Lsn>> end_of_clean_shutdown() override;
  net::Task<Result<std::uint32_t>> last_timeline() override { co_return data().timeline; }
  net::Task<Result<Lsn>> fork_of(std::uint32_t timeline) override;
  net::Task<Result<bool>> wal_goes_past(std::uint32_t timeline, Lsn lsn) override;
  net::Task<Result<std::filesystem::path>> set_aside(std::string why) override;
  net::Task<Result<std::filesystem::path>> keep_wal(std::uint32_t timeline, Lsn fork) override;
  net::Task<Result<void>> remove_files() override;
  net::Task<Result<bool>> take_volume(std::filesystem::path) override { co_return false; }
  net::Task<Result<void>> leave_volume(std::filesystem::path) override { co_return ok(); }

 private:
  Postgres& postgres() { return machine_.postgres; }
  DataDirectory& data() const { return machine_.postgres.data(); }
  void note_timeline() {
    machine_.noted_timeline = std::max(machine_.noted_timeline, data().timeline);
  }
  // The way of a statement to the server: an error when it does not answer.
  net::Task<Result<void>> order(std::string_view what, Deadline deadline);

  Kernel& kernel_;
  Machine& machine_;
  region::Forwarding forwarding_;
};

// The daemon's door to the model of its router.
class SimRouterLink final : public region::RouterLink {
 public:
  SimRouterLink(Kernel& kernel, Machine& machine) : kernel_(kernel), machine_(machine) {}
  net::Task<Result<void>> publish(model::Topology topology, Deadline deadline) override;
  net::Task<Result<std::uint64_t>> version(Deadline deadline) override;
  net::Task<Result<void>> prepare(region::PrepareOrder order, Deadline deadline) override;
  net::Task<Result<region::Held>> hold(region::HoldOrder order, Deadline deadline) override;
  net::Task<Result<void>> release(std::string endpoint, Deadline deadline) override;
  net::Task<Result<nlohmann::json>> status(Deadline deadline) override;
  net::Task<Result<void>> keep(model::Topology topology) override;

 private:
  net::Task<Result<void>> reach();

  Kernel& kernel_;
  Machine& machine_;
};

// What a router does with a snapshot, also with the one that it finds when it starts.
void take_topology(Machine& machine, const model::Topology& topology);

}  // namespace aurora_global::sim
