#include "cloudformation/resource_state.h"

#include "base/check.h"

namespace aurora_global::cloudformation {
namespace {

struct ResourceStatusName {
  ResourceStatus status;
  std::string_view name;
};
// Every status, once.
std::span<const ResourceStatusName> resource_status_names() {
  using enum ResourceStatus;
  static constexpr ResourceStatusName kResourceStatusNames[] = {
      {none, "NONE"},
      {create_in_progress, "CREATE_IN_PROGRESS"},
      {create_failed, "CREATE_FAILED"},
      {create_complete, "CREATE_COMPLETE"},
      {update_in_progress, "UPDATE_IN_PROGRESS"},
      {update_failed, "UPDATE_FAILED"},
      {update_complete, "UPDATE_COMPLETE"},
      {delete_in_progress, "DELETE_IN_PROGRESS"},
      {delete_failed, "DELETE_FAILED"},
      {delete_complete, "DELETE_COMPLETE"},
      {delete_skipped, "DELETE_SKIPPED"},
      {import_in_progress, "IMPORT_IN_PROGRESS"},
      {import_failed, "IMPORT_FAILED"},
      {import_complete, "IMPORT_COMPLETE"},
      {import_rollback_complete, "IMPORT_ROLLBACK_COMPLETE"},
  };
  return kResourceStatusNames;
}

}  // namespace

std::span<const ResourceRow> resource_rows() {
  using enum ResourceStatus;
  using enum ResourceEvent;
  static constexpr ResourceRow kResourceRows[] = {
      // clang-format off
    {none,               create_begun, create_in_progress},
    {create_in_progress, succeeded,    create_complete},
    {create_in_progress, failed,       create_failed},
    {create_failed,      create_begun, create_in_progress},
    {create_failed,      update_begun, update_in_progress},
    {create_failed,      delete_begun, delete_in_progress},
    {create_failed,      skipped,      delete_skipped},
    {create_complete,    update_begun, update_in_progress},
    {create_complete,    delete_begun, delete_in_progress},
    {create_complete,    skipped,      delete_skipped},

    {update_in_progress, succeeded,    update_complete},
    {update_in_progress, failed,       update_failed},
    {update_failed,      update_begun, update_in_progress},
    {update_failed,      delete_begun, delete_in_progress},
    {update_failed,      skipped,      delete_skipped},
    {update_complete,    update_begun, update_in_progress},
    {update_complete,    delete_begun, delete_in_progress},
    {update_complete,    skipped,      delete_skipped},

    {delete_in_progress, succeeded,    delete_complete},
    {delete_in_progress, failed,       delete_failed},
    {delete_failed,      delete_begun, delete_in_progress},
    {delete_failed,      skipped,      delete_skipped},
    {delete_complete,    create_begun, create_in_progress},
    {delete_skipped,     create_begun, create_in_progress},

    {none,               import_begun, import_in_progress},
    {import_in_progress, succeeded,    import_complete},
    {import_in_progress, failed,       import_failed},
    {import_complete,    update_begun, update_in_progress},
    {import_complete,    delete_begun, delete_in_progress},
    {import_complete,    skipped,      delete_skipped},
    {import_complete,    let_go,       import_rollback_complete},
      // clang-format on
  };
  return kResourceRows;
}

std::optional<ResourceStatus> next_status(ResourceStatus from, ResourceEvent event) {
  for (const ResourceRow& row : resource_rows()) {
    if (row.from == from && row.event == event) return row.to;
  }
  return std::nullopt;
}

std::string_view name_of(ResourceStatus status) {
  for (const ResourceStatusName& one : resource_status_names()) {
    if (one.status == status) return one.name;
  }
  CHECK(false && "a status without a name");
}

std::optional<ResourceStatus> resource_status_named(std::string_view name) {
  for (const ResourceStatusName& one : resource_status_names()) {
    if (one.name == name) return one.status;
  }
  return std::nullopt;
}

}  // namespace aurora_global::cloudformation
