// The states of a stack, as a table, and what may be asked of a stack in each of them.
//
// A row: from, event, to, sentence. A deployment asks it what comes next, the events of a stack
// show its names, the tests walk over its rows.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"

namespace aurora_global::cloudformation {

// CloudFormation's names in small letters; name_of() has the real ones.
enum class StackStatus {
  review_in_progress,  // Made by a change set of type CREATE that was not executed yet.
  create_in_progress,
  create_failed,
  create_complete,
  rollback_in_progress,
  rollback_failed,
  rollback_complete,
  update_in_progress,
  update_complete_cleanup_in_progress,
  update_complete,
  update_failed,
  update_rollback_in_progress,
  update_rollback_failed,
  update_rollback_complete_cleanup_in_progress,
  update_rollback_complete,
  delete_in_progress,
  delete_failed,
  delete_complete,
  import_in_progress,
  import_complete,
  import_rollback_in_progress,
  import_rollback_failed,
  import_rollback_complete,
};

enum class StackEvent {
  // Of the work of the state.
  succeeded,
  failed,
  failed_and_kept,  // Failed, and rollback is disabled.
  // Of a request.
  cancelled,           // CancelUpdateStack.
  created,             // CreateStack, or ExecuteChangeSet of type CREATE.
  updated,             // UpdateStack, or ExecuteChangeSet of type UPDATE.
  imported,            // ExecuteChangeSet of type IMPORT.
  deleted,             // DeleteStack.
  rolled_back,         // RollbackStack.
  rollback_continued,  // ContinueUpdateRollback.
};

struct StackRow {
  StackStatus from;
  StackEvent event;
  StackStatus to;
  std::string_view sentence;
};

std::span<const StackRow> stack_rows();
// Null: the event cannot happen, or is refused, in this state.
const StackRow* next_row(StackStatus from, StackEvent event);

bool is_in_progress(StackStatus status);
// Nothing is done to the stack until somebody asks for it.
bool is_end(StackStatus status);
// It does not show up without its id, and its name may be given to another stack.
bool is_gone(StackStatus status);

std::string_view name_of(StackStatus status);
std::string_view name_of(StackEvent event);
std::optional<StackStatus> stack_status_named(std::string_view name);

// What is asked of a stack that changes it.
enum class StackRequest {
  create_change_set,  // Of type UPDATE.
  execute_change_set,
  create_import,  // CreateChangeSet of type IMPORT, on a stack that exists.
  execute_import,
  update,
  cancel_update,
  continue_update_rollback,
  rollback,
  remove,
};

// Whether a stack that is called `stack` in messages takes the request in this state. Fails with
// ValidationError and CloudFormation's words.
Result<void> check_request(std::string_view stack, StackStatus status, StackRequest request);

}  // namespace aurora_global::cloudformation
