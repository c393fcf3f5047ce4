// Why this region may believe that the epoch it knows is the newest. Pure; lives as long as the
// daemon, for what was true before a stop need not be true after it.
#pragma once

#include <algorithm>
#include <set>

#include "model/global_cluster.h"

namespace aurora_global::region {

class EpochEvidence {
 public:
  enum class Word {
    none,
    adopted,      // PostgreSQL was open for writing when this daemon took it over, and is still.
    decided,      // This region decided the epoch itself, or an operator did here.
    handed_back,  // The coordinator of a move has called it off: this region is the primary.
  };

  // A member's whole word has been taken in.
  void heard(const RegionId& region) { heard_.insert(region); }
  bool has_heard(const RegionId& region) const { return heard_.contains(region); }
  void take(Word word) { word_ = word; }
  void withdraw() { word_ = Word::none; }
  Word word() const { return word_; }

  // Every other member was heard, or somebody who knows has said so.
  bool confirms(const model::GlobalCluster& global, const RegionId& here) const {
    if (word_ != Word::none) return true;
    return std::all_of(global.members.begin(), global.members.end(), [&](const auto& member) {
      return member.region == here || heard_.contains(member.region);
    });
  }

 private:
  std::set<RegionId> heard_;
  Word word_ = Word::none;
};

}  // namespace aurora_global::region
