#include "sim/plan.h"

#include <algorithm>
#include <array>

#include "base/rng.h"

namespace aurora_global::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, kActs> kNames = {
    "switchover",   "failover",       "remove region",  "kill daemon",   "kill daemon at step",
    "kill machine", "crash server",   "stop daemon",    "freeze server", "restart router",
    "cut one way",  "cut both ways",  "isolate",        "bad network",   "full disk",
    "slow disk",    "slow promotion", "failing orders", "pause replay",  "jump clock",
    "drift clock"};

constexpr Duration kMoves = 20s;  // Acts lie in here.

bool may_lose(Act act) { return act == Act::failover || act == Act::remove_region; }

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

Plan make_plan(std::uint64_t seed, int regions) {
  Rng rng(seed * 0x9E3779B97F4A7C15ull + 1);
  const auto pick = [&](Duration low, Duration high) {
    const auto span = static_cast<std::uint64_t>((high - low).count()) + 1;
    return low + Duration(static_cast<std::int64_t>(rng.below(span)));
  };
  Plan plan;
  plan.seed = seed;
  // Two and three regions are what people have; more are rare.
  constexpr std::array<int, 8> kUsual = {2, 2, 2, 3, 3, 3, 4, 5};
  plan.regions = regions > 0 ? regions : kUsual[rng.below(kUsual.size())];
  plan.planned_only = rng.below(2) == 0;
  plan.way = rng.below(2) == 0 ? Duration(500us) : pick(1ms, 60ms);
  const auto region = [&] { return static_cast<int>(rng.below(plan.regions)); };
  const std::uint64_t asks = 1 + rng.below(4);
  for (std::uint64_t i = 0; i < asks; ++i) {
    Step ask;
    ask.at = pick(500ms, kMoves);
    ask.region = region();
    ask.act = plan.planned_only || rng.below(2) == 0 ? Act::switchover : Act::failover;
    if (!plan.planned_only && plan.regions > 2 && rng.below(12) == 0) ask.act = Act::remove_region;
    plan.steps.push_back(ask);
  }
  // Faults like the neighbourhood of an operation best.
  const std::uint64_t faults = rng.below(7);
  for (std::uint64_t i = 0; i < faults; ++i) {
    Step fault;
    do {
      fault.act = static_cast<Act>(rng.below(kActs));
    } while (fault.act == Act::switchover || may_lose(fault.act));
    const Duration near = plan.steps[rng.below(asks)].at;
    fault.at = rng.below(4) == 0 ? pick(0s, kMoves) : near + pick(-300ms, 1500ms);
    fault.at = std::max(fault.at, Duration(0s));
    fault.region = region();
    fault.other = region();
    fault.lasts = rng.below(3) == 0 ? pick(5s, 25s) : pick(50ms, 5s);
    fault.number = static_cast<int>(rng.below(600)) + 1;
    if (fault.act == Act::jump_clock) fault.number = static_cast<int>(rng.below(7200000)) - 3600000;
    if (fault.act == Act::drift_clock) fault.number = static_cast<int>(rng.below(4000)) - 2000;
    plan.steps.push_back(fault);
  }
  std::stable_sort(plan.steps.begin(), plan.steps.end(),
                   [](const Step& a, const Step& b) { return a.at < b.at; });
  return plan;
}

}  // namespace aurora_global::sim
