// The keeper: brings every instance of this region to its duty, again and again.
//
// Each round compares what should be with what is (decide) and does the next thing. One task per
// instance: the head is never kept waiting by the copy of a reader. It orders no router and speaks
// to other regions only to learn where histories part.
#pragma once

#include "region/core.h"
#include "region/keeper/decide.h"

namespace aurora_global::region {

class Keeper {
 public:
  Keeper(Core& core, Truth& truth, std::function<void()> changed);

  void start();
  // Something has changed: compare soon.
  void look() { wake_.notify(); }
  // The instances that were already running when the daemon started are taken over.
  void adopt();

 private:
  using Outcome = net::Task<Result<void>>;
  net::Task<void> watch_over_all();
  net::Task<void> keep(std::string identifier);
  net::Task<void> look_at(Instance& instance);
  net::Task<Duration> keep_once(Instance& instance, int* failures);
  Outcome keep_head(Instance& head);
  Outcome keep_reader(Instance& reader);
  HeadFacts facts_of(Instance& head) const;
  Outcome perform(Action action, Instance& head);
  Outcome init(Instance& head);
  Outcome rejoin(Instance& head);
  Outcome keep_and_seed(Instance& head);
  Outcome copy_anew(Instance& instance, WalSource source);
  Result<void> may_lose_data(const Instance& instance) const;
  Outcome mend_head(Instance& head);
  Outcome can_be_copied();
  Outcome raise_settings(Instance& standby, WalSource from);
  Outcome rest(Instance& head);
  // What a server has written or received and the writer has not.
  struct OwnWal {
    struct Piece {
      std::uint32_t timeline = 0;
      Lsn from;
    };
    std::vector<Piece> pieces;  // Of the timelines that it has been on, newest first.
    bool diverged = false;      // Nothing that pg_rewind compares would tell the two apart.
  };
  net::Task<Result<OwnWal>> own_wal(Instance& head, std::uint32_t newest);
  // Takes off what needs none.
  net::Task<Result<bool>> needs_rewind(Instance& head, OwnWal own, std::uint32_t newest);
  net::Task<Result<void>> keep_what_is_discarded(Instance& head, OwnWal own);
  net::Task<void> keep_what_was_lost(Instance& head, OwnWal own);
  void rejoined(const std::string& how);
  net::Task<void> keep_status(std::string identifier, bool answers, bool busy);
  void watch_stream(Instance& instance);
  void watch_startup(Instance& instance);
  WalSource source(const Instance& head) const;

  Core& core_;
  Truth& truth_;
  std::function<void()> changed_;
  net::Event wake_;
  std::set<std::string> kept_;  // Instances that a task looks after.
};

}  // namespace aurora_global::region
