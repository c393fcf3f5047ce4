#include "drill/steps.h"

#include <algorithm>

namespace aurora_global::drill {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPoll = 50ms;
constexpr Duration kStepCallLimit = 15s;
// Waits for a fact about the client's log. False: the load ended or the deadline passed first.
template <typename Condition>
net::Task<bool> wait_for(Stage& stage, Deadline deadline, Condition condition) {
  while (!condition()) {
    if (stage.load_ended || deadline.passed()) co_return false;
    co_await net::sleep_for(5ms);
  }
  co_return true;
}

net::Task<Result<Situation>> settled(Stage& stage, Deadline deadline, bool synchronized) {
  for (;;) {
    auto situation = co_await stage.platform.situation(deadline.at_most(kStepCallLimit));
    if (situation.has_value() && situation->available() &&
        (situation->synchronized || !synchronized)) {
      co_return situation;
    }
    if (deadline.passed()) {
      if (situation.has_error()) co_return situation;
      co_return make_error(ErrorKind::timeout,
                           "the global cluster did not get " +
                               std::string(synchronized ? "healthy" : "available") +
                               " in time; it is '" + situation->status + "'");
    }
    co_await net::sleep_for(kPoll);
  }
}

void take_phases(StepRun& run, const model::Operation& operation, const History& history) {
  run.phases.clear();
  for (const model::StepTiming& timing : operation.timings) {
    run.phases.push_back({std::string(model::name_of(timing.step)),
                          {history.offset(timing.started), history.offset(timing.ended)},
                          timing.note});
  }
}

// Waits until the writer is in `to`. Where the platform tells of its operations, that is the judge;
// elsewhere the description of the global cluster.
net::Task<Result<void>> watch_move(Stage& stage, StepRun& run, RegionId to, std::string before,
                                   Deadline deadline) {
  UnreportedMove unreported;
  for (;;) {
    const auto operation = co_await stage.platform.last_operation(to, deadline.at_most(2s));
    if (operation.has_value() && operation->id != before) {
      take_phases(run, *operation, stage.history);
      stage.doing = run.title + ": " + std::string(model::name_of(operation->step));
      if (operation->step == model::Step::aborted) {
        co_return make_error(ErrorKind::conflict, "called off: " + operation->reason);
      }
    }
    const bool over = operation.has_error() || operation->step == model::Step::done;
    if (over) {
      const auto situation = co_await stage.platform.situation(deadline.at_most(kStepCallLimit));
      if (situation.has_value() && situation->available() && situation->writer == to) {
        co_return ok();
      }
      if (situation.has_value() && operation.has_error() &&
          operation.error().kind == ErrorKind::not_found) {
        stage.doing = run.title + ": " + situation->status;
        if (unreported.called_off(*situation, SystemClock().now())) {
          co_return make_error(ErrorKind::conflict,
                               "called off: the global cluster is available again, with the writer "
                               "still in " +
                                   situation->writer.name);
        }
      }
    }
    if (deadline.passed()) co_return make_error(ErrorKind::timeout, "it did not end in time");
    co_await net::sleep_for(20ms);
  }
}

net::Task<Result<void>> move(Stage& stage, const DrillStep& step, StepRun& run, RegionId to) {
  const Deadline deadline = Deadline::in(step.limit);
  const bool planned = step.act == Act::switchover;
  const auto operation =
      planned ? model::OperationKind::switchover : model::OperationKind::failover;
  const auto last = co_await stage.platform.last_operation(to, deadline.at_most(2s));
  const std::string before = last.has_value() ? last->id : "";
  for (;;) {
    const auto called =
        co_await stage.platform.move_writer(to, operation, deadline.at_most(kStepCallLimit));
    if (called.has_value()) break;
    // "Not now": a secondary that has just come back does not replicate yet, or AWS throttles.
    const ErrorKind kind = called.error().kind;
    const bool not_now = (planned && kind == ErrorKind::conflict) || kind == ErrorKind::exhausted;
    if (!not_now || deadline.passed()) co_return called.error();
    ++run.refusals;
    co_await net::sleep_for(100ms);
  }
  run.accepted = stage.history.now();
  CO_TRY_VOID(co_await watch_move(stage, run, to, before, deadline));
  const std::int64_t available = stage.history.now();
  const bool written = co_await wait_for(
      stage, deadline, [&] { return stage.history.counts().last_acknowledged_write >= available; });
  if (!written && !stage.load_ended) {
    co_return make_error(ErrorKind::timeout, "no write was acknowledged after it");
  }
  co_return ok();
}

StepRun& begin(Stage& stage, Act act, std::string title) {
  StepRun run;
  run.act = act;
  run.title = std::move(title);
  run.started = stage.history.now();
  stage.doing = run.title;
  stage.runs.push_back(std::move(run));
  return stage.runs.back();
}

bool end(Stage& stage, StepRun& run, const Result<void>& outcome) {
  run.ended = stage.history.now();
  stage.doing.clear();
  if (outcome.has_error()) run.error = outcome.error().message;
  stage.progress.say("  " + duration_text(run.started) + "  " + run.title +
                     (run.error.empty() ? ", took " + duration_text(run.ended - run.started)
                                        : ": FAILED: " + run.error));
  return run.error.empty();
}

net::Task<bool> perform_moves(Stage& stage, const DrillStep& step) {
  const std::string name(name_of(step.act));
  RegionId back;
  for (int i = 0; i < step.repeat; ++i) {
    const Deadline deadline = Deadline::in(step.limit);
    if (i > 0) {
      const std::uint64_t seen = stage.history.counts().acknowledged_writes;
      const bool enough = co_await wait_for(stage, deadline, [&] {
        return stage.history.counts().acknowledged_writes >= seen + step.min_writes_between;
      });
      if (stage.load_ended) co_return false;
      const auto healthy = co_await settled(stage, deadline, true);
      if (!enough || healthy.has_error()) {
        StepRun& run = begin(stage, step.act, name + " to " + back.name);
        const Error why = healthy.has_error() ? healthy.error()
                                              : make_error(ErrorKind::timeout,
                                                           "not enough writes since the last one");
        co_return end(stage, run, why);
      }
    }
    const auto situation = co_await stage.platform.situation(deadline.at_most(kStepCallLimit));
    if (situation.has_error()) {
      StepRun& run = begin(stage, step.act, name);
      co_return end(stage, run, situation.error());
    }
    RegionId to =
        i > 0 ? back : resolve(step.to.empty() ? RegionId{"secondary"} : step.to, *situation);
    back = situation->writer;
    StepRun& run = begin(stage, step.act, name + " " + back.name + " -> " + to.name);
    const auto outcome = co_await move(stage, step, run, to);
    if (outcome.has_value() && stage.moved) stage.moved(to);
    if (!end(stage, run, outcome)) co_return false;
  }
  co_return true;
}

net::Task<Result<void>> do_fault(Stage& stage, DrillStep step, RegionId region) {
  LocalFaults& faults = *stage.faults;
  switch (step.act) {
    case Act::kill_instance: co_return co_await faults.kill_instance(region, step.instance);
    case Act::kill_region: co_return co_await faults.kill_region(region);
    case Act::kill_daemon: co_return co_await faults.kill_daemon(region);
    case Act::kill_router: co_return co_await faults.kill_router(region);
    case Act::kill_link: co_return co_await faults.kill_link();
    case Act::start_link: co_return co_await faults.start_link();
    case Act::start_region: co_return co_await faults.start_region(region);
    case Act::partition:
    case Act::heal:
    case Act::link: break;
    case Act::switchover:
    case Act::failover:
    case Act::wait_healthy: co_return make_error(ErrorKind::internal, "not a fault");
  }
  LinkChange change;
  if (step.act == Act::partition) change.partition = step.partition;
  if (step.act == Act::heal) change.partition = "none";
  change.latency_ms = step.latency_ms;
  change.jitter_ms = step.jitter_ms;
  change.bandwidth_mbit_s = step.bandwidth_mbit_s;
  change.from = step.region;
  change.to = step.to;
  co_return co_await faults.set_link(std::move(change));
}

// Which region a fault is for, when the file does not say.
RegionId default_region(const Stage& stage, Act act) {
  if (act == Act::start_region) return stage.killed;
  if (act == Act::kill_router) return stage.client_region;
  return RegionId{"primary"};
}

net::Task<bool> perform_fault(Stage& stage, const DrillStep& step) {
  const bool on_region = step.act == Act::kill_instance || step.act == Act::kill_region ||
                         step.act == Act::kill_daemon || step.act == Act::kill_router ||
                         step.act == Act::start_region;
  RegionId region;
  std::string title(name_of(step.act));
  if (on_region) {
    const auto situation = co_await stage.platform.situation(Deadline::in(kStepCallLimit));
    region = step.region.empty() ? default_region(stage, step.act) : step.region;
    if (situation.has_value()) region = resolve(region, *situation);
    title += " " + region.name;
  }
  if (step.act == Act::kill_region) stage.killed = region;
  StepRun& run = begin(stage, step.act, std::move(title));
  const auto outcome = co_await do_fault(stage, step, region);
  co_return end(stage, run, outcome);
}

net::Task<bool> perform(Stage& stage, const DrillStep& step) {
  if (step.act == Act::switchover || step.act == Act::failover) {
    co_return co_await perform_moves(stage, step);
  }
  if (step.act != Act::wait_healthy) co_return co_await perform_fault(stage, step);
  StepRun& run = begin(stage, step.act, std::string(name_of(step.act)));
  const auto healthy = co_await settled(stage, Deadline::in(step.limit), true);
  Result<void> outcome = ok();
  if (healthy.has_error()) outcome = healthy.error();
  co_return end(stage, run, outcome);
}

// False: the load ended before the step's time came.
net::Task<bool> wait_for_turn(Stage& stage, const DrillStep& step) {
  const Deadline never = Deadline::in(24h);
  if (step.at) {
    const auto at = std::chrono::duration_cast<std::chrono::microseconds>(*step.at).count();
    if (!co_await wait_for(stage, never, [&] { return stage.history.now() >= at; }))
      co_return false;
  }
  if (step.after_writes) {
    co_return co_await wait_for(stage, never, [&] {
      return stage.history.counts().acknowledged_writes >= *step.after_writes;
    });
  }
  co_return true;
}

}  // namespace

