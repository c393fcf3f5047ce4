// What no run may break, looked at whenever something happens that could break it.
//
// The rules see what no daemon sees: all disks, servers and routers at once, and what was answered
// before a crash. They know nothing of how a daemon comes to do what it does.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/machine.h"

namespace aurora_global::sim {

// The platform as the rules see it.
struct Scene {
  explicit Scene(const Kernel& k) : kernel(k) {}

  const Kernel& kernel;
  std::vector<std::unique_ptr<Machine>> machines;
  bool lossy = false;               // A failover was asked for: writes may be lost from now on.
  std::optional<Time> faults_over;  // Since then everything works.
  int removed = -1;  // The region that an operator takes, or has taken, out of the global cluster.
  int leaver = -1;   // It was ever: the failover of somebody who did not know of its return may
                     // leave it out again.

  Machine& at(int i) { return *machines[static_cast<std::size_t>(i)]; }
  const Machine& at(int i) const { return *machines[static_cast<std::size_t>(i)]; }
  int size() const { return static_cast<int>(machines.size()); }
  int index_of(const RegionId& region) const;
};

class Rules final : public Watch {
 public:
  struct Tally {
    std::uint64_t writes = 0, acknowledged = 0, lost = 0;
    std::uint64_t switchovers = 0, failovers = 0, fences = 0, starts = 0;
    void add(const Tally& other);
  };

  // `violate` is told what was broken.
  Rules(Scene& scene, std::function<void(std::string)> violate);
  // The platform is as it should be; from now on it is watched.
  void begin();

  // A client's write has been committed by the server of machine `i`. Returns its number.
  WriteId committed(int i);
  void acknowledged(WriteId id);
  void daemon_started(int i);
  // Region `i`, which had been removed, is a member again, as if for the first time.
  void joined(int i);
  // Nothing goes on any more: what was acknowledged must be where the writer is.
  void finish();
  Time last_acknowledged() const { return last_acknowledged_; }
  const Tally& tally() const { return tally_; }

  void promotion_ordered(Machine& machine, Epoch epoch) override;
  void opened(Machine& machine) override;
  void started(Machine& machine) override;
  void published(Machine& machine, const model::Topology& topology) override;
  void stored(Machine& machine) override;
  void discarded(Machine& machine, std::size_t first) override;
  void answered(const RegionId& by, const region::PeerRequest& request,
                const region::PeerReply& reply) override;

 private:
  // A write of a client, from its commit on.
  struct Write {
    int server = 0;         // Where it was committed,
    Epoch epoch;            // which had been opened in this epoch.
    bool too_late = false;  // A newer epoch had been opened.
    bool acknowledged = false;
    bool given_up = false;  // A failover went on without it.
  };
  // Of one region.
  struct Known {
    Epoch epoch;  // The newest that its disk has,
    model::Decision decision;
    RegionId writer;
    Time since{};
    std::size_t received = 0;  // and what its server had then.
    std::uint64_t chain = 0;
    int histories = 0;
    std::optional<model::Operation> operation;  // Its last one on disk.
    std::string fenced_for;                     // The operation that it has promised, on disk,
    std::string confirmed;                      // and that it has told to be carried out.
    Epoch confirmed_epoch;
    Time daemon_since{};
    bool had_promised = false;    // Since the daemon started: somebody else may tell it to go on.
    bool returned_blind = false;  // Its server was opened in spite of a newer epoch.
  };

  Known& known(const Machine& machine);
  void check_timeline(const Machine& machine);
  void check_history(int i, const Known& known);
  void settle(int i, const Known& known);
  void check_loss(int i, const model::Operation& operation);

  Scene& scene_;
  std::function<void(std::string)> violate_;
  bool watching_ = false;
  std::vector<Known> known_;
  std::vector<Write> writes_;  // By their numbers; the first one is nobody's.
  std::map<std::pair<Epoch, model::Decision>, Time> decided_;  // On the disk of who decided.
  std::map<std::uint32_t, RegionId> begun_;                    // Timelines, and who has begun them.
  Epoch newest_;
  Time last_acknowledged_{};
  Tally tally_;
};

// What is where, for people.
std::string describe(const Scene& scene);

}  // namespace aurora_global::sim
