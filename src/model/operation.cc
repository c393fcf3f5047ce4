#include "model/operation.h"

#include <array>
#include <set>

#include "base/check.h"

namespace aurora_global::model {
namespace {

using enum OperationKind;
using enum Step;
using enum StepEvent;

constexpr Row kRows[] = {
    // clang-format off
    {switchover, validate, succeeded, prepare,  "the target may become the primary"},
    {switchover, validate, failed,    aborted,  "the switchover would not be safe now"},
    {switchover, validate, timed_out, aborted,  "the old region did not answer the checks in time"},
    {switchover, validate, restarted, aborted,  "the coordinator restarted before anything was changed"},
    {switchover, validate, superseded, aborted, "another decision about the writer came before anything was changed"},

    {switchover, prepare,  succeeded, fence,    "both sides are checkpointed"},
    {switchover, prepare,  failed,    aborted,  "the preparation failed and nothing was changed"},
    {switchover, prepare,  timed_out, aborted,  "the preparation took too long and nothing was changed"},
    {switchover, prepare,  restarted, aborted,  "the coordinator restarted before anything was changed"},
    {switchover, prepare,  superseded, aborted, "another decision about the writer came before anything was changed"},

    {switchover, fence,    succeeded, catch_up, "the old region writes no more and has named its last WAL position"},
    {switchover, fence,    failed,    abort,    "the old region could not be fenced"},
    {switchover, fence,    timed_out, abort,    "the old region did not confirm the fence in time; it may or may not be fenced"},
    {switchover, fence,    restarted, abort,    "the coordinator restarted while the old region was being fenced"},
    {switchover, fence,    superseded, aborted, "another decision about the writer came while the old region was being fenced"},

    {switchover, catch_up, succeeded, commit,   "the target has replayed the old region's last byte"},
    {switchover, catch_up, failed,    abort,    "the target cannot catch up"},
    {switchover, catch_up, timed_out, abort,    "the target did not catch up in time"},
    {switchover, catch_up, restarted, abort,    "the coordinator restarted before the new epoch was stored"},
    {switchover, catch_up, superseded, aborted, "another decision about the writer came before the new epoch was stored"},

    {switchover, commit,   succeeded, promote,  "the new epoch is stored; from here only forward"},
    {switchover, commit,   failed,    abort,    "the new epoch could not be stored"},
    {switchover, commit,   timed_out, commit,   "storing the new epoch takes long; it is stored again"},
    {switchover, commit,   restarted, abort,    "the coordinator restarted before the new epoch was stored"},
    {switchover, commit,   superseded, aborted, "another decision about the writer came before the new epoch was stored"},

    {switchover, promote,  succeeded, release,  "the target has accepted a write"},
    {switchover, promote,  failed,    promote,  "the promotion failed and is tried again"},
    {switchover, promote,  timed_out, promote,  "the promotion takes long and is tried again"},
    {switchover, promote,  restarted, promote,  "the coordinator restarted after the new epoch was stored"},
    {switchover, promote,  superseded, done,    "a newer epoch has moved the writer on"},

    {switchover, release,  succeeded, done,     "the endpoints lead to the new writer"},
    {switchover, release,  failed,    release,  "the endpoints could not be moved and are moved again"},
    {switchover, release,  timed_out, release,  "moving the endpoints takes long and is tried again"},
    {switchover, release,  restarted, release,  "the coordinator restarted before the endpoints were moved"},
    {switchover, release,  superseded, done,    "a newer epoch has moved the writer on"},

    {switchover, abort,    succeeded, aborted,  "the old region goes on as the primary"},
    {switchover, abort,    failed,    abort,    "the old region could not be told to go on and is told again"},
    {switchover, abort,    timed_out, abort,    "the old region does not answer and is told again"},
    {switchover, abort,    restarted, abort,    "the coordinator restarted before the old region was told to go on"},
    {switchover, abort,    superseded, aborted, "another decision about the writer has taken its place"},

    {failover,   fence,    succeeded, commit,   "the old region is fenced"},
    {failover,   fence,    failed,    commit,   "the old region cannot be reached and is left behind"},
    {failover,   fence,    timed_out, commit,   "the old region did not answer in time and is left behind"},
    {failover,   fence,    restarted, fence,    "the coordinator restarted before the new epoch was stored"},
    {failover,   fence,    superseded, aborted, "another decision about the writer came before the new epoch was stored"},

    {failover,   commit,   succeeded, promote,  "the new epoch is stored; from here only forward"},
    {failover,   commit,   failed,    commit,   "the new epoch could not be stored and is stored again"},
    {failover,   commit,   timed_out, commit,   "storing the new epoch takes long; it is stored again"},
    {failover,   commit,   restarted, commit,   "the coordinator restarted before the new epoch was stored"},
    {failover,   commit,   superseded, aborted, "another decision about the writer came before the new epoch was stored"},

    {failover,   promote,  succeeded, release,  "the target has accepted a write"},
    {failover,   promote,  failed,    promote,  "the promotion failed and is tried again"},
    {failover,   promote,  timed_out, promote,  "the promotion takes long and is tried again"},
    {failover,   promote,  restarted, promote,  "the coordinator restarted after the new epoch was stored"},
    {failover,   promote,  superseded, done,    "a newer epoch has moved the writer on"},

    {failover,   release,  succeeded, done,     "the endpoints lead to the new writer"},
    {failover,   release,  failed,    release,  "the endpoints could not be moved and are moved again"},
    {failover,   release,  timed_out, release,  "moving the endpoints takes long and is tried again"},
    {failover,   release,  restarted, release,  "the coordinator restarted before the endpoints were moved"},
    {failover,   release,  superseded, done,    "a newer epoch has moved the writer on"},
    // clang-format on
};

template <typename Enum, std::size_t N>
std::optional<Enum> named(std::string_view name, const std::array<Enum, N>& all) {
  for (const Enum value : all) {
    if (name_of(value) == name) return value;
  }
  return std::nullopt;
}

}  // namespace

std::span<const Row> operation_rows() { return kRows; }

void Operation::add(StepTiming timing) {
  if (!timings.empty() && timings.back().step == timing.step) {
    timing.started = timings.back().started;
    timings.pop_back();
  }
  if (timings.size() == kTimingsMax) timings.pop_back();
  timings.push_back(std::move(timing));
}

const Row& next_row(OperationKind kind, Step from, StepEvent event) {
  for (const Row& row : kRows) {
    if (row.kind == kind && row.from == from && row.event == event) return row;
  }
  CHECK(false && "no row for this step and event");
}

Step first_step(OperationKind kind) { return kind == switchover ? validate : fence; }

bool is_end(Step step) { return step == done || step == aborted; }

bool must_be_stored(Step step) { return step == fence || step == promote || is_end(step); }

int progress(Step step) {
  switch (step) {
    case validate: return 0;
    case prepare: return 1;
    case fence: return 2;
    case catch_up: return 3;
    case commit: return 4;
    case abort:
    case promote: return 5;
    case release: return 6;
    case aborted:
    case done: return 7;
  }
  CHECK(false);
}

Duration time_limit(OperationKind kind, Step step) {
  using namespace std::chrono_literals;
  switch (step) {
    case validate: return 5s;
    case prepare: return 60s;  // A checkpoint of a busy database.
    case fence: return kind == failover ? Duration(300ms) : Duration(15s);
    case catch_up: return 10s;
    case commit: return 5s;
    case promote: return 15s;
    case release: return 5s;
    case abort: return 3s;
    case done:
    case aborted: return 0s;
  }
  CHECK(false);
}

std::string_view name_of(OperationKind kind) {
  switch (kind) {
    case switchover: return "switchover";
    case failover: return "failover";
  }
  CHECK(false);
}

std::string_view name_of(Step step) {
  switch (step) {
    case validate: return "validate";
    case prepare: return "prepare";
    case fence: return "fence";
    case catch_up: return "catch-up";
    case commit: return "commit";
    case promote: return "promote";
    case release: return "release";
    case abort: return "abort";
    case done: return "done";
    case aborted: return "aborted";
  }
  CHECK(false);
}

std::string_view name_of(StepEvent event) {
  switch (event) {
    case succeeded: return "succeeded";
    case failed: return "failed";
    case timed_out: return "timed-out";
    case restarted: return "restarted";
    case superseded: return "superseded";
  }
  CHECK(false);
}

std::string_view name_of(DrainPolicy policy) {
  switch (policy) {
    case DrainPolicy::terminate: return "terminate";
    case DrainPolicy::abort: return "abort";
  }
  CHECK(false);
}

std::optional<Step> step_named(std::string_view name) {
  return named<Step, 10>(
      name, {validate, prepare, fence, catch_up, commit, promote, release, abort, done, aborted});
}

std::optional<OperationKind> kind_named(std::string_view name) {
  return named<OperationKind, 2>(name, {switchover, failover});
}

std::optional<DrainPolicy> drain_policy_named(std::string_view name) {
  return named<DrainPolicy, 2>(name, {DrainPolicy::terminate, DrainPolicy::abort});
}

std::string diagram(OperationKind kind) {
  const auto state = [](Step step) {
    std::string name(name_of(step));
    if (name == "catch-up") name = "catch_up";
    return name;
  };
  std::string text = "stateDiagram-v2\n    [*] --> " + state(first_step(kind)) + "\n";
  std::set<Step> ends;
  for (const Row& row : kRows) {
    if (row.kind != kind) continue;
    text += "    " + state(row.from) + " --> " + state(row.to) + ": " +
            std::string(name_of(row.event)) + "\n";
    if (is_end(row.to)) ends.insert(row.to);
  }
  for (const Step end : ends) text += "    " + state(end) + " --> [*]\n";
  return text;
}

}  // namespace aurora_global::model
