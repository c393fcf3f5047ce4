// What the outcome of a step does to the stack's resources.
#include "awsapi/http_message.h"
#include "cloudformation/deployment_state.h"

namespace aurora_global::cloudformation {

bool fits(const DeployedResource& resource, Decision decision) {
  const bool adopts = decision == Decision::adopt;
  if (!resource.current.empty()) return decision != Decision::create && !adopts;
  return adopts != resource.target->import_id.empty() && (adopts || decision == Decision::create);
}

void Deployment::State::applied(const Work& work, Made made) {
  DeployedResource& resource = resources.at(work.logical_id);
  const std::string before = resource.current;
  const std::string id = made.physical_id.empty() ? before : made.physical_id;
  PhysicalResource what{.type = resource.target->type,
                        .properties = work.properties,
                        .attributes = std::move(made.attributes),
                        .depends_on = keys_of(resource.target->depends_on),
                        .deletion_policy = resource.target->deletion_policy,
                        .update_replace_policy = resource.target->update_replace_policy,
                        .is_made_by_operation = id != before};
  if (work.decision == Decision::create || work.decision == Decision::adopt) {
    resource.touched = Touched::created;
  } else if (id == before) {
    resource.touched = Touched::modified;
  } else {
    // Also a modification that gave another physical id, as custom resources may.
    resource.touched = Touched::replaced;
    existing[{work.logical_id, before}] = resource.former;
  }
  existing[{work.logical_id, id}] = std::move(what);
  resource.current = id;
  move(work.logical_id, ResourceEvent::succeeded);
  note({work.logical_id, id}, resource.target->type, resource.status, "");
}

void Deployment::State::restored(const Work& work, const std::string& physical_id) {
  DeployedResource& resource = resources.at(work.logical_id);
  // If it has another physical id now, the clean-up removes what is under the present one.
  if (!physical_id.empty()) resource.current = physical_id;
  existing[{work.logical_id, resource.current}] = resource.former;
  resource.touched = Touched::no;
  move(work.logical_id, ResourceEvent::succeeded);
  note({work.logical_id, resource.current}, resource.former.type, resource.status, "");
}

void Deployment::State::removed(const Work& work) {
  const PhysicalKey key{work.logical_id, work.physical_id};
  const std::string type = existing.at(key).type;
  move_removed(key, ResourceEvent::succeeded);
  note(key, type, ResourceStatus::delete_complete, "");
  forget(key);
}

void Deployment::State::work_failed(const Work& work, const std::string& why,
                                    const std::string& physical_id) {
  if (work.kind != StepKind::apply) {
    const PhysicalKey key{work.logical_id, work.physical_id};
    const bool is_restore = work.kind == StepKind::restore;
    move_removed(key, ResourceEvent::failed);
    note(key, existing.at(key).type,
         is_restore ? ResourceStatus::update_failed : ResourceStatus::delete_failed, why);
    return;
  }
  const DeployedResource& resource = resources.at(work.logical_id);
  const PhysicalKey left{work.logical_id, physical_id};
  const bool may_leave = work.decision == Decision::create || work.decision == Decision::replace;
  const bool is_key = !physical_id.empty() && physical_id.size() <= kPhysicalIdBytesMax &&
                      awsapi::is_valid_utf8(physical_id);
  if (may_leave && is_key && physical_id != resource.current) {
    existing[left] = {.type = resource.target->type,
                      .properties = work.properties,
                      .depends_on = keys_of(resource.target->depends_on),
                      .deletion_policy = resource.target->deletion_policy,
                      .update_replace_policy = resource.target->update_replace_policy,
                      .is_made_by_operation = true};
  }
  move(work.logical_id, ResourceEvent::failed);
  static const std::string kNone;
  const std::string& shown = may_leave                          ? is_key ? physical_id : kNone
                             : work.decision == Decision::adopt ? resource.target->import_id
                                                                : resource.current;
  note({work.logical_id, shown}, resource.target->type, resource.status, why);
}

void Deployment::State::resume(StackEvent event) {
  if (is_end(status)) {
    enter(event);
  } else {
    requested = event;
  }
  advance();
}

}  // namespace aurora_global::cloudformation
