// The disk under a daemon's store: what was put on it survives the daemon, and what was not yet
// there may or may not.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "region/store.h"
#include "sim/kernel.h"

namespace aurora_global::sim {

// Fails one transaction of a run.
struct PutFaults {
  std::uint64_t seen = 0;   // Since it was armed,
  std::uint64_t fails = 0;  // and the one that fails; 0: none.
  bool armed = false;

  void arm(std::uint64_t number) {
    armed = true;
    fails = number;
  }
  bool next_fails() { return armed && ++seen == fails; }
};

struct Disk {
  std::map<std::string, std::string> documents;
  bool full = false;
  PutFaults* puts = nullptr;
  double slow = 0;  // Share of transactions that take up to 2 s.
  std::uint64_t transactions = 0, failed = 0, torn = 0;
  // Called when a transaction has become durable.
  std::function<void()> on_durable;
};

class SimStore final : public region::Store {
 public:
  SimStore(Kernel& kernel, Disk& disk) : kernel_(kernel), disk_(disk) {}

  Result<std::vector<Document>> load() override;
  net::Task<Result<void>> put(std::vector<Document> documents,
                              std::vector<std::string> erased) override;
  net::Task<Result<void>> forget() override { co_return ok(); }
  net::Task<Result<void>> add_event(model::Event) override { co_return ok(); }
  net::Task<Result<std::vector<model::Event>>> events(WallTime, WallTime) override {
    co_return std::vector<model::Event>{};
  }
  // The process ends. A transaction that was under way is on disk as a whole or not at all.
  void crash();

 private:
  struct Pending {
    std::vector<Document> put;
    std::vector<std::string> erase;
    bool done = false;
    Result<void> outcome = ok();
    std::shared_ptr<net::Event> ended;
  };
  void begin_next();
  void make_durable(const Pending& pending);

  Kernel& kernel_;
  Disk& disk_;
  std::deque<std::shared_ptr<Pending>> queue_;
  bool writing_ = false;
  bool crashed_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace aurora_global::sim
