// The switchover and the failover, as tables.
//
// An operation moves the writer of a global cluster to another region. It is always in one Step;
// the driver performs the step's action and reports a StepEvent; the row for (kind, step, event)
// says what comes next and why. The log prints the row's sentence, docs/FAILOVER_SCENARIOS.md shows
// the diagram, and the tests walk over the same rows.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace aurora_global::model {

enum class OperationKind {
  switchover,  // Planned: loses nothing, can be called off until `commit`.
  failover,    // May lose data: the target region acts alone.
};

enum class Step {
  validate,  // Is it safe to begin?
  prepare,   // Make the window short: checkpoints on both sides.
  fence,     // The old region stores the fence, holds clients and stops writing.
  catch_up,  // The target replays the old region's last byte.
  commit,    // The target stores the new epoch. From here only forward.
  promote,   // The target opens for writing; proven by a write.
  release,   // Endpoints lead to the new writer.
  abort,     // The old region is told to go on.
  done,      // End: the writer has moved.
  aborted,   // End: nothing has changed.
};

enum class StepEvent {
  succeeded,
  failed,
  timed_out,
  restarted,   // The coordinator's daemon came back and found the operation in this step.
  superseded,  // Another decision about the writer came first, or an operator chose a failover.
};

// What becomes of transactions that are still open when their time is over.
enum class DrainPolicy {
  terminate,  // Their sessions end.
  abort,      // The switchover is called off, and everybody goes on.
};

// How long a switchover lets transactions under way finish, and then.
struct Drain {
  Duration timeout = std::chrono::seconds(1);
  DrainPolicy policy = DrainPolicy::terminate;
};

inline constexpr Duration kDrainTimeoutMax = std::chrono::seconds(60);

struct Row {
  OperationKind kind;
  Step from;
  StepEvent event;
  Step to;
  std::string_view sentence;
};

std::span<const Row> operation_rows();
// The row that applies; every step that is not an end has one for every event (a test proves it).
const Row& next_row(OperationKind kind, Step from, StepEvent event);

Step first_step(OperationKind kind);
bool is_end(Step step);
// The step must be known after a crash before it is acted on.
bool must_be_stored(Step step);
// The transitions of an operation never lead back: of two reports about one, the one that is
// further is the newer.
int progress(Step step);
// How long one attempt at the step may take, beside the drain_timeout of each region.
Duration time_limit(OperationKind kind, Step step);

std::string_view name_of(OperationKind kind);
std::string_view name_of(Step step);
std::string_view name_of(StepEvent event);
std::string_view name_of(DrainPolicy policy);
std::optional<Step> step_named(std::string_view name);
std::optional<OperationKind> kind_named(std::string_view name);
std::optional<DrainPolicy> drain_policy_named(std::string_view name);

// The table as a Mermaid state diagram, for the documentation.
std::string diagram(OperationKind kind);

// One attempt at one step, with wall-clock times of the coordinator.
struct StepTiming {
  Step step = Step::validate;
  WallTime started{};
  WallTime ended{};
  std::string note;  // Empty, or what went wrong or is worth knowing.
};

// One run of a table; durable at the coordinator, gossiped to the other regions.
struct Operation {
  std::string id;
  OperationKind kind = OperationKind::switchover;
  std::string global_cluster;
  RegionId from;
  RegionId to;
  std::string from_arn;
  std::string to_arn;
  Epoch epoch;  // The epoch that `commit` makes true.
  Drain drain;
  Step step = Step::validate;
  Lsn final_lsn;  // Where the old region's WAL ends, once it is fenced.
  WallTime started{};
  WallTime ended{};
  std::string reason;  // Why it was called off; empty otherwise.
  // Of a failover: how much of the old region's WAL, as last heard of, the target did not have.
  // Empty: not known, for nothing was heard of the old region's present timeline.
  std::optional<std::uint64_t> lost_bytes = 0;
  std::vector<StepTiming> timings;

  bool running() const { return !is_end(step); }
  // A step that is tried again goes on: it stays one entry, with the last try's note.
  void add(StepTiming timing);
};

// More steps than any operation has; what is read from outside has no more.
inline constexpr std::size_t kTimingsMax = 500;

}  // namespace aurora_global::model
