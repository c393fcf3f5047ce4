// What this region holds to be true, and its only writer: global clusters, operations, its own DB
// cluster, the fence, the evidence of the epoch.
//
// commit() puts a change on disk first and only then into memory, so whatever anybody reads here
// has survived a crash already; a store that fails changes nothing. Changes are decided one after
// the other, each on what the one before has made true.
//
// Two kinds of knowledge are not on disk, for they are heard or found again: operations of other
// regions (hear()), and how far a fence has been carried out (close_fence()).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/duty.h"
#include "model/operation.h"
#include "net/mutex.h"
#include "region/evidence.h"
#include "region/fence.h"
#include "region/store.h"

namespace aurora_global::region {

// This region's DB cluster, with what its first instance is created with.
struct OwnCluster {
  model::DbCluster facts;
  std::string master_verifier;
};

// An epoch that this region had decided and that does not hold: another decision of the same number
// does. What was written here alone is kept when the region rejoins.
struct LostEpoch {
  std::string global_cluster;
  Epoch epoch;
  model::Decision decision;
};

struct State {
  std::optional<OwnCluster> cluster;
  std::map<std::string, model::GlobalCluster> globals;
  std::map<std::string, model::Operation> operations;  // The last one of each global cluster.
  // The last one that each other region has coordinated: several may run until all but one give
  // way.
  std::map<std::pair<std::string, RegionId>, model::Operation> elsewhere;
  Fence fence;
  // Global clusters that this region was detached from by itself, with the resource id that its DB
  // cluster had.
  std::map<std::string, std::string> left;
  std::optional<LostEpoch> lost;
  EpochEvidence evidence;
};

// What becomes true at once, or not at all. Members that are not set stay as they are.
struct Change {
  std::vector<model::GlobalCluster> globals;
  std::vector<model::Operation> operations;
  std::optional<std::optional<OwnCluster>> cluster;
  std::optional<Fence> fence;
  std::optional<std::map<std::string, std::string>> left;
  std::optional<std::optional<LostEpoch>> lost;
  std::optional<EpochEvidence::Word> evidence;
};

class Truth {
 public:
  // Looks at the state as it is when the change's turn has come, and says what to change; an error
  // refuses. Runs without a pause.
  using Decide = std::function<Result<Change>(const State& now)>;

  Truth(boost::asio::any_io_executor executor, Store& store, RegionId here);

  // From what the store has. Fails with `corrupt`.
  Result<void> load(const std::vector<Store::Document>& documents);

  const RegionId& here() const { return here_; }
  const State& now() const { return state_; }
  const model::DbCluster* cluster() const;
  const model::GlobalCluster* global(const std::string& identifier) const;  // Not deleted.
  // The global cluster this region's DB cluster belongs to, or nullptr.
  const model::GlobalCluster* own_global() const;
  const model::Operation* operation(const std::string& global_cluster) const;
  const model::Operation* running_operation(const std::string& global_cluster) const;
  // That has decided who the writer is. Nullptr: it is not known here.
  const model::Operation* decider_of(const model::GlobalCluster& global) const;
  model::Duty duty() const;
  bool epoch_confirmed() const;

  // Stores, then swaps. Fails as `decide` or the store does, and nothing has changed.
  net::Task<Result<void>> commit(Decide decide);
  net::Task<Result<void>> commit(Change change);

  // --- memory only
  // By model::merge; true: it was news, and is the last one now.
  bool hear(const model::Operation& theirs);
  // Along the row of (kind, step, event), for steps that need not survive a crash.
  void advance(const std::string& global_cluster, model::Step to, model::StepTiming timing,
               std::string reason);
  void note_final_lsn(const std::string& global_cluster, Lsn final_lsn);
  Result<void> close_fence(std::string_view operation_id, Lsn final_lsn);
  void heard(const RegionId& region) { state_.evidence.heard(region); }
  void take_word(EpochEvidence::Word word) { state_.evidence.take(word); }
  void withdraw_word() { state_.evidence.withdraw(); }

 private:
  net::Task<Result<void>> write(Change change);

  Store& store_;
  RegionId here_;
  State state_;
  net::AsyncMutex turn_;
};

}  // namespace aurora_global::region
