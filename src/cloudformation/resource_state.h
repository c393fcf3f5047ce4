// The states of a resource, as a table.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace aurora_global::cloudformation {

// CloudFormation's names in small letters; name_of() has the real ones.
enum class ResourceStatus {
  none,  // Not begun; shown nowhere.
  create_in_progress,
  create_failed,
  create_complete,
  update_in_progress,
  update_failed,
  update_complete,
  delete_in_progress,
  delete_failed,
  delete_complete,
  delete_skipped,  // Retained.
  import_in_progress,
  import_failed,
  import_complete,
  import_rollback_complete,  // Let go again.
};

enum class ResourceEvent {
  create_begun,
  update_begun,  // Also a replacement, and the way back.
  import_begun,
  delete_begun,
  succeeded,
  failed,
  skipped,  // Its policy, or the caller, keeps it.
  let_go,   // An import is rolled back.
};

struct ResourceRow {
  ResourceStatus from;
  ResourceEvent event;
  ResourceStatus to;
};

std::span<const ResourceRow> resource_rows();
// Nullopt: the event cannot happen in this state.
std::optional<ResourceStatus> next_status(ResourceStatus from, ResourceEvent event);

std::string_view name_of(ResourceStatus status);
std::optional<ResourceStatus> resource_status_named(std::string_view name);

}  // namespace aurora_global::cloudformation
