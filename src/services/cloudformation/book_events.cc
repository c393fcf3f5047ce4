// What a deployment says of its stack: events, the status, the resources, and what the end of an
// operation leaves.
#include "base/rng.h"
#include "model/fields.h"
#include "services/cloudformation/book.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

double event_seconds(WallTime at) {
  return static_cast<double>(at.time_since_epoch().count()) / 1e6;
}

// CloudFormation gives reasons of failures, and says who began.
std::string reason_of(const core::DeploymentEvent& event, const core::Deployment& deployment,
                      bool is_first) {
  if (!event.type.empty()) return event.reason;
  if (is_first) return "User Initiated";
  return event.reason == deployment.reason() ? event.reason : "";
}

json event_json(const StackRecord& stack, const core::DeploymentEvent& event,
                const std::string& reason, WallTime at) {
  const bool is_stack = event.type.empty();
  json made = {{"StackId", stack.id},
               {"StackName", stack.name},
               {"EventId", is_stack ? random_uuid()
                                    : event.logical_id + "-" + event.status + "-" + iso8601(at)},
               {"LogicalResourceId", is_stack ? stack.name : event.logical_id},
               {"PhysicalResourceId", is_stack ? stack.id : event.physical_id},
               {"ResourceType", is_stack ? "AWS::CloudFormation::Stack" : event.type},
               {"Timestamp", event_seconds(at)},
               {"ResourceStatus", event.status}};
  if (!reason.empty()) made["ResourceStatusReason"] = reason;
  if (!stack.client_token.empty()) made["ClientRequestToken"] = stack.client_token;
  return made;
}

void view(const core::DeploymentEvent& event, const core::Deployment& deployment, WallTime at,
          StackRecord& next) {
  const auto now = deployment.physical_id(event.logical_id);
  // Of a resource that was replaced, the former physical one.
  const bool is_other = event.status.starts_with("DELETE") && now && *now != event.physical_id;
  if (is_other) return;
  next.resources[event.logical_id] = {.type = event.type,
                                      .physical_id = event.physical_id,
                                      .status = event.status,
                                      .reason = event.reason,
                                      .at = at};
}

}  // namespace

StackRecord Book::progressed(const Progress& progress, StackRecord next, Write& write) {
  const core::Deployment& deployment = progress.deployment;
  const WallTime now = SystemClock().wall_now();
  const core::StackStatus was = next.status;
  bool is_first = core::is_end(was);
  for (const core::DeploymentEvent& event : progress.events) {
    const std::string reason = reason_of(event, deployment, is_first && event.type.empty());
    ++next.events;
    write.events.push_back({.stack_id = next.id,
                            .number = next.events,
                            .event = event_json(next, event, reason, now)});
    if (event.type.empty()) {
      next.reason = reason;
      is_first = false;
    } else {
      view(event, deployment, now, next);
    }
  }
  const bool has_ended = deployment.is_over() && (!core::is_end(was) || !is_first);
  next.status = deployment.status();
  if (progress.concluded) next.outputs = *progress.concluded;
  write.put[deployment_key(next.uuid)] = model::text_of(deployment.to_json());
  if (has_ended) end_operation(deployment, next, write);
  write.put[stack_key(next.uuid)] = model::text_of(json_of(next));
  return next;
}

// What only the record before had goes with it.
void Book::drop_templates(const StackRecord& before, const StackRecord& next, Write& write) {
  for (const auto* former : {&before.current, &before.wanted}) {
    if (!*former) continue;
    const std::string& key = (*former)->template_key;
    const bool is_kept = (next.current && next.current->template_key == key) ||
                         (next.wanted && next.wanted->template_key == key);
    if (!is_kept) write.remove.push_back(key);
  }
}

// A stack that nothing was done to yet.
void Book::review(StackRecord& next, Write& write) {
  const core::DeploymentEvent event{.status = std::string(core::name_of(next.status))};
  next.reason = "User Initiated";
  ++next.events;
  write.events.push_back({.stack_id = next.id,
                          .number = next.events,
                          .event = event_json(next, event, next.reason, SystemClock().wall_now())});
  write.put[stack_key(next.uuid)] = model::text_of(json_of(next));
}

// What an end leaves of the two sources, and of what only the operation needed.
void Book::end_operation(const core::Deployment& deployment, StackRecord& next, Write& write) {
  using enum core::StackStatus;
  write.remove.push_back(claims_key(next.uuid));
  if (next.status == create_complete || next.status == update_complete ||
      next.status == import_complete) {
    if (next.wanted) next.current = std::exchange(next.wanted, std::nullopt);
  }
  if (next.status == update_rollback_complete || next.status == import_rollback_complete) {
    next.wanted.reset();
  }
  if (next.status == delete_complete) {
    next.deleted = SystemClock().wall_now();
    next.outputs.clear();
    write.put.erase(deployment_key(next.uuid));
    write.remove.push_back(deployment_key(next.uuid));
    write.remove.push_back("changeset/" + next.uuid + "/");
    write.remove.push_back("changes/" + next.uuid + "/");
    return;
  }
  const core::Inventory inventory = deployment.inventory();
  for (auto one = next.resources.begin(); one != next.resources.end();) {
    const auto found = inventory.resources.find(one->first);
    const bool is_gone = found == inventory.resources.end();
    // What a failed creation leaves shown is why it failed.
    if (is_gone && next.status != rollback_complete) {
      one = next.resources.erase(one);
      continue;
    }
    if (!is_gone) one->second.physical_id = found->second.physical_id;
    ++one;
  }
}

}  // namespace aurora_global::services::cloudformation
