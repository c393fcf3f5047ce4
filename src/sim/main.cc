// aurora-global-sim: runs seeds until one of them breaks a rule, and then says how.
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <map>
#include <new>

#include "base/check.h"
#include "sim/world.h"

namespace aurora_global::sim {
namespace {

constexpr int kJobsMax = 64;

struct Options {
  std::uint64_t seeds = 100;
  std::uint64_t from = 1;
  int regions = 0;
  int jobs = 2;
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
  line("regions added again", counts.added);
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

// Says how a plan breaks a rule, with the fewest steps that do.
void explain(Plan plan, const Beginning& beginning) {
  plan = shrink(std::move(plan), beginning);
  std::printf("\nthe least that breaks a rule:\n");
  for (const Step& step : plan.steps) std::printf("  %s\n", step.text().c_str());
  std::printf("\n");
  spdlog::set_level(spdlog::level::info);
  const Outcome again = run(plan, beginning, true);
  std::printf("\n%s\n", again.violation.c_str());
}

// One process, and what those who started it see of it while it works and when it has gone.
struct Worker {
  Counts counts;
  std::uint64_t seed = 0;  // The present one.
  std::uint64_t done = 0, failed = 0;
};

// Memory of all processes of a run. Seeds are given out one at a time.
struct Shared {
  std::atomic<std::uint64_t> given{0};
  std::atomic<bool> ends{false};
  Worker workers[kJobsMax];
};

void work(const Options& options, Shared& shared, Worker& mine) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(options.seconds);
  Beginnings beginnings;
  while (!shared.ends) {
    if (options.seconds > 0 && Clock::now() > end) break;
    const std::uint64_t number = shared.given.fetch_add(1);
    if (number >= options.seeds) break;
    mine.seed = options.from + number;
    const Plan plan = make_plan(mine.seed, options.regions);
    const Beginning& beginning = beginnings.of(plan.regions);
    const Outcome outcome = run(plan, beginning, options.trace);
    ++mine.done;
    mine.counts.add(outcome.counts);
    if (outcome.violation.empty()) continue;
    ++mine.failed;
    if (!options.keep_going && shared.ends.exchange(true)) break;  // Another one explains its own.
    std::printf("seed %llu (%d regions%s): %s\n", static_cast<unsigned long long>(mine.seed),
                plan.regions, plan.planned_only ? ", planned only" : "", outcome.violation.c_str());
    if (!options.keep_going && !options.no_shrink) explain(plan, beginning);
    std::fflush(stdout);
  }
}

// A process that a bug ends takes nobody with it; its seed is named.
bool has_ended_well(pid_t process, const Worker& worker) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  std::printf("seed %llu ended its process\n", static_cast<unsigned long long>(worker.seed));
  return false;
}

int run_seeds(const Options& options) {
  using Clock = std::chrono::steady_clock;
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  Shared& shared = *new (memory) Shared;
  const auto began = Clock::now();
  std::vector<pid_t> processes;
  for (int i = 0; i < options.jobs; ++i) {
    const pid_t process = fork();
    CHECK(process >= 0);
    if (process == 0) {
      work(options, shared, shared.workers[i]);
      std::exit(0);
    }
    processes.push_back(process);
  }
  Counts counts;
  std::uint64_t done = 0, failed = 0;
  for (std::size_t i = 0; i < processes.size(); ++i) {
    const Worker& worker = shared.workers[i];
    if (!has_ended_well(processes[i], worker)) ++failed;
    counts.add(worker.counts);
    done += worker.done;
    failed += worker.failed;
  }
  print(counts, done, std::chrono::duration<double>(Clock::now() - began).count());
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
  app.add_option("--jobs", options.jobs, "Processes that share the seeds")
      ->check(CLI::Range(1, aurora_global::sim::kJobsMax));
  app.add_option("--seconds", options.seconds, "Begin no new run after so long");
  app.add_flag("--trace", options.trace, "Print what happens, and the daemons' logs");
  app.add_flag("--keep-going", options.keep_going, "Do not end at the first failure");
  app.add_flag("--no-shrink", options.no_shrink, "End at the first failure without more about it");
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(options.trace ? spdlog::level::info : spdlog::level::off);
  return aurora_global::sim::run_seeds(options);
}
