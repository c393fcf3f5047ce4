// aurora-global-sim: runs seeds until one of them breaks a rule, and then says how.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <map>

#include "sim/world.h"

namespace aurora_global::sim {
namespace {

struct Options {
  std::uint64_t seeds = 100;
  std::uint64_t from = 1;
  int regions = 0;
  double seconds = 0;
  bool trace = false;
  bool keep_going = false;
  bool no_shrink = false;
};

class Beginnings {
 public:
  const Beginning& of(int regions) {
    const auto found = known_.find(regions);
    if (found != known_.end()) return found->second;
    return known_.emplace(regions, make_beginning(regions)).first->second;
  }

 private:
  std::map<int, Beginning> known_;
};

// Takes steps away as long as the run still breaks a rule.
Plan shrink(Plan plan, const Beginning& beginning) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      Plan without = plan;
      without.steps.erase(without.steps.begin() + static_cast<long>(i));
      if (run(without, beginning, false).violation.empty()) continue;
      plan = std::move(without);
      smaller = true;
      break;
    }
  }
  return plan;
}

void print(const Counts& counts, std::uint64_t seeds, double seconds) {
  const double hours = std::chrono::duration<double>(counts.simulated).count() / 3600;
  std::printf("%llu seeds in %.1f s: %.1f seeds/s, %.1f simulated hours, %.2f of them per second\n",
              static_cast<unsigned long long>(seeds), seconds, static_cast<double>(seeds) / seconds,
              hours, hours / seconds);
  const auto line = [](const char* name, std::uint64_t count) {
    std::printf("  %-24s %12llu\n", name, static_cast<unsigned long long>(count));
  };
  for (int i = 0; i < kActs; ++i) line(name_of(static_cast<Act>(i)).data(), counts.acts[i]);
  line("requests accepted", counts.accepted);
  line("requests refused", counts.refused);
  line("promotions, switchover", counts.rules.switchovers);
  line("promotions, failover", counts.rules.failovers);
  line("fences confirmed", counts.rules.fences);
  line("servers started to write", counts.rules.starts);
  line("writes", counts.rules.writes);
  line("writes acknowledged", counts.rules.acknowledged);
  line("lost by failovers", counts.rules.lost);
  line("peer requests", counts.calls);
  line("packets lost", counts.packets_lost);
  line("packets doubled", counts.packets_doubled);
  line("transactions on disk", counts.transactions);
  line("transactions failed", counts.transactions_failed);
  line("steps", counts.steps);
}

int run_seeds(const Options& options) {
  using Clock = std::chrono::steady_clock;
  Beginnings beginnings;
  Counts counts;
  std::uint64_t failed = 0, done = 0;
  const auto began = Clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(Clock::now() - began).count(); };
  for (std::uint64_t seed = options.from; done < options.seeds; ++seed) {
    if (options.seconds > 0 && passed() > options.seconds) break;
    Plan plan = make_plan(seed, options.regions);
    const Beginning& beginning = beginnings.of(plan.regions);
    const Outcome outcome = run(plan, beginning, options.trace);
    ++done;
    counts.add(outcome.counts);
    if (outcome.violation.empty()) continue;
    ++failed;
    std::printf("seed %llu (%d regions%s): %s\n", static_cast<unsigned long long>(seed),
                plan.regions, plan.planned_only ? ", planned only" : "", outcome.violation.c_str());
    if (options.keep_going) {
      std::fflush(stdout);
      continue;
    }
    if (options.no_shrink) break;
    plan = shrink(plan, beginning);
    std::printf("\nthe least that breaks a rule:\n");
    for (const Step& step : plan.steps) std::printf("  %s\n", step.text().c_str());
    std::printf("\n");
    const Outcome again = run(plan, beginning, true);
    std::printf("\n%s\n", again.violation.c_str());
    break;
  }
  print(counts, done, passed());
  if (failed > 0) std::printf("%llu seeds broke a rule\n", static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace aurora_global::sim

int main(int argc, char** argv) {
  aurora_global::sim::Options options;
  CLI::App app{
      "The daemons of all regions in one process, under simulated time, network, disks "
      "and servers"};
  app.add_option("--seeds", options.seeds, "How many runs");
  app.add_option("--from", options.from, "The first seed");
  app.add_option("--regions", options.regions, "2 to 5; without it each seed chooses")
      ->check(CLI::Range(2, 5));
  app.add_option("--seconds", options.seconds, "Begin no new run after so long");
  app.add_flag("--trace", options.trace, "Print what happens, and the daemons' logs");
  app.add_flag("--keep-going", options.keep_going, "Do not end at the first failure");
  app.add_flag("--no-shrink", options.no_shrink, "End at the first failure without more about it");
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(options.trace ? spdlog::level::info : spdlog::level::off);
  return aurora_global::sim::run_seeds(options);
}
