// Goal: the tables of stacks and resources are complete, unambiguous and lead to an end.
// Method: walks over the rows; the requests row by row against CloudFormation's rules.
#include "cloudformation/stack_state.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <tuple>

#include "cloudformation/resource_state.h"

namespace aurora_global::cloudformation {
namespace {

std::set<StackStatus> all_statuses() {
  std::set<StackStatus> all;
  for (const StackRow& row : stack_rows()) {
    all.insert(row.from);
    all.insert(row.to);
  }
  return all;
}

TEST(StackTable, HasOneRowForACaseAndASentence) {
  std::set<std::tuple<StackStatus, StackEvent>> seen;
  for (const StackRow& row : stack_rows()) {
    EXPECT_TRUE(seen.insert({row.from, row.event}).second) << name_of(row.from);
    EXPECT_FALSE(row.sentence.empty());
    EXPECT_EQ(next_row(row.from, row.event), &row);
  }
}

TEST(StackTable, AnswersEveryOutcomeOfWork) {
  for (const StackStatus status : all_statuses()) {
    for (const StackEvent event : {StackEvent::succeeded, StackEvent::failed}) {
      EXPECT_EQ(next_row(status, event) != nullptr, !is_end(status)) << name_of(status);
    }
    EXPECT_EQ(stack_status_named(name_of(status)), status);
  }
  EXPECT_EQ(all_statuses().size(), 23u);
}

TEST(StackTable, EndsByItself) {
  for (const StackStatus start : all_statuses()) {
    StackStatus at = start;
    for (int i = 0; i < 5 && !is_end(at); ++i) at = next_row(at, StackEvent::failed)->to;
    EXPECT_TRUE(is_end(at)) << name_of(start);
  }
}

TEST(StackTable, CanAlwaysBeDeletedWhenItRests) {
  for (const StackStatus status : all_statuses()) {
    if (!is_end(status) || is_gone(status)) continue;
    EXPECT_TRUE(check_request("s", status, StackRequest::remove).has_value()) << name_of(status);
  }
}

TEST(StackRequests, AreTakenAsCloudFormationTakesThem) {
  using enum StackStatus;
  using enum StackRequest;
  const struct {
    StackStatus status;
    StackRequest request;
    const char* refusal;
  } cases[] = {
      {create_complete, update, ""},
      {create_complete, create_change_set, ""},
      {rollback_complete, update, "Stack:s is in ROLLBACK_COMPLETE state and can not be updated."},
      {rollback_complete, create_change_set,
       "Stack:s is in ROLLBACK_COMPLETE state and can not be updated."},
      {rollback_complete, remove, ""},
      {rollback_failed, update, "Stack:s is in ROLLBACK_FAILED state and can not be updated."},
      {review_in_progress, update, "Stack [s] does not exist"},
      {review_in_progress, execute_change_set, ""},
      {review_in_progress, remove, ""},
      {update_in_progress, update,
       "Stack:s is in UPDATE_IN_PROGRESS state and can not be updated."},
      {update_in_progress, cancel_update, ""},
      {update_in_progress, remove,
       "Stack:s is in UPDATE_IN_PROGRESS state and can not be deleted."},
      {create_in_progress, remove, ""},
      {create_in_progress, cancel_update,
       "CancelUpdateStack cannot be called from current stack status"},
      {update_rollback_failed, continue_update_rollback, ""},
      {update_rollback_failed, update,
       "Stack:s is in UPDATE_ROLLBACK_FAILED state and can not be updated."},
      {update_rollback_complete, update, ""},
      {update_failed, rollback, ""},
      {create_failed, rollback, ""},
      {create_complete, rollback,
       "Stack:s is in CREATE_COMPLETE state and can not be rolled back."},
      {create_complete, continue_update_rollback,
       "Stack:s is in CREATE_COMPLETE state and can not continue to roll back its update."},
      {delete_failed, remove, ""},
      {delete_in_progress, update,
       "Stack:s is in DELETE_IN_PROGRESS state and can not be updated."},
      {delete_complete, update, "Stack [s] does not exist"},
      {review_in_progress, execute_import, ""},
      {update_complete, create_import, ""},
      {import_complete, create_import, ""},
      {import_complete, update, ""},
      {import_rollback_complete, update, ""},
      {update_failed, create_import,
       "Stack:s is in UPDATE_FAILED state and can not import resources."},
      {import_in_progress, update,
       "Stack:s is in IMPORT_IN_PROGRESS state and can not be updated."},
      {import_in_progress, remove,
       "Stack:s is in IMPORT_IN_PROGRESS state and can not be deleted."},
  };
  for (const auto& one : cases) {
    const auto taken = check_request("s", one.status, one.request);
    EXPECT_EQ(taken.has_error() ? taken.error().message : "", one.refusal) << name_of(one.status);
  }
}

TEST(ResourceTable, HasOneRowForACaseAndLeadsOn) {
  std::set<std::tuple<ResourceStatus, ResourceEvent>> seen;
  for (const ResourceRow& row : resource_rows()) {
    EXPECT_TRUE(seen.insert({row.from, row.event}).second) << name_of(row.from);
    EXPECT_EQ(next_status(row.from, row.event), row.to);
    EXPECT_EQ(resource_status_named(name_of(row.to)), row.to);
    if (!name_of(row.to).ends_with("_IN_PROGRESS")) continue;
    EXPECT_TRUE(next_status(row.to, ResourceEvent::succeeded).has_value());
    EXPECT_TRUE(next_status(row.to, ResourceEvent::failed).has_value());
  }
  EXPECT_FALSE(next_status(ResourceStatus::none, ResourceEvent::delete_begun).has_value());
}

}  // namespace
}  // namespace aurora_global::cloudformation