bool UnreportedMove::called_off(const Situation& situation, Instant now) {
  has_moved_ = has_moved_ || !situation.available();
  if (!has_moved_ || !situation.available()) {
    at_rest_since_.reset();
    return false;
  }
  if (!at_rest_since_) at_rest_since_ = now;
  return now - *at_rest_since_ >= kCalledOffAfter;
}

RegionId resolve(const RegionId& region, const Situation& situation) {
  if (region.name == "primary") return situation.writer;
  if (region.name != "secondary") return region;
  for (const RegionId& member : situation.members) {
    if (member != situation.writer) return member;
  }
  return {};
}

net::Task<bool> wait_healthy(Platform& platform, Deadline deadline) {
  for (;;) {
    const auto situation = co_await platform.situation(deadline.at_most(kStepCallLimit));
    if (situation.has_value() && situation->available() && situation->synchronized) co_return true;
    if (deadline.passed()) co_return false;
    co_await net::sleep_for(kPoll);
  }
}

net::Task<void> perform_all(Stage& stage) {
  for (const DrillStep& step : stage.file.steps) {
    bool went_well = co_await wait_for_turn(stage, step);
    if (went_well) {
      went_well = co_await perform(stage, step);
    } else {
      StepRun& run = begin(stage, step.act, std::string(name_of(step.act)));
      end(stage, run, make_error(ErrorKind::cancelled, "the load ended before its time came"));
    }
    if (!went_well) co_return;
  }
}

}  // namespace aurora_global::drill
