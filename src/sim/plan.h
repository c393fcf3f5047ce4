// What goes wrong in a run, and what operators ask for meanwhile: a list that a seed makes, and
// that a shrinker takes things out of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace aurora_global::sim {

enum class Act {
  switchover,       // to `region`
  failover,         // to `region`, data loss allowed
  remove_region,    // `region` leaves the global cluster
  add_region,       // and comes back as a new one
  kill_daemon,      // and start it again after `lasts`
  kill_at_step,     // the same, after `number` of its steps from now
  kill_machine,     // daemon, router and PostgreSQL at once
  crash_postgres,   // the daemon starts it again
  stop_daemon,      // SIGSTOP, and SIGCONT after `lasts`
  freeze_postgres,  // the same, of postmaster and backends
  restart_router,
  cut_one_way,  // from `region` to `other`
  cut_both_ways,
  isolate,      // `region` from everybody
  bad_network,  // losses, doubles and late packets everywhere
  full_disk,
  slow_disk,
  slow_promotion,
  failing_orders,
  pause_replay,
  jump_clock,   // by `number` milliseconds
  drift_clock,  // by `number` parts per million
};
inline constexpr int kActs = 22;

std::string_view name_of(Act act);

struct Step {
  Duration at{};
  Act act = Act::switchover;
  int region = 0;
  int other = 0;
  Duration lasts{};
  int number = 0;

  std::string text() const;
};

// What becomes of one request between two daemons.
enum class Spoil { request_lost, answer_lost, late, doubled };
inline constexpr int kSpoils = 4;

struct Plan {
  std::uint64_t seed = 0;
  int regions = 2;
  bool planned_only = false;  // Nobody may lose anything: no failover, no removal.
  Duration way{};             // Between two regions, one way.
  std::vector<Step> steps;
  // Counted from the plan's first moment on, over all regions; 0: none.
  std::uint64_t failing_put = 0;  // The transaction that a disk refuses.
  std::uint64_t spoilt_call = 0;  // The request that does not go as it should.
  Spoil spoil = Spoil::request_lost;
};

// The plan of a seed. `regions` 0: two to five.
Plan make_plan(std::uint64_t seed, int regions);

}  // namespace aurora_global::sim
