#include "drill/runner.h"

#include <algorithm>
#include <cstdio>

#include "drill/report.h"
#include "drill/steps.h"
#include "drill/workload.h"

namespace aurora_global::drill {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReadyLimit = 60s;          // For the platform to be available before and after.
constexpr Duration kSettleLimitOnAws = 1800s;  // After: volumes synchronize, instances come up.
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
  for (const LoadPlan& plan : file.loads) {
    if (!plan.client_region.empty() && !known(plan.client_region)) {
      return unknown(plan.client_region, "client_region");
    }
  }
  for (const DrillStep& step : file.steps) {
    const std::string where = "line " + std::to_string(step.line);
    for (const RegionId& region : {step.to, step.region}) {
      if (!symbolic(region) && !known(region)) return unknown(region, where);
    }
  }
  return faults == nullptr ? refuse_faults(file) : ok();
}

// The primary for a planned drill; a survivor where a region is to die.
RegionId client_region(const DrillFile& file, const LoadPlan& plan, const Situation& situation) {
  if (!plan.client_region.empty()) return plan.client_region;
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

// One load with its own part of the log.
struct Lane {
  std::unique_ptr<History> part;  // Null: this is the only one.
  std::unique_ptr<Workload> work;
};
using Lanes = std::vector<Lane>;

void hold_open(Lanes& lanes, bool open) {
  for (Lane& lane : lanes) lane.work->hold_open(open);
}

net::Task<void> run_steps(Stage& stage, Lanes& lanes) {
  while (!stage.history.has_begun()) {
    if (stage.load_ended) co_return;
    co_await net::sleep_for(10ms);
  }
  co_await perform_all(stage);
  stage.doing.clear();
  if (!stage.file.steps.empty()) co_await net::sleep_for(stage.file.tail);
  hold_open(lanes, false);
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (!stage.file.loads[i].has_amount()) lanes[i].work->stop();
  }
}

// One that fails ends the others.
net::Task<void> run_lane(Lanes& lanes, std::size_t index, Results& results) {
  const auto ran = co_await lanes[index].work->run();
  if (ran.has_value()) co_return;
  results.problems.push_back("the load: " + ran.error().message);
  for (Lane& lane : lanes) lane.work->stop();
}

net::Task<void> count_losses(Results& results, Lanes& lanes) {
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    auto found = co_await lanes[i].work->verify(Deadline::in(kCheckLimit), results.problems);
    if (found.has_error()) {
      results.problems.push_back("lost writes could not be counted: " + found.error().message);
      continue;
    }
    results.loads[i].verification = std::move(*found);
  }
}

net::Task<Result<Situation>> wait_available(Platform& platform, Progress& progress,
                                            Deadline deadline) {
  for (bool told = false;; told = true) {
    auto situation = co_await platform.situation(deadline.at_most(5s));
    if (situation.has_value() && situation->available()) co_return situation;
    if (deadline.passed()) {
      if (situation.has_error()) co_return situation;
      co_return make_error(ErrorKind::unavailable,
                           "the global cluster is not available but '" + situation->status + "'");
    }
    if (!told) {
      progress.say("waiting until the global cluster is available" +
                   (situation.has_value() ? "; it is '" + situation->status + "'"
                                          : ": " + situation.error().message));
    }
    co_await net::sleep_for(200ms);
  }
}

void introduce(Progress& progress, const Results& results) {
  progress.say(
      wrapped("drill " + results.file.name +
                  (results.file.description.empty() ? "" : ": " + results.file.description),
              0));
  for (const std::string& note : results.file.notes) progress.say(wrapped("note: " + note, 2));
  for (std::size_t i = 0; i < results.loads.size(); ++i) {
    const LoadResults& load = results.loads[i];
    const bool lambda = results.file.loads[i].via == Via::lambda;
    progress.say("  " + std::to_string(load.connections) +
                 (lambda ? " connections of functions in " : " connections from ") +
                 load.client_region + " to " + load.endpoint + ", run " + load.run);
  }
}

// Names the rows of every load and says who runs where.
void name_loads(Results& results, const Situation& situation) {
  results.run = random_hex(6);
  int number = 0;
  for (LoadPlan& plan : results.file.loads) {
    LoadOptions& options = plan.options;
    options.run = results.run;
    if (results.file.loads.size() > 1) options.run += "-" + std::to_string(++number);
    if (options.seed == LoadOptions{}.seed) options.seed = std::hash<std::string>{}(options.run);
    LoadResults load;
    load.endpoint = plan.conninfo.empty() ? plan.endpoint : "conninfo";
    load.client_region = client_region(results.file, plan, situation).name;
    load.run = options.run;
    load.connections = options.concurrency;
    load.first_worker = options.first_worker;
    results.loads.push_back(std::move(load));
  }
}

