// A deployment as JSON, and back: checked, for it comes from a file.
#include "base/check.h"
#include "cloudformation/deployment_state.h"

namespace aurora_global::cloudformation {
namespace {

using model::Fields;
using nlohmann::json;

template <typename Enum, std::size_t N>
std::optional<Enum> word_of(std::string_view name, const Enum (&all)[N]) {
  for (const Enum one : all) {
    if (name_of(one) == name) return one;
  }
  return std::nullopt;
}

std::optional<StepKind> kind_of(std::string_view name) {
  constexpr StepKind kAll[] = {StepKind::apply, StepKind::restore, StepKind::remove};
  return word_of(name, kAll);
}
std::optional<Decision> decision_of(std::string_view name) {
  constexpr Decision kAll[] = {Decision::create, Decision::unchanged, Decision::modify,
                               Decision::replace, Decision::adopt};
  return word_of(name, kAll);
}
std::optional<WorkState> work_state_of(std::string_view name) {
  constexpr WorkState kAll[] = {WorkState::waiting, WorkState::running, WorkState::done,
                                WorkState::failed};
  return word_of(name, kAll);
}
std::optional<Touched> touched_of(std::string_view name) {
  constexpr Touched kAll[] = {Touched::no, Touched::created, Touched::kept, Touched::modified,
                              Touched::replaced};
  return word_of(name, kAll);
}
std::optional<StackEvent> event_of_name(std::string_view name) {
  constexpr StackEvent kAll[] = {StackEvent::cancelled, StackEvent::deleted,
                                 StackEvent::rolled_back, StackEvent::rollback_continued};
  return word_of(name, kAll);
}

json json_of(const PhysicalResource& of) {
  return {{"type", of.type},
          {"properties", of.properties},
          {"attributes", of.attributes},
          {"depends_on", of.depends_on},
          {"deletion_policy", name_of(of.deletion_policy)},
          {"update_replace_policy", name_of(of.update_replace_policy)},
          {"is_made_by_operation", of.is_made_by_operation}};
}

json json_of(const Target& of) {
  json made = {{"type", of.type},
               {"depends_on", of.depends_on},
               {"deletion_policy", name_of(of.deletion_policy)},
               {"update_replace_policy", name_of(of.update_replace_policy)}};
  if (!of.import_id.empty()) made["import_id"] = of.import_id;
  return made;
}

json json_of(const DeployedResource& of) {
  json made = {{"current", of.current},        {"former_id", of.former_id},
               {"former", json_of(of.former)}, {"touched", name_of(of.touched)},
               {"status", name_of(of.status)}, {"former_status", name_of(of.former_status)}};
  if (of.target) made["target"] = json_of(*of.target);
  return made;
}

json json_of(const Work& of) {
  return {{"kind", name_of(of.kind)},      {"logical_id", of.logical_id},
          {"physical_id", of.physical_id}, {"after", of.after},
          {"state", name_of(of.state)},    {"decision", name_of(of.decision)},
          {"properties", of.properties}};
}

struct ExistingEntry {
  PhysicalKey key;
  PhysicalResource what;
};

}  // namespace

// Found by Fields.
void read(Fields& fields, PhysicalResource& out) {
  std::vector<PhysicalKey> depends_on;
  fields.require({"type", "properties"})
      .get("type", out.type)
      .get("properties", out.properties)
      .get("attributes", out.attributes)
      .get("depends_on", depends_on, kEntriesMax)
      .get_named("deletion_policy", out.deletion_policy, removal_policy_named)
      .get_named("update_replace_policy", out.update_replace_policy, removal_policy_named)
      .get("is_made_by_operation", out.is_made_by_operation);
  out.depends_on = {depends_on.begin(), depends_on.end()};
}

void read(Fields& fields, Target& out) {
  fields.require({"type"})
      .get("type", out.type)
      .get("depends_on", out.depends_on, kEntriesMax)
      .get_named("deletion_policy", out.deletion_policy, removal_policy_named)
      .get_named("update_replace_policy", out.update_replace_policy, removal_policy_named)
      .get("import_id", out.import_id, kPhysicalIdBytesMax);
}

void read(Fields& fields, DeployedResource& out) {
  fields.require({"current", "status"})
      .get("target", out.target)
      .get("current", out.current, kPhysicalIdBytesMax)
      .get("former_id", out.former_id, kPhysicalIdBytesMax)
      .get_named("touched", out.touched, touched_of)
      .get_named("status", out.status, resource_status_named)
      .get_named("former_status", out.former_status, resource_status_named)
      .get("former", out.former);
}

void read(Fields& fields, Work& out) {
  std::vector<std::size_t> after;
  fields.require({"kind", "logical_id", "state"})
      .get_named("kind", out.kind, kind_of)
      .get("logical_id", out.logical_id)
      .get("physical_id", out.physical_id, kPhysicalIdBytesMax)
      .get("after", after, kEntriesMax)
      .get_named("state", out.state, work_state_of)
      .get_named("decision", out.decision, decision_of)
      .get("properties", out.properties);
  out.after = {after.begin(), after.end()};
}

namespace {

void read(Fields& fields, ExistingEntry& out) {
  fields.require({"key", "what"}).get("key", out.key).get("what", out.what);
}

}  // namespace

void read(Fields& fields, Deployment::State& out) {
  std::vector<ExistingEntry> existing;
  std::string on_failure;
  std::string requested;
  std::string outputs;
  fields.require({"status", "round", "resources", "existing", "works"})
      .get_named("status", out.status, stack_status_named)
      .get("on_failure", on_failure)
      .get("outputs", outputs)
      .get("why_no_outputs", out.why_no_outputs)
      .get("round", out.round)
      .get("reason", out.reason)
      .get("skip", out.skip, kEntriesMax)
      .get("retain", out.retain, kEntriesMax)
      .get("resources", out.resources, kEntriesMax)
      .get("existing", existing, kEntriesMax)
      .get("works", out.works, kEntriesMax);
  if (fields.get("requested", requested); !requested.empty()) {
    StackEvent event{};
    fields.get_named("requested", event, event_of_name);
    out.requested = event;
  }
  out.outputs = outputs == "awaited" ? Outputs::awaited : Outputs::none;
  out.on_failure = on_failure == "keep" ? OnFailure::keep : OnFailure::roll_back;
  for (ExistingEntry& one : existing) out.existing[one.key] = std::move(one.what);
}

namespace {

// The steps of the status that the deployment is in.
StepKind kind_in(const Deployment::State& state) {
  if (state.is_applying()) return StepKind::apply;
  return state.status == StackStatus::update_rollback_in_progress ? StepKind::restore
                                                                  : StepKind::remove;
}

// A work that is not over finds what it is about.
bool is_sound(const Deployment::State& state, const Work& work) {
  if (work.kind != kind_in(state) || is_end(state.status)) return false;
  if (work.kind == StepKind::remove) {
    return state.existing.contains({work.logical_id, work.physical_id});
  }
  const auto resource = state.resources.find(work.logical_id);
  if (resource == state.resources.end()) return false;
  const std::string& current = resource->second.current;
  if (work.kind == StepKind::restore) return !current.empty() && work.physical_id == current;
  if (!resource->second.target) return false;
  const bool has_decision = work.state == WorkState::running;
  return !has_decision || fits(resource->second, work.decision);
}

// What the code relies on: names lead somewhere, nothing is done twice or waits for itself.
bool holds_together(const Deployment::State& state) {
  for (const auto& [name, resource] : state.resources) {
    if (!resource.current.empty() && !state.existing.contains({name, resource.current})) {
      return false;
    }
  }
  if (state.requested && next_row(state.status, *state.requested) == nullptr) return false;
  Dependencies dependencies;
  std::set<PhysicalKey> seen;
  for (std::size_t i = 0; i < state.works.size(); ++i) {
    const Work& work = state.works[i];
    std::set<std::string>& on = dependencies[std::to_string(i)];
    for (const std::size_t other : work.after) {
      if (other >= state.works.size()) return false;
      on.insert(std::to_string(other));
    }
    if (!seen.emplace(work.logical_id, work.physical_id).second) return false;
    const bool is_over = work.state == WorkState::done || work.state == WorkState::failed;
    if (!is_over && !is_sound(state, work)) return false;
  }
  return in_order(dependencies).cycle.empty();
}

}  // namespace

std::string_view name_of(StepKind kind) {
  switch (kind) {
    case StepKind::apply: return "apply";
    case StepKind::restore: return "restore";
    case StepKind::remove: return "remove";
  }
  CHECK(false);
}

std::string_view name_of(Decision decision) {
  switch (decision) {
    case Decision::create: return "create";
    case Decision::unchanged: return "unchanged";
    case Decision::modify: return "modify";
    case Decision::replace: return "replace";
    case Decision::adopt: return "adopt";
  }
  CHECK(false);
}

std::string_view name_of(WorkState state) {
  switch (state) {
    case WorkState::waiting: return "waiting";
    case WorkState::running: return "running";
    case WorkState::done: return "done";
    case WorkState::failed: return "failed";
  }
  CHECK(false);
}

std::string_view name_of(Touched touched) {
  switch (touched) {
    case Touched::no: return "no";
    case Touched::created: return "created";
    case Touched::kept: return "kept";
    case Touched::modified: return "modified";
    case Touched::replaced: return "replaced";
  }
  CHECK(false);
}

json Deployment::to_json() const {
  json made = {{"status", name_of(state_->status)},
               {"on_failure", state_->on_failure == OnFailure::keep ? "keep" : "roll-back"},
               {"outputs", state_->outputs == Outputs::awaited ? "awaited" : "none"},
               {"why_no_outputs", state_->why_no_outputs},
               {"round", state_->round},
               {"reason", state_->reason},
               {"skip", state_->skip},
               {"retain", state_->retain},
               {"resources", json::object()},
               {"existing", json::array()},
               {"works", json::array()}};
  if (state_->requested) made["requested"] = name_of(*state_->requested);
  for (const auto& [name, one] : state_->resources) made["resources"][name] = json_of(one);
  for (const auto& [key, one] : state_->existing) {
    made["existing"].push_back({{"key", key}, {"what", json_of(one)}});
  }
  for (const Work& one : state_->works) made["works"].push_back(json_of(one));
  return made;
}

Result<Deployment> Deployment::from_json(const json& json) {
  auto state = std::make_unique<State>();
  Fields fields(json, "deployment");
  read(fields, *state);
  TRY_VOID(fields.finish());
  if (!holds_together(*state)) {
    return make_error(ErrorKind::corrupt, "deployment: its parts do not fit each other");
  }
  return Deployment(std::move(state));
}

}  // namespace aurora_global::cloudformation
