// Goal: the tables are complete, unambiguous and safe, read row by row.
#include "model/operation.h"

#include <gtest/gtest.h>

#include "model/codec.h"

#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <tuple>

namespace aurora_global::model {
namespace {

constexpr OperationKind kKinds[] = {OperationKind::switchover, OperationKind::failover};
constexpr StepEvent kEvents[] = {StepEvent::succeeded, StepEvent::failed, StepEvent::timed_out,
                                 StepEvent::restarted, StepEvent::superseded};

std::set<Step> reachable(OperationKind kind, Step start) {
  std::set<Step> seen{start};
  std::function<void(Step)> visit = [&](Step from) {
    for (const Row& row : operation_rows()) {
      if (row.kind == kind && row.from == from && seen.insert(row.to).second) visit(row.to);
    }
  };
  visit(start);
  return seen;
}

TEST(OperationTable, HasNoTwoRowsForTheSameCase) {
  std::set<std::tuple<OperationKind, Step, StepEvent>> seen;
  for (const Row& row : operation_rows()) {
    EXPECT_TRUE(seen.insert({row.kind, row.from, row.event}).second)
        << name_of(row.kind) << " " << name_of(row.from) << " " << name_of(row.event);
  }
}

TEST(OperationTable, AnswersEveryEventInEveryReachableStep) {
  for (const OperationKind kind : kKinds) {
    for (const Step step : reachable(kind, first_step(kind))) {
      if (is_end(step)) continue;
      EXPECT_GT(time_limit(kind, step), Duration::zero()) << name_of(step);
      for (const StepEvent event : kEvents) {
        EXPECT_FALSE(next_row(kind, step, event).sentence.empty());
      }
    }
  }
}

TEST(OperationTable, HasNoRowThatCannotBeReached) {
  for (const Row& row : operation_rows()) {
    EXPECT_TRUE(reachable(row.kind, first_step(row.kind)).contains(row.from))
        << name_of(row.kind) << " " << name_of(row.from);
  }
}

TEST(OperationTable, NeverTurnsBackAfterTheCommit) {
  for (const OperationKind kind : kKinds) {
    const std::set<Step> after = reachable(kind, Step::promote);
    EXPECT_EQ(after, (std::set<Step>{Step::promote, Step::release, Step::done}));
  }
}

TEST(OperationTable, NeverPromotesASwitchoverThatDidNotCatchUpAndCommit) {
  for (const Row& row : operation_rows()) {
    if (row.to == Step::promote && row.from != Step::promote) {
      EXPECT_EQ(row.from, Step::commit);
      EXPECT_EQ(row.event, StepEvent::succeeded);
    }
    if (row.kind == OperationKind::switchover && row.to == Step::commit &&
        row.from != Step::commit) {
      EXPECT_EQ(row.from, Step::catch_up);
      EXPECT_EQ(row.event, StepEvent::succeeded);
    }
  }
}

TEST(OperationTable, TellsTheOldRegionToGoOnWheneverItMayBeFenced) {
  for (const Row& row : operation_rows()) {
    if (row.kind != OperationKind::switchover || row.to != Step::aborted) continue;
    if (row.event == StepEvent::superseded) continue;  // The newer decision tells it.
    EXPECT_TRUE(row.from == Step::validate || row.from == Step::prepare || row.from == Step::abort)
        << name_of(row.from);
  }
}

TEST(OperationTable, NeverLeadsBack) {
  for (const Row& row : operation_rows()) {
    EXPECT_TRUE(row.to == row.from || progress(row.to) > progress(row.from)) << row.sentence;
  }
}

TEST(OperationTable, EveryStepCanEnd) {
  for (const OperationKind kind : kKinds) {
    for (const Step step : reachable(kind, first_step(kind))) {
      const std::set<Step> ahead = reachable(kind, step);
      EXPECT_TRUE(ahead.contains(Step::done) || ahead.contains(Step::aborted)) << name_of(step);
    }
  }
}

TEST(Operation, HowOftenAStepIsTriedDoesNotMatter) {
  Operation operation;
  operation.id = operation.global_cluster = "x";
  const auto at = [](int second) { return WallTime(std::chrono::seconds(second)); };
  for (int i = 0; i < 5000; ++i) operation.add({Step::promote, at(i), at(i + 1), "not yet"});
  operation.add({Step::release, at(6000), at(6001), ""});
  ASSERT_EQ(operation.timings.size(), 2U);
  EXPECT_EQ(operation.timings[0].started, at(0));
  EXPECT_EQ(operation.timings[0].ended, at(5000));
  // Two that take turns have an end, too, and what was written can be read.
  for (int i = 0; i < 5000; ++i)
    operation.add({i % 2 == 0 ? Step::abort : Step::fence, {}, {}, ""});
  EXPECT_EQ(operation.timings.size(), kTimingsMax);
  EXPECT_TRUE(decode<Operation>(nlohmann::json(operation), "operation").has_value());
  // A daemon before this one kept each try.
  nlohmann::json old = operation;
  while (old["steps"].size() < 3000) old["steps"].push_back(old["steps"].back());
  EXPECT_EQ(decode<Operation>(old, "operation")->timings.size(), kTimingsMax);
}

TEST(OperationTable, NamesAreReadBack) {
  for (const Row& row : operation_rows()) {
    EXPECT_EQ(step_named(name_of(row.from)), row.from);
    EXPECT_EQ(step_named(name_of(row.to)), row.to);
    EXPECT_EQ(kind_named(name_of(row.kind)), row.kind);
  }
  EXPECT_FALSE(step_named("nonsense"));
}

TEST(OperationTable, TheDocumentShowsTheseDiagrams) {
  std::ifstream file(std::string(AURORA_GLOBAL_SOURCE_DIR) + "/docs/FAILOVER_SCENARIOS.md");
  std::stringstream text;
  text << file.rdbuf();
  for (const OperationKind kind : kKinds) {
    EXPECT_NE(text.str().find(diagram(kind)), std::string::npos)
        << "docs/FAILOVER_SCENARIOS.md must contain:\n"
        << diagram(kind);
  }
}

}  // namespace
}  // namespace aurora_global::model
