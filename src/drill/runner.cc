#include "drill/runner.h"

#include <algorithm>
#include <cstdio>

#include "drill/report.h"
#include "drill/steps.h"
#include "drill/workload.h"

namespace aurora_global::drill {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReadyLimit = 60s;  // For the platform to be available before and after.
constexpr Duration kCheckLimit = 300s;
constexpr Duration kProgressPause = 100ms;

const SystemClock kClock;

bool symbolic(const RegionId& region) {
  return region.empty() || region.name == "primary" || region.name == "secondary";
}

// Refuses what cannot work before anything is done.
Result<void> check_file(const DrillFile& file, const Platform& platform,
                        const LocalFaults* faults) {
  const auto known = [&](const RegionId& region) {
    const auto& all = platform.regions();
    return std::find(all.begin(), all.end(), region) != all.end();
  };
  const auto unknown = [&](const RegionId& region, const std::string& where) {
    std::string names;
    for (const RegionId& one : platform.regions()) names += (names.empty() ? "" : ", ") + one.name;
    return make_error(ErrorKind::invalid, file.name + ", " + where + ": there is no region '" +
                                              region.name + "'; there are " + names);
  };
  if (!file.client_region.empty() && !known(file.client_region)) {
    return unknown(file.client_region, "client_region");
  }
  for (const DrillStep& step : file.steps) {
    const std::string where = "line " + std::to_string(step.line);
    for (const RegionId& region : {step.to, step.region}) {
      if (!symbolic(region) && !known(region)) return unknown(region, where);
    }
    if (is_local(step.act) && faults == nullptr) {
      return make_error(ErrorKind::invalid,
                        file.name + ", " + where + ": '" + std::string(name_of(step.act)) +
                            "' needs a platform on this machine; only switchover, failover and "
                            "wait-healthy work elsewhere");
    }
  }
  return ok();
}

// The primary for a planned drill; a survivor where a region is to die.
RegionId client_region(const DrillFile& file, const Situation& situation) {
  if (!file.client_region.empty()) return file.client_region;
  for (const DrillStep& step : file.steps) {
    if (step.act != Act::kill_region) continue;
    const RegionId dies =
        resolve(step.region.empty() ? RegionId{"primary"} : step.region, situation);
    for (const RegionId& region : situation.members) {
      if (region != dies) return region;
    }
  }
  return situation.writer;
}

net::Task<void> show_progress(Progress& progress, const History& history,
                              const std::string& doing) {
  for (;;) {
    co_await net::sleep_for(kProgressPause);
    if (history.has_begun()) progress.show(history, doing);
  }
}

net::Task<void> run_steps(Stage& stage, Workload& load) {
  while (!stage.history.has_begun()) {
    if (stage.load_ended) co_return;
    co_await net::sleep_for(10ms);
  }
  co_await perform_all(stage);
  stage.doing.clear();
  if (!stage.file.steps.empty()) co_await net::sleep_for(stage.file.tail);
  load.hold_open(false);
  const LoadOptions& options = stage.file.load;
  if (!options.operations && !options.acknowledged_writes && !options.duration) load.stop();
}

net::Task<void> count_losses(Results& results, Workload& load) {
  auto found = co_await load.verify(Deadline::in(kCheckLimit), results.problems);
  if (found.has_error()) {
    results.problems.push_back("lost writes could not be counted: " + found.error().message);
    co_return;
  }
  results.verification = std::move(*found);
}

net::Task<Result<Situation>> wait_available(Platform& platform, Deadline deadline) {
  for (;;) {
    auto situation = co_await platform.situation(deadline.at_most(5s));
    if (situation.has_value() && situation->available()) co_return situation;
    if (deadline.passed()) {
      if (situation.has_error()) co_return situation;
      co_return make_error(ErrorKind::unavailable,
                           "the global cluster is not available but '" + situation->status + "'");
    }
    co_await net::sleep_for(200ms);
  }
}

void introduce(Progress& progress, const Results& results) {
  const LoadOptions& load = results.file.load;
  progress.say("drill " + results.file.name +
               (results.file.description.empty() ? "" : ": " + results.file.description));
  progress.say(
      "  " + std::to_string(load.concurrency) +
      (results.file.via == Via::lambda ? " connections of functions in " : " connections from ") +
      results.client_region + " to " + results.endpoint + ", run " + results.run);
}

}  // namespace

net::Task<Result<DrillOutcome>> run_drill(DrillFile file, Platform& platform, LocalFaults* faults,
                                          DrillOptions options) {
  CO_TRY_VOID(check_file(file, platform, faults));
  CO_TRY(const Situation situation, co_await wait_available(platform, Deadline::in(kReadyLimit)));
  Results results;
  results.client_region = client_region(file, situation).name;
  results.run = random_hex(6);
  file.load.run = results.run;
  if (file.load.seed == LoadOptions{}.seed) file.load.seed = std::hash<std::string>{}(results.run);
  results.file = file;
  results.endpoint = file.conninfo.empty() ? file.endpoint : "conninfo";
  const auto executor = co_await boost::asio::this_coro::executor;
  History history(kClock);
  CO_TRY(const auto made,
         make_workload(executor, file, platform, RegionId{results.client_region}, history));
  Workload& load = *made;
  CO_TRY_VOID(co_await load.prepare());

  Progress progress(options.quiet);
  introduce(progress, results);
  // Without steps, a number of operations is met exactly.
  load.hold_open(!file.steps.empty());
  Stage stage{file, platform, faults, history, progress, RegionId{results.client_region}};
  net::TaskGroup steps(executor);
  net::TaskGroup display(executor);
  display.spawn("progress", show_progress(progress, history, stage.doing));
  steps.spawn("steps", run_steps(stage, load));
  const auto ran = co_await load.run();
  stage.load_ended = true;
  results.length = history.now();
  if (ran.has_error()) {
    steps.stop();
    results.problems.push_back("the load: " + ran.error().message);
  }
  co_await steps.join();
  display.stop();
  co_await display.join();
  results.began = history.wall_began();
  results.steps.assign(stage.runs.begin(), stage.runs.end());
  if (history.full()) results.problems.push_back("the load ended early: its log is full");

  progress.say("counting lost writes by SQL against the client's own log ...");
  const auto after = co_await wait_available(platform, Deadline::in(kReadyLimit));
  co_await count_losses(results, load);
  if (file.expect.healthy_at_end) {
    results.healthy = co_await wait_healthy(platform, Deadline::in(kReadyLimit));
  } else if (after.has_value()) {
    results.healthy = after->available() && after->synchronized;
  }
  conclude(results, history);
  CO_TRY_VOID(write_report(results, history, options.output_dir));
  DrillOutcome outcome;
  outcome.passed = results.passed();
  outcome.failures = results.failures;
  outcome.report = options.output_dir / "report.html";
  if (!options.quiet) {
    std::printf("%s", results_text(results, history).c_str());
    std::printf("\n  %s\n", outcome.report.c_str());
    std::fflush(stdout);
  }
  co_return outcome;
}

}  // namespace aurora_global::drill
