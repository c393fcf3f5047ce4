#include "cloudformation/deployment.h"

#include <charconv>

#include "awsapi/http_message.h"
#include "cloudformation/deployment_state.h"
#include "cloudformation/errors.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

Error no_such_step(const std::string& step, std::string_view what) {
  return make_error(ErrorKind::not_found, "step " + shown(step) + " " + std::string(what));
}

std::string bounded(const std::string& reason) {
  if (reason.size() <= kReasonBytesMax) return awsapi::as_utf8(reason);
  const std::string_view cut = std::string_view(reason).substr(0, kReasonBytesMax);
  return awsapi::as_utf8(cut);
}

std::string id_of(const Deployment::State& state, std::size_t index) {
  return std::to_string(state.round) + "/" + std::to_string(index);
}

// The work that a step's id names, if it is of this round.
Work* find_work(Deployment::State& state, const std::string& id) {
  const std::size_t slash = id.find('/');
  if (slash == id.npos || id.compare(0, slash, std::to_string(state.round)) != 0) return nullptr;
  std::size_t index = 0;
  const auto read = std::from_chars(id.data() + slash + 1, id.data() + id.size(), index);
  const bool whole = read.ec == std::errc() && read.ptr == id.data() + id.size();
  return whole && index < state.works.size() ? &state.works[index] : nullptr;
}

Step step_of(const Deployment::State& state, std::size_t index) {
  const Work& work = state.works[index];
  Step step{.id = id_of(state, index),
            .kind = work.kind,
            .logical_id = work.logical_id,
            .physical_id = work.physical_id,
            .properties = work.properties,
            .decision = work.decision};
  const auto resource = state.resources.find(work.logical_id);
  if (work.kind == StepKind::apply) {
    step.type = resource->second.target->type;
    step.physical_id = resource->second.current;
    if (step.physical_id.empty()) step.physical_id = resource->second.target->import_id;
  }
  const auto what = state.existing.find({step.logical_id, step.physical_id});
  if (what != state.existing.end()) {
    step.former_properties = what->second.properties;
    if (work.kind != StepKind::apply) step.type = what->second.type;
    if (work.kind == StepKind::remove) step.properties = what->second.properties;
  }
  if (work.kind == StepKind::restore) step.properties = resource->second.former.properties;
  return step;
}

template <typename Wanted>
std::vector<Step> steps_that(const Deployment::State& state, Wanted wanted) {
  std::vector<Step> steps;
  for (std::size_t i = 0; i < state.works.size(); ++i) {
    if (wanted(state.works[i])) steps.push_back(step_of(state, i));
  }
  return steps;
}

ResourceEvent begun_by(Decision decision) {
  if (decision == Decision::create) return ResourceEvent::create_begun;
  return decision == Decision::adopt ? ResourceEvent::import_begun : ResourceEvent::update_begun;
}

// What the new template says of the physical resource, beside properties and attributes.
void take_target(const Deployment::State& state, const DeployedResource& resource,
                 PhysicalResource& what) {
  what.type = resource.target->type;
  what.depends_on = state.keys_of(resource.target->depends_on);
  what.deletion_policy = resource.target->deletion_policy;
  what.update_replace_policy = resource.target->update_replace_policy;
}

}  // namespace

std::map<std::string, Target> targets_of(const Template& of, const Dependencies& graph) {
  std::map<std::string, Target> targets;
  for (const auto& [name, on] : graph) {
    const ResourceDefinition& resource = of.resources.at(name);
    targets[name] = {.type = resource.type,
                     .depends_on = on,
                     .deletion_policy = resource.deletion_policy,
                     .update_replace_policy = resource.update_replace_policy};
  }
  return targets;
}

Deployment::Deployment(std::unique_ptr<State> state) : state_(std::move(state)) {}
Deployment::Deployment(Deployment&&) noexcept = default;
Deployment& Deployment::operator=(Deployment&&) noexcept = default;
Deployment::~Deployment() = default;

