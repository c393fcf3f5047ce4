// What a running server says of write forwarding, and what it did lately. Pure.
#pragma once

#include "region/instance/instance.h"

namespace aurora_global::region {

class ForwardingView {
 public:
  using Counters = std::map<std::string, std::int64_t>;

  void take(const InstanceState& state, Instant at) {
    // A counter that sums up only goes back when the server has started anew.
    const bool restarted = at_least_one_less(state.forwarding, now_);
    now_ = state.forwarding;
    in_recovery_ = state.in_recovery;
    if (restarted) {
      older_.clear();
      newer_.clear();
    } else if (!turned_ || at - *turned_ >= kHalf) {
      older_ = turned_ ? std::exchange(newer_, now_) : now_;
      if (!turned_) newer_ = now_;
      turned_ = at;
    }
  }

  bool in_recovery() const { return in_recovery_; }
  const Counters& now() const { return now_; }
  std::int64_t value(const std::string& name) const { return of(now_, name); }
  // How much was added in the last 30 to 60 seconds.
  std::int64_t lately(const std::string& name) const { return of(now_, name) - of(older_, name); }

 private:
  static constexpr Duration kHalf = std::chrono::seconds(30);

  static std::int64_t of(const Counters& counters, const std::string& name) {
    const auto found = counters.find(name);
    return found == counters.end() ? 0 : found->second;
  }
  static bool at_least_one_less(const Counters& now, const Counters& before) {
    for (const char* name : {"replica_total_sessions", "replica_statements", "replica_statement_us",
                             "writer_total_sessions", "writer_statements"}) {
      if (of(now, name) < of(before, name)) return true;
    }
    return false;
  }

  Counters now_;
  Counters older_, newer_;  // As they were 30 to 60 and 0 to 30 seconds ago.
  std::optional<Instant> turned_;
  bool in_recovery_ = false;
};

}  // namespace aurora_global::region