net::Task<Result<Lanes>> make_lanes(const Results& results, Platform& platform, History& history) {
  const auto executor = co_await boost::asio::this_coro::executor;
  Lanes lanes;
  for (std::size_t i = 0; i < results.loads.size(); ++i) {
    Lane lane;
    if (results.loads.size() > 1) lane.part = std::make_unique<History>(history);
    const RegionId region{results.loads[i].client_region};
    auto made = make_workload(executor, results.file.loads[i], platform, region,
                              lane.part ? *lane.part : history);
    if (made.has_error()) co_return made.error().in(results.file.name);
    lane.work = std::move(*made);
    CO_TRY_VOID(co_await lane.work->prepare());
    lanes.push_back(std::move(lane));
  }
  co_return lanes;
}

net::Task<void> run_loads(Lanes& lanes, Stage& stage, Results& results) {
  const auto executor = co_await boost::asio::this_coro::executor;
  // Without steps, a number of operations is met exactly.
  hold_open(lanes, !stage.file.steps.empty());
  net::TaskGroup steps(executor);
  net::TaskGroup display(executor);
  net::TaskGroup loads(executor);
  display.spawn("progress", show_progress(stage.progress, stage.history, stage.doing));
  stage.moved = [&](const RegionId& writer) {
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      if (stage.file.loads[i].follows) lanes[i].work->follow(writer);
    }
  };
  steps.spawn("steps", run_steps(stage, lanes));
  for (std::size_t i = 0; i < lanes.size(); ++i) loads.spawn("load", run_lane(lanes, i, results));
  co_await loads.join();
  stage.load_ended = true;
  results.length = stage.history.now();
  if (!results.problems.empty()) steps.stop();
  co_await steps.join();
  display.stop();
  co_await display.join();
}

// Whose lag there is to read: CloudWatch has it of secondaries alone.
std::vector<Secondary> secondaries(const Situation& before, const Result<Situation>& after) {
  std::vector<Secondary> all;
  for (const auto& [region, cluster] : before.clusters) {
    if (region != before.writer) all.push_back({region, cluster});
  }
  if (after.has_error() || after->writer == before.writer) return all;
  const auto old = before.clusters.find(before.writer);
  if (old != before.clusters.end()) all.push_back({old->first, old->second, 0});
  return all;
}

net::Task<void> ask_cloudwatch(Results& results, const Lanes& lanes, Platform& platform,
                               std::vector<Secondary> lagging, Duration limit, Progress& progress) {
  std::vector<FunctionUse> used;
  for (const Lane& lane : lanes) {
    if (auto use = lane.work->function_use()) used.push_back(std::move(*use));
  }
  if (used.empty()) co_return;
  progress.say("reading the metrics of the run from CloudWatch ...");
  const WallTime ended = results.began + std::chrono::microseconds(results.length);
  results.cloudwatch = co_await read_cloudwatch(platform, std::move(used), std::move(lagging),
                                                results.began, ended, limit, progress);
}

}  // namespace

net::Task<Result<DrillOutcome>> run_drill(DrillFile file, Platform& platform, LocalFaults* faults,
                                          DrillOptions options) {
  CO_TRY_VOID(check_file(file, platform, faults));
  Progress progress(options.quiet);
  CO_TRY(const Situation situation,
         co_await wait_available(platform, progress, Deadline::in(kReadyLimit)));
  Results results;
  results.file = std::move(file);
  name_loads(results, situation);
  History history(kClock);
  CO_TRY(Lanes lanes, co_await make_lanes(results, platform, history));

  introduce(progress, results);
  Stage stage{results.file, platform, faults,
              history,      progress, RegionId{results.loads.front().client_region}};
  co_await run_loads(lanes, stage, results);
  results.began = history.wall_began();
  results.steps.assign(stage.runs.begin(), stage.runs.end());
  if (history.full()) results.problems.push_back("the load ended early: its log is full");

  progress.say("counting lost writes by SQL against the client's own log ...");
  const Duration settle =
      results.file.target == Target::aws ? Duration(kSettleLimitOnAws) : kReadyLimit;
  const auto after = co_await wait_available(platform, progress, Deadline::in(settle));
  co_await count_losses(results, lanes);
  if (results.file.expect.healthy_at_end) {
    progress.say("waiting until every secondary replicates ...");
    results.healthy = co_await wait_healthy(platform, Deadline::in(settle));
  } else if (after.has_value()) {
    results.healthy = after->available() && after->synchronized;
  }
  co_await ask_cloudwatch(results, lanes, platform, secondaries(situation, after),
                          options.metrics_wait, progress);
  std::vector<const History*> parts;
  for (const Lane& lane : lanes) parts.push_back(lane.part ? lane.part.get() : &history);
  conclude(results, history, parts);
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