Result<Deployment> Deployment::begin(StackStatus from, StackEvent request, Inventory inventory,
                                     std::map<std::string, Target> targets, OnFailure on_failure,
                                     std::set<std::string> retain, Outputs outputs) {
  const StackRow* row = next_row(from, request);
  if (row == nullptr || !is_end(from)) {
    return validation_error("a stack in " + std::string(name_of(from)) + " cannot be " +
                            std::string(name_of(request)));
  }
  // Each target may leave one more, which is removed by the next operation that cleans up.
  if (inventory.existing.size() + 2 * targets.size() > kEntriesMax) {
    return validation_error(
        "Updates that failed and were kept have left too many resources: roll the stack back");
  }
  auto state = std::make_unique<State>();
  state->status = row->to;
  state->on_failure = request == StackEvent::imported ? OnFailure::roll_back : on_failure;
  state->outputs = outputs;
  state->retain = std::move(retain);
  state->existing = std::move(inventory.existing);
  for (auto& [key, what] : state->existing) what.is_made_by_operation = false;
  for (const auto& [name, resource] : inventory.resources) {
    const auto what = state->existing.find({name, resource.physical_id});
    if (what == state->existing.end()) {
      return make_error(ErrorKind::corrupt,
                        "the stack's resource " + shown(name) + " is not there");
    }
    state->resources[name] = {.current = resource.physical_id,
                              .former_id = resource.physical_id,
                              .former = what->second,
                              .status = resource.status,
                              .former_status = resource.status};
  }
  for (auto& [name, target] : targets) state->resources[name].target = std::move(target);
  state->events.push_back(
      {.status = std::string(name_of(row->to)), .reason = std::string(row->sentence)});
  state->begin_round();
  state->advance();
  return Deployment(std::move(state));
}

StackStatus Deployment::status() const { return state_->status; }

const std::string& Deployment::reason() const { return state_->reason; }

bool Deployment::is_stopping() const {
  if (state_->requested) return true;
  if (!state_->is_applying()) return false;
  for (const Work& work : state_->works) {
    if (work.state == WorkState::failed) return true;
  }
  return false;
}

std::vector<Step> Deployment::ready() const {
  return steps_that(*state_, [this](const Work& work) { return state_->may_begin(work); });
}

std::vector<Step> Deployment::running() const {
  return steps_that(*state_, [](const Work& work) { return work.state == WorkState::running; });
}

Result<void> Deployment::begin_apply(const std::string& step, json properties, Decision decision) {
  State& state = *state_;
  Work* work = find_work(state, step);
  if (work == nullptr || work->kind != StepKind::apply || !state.may_begin(*work)) {
    return no_such_step(step, "is not ready");
  }
  DeployedResource& resource = state.resources.at(work->logical_id);
  if (!fits(resource, decision)) {
    return make_error(ErrorKind::invalid, "step " + shown(step) + " cannot have this decision");
  }
  const PhysicalKey key{work->logical_id, resource.current};
  // Nobody knows how far a modification came that failed.
  if (decision == Decision::unchanged && resource.status == ResourceStatus::update_failed) {
    decision = Decision::modify;
  }
  work->decision = decision;
  if (decision == Decision::unchanged) {
    take_target(state, resource, state.existing.at(key));
    resource.touched = Touched::kept;
    work->state = WorkState::done;
    state.advance();
    return ok();
  }
  work->state = WorkState::running;
  work->properties = std::move(properties);
  if (decision == Decision::modify) {
    // Until it is over it may be what it was as well as what it will be.
    resource.touched = Touched::modified;
    PhysicalResource& what = state.existing.at(key);
    what.depends_on.merge(state.keys_of(resource.target->depends_on));
  }
  state.move(work->logical_id, begun_by(decision));
  state.note({key.first, decision == Decision::adopt ? resource.target->import_id : key.second},
             resource.target->type, resource.status, "");
  return ok();
}

Result<void> Deployment::begin(const std::string& step) {
  State& state = *state_;
  Work* work = find_work(state, step);
  if (work == nullptr || work->kind == StepKind::apply || !state.may_begin(*work)) {
    return no_such_step(step, "is not ready");
  }
  work->state = WorkState::running;
  const PhysicalKey key{work->logical_id, work->physical_id};
  PhysicalResource& what = state.existing.at(key);
  const std::string& type = what.type;
  if (work->kind == StepKind::restore) {
    // As in a modification: if it fails, the resource may need either.
    const std::set<PhysicalKey>& needs = state.resources.at(key.first).former.depends_on;
    what.depends_on.insert(needs.begin(), needs.end());
    state.move(key.first, ResourceEvent::update_begun);
    state.note(key, type, ResourceStatus::update_in_progress, "");
  } else {
    state.move_removed(key, ResourceEvent::delete_begun);
    state.note(key, type, ResourceStatus::delete_in_progress, "");
  }
  return ok();
}

