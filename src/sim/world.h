// A run: regions with their daemons, clients that write all the time, operators, faults, and the
// rules that nothing of it may break.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim/plan.h"
#include "sim/rules.h"

namespace aurora_global::sim {

struct Counts {
  std::uint64_t acts[kActs] = {};
  std::uint64_t accepted = 0, refused = 0;  // Operations that were asked for.
  std::uint64_t added = 0;                  // Regions that came back after they had been removed.
  Rules::Tally rules;
  std::uint64_t calls = 0, packets_lost = 0, packets_doubled = 0;
  std::uint64_t transactions = 0, transactions_failed = 0;
  std::uint64_t steps = 0;
  // From the plan's first moment on: what can be made to fail, one at a time.
  std::uint64_t calls_since_begin = 0, puts_since_begin = 0;
  Duration simulated{};

  void add(const Counts& other);
};

struct Outcome {
  std::string violation;  // Empty: every rule was kept.
  Counts counts;
};

// What every run of one number of regions starts from: a global cluster that replicates.
struct Beginning {
  std::vector<std::map<std::string, std::string>> documents;
  std::vector<DataDirectory> data;
};
Beginning make_beginning(int regions);

// What a stranger says to the first region's daemon: requests, and answers to its own. Returns when
// the daemon has had time to think about all of it; whatever it was, the daemon lives.
struct Saying {
  bool answer = false;
  std::string what;  // Of a request.
  std::string body;
};
void converse(const std::vector<Saying>& sayings, const Beginning& beginning);

// `trace` prints what happens, as it happens.
Outcome run(const Plan& plan, const Beginning& beginning, bool trace);

}  // namespace aurora_global::sim
