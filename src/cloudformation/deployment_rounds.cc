// Which work a status of the stack stands for, and when it is over.
#include <algorithm>

#include "base/check.h"
#include "cloudformation/deployment_state.h"
#include "cloudformation/errors.h"

namespace aurora_global::cloudformation {
namespace {

bool is_cleanup(StackStatus status) {
  return status == StackStatus::update_complete_cleanup_in_progress ||
         status == StackStatus::update_rollback_complete_cleanup_in_progress;
}

// A chain of `after` that comes back to itself would never end. There is none, unless the inventory
// came from elsewhere; then these works do not wait.
void forget_cycles(std::vector<Work>& works) {
  Dependencies dependencies;
  for (std::size_t i = 0; i < works.size(); ++i) {
    std::set<std::string>& on = dependencies[std::to_string(i)];
    for (const std::size_t other : works[i].after) on.insert(std::to_string(other));
  }
  for (const std::string& name : in_order(dependencies).cycle) {
    works[std::stoul(name)].after.clear();
  }
}

}  // namespace

bool Deployment::State::is_applying() const {
  return status == StackStatus::create_in_progress || status == StackStatus::update_in_progress ||
         status == StackStatus::import_in_progress;
}

bool Deployment::State::awaits_outputs() const {
  return is_applying() && outputs == Outputs::awaited &&
         std::all_of(works.begin(), works.end(),
                     [](const Work& one) { return one.state == WorkState::done; });
}

bool Deployment::State::may_begin(const Work& work) const {
  if (work.state != WorkState::waiting || requested) return false;
  const auto has_failed = [](const Work& one) { return one.state == WorkState::failed; };
  if (is_applying() && std::any_of(works.begin(), works.end(), has_failed)) return false;
  return std::all_of(work.after.begin(), work.after.end(),
                     [this](std::size_t other) { return works[other].state == WorkState::done; });
}

// What the work of this status came to; nullopt while it goes on.
std::optional<StackEvent> Deployment::State::outcome() const {
  bool all_done = true;
  for (const Work& work : works) {
    if (work.state == WorkState::running || may_begin(work)) return std::nullopt;
    all_done = all_done && work.state == WorkState::done;
  }
  if (requested) return *requested;
  if (awaits_outputs()) return std::nullopt;
  if (all_done && (why_no_outputs.empty() || !is_applying())) return StackEvent::succeeded;
  return is_applying() && on_failure == OnFailure::keep ? StackEvent::failed_and_kept
                                                        : StackEvent::failed;
}

void Deployment::State::advance() {
  // A status follows another at most a few times; each has a row for what can happen in it.
  while (!is_end(status)) {
    const auto event = outcome();
    if (!event) return;
    enter(*event);
  }
}

void Deployment::State::enter(StackEvent event) {
  const StackRow* row = next_row(status, event);
  CHECK(row != nullptr);  // request() has looked; the others are in the table.
  const bool is_failure = event == StackEvent::failed || event == StackEvent::failed_and_kept;
  if (is_failure && !is_cleanup(status)) {
    reason = is_applying() && !why_no_outputs.empty() ? why_no_outputs : why_it_failed();
  }
  if (is_cleanup(status)) give_up_failed_removals();
  status = row->to;
  requested.reset();
  events.push_back({.status = std::string(name_of(status)),
                    .reason = is_failure ? reason : std::string(row->sentence)});
  begin_round();
}

void Deployment::State::begin_round() {
  ++round;
  works.clear();
  if (is_applying()) {
    plan_applies();
  } else if (status == StackStatus::update_rollback_in_progress) {
    plan_restores();
  } else if (!is_end(status)) {
    plan_removals();
  }
}

void Deployment::State::plan_applies() {
  const bool adopts = status == StackStatus::import_in_progress;
  std::map<std::string, std::size_t> index;
  for (const auto& [name, resource] : resources) {
    if (!resource.target) continue;
    // An import does nothing to what the stack has.
    if (adopts && resource.target->import_id.empty()) continue;
    index[name] = works.size();
    works.push_back({.kind = StepKind::apply,
                     .logical_id = name,
                     .decision = adopts ? Decision::adopt : Decision::create});
  }
  for (Work& work : works) {
    for (const std::string& on : resources.at(work.logical_id).target->depends_on) {
      const auto found = index.find(on);
      if (found != index.end()) work.after.insert(found->second);
    }
  }
  forget_cycles(works);
}

void Deployment::State::plan_restores() {
  std::map<PhysicalKey, std::size_t> index;
  for (auto& [name, resource] : resources) {
    if (resource.touched == Touched::modified && !skip.contains(name)) {
      index[{name, resource.current}] = works.size();
      works.push_back(
          {.kind = StepKind::restore, .logical_id = name, .physical_id = resource.current});
      continue;
    }
    // These need nobody's help: what they were is still there.
    if (resource.touched == Touched::kept || resource.touched == Touched::modified) {
      existing[{name, resource.current}] = resource.former;
    }
    if (resource.touched == Touched::created || resource.touched == Touched::replaced) {
      resource.current = resource.former_id;
    }
    if (resource.touched == Touched::kept || resource.touched == Touched::replaced) {
      resource.status = resource.former_status;
    }
    // Skipped: CloudFormation takes it for what it was.
    if (resource.touched == Touched::modified) resource.status = ResourceStatus::update_complete;
    resource.touched = Touched::no;
  }
  skip.clear();
  for (Work& work : works) {
    for (const PhysicalKey& on : resources.at(work.logical_id).former.depends_on) {
      const auto found = index.find(on);
      if (found != index.end()) work.after.insert(found->second);
    }
  }
  forget_cycles(works);
}

// After an update the stack has what its template has. After a rollback it has what it had before,
// and that may need what an earlier update, which failed and was kept, has left.
bool Deployment::State::is_kept_by_cleanup(const PhysicalKey& key,
                                           const PhysicalResource& what) const {
  if (status == StackStatus::import_rollback_in_progress) return !what.is_made_by_operation;
  if (!is_cleanup(status)) return false;
  const bool is_rollback = status == StackStatus::update_rollback_complete_cleanup_in_progress;
  if (is_rollback && !what.is_made_by_operation) return true;
  const auto found = resources.find(key.first);
  if (found == resources.end() || found->second.current != key.second) return false;
  return is_rollback || found->second.target.has_value();
}

bool Deployment::State::is_retained(const PhysicalKey& key, const PhysicalResource& what) const {
  if (status == StackStatus::import_rollback_in_progress) return true;
  if (status == StackStatus::delete_in_progress && retain.contains(key.first)) return true;
  const auto found = resources.find(key.first);
  const bool is_replaced = status == StackStatus::update_complete_cleanup_in_progress &&
                           found != resources.end() && found->second.target &&
                           found->second.touched == Touched::replaced;
  const RemovalPolicy policy =
      is_replaced ? found->second.target->update_replace_policy : what.deletion_policy;
  switch (policy) {
    case RemovalPolicy::remove: return false;
    // No provider takes snapshots: to keep the resource loses nothing.
    case RemovalPolicy::retain:
    case RemovalPolicy::snapshot: return true;
    case RemovalPolicy::retain_except_on_create:
      return !(what.is_made_by_operation && status != StackStatus::delete_in_progress);
  }
  CHECK(false);
}

void Deployment::State::plan_removals() {
  std::map<PhysicalKey, std::size_t> index;
  std::vector<PhysicalKey> retained;
  for (const auto& [key, what] : existing) {
    if (is_kept_by_cleanup(key, what)) continue;
    if (is_retained(key, what)) {
      retained.push_back(key);
      continue;
    }
    index[key] = works.size();
    works.push_back({.kind = StepKind::remove, .logical_id = key.first, .physical_id = key.second});
  }
  for (const auto& [key, at] : index) {
    for (const PhysicalKey& on : existing.at(key).depends_on) {
      const auto found = index.find(on);
      if (found != index.end() && found->second != at) works[found->second].after.insert(at);
    }
  }
  forget_cycles(works);
  const bool lets_go = status == StackStatus::import_rollback_in_progress;
  for (const PhysicalKey& key : retained) {
    move_removed(key, lets_go ? ResourceEvent::let_go : ResourceEvent::skipped);
    note(key, existing.at(key).type,
         lets_go ? ResourceStatus::import_rollback_complete : ResourceStatus::delete_skipped, "");
    forget(key);
  }
}

void Deployment::State::forget(const PhysicalKey& key) {
  existing.erase(key);
  const auto found = resources.find(key.first);
  if (found != resources.end() && found->second.current == key.second) {
    found->second.current.clear();
  }
}

// As CloudFormation does: what a clean-up could not remove is not the stack's any more.
void Deployment::State::give_up_failed_removals() {
  for (const Work& work : works) {
    if (work.state != WorkState::done) forget({work.logical_id, work.physical_id});
  }
}

void Deployment::State::move(const std::string& logical_id, ResourceEvent event) {
  const auto found = resources.find(logical_id);
  if (found == resources.end()) return;
  if (const auto next = next_status(found->second.status, event)) found->second.status = *next;
}

// Where a resource was replaced, the removal of its other physical one is no change of its status.
void Deployment::State::move_removed(const PhysicalKey& key, ResourceEvent event) {
  const auto found = resources.find(key.first);
  if (found == resources.end()) return;
  const std::string& current = found->second.current;
  if (current.empty() || current == key.second) move(key.first, event);
}

void Deployment::State::note(const PhysicalKey& key, const std::string& type, ResourceStatus to,
                             const std::string& why) {
  events.push_back({.logical_id = key.first,
                    .type = type,
                    .physical_id = key.second,
                    .status = std::string(name_of(to)),
                    .reason = why});
}

// "The following resource(s) failed to create: [A, B]. ", as CloudFormation says it of the stack.
std::string Deployment::State::why_it_failed() const {
  std::set<std::string> created;
  std::set<std::string> imported;
  std::set<std::string> updated;
  std::set<std::string> removed;
  for (const Work& work : works) {
    if (work.state != WorkState::failed) continue;
    const bool applies = work.kind == StepKind::apply;
    const bool is_new = applies && work.decision == Decision::create;
    const bool is_import = applies && work.decision == Decision::adopt;
    (is_new                          ? created
     : is_import                     ? imported
     : work.kind == StepKind::remove ? removed
                                     : updated)
        .insert(work.logical_id);
  }
  std::string text;
  const auto say = [&](const char* verb, const std::set<std::string>& names) {
    if (names.empty()) return;
    text +=
        "The following resource(s) failed to " + std::string(verb) + ": " + listed(names) + ". ";
  };
  say("create", created);
  say("import", imported);
  say("update", updated);
  say("delete", removed);
  return text;
}

std::set<PhysicalKey> Deployment::State::keys_of(const std::set<std::string>& logical_ids) const {
  std::set<PhysicalKey> keys;
  for (const std::string& name : logical_ids) {
    const auto found = resources.find(name);
    if (found != resources.end() && !found->second.current.empty()) {
      keys.emplace(name, found->second.current);
    }
  }
  return keys;
}

}  // namespace aurora_global::cloudformation
