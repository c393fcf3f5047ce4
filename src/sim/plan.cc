#include "sim/plan.h"

#include <algorithm>
#include <array>

#include "base/rng.h"

namespace aurora_global::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, kActs> kNames = {
    "switchover",          "failover",     "remove region",  "add region",     "kill daemon",
    "kill daemon at step", "kill machine", "crash server",   "stop daemon",    "freeze server",
    "restart router",      "cut one way",  "cut both ways",  "isolate",        "bad network",
    "full disk",           "slow disk",    "slow promotion", "failing orders", "pause replay",
    "jump clock",          "drift clock"};

constexpr Duration kMoves = 4s;  // Acts lie in here, most of them.

// What an operator asks for; the others are faults.
constexpr bool is_request(Act act) { return act < Act::kill_daemon; }

// Makes the plan of one seed.
class Planner {
 public:
  Planner(std::uint64_t seed, int regions) : rng_(seed * 0x9E3779B97F4A7C15ull + 1) {
    // Two and three regions are what people have; more are rare.
    constexpr std::array<int, 8> kUsual = {2, 2, 2, 3, 3, 3, 4, 5};
    plan_.seed = seed;
    plan_.regions = regions > 0 ? regions : kUsual[rng_.below(kUsual.size())];
    plan_.planned_only = chance(2);
    plan_.way = chance(2) ? Duration(500us) : pick(1ms, 60ms);
    patient_ = chance(24);
  }

  Plan make() {
    if (!plan_.planned_only && chance(4)) {
      partition_with_two_primaries();
    } else if (!plan_.planned_only && chance(4)) {
      return_of_a_primary();
    } else {
      requests();
    }
    faults();
    std::stable_sort(plan_.steps.begin(), plan_.steps.end(),
                     [](const Step& a, const Step& b) { return a.at < b.at; });
    return plan_;
  }

 private:
  bool chance(int of) { return rng_.below(static_cast<std::uint64_t>(of)) == 0; }
  Duration pick(Duration low, Duration high) {
    const auto span = static_cast<std::uint64_t>((high - low).count()) + 1;
    return low + Duration(static_cast<std::int64_t>(rng_.below(span)));
  }
  int region() { return static_cast<int>(rng_.below(static_cast<std::uint64_t>(plan_.regions))); }
  int region_but(int that) {
    const int one = static_cast<int>(rng_.below(static_cast<std::uint64_t>(plan_.regions - 1)));
    return one < that ? one : one + 1;
  }
  // How long a fault lasts: seldom longer than the patience of those whom it meets.
  Duration lasting() {
    if (patient_ && chance(2)) return pick(5s, 25s);
    return chance(4) ? pick(1s, 5s) : pick(20ms, 1s);
  }
  void add(Duration at, Act act, int region, Duration lasts = {}, int other = 0) {
    plan_.steps.push_back({std::max(at, Duration::zero()), act, region, other, lasts, 0});
  }

  // Whatever comes to an operator's mind.
  void requests() {
    const std::uint64_t asks = 1 + rng_.below(4);
    for (std::uint64_t i = 0; i < asks; ++i) {
      Act act = plan_.planned_only || chance(2) ? Act::switchover : Act::failover;
      if (!plan_.planned_only && plan_.regions > 2 && chance(12)) act = Act::remove_region;
      const Duration when = pick(50ms, kMoves);
      add(when, act, region(), {}, region());
      if (act == Act::remove_region && chance(2)) {
        add(when + pick(0ms, 3s), Act::add_region, 0);
        if (chance(2)) add(when + pick(1s, 6s), Act::switchover, region(), {}, region());
      }
    }
  }

  // The survivors of a partition and the region that comes back are made the primary one after the
  // other, as an operator may who does not see both sides.
  void partition_with_two_primaries() {
    const int first = region_but(0);
    const Duration cut = pick(50ms, 500ms);
    const Duration lasts = pick(2s, 6s);
    add(cut, Act::isolate, 0, lasts);
    add(cut + pick(0ms, 300ms), chance(2) ? Act::kill_machine : Act::kill_daemon, 0,
        pick(50ms, 1s));
    add(cut + pick(100ms, 1500ms), Act::failover, first, {}, first);
    const int second = chance(2) ? 0 : region_but(first);
    add(cut + pick(800ms, 4s), Act::failover, second, {}, second);
    if (chance(2)) add(cut + pick(1s, 6s), Act::switchover, region(), {}, region());
  }

  // The primary is gone or frozen, another one takes its place, and it comes back, perhaps into a
  // network that does not let it hear everybody.
  void return_of_a_primary() {
    constexpr std::array kEnds = {Act::kill_machine, Act::kill_machine, Act::isolate,
                                  Act::freeze_postgres, Act::stop_daemon};
    const Duration end = pick(50ms, 500ms);
    const Duration back = pick(300ms, 2500ms);
    add(end, kEnds[rng_.below(kEnds.size())], 0, back);
    const int next = region_but(0);
    add(end + pick(0ms, 1s), Act::failover, next, {}, next);
    if (chance(2)) add(end + back + pick(-500ms, 200ms), Act::cut_both_ways, 0, pick(1s, 5s), next);
    if (chance(3)) add(end + back + pick(0ms, 3s), Act::switchover, 0, {}, region());
  }

  // Who takes part in a move that is asked for, or somebody.
  int party(std::size_t ask) {
    if (rng_.below(5) == 0) return region();
    if (chance(2)) return plan_.steps[ask].region;
    return ask == 0 ? 0 : plan_.steps[ask - 1].region;
  }

  // Faults like the neighbourhood of an operation best.
  void faults() {
    const std::uint64_t count = rng_.below(6);
    const std::size_t asks = plan_.steps.size();
    for (std::uint64_t i = 0; i < count; ++i) {
      Step fault;
      do {
        fault.act = static_cast<Act>(rng_.below(kActs));
      } while (is_request(fault.act));
      const std::size_t ask = rng_.below(asks);
      const Duration near = plan_.steps[ask].at;
      fault.at = chance(8) ? pick(0s, kMoves) : near + pick(-100ms, chance(2) ? 300ms : 1500ms);
      fault.region = party(ask);
      fault.other = region();
      fault.lasts = lasting();
      fault.number = static_cast<int>(rng_.below(chance(2) ? 60 : 400)) + 1;
      if (fault.act == Act::kill_at_step) fault.at = near;
      if (fault.act == Act::jump_clock) fault.number = milliseconds_of_a_jump();
      if (fault.act == Act::drift_clock) fault.number = static_cast<int>(rng_.below(4000)) - 2000;
      fault.at = std::max(fault.at, Duration::zero());
      plan_.steps.push_back(fault);
    }
  }
  int milliseconds_of_a_jump() { return static_cast<int>(rng_.below(7200000)) - 3600000; }

  Rng rng_;
  Plan plan_;
  bool patient_ = false;
};

}  // namespace

std::string_view name_of(Act act) { return kNames.at(static_cast<std::size_t>(act)); }

std::string Step::text() const {
  const auto ms = [](Duration d) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count()) + " ms";
  };
  return ms(at) + ": " + std::string(name_of(act)) + " region " + std::to_string(region) +
         " other " + std::to_string(other) + " lasts " + ms(lasts) + " number " +
         std::to_string(number);
}

Plan make_plan(std::uint64_t seed, int regions) { return Planner(seed, regions).make(); }

}  // namespace aurora_global::sim