Result<void> Deployment::succeeded(const std::string& step, Made made) {
  Work* work = find_work(*state_, step);
  if (work == nullptr || work->state != WorkState::running) {
    return no_such_step(step, "has not begun");
  }
  const bool needs_id = work->kind == StepKind::apply && work->decision != Decision::modify;
  if ((needs_id && made.physical_id.empty()) || made.physical_id.size() > kPhysicalIdBytesMax ||
      !awsapi::is_valid_utf8(made.physical_id)) {
    return failed(step, "the resource has no physical id, or one that is too long");
  }
  work->state = WorkState::done;
  switch (work->kind) {
    case StepKind::apply: state_->applied(*work, std::move(made)); break;
    case StepKind::restore: state_->restored(*work, made.physical_id); break;
    case StepKind::remove: state_->removed(*work); break;
  }
  state_->advance();
  return ok();
}

Result<void> Deployment::failed(const std::string& step, const std::string& reason,
                                const std::string& physical_id) {
  Work* work = find_work(*state_, step);
  if (work == nullptr || work->state != WorkState::running) {
    return no_such_step(step, "has not begun");
  }
  work->state = WorkState::failed;
  state_->work_failed(*work, bounded(reason), physical_id);
  state_->advance();
  return ok();
}

Result<void> Deployment::refuse(const std::string& step, const std::string& reason) {
  State& state = *state_;
  Work* work = find_work(state, step);
  if (work == nullptr || work->kind != StepKind::apply || !state.may_begin(*work)) {
    return no_such_step(step, "is not ready");
  }
  const DeployedResource& resource = state.resources.at(work->logical_id);
  work->state = WorkState::failed;
  work->decision = !resource.current.empty()            ? Decision::modify
                   : resource.target->import_id.empty() ? Decision::create
                                                        : Decision::adopt;
  state.note({work->logical_id, resource.current}, resource.target->type,
             work->decision == Decision::modify   ? ResourceStatus::update_failed
             : work->decision == Decision::create ? ResourceStatus::create_failed
                                                  : ResourceStatus::import_failed,
             bounded(reason));
  state.advance();
  return ok();
}

Result<void> Deployment::request(StackEvent event, std::set<std::string> skip) {
  State& state = *state_;
  const bool is_of_work = event == StackEvent::succeeded || event == StackEvent::failed ||
                          event == StackEvent::failed_and_kept;
  const bool is_new = is_end(state.status) && event != StackEvent::rolled_back &&
                      event != StackEvent::rollback_continued;
  if (is_of_work || is_new || state.requested || next_row(state.status, event) == nullptr) {
    return validation_error("a stack in " + std::string(name_of(state.status)) + " cannot be " +
                            std::string(name_of(event)));
  }
  state.skip = std::move(skip);
  state.resume(event);
  return ok();
}

bool Deployment::awaits_outputs() const { return state_->awaits_outputs(); }

Result<void> Deployment::conclude(const std::string& why) {
  if (!state_->awaits_outputs()) {
    return make_error(ErrorKind::not_found, "the deployment awaits no outputs");
  }
  state_->outputs = Outputs::none;
  state_->why_no_outputs = bounded(why);
  state_->advance();
  return ok();
}

const PhysicalResource* Deployment::find(const std::string& logical_id) const {
  const auto id = physical_id(logical_id);
  if (!id) return nullptr;
  const auto found = state_->existing.find({logical_id, *id});
  return found == state_->existing.end() ? nullptr : &found->second;
}

std::optional<std::string> Deployment::physical_id(const std::string& logical_id) const {
  const auto found = state_->resources.find(logical_id);
  if (found == state_->resources.end() || found->second.current.empty()) return std::nullopt;
  return found->second.current;
}

Inventory Deployment::inventory() const {
  Inventory inventory{.existing = state_->existing};
  for (auto& [key, what] : inventory.existing) what.is_made_by_operation = false;
  for (const auto& [name, resource] : state_->resources) {
    if (resource.current.empty()) continue;
    inventory.resources[name] = {.physical_id = resource.current, .status = resource.status};
  }
  return inventory;
}

std::set<std::pair<std::string, std::string>> Deployment::owned() const {
  std::set<std::pair<std::string, std::string>> all;
  for (const auto& [key, what] : state_->existing) all.emplace(what.type, key.second);
  if (state_->status != StackStatus::import_in_progress) return all;
  for (const auto& [name, resource] : state_->resources) {
    if (!resource.target || resource.target->import_id.empty()) continue;
    all.emplace(resource.target->type, resource.target->import_id);
  }
  return all;
}

std::vector<DeploymentEvent> Deployment::take_events() { return std::exchange(state_->events, {}); }

}  // namespace aurora_global::cloudformation
