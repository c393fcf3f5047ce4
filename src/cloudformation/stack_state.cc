#include "cloudformation/stack_state.h"

#include <array>
#include <string>

#include "base/check.h"
#include "cloudformation/errors.h"

namespace aurora_global::cloudformation {
namespace {

struct StatusName {
  StackStatus status;
  std::string_view name;
};
// Every status, once.
std::span<const StatusName> status_names() {
  using enum StackStatus;
  static constexpr StatusName kStatusNames[] = {
      {review_in_progress, "REVIEW_IN_PROGRESS"},
      {create_in_progress, "CREATE_IN_PROGRESS"},
      {create_failed, "CREATE_FAILED"},
      {create_complete, "CREATE_COMPLETE"},
      {rollback_in_progress, "ROLLBACK_IN_PROGRESS"},
      {rollback_failed, "ROLLBACK_FAILED"},
      {rollback_complete, "ROLLBACK_COMPLETE"},
      {update_in_progress, "UPDATE_IN_PROGRESS"},
      {update_complete_cleanup_in_progress, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"},
      {update_complete, "UPDATE_COMPLETE"},
      {update_failed, "UPDATE_FAILED"},
      {update_rollback_in_progress, "UPDATE_ROLLBACK_IN_PROGRESS"},
      {update_rollback_failed, "UPDATE_ROLLBACK_FAILED"},
      {update_rollback_complete_cleanup_in_progress,
       "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"},
      {update_rollback_complete, "UPDATE_ROLLBACK_COMPLETE"},
      {delete_in_progress, "DELETE_IN_PROGRESS"},
      {delete_failed, "DELETE_FAILED"},
      {delete_complete, "DELETE_COMPLETE"},
      {import_in_progress, "IMPORT_IN_PROGRESS"},
      {import_complete, "IMPORT_COMPLETE"},
      {import_rollback_in_progress, "IMPORT_ROLLBACK_IN_PROGRESS"},
      {import_rollback_failed, "IMPORT_ROLLBACK_FAILED"},
      {import_rollback_complete, "IMPORT_ROLLBACK_COMPLETE"},
  };
  return kStatusNames;
}

// The event that a request is to a stack that exists already.
StackEvent event_of(StackRequest request, StackStatus status) {
  using enum StackEvent;
  switch (request) {
    case StackRequest::create_change_set:
    case StackRequest::update: return updated;
    case StackRequest::execute_change_set:
      return status == StackStatus::review_in_progress ? created : updated;
    case StackRequest::create_import:
    case StackRequest::execute_import: return imported;
    case StackRequest::cancel_update: return cancelled;
    case StackRequest::continue_update_rollback: return rollback_continued;
    case StackRequest::rollback: return rolled_back;
    case StackRequest::remove: return deleted;
  }
  CHECK(false);
}

Error refused(std::string_view stack, StackStatus status, StackRequest request) {
  const std::string name = "Stack:" + shown(stack);
  const std::string state(name_of(status));
  switch (request) {
    case StackRequest::create_change_set:
    case StackRequest::execute_change_set:
    case StackRequest::update:
      return validation_error(name + " is in " + state + " state and can not be updated.");
    case StackRequest::create_import:
    case StackRequest::execute_import:
      return validation_error(name + " is in " + state + " state and can not import resources.");
    case StackRequest::cancel_update:
      return validation_error("CancelUpdateStack cannot be called from current stack status");
    case StackRequest::continue_update_rollback:
      return validation_error(name + " is in " + state +
                              " state and can not continue to roll back its update.");
    case StackRequest::rollback:
      return validation_error(name + " is in " + state + " state and can not be rolled back.");
    case StackRequest::remove:
      return validation_error(name + " is in " + state + " state and can not be deleted.");
  }
  CHECK(false);
}

}  // namespace

std::span<const StackRow> stack_rows() {
  using enum StackStatus;
  using enum StackEvent;
  static constexpr StackRow kStackRows[] = {
      // clang-format off
    {review_in_progress,   created,            create_in_progress,   "the change set that makes the stack is executed"},
    {review_in_progress,   deleted,            delete_in_progress,   "the stack is deleted before anything was made"},

    {review_in_progress,   imported,           import_in_progress,   "the change set that makes the stack of what exists is executed"},

    {create_in_progress,   succeeded,          create_complete,      "all resources are made"},
    {create_in_progress,   failed,             rollback_in_progress, "a resource could not be made; those that were are removed"},
    {create_in_progress,   failed_and_kept,    create_failed,        "a resource could not be made; those that were are kept"},
    {create_in_progress,   deleted,            delete_in_progress,   "the stack is deleted while it is made"},

    {create_failed,        updated,            update_in_progress,   "what failed is tried again"},
    {create_failed,        rolled_back,        rollback_in_progress, "what was made is removed"},
    {create_failed,        deleted,            delete_in_progress,   "what was made is removed, and the stack"},

    {create_complete,      updated,            update_in_progress,   "the stack gets another template or other parameters"},
    {create_complete,      deleted,            delete_in_progress,   "the stack is deleted"},

    {rollback_in_progress, succeeded,          rollback_complete,    "what was made is removed"},
    {rollback_in_progress, failed,             rollback_failed,      "something that was made could not be removed"},
    {rollback_in_progress, deleted,            delete_in_progress,   "the stack is deleted while it is rolled back"},
    {rollback_failed,      deleted,            delete_in_progress,   "the stack is deleted"},
    {rollback_complete,    deleted,            delete_in_progress,   "the stack is deleted"},

    {update_in_progress,   succeeded,          update_complete_cleanup_in_progress, "all resources are as the template says; what it has no more is removed"},
    {update_in_progress,   failed,             update_rollback_in_progress, "a resource could not be changed; all become what they were"},
    {update_in_progress,   failed_and_kept,    update_failed,        "a resource could not be changed; the others stay as they are"},
    {update_in_progress,   cancelled,          update_rollback_in_progress, "the update is cancelled; all resources become what they were"},

    {update_complete_cleanup_in_progress, succeeded, update_complete, "what the template has no more is removed"},
    {update_complete_cleanup_in_progress, failed, update_complete,   "something that the template has no more could not be removed and is left behind"},

    {update_complete,      updated,            update_in_progress,   "the stack gets another template or other parameters"},
    {update_complete,      deleted,            delete_in_progress,   "the stack is deleted"},

    {update_failed,        updated,            update_in_progress,   "what failed is tried again"},
    {update_failed,        rolled_back,        update_rollback_in_progress, "all resources become what they were"},
    {update_failed,        deleted,            delete_in_progress,   "the stack is deleted"},

    {update_rollback_in_progress, succeeded,   update_rollback_complete_cleanup_in_progress, "all resources are what they were; what the update made is removed"},
    {update_rollback_in_progress, failed,      update_rollback_failed, "a resource could not become what it was"},

    {update_rollback_failed, rollback_continued, update_rollback_in_progress, "the rollback is tried again"},
    {update_rollback_failed, deleted,          delete_in_progress,   "the stack is deleted"},

    {update_rollback_complete_cleanup_in_progress, succeeded, update_rollback_complete, "what the update made is removed"},
    {update_rollback_complete_cleanup_in_progress, failed, update_rollback_complete, "something that the update made could not be removed and is left behind"},

    {update_rollback_complete, updated,        update_in_progress,   "the stack gets another template or other parameters"},
    {update_rollback_complete, deleted,        delete_in_progress,   "the stack is deleted"},

    {delete_in_progress,   succeeded,          delete_complete,      "all that is not retained is removed"},
    {delete_in_progress,   failed,             delete_failed,        "something could not be removed"},
    {delete_failed,        deleted,            delete_in_progress,   "the deletion is tried again"},

    {create_complete,      imported,           import_in_progress,   "resources that exist are taken into the stack"},
    {update_complete,      imported,           import_in_progress,   "resources that exist are taken into the stack"},
    {update_rollback_complete, imported,       import_in_progress,   "resources that exist are taken into the stack"},
    {import_complete,      imported,           import_in_progress,   "resources that exist are taken into the stack"},
    {import_rollback_complete, imported,       import_in_progress,   "resources that exist are taken into the stack"},
    {import_in_progress,   succeeded,          import_complete,      "all resources that were named are the stack's"},
    {import_in_progress,   failed,             import_rollback_in_progress, "a resource could not be taken into the stack; those that were are let go"},
    {import_rollback_in_progress, succeeded,   import_rollback_complete, "what was taken into the stack is let go"},
    {import_rollback_in_progress, failed,      import_rollback_failed, "something that was taken into the stack could not be let go"},
    {import_complete,      updated,            update_in_progress,   "the stack gets another template or other parameters"},
    {import_complete,      deleted,            delete_in_progress,   "the stack is deleted"},
    {import_rollback_complete, updated,        update_in_progress,   "the stack gets another template or other parameters"},
    {import_rollback_complete, deleted,        delete_in_progress,   "the stack is deleted"},
    {import_rollback_failed, deleted,          delete_in_progress,   "the stack is deleted"},
      // clang-format on
  };
  return kStackRows;
}

const StackRow* next_row(StackStatus from, StackEvent event) {
  for (const StackRow& row : stack_rows()) {
    if (row.from == from && row.event == event) return &row;
  }
  return nullptr;
}

bool is_in_progress(StackStatus status) { return name_of(status).ends_with("_IN_PROGRESS"); }

bool is_end(StackStatus status) {
  return !is_in_progress(status) || status == StackStatus::review_in_progress;
}

bool is_gone(StackStatus status) { return status == StackStatus::delete_complete; }

std::string_view name_of(StackStatus status) {
  for (const StatusName& one : status_names()) {
    if (one.status == status) return one.name;
  }
  CHECK(false && "a status without a name");
}

std::optional<StackStatus> stack_status_named(std::string_view name) {
  for (const StatusName& one : status_names()) {
    if (one.name == name) return one.status;
  }
  return std::nullopt;
}

std::string_view name_of(StackEvent event) {
  using enum StackEvent;
  switch (event) {
    case succeeded: return "succeeded";
    case failed: return "failed";
    case failed_and_kept: return "failed-and-kept";
    case cancelled: return "cancelled";
    case created: return "created";
    case updated: return "updated";
    case imported: return "imported";
    case deleted: return "deleted";
    case rolled_back: return "rolled-back";
    case rollback_continued: return "rollback-continued";
  }
  CHECK(false);
}

Result<void> check_request(std::string_view stack, StackStatus status, StackRequest request) {
  // To UpdateStack a stack that was never made is none.
  const bool unseen = is_gone(status) || (status == StackStatus::review_in_progress &&
                                          request == StackRequest::update);
  if (unseen) return validation_error("Stack [" + shown(stack) + "] does not exist");
  if (next_row(status, event_of(request, status)) != nullptr) return ok();
  return refused(stack, status, request);
}

}  // namespace aurora_global::cloudformation
