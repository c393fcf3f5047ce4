// What a deployment remembers, and the parts that work on it. Only its own files include this.
#pragma once

#include <memory>

#include "cloudformation/deployment.h"
#include "model/fields.h"

namespace aurora_global::cloudformation {

// Of a deployment: twice the resources of a stack, and what failed updates have left.
inline constexpr std::size_t kEntriesMax = 10'000;

enum class WorkState { waiting, running, done, failed };

// One step of the work that the stack's status stands for.
struct Work {
  StepKind kind = StepKind::apply;
  std::string logical_id;
  std::string physical_id;      // Of a restore or a remove.
  std::set<std::size_t> after;  // Indices of what must be done before.
  WorkState state = WorkState::waiting;
  Decision decision = Decision::create;
  nlohmann::json properties = nlohmann::json::object();

  bool operator==(const Work&) const = default;
};

// What this operation has done to a resource.
enum class Touched { no, created, kept, modified, replaced };

struct DeployedResource {
  std::optional<Target> target;  // Nullopt: the new template does not have it.
  std::string current;           // Physical id; empty: none.
  std::string former_id;         // Before this operation; empty: none.
  PhysicalResource former;       // As it was then.
  Touched touched = Touched::no;
  ResourceStatus status = ResourceStatus::none;
  ResourceStatus former_status = ResourceStatus::none;

  bool operator==(const DeployedResource&) const = default;
};

struct Deployment::State {
  StackStatus status = StackStatus::review_in_progress;
  OnFailure on_failure = OnFailure::roll_back;
  Outputs outputs = Outputs::none;
  std::string why_no_outputs;
  std::uint64_t round = 0;  // Counts the statuses, so that a step's id is never given twice.
  std::string reason;
  // A request that waits for the steps under way.
  std::optional<StackEvent> requested;
  std::set<std::string> skip;
  std::set<std::string> retain;
  std::map<std::string, DeployedResource> resources;
  std::map<PhysicalKey, PhysicalResource> existing;
  std::vector<Work> works;

  std::vector<DeploymentEvent> events;  // Not durable.

  // Goes on as far as nothing has to be done outside.
  void advance();
  // A request: at once where nothing is under way, else behind that.
  void resume(StackEvent event);
  // Outcomes of a work.
  void applied(const Work& work, Made made);
  void restored(const Work& work, const std::string& physical_id);
  void removed(const Work& work);
  void work_failed(const Work& work, const std::string& why, const std::string& physical_id);
  // The work of the present status.
  void begin_round();
  // Adds an event of a resource.
  void note(const PhysicalKey& key, const std::string& type, ResourceStatus to,
            const std::string& why);
  // The status of a logical resource.
  void move(const std::string& logical_id, ResourceEvent event);
  void move_removed(const PhysicalKey& key, ResourceEvent event);
  // The stack does not have this physical resource any more.
  void forget(const PhysicalKey& key);
  bool is_applying() const;
  bool awaits_outputs() const;
  bool may_begin(const Work& work) const;
  // The keys of what a resource depends on, as that is now.
  std::set<PhysicalKey> keys_of(const std::set<std::string>& logical_ids) const;

 private:
  std::optional<StackEvent> outcome() const;
  void enter(StackEvent event);
  std::string why_it_failed() const;
  void plan_applies();
  void plan_restores();
  void plan_removals();
  void give_up_failed_removals();
  bool is_retained(const PhysicalKey& key, const PhysicalResource& what) const;
  bool is_kept_by_cleanup(const PhysicalKey& key, const PhysicalResource& what) const;
};

// Whether this can be decided of a resource whose target is there.
bool fits(const DeployedResource& resource, Decision decision);

// In the words of the JSON.
std::string_view name_of(StepKind kind);
std::string_view name_of(Decision decision);
std::string_view name_of(WorkState state);
std::string_view name_of(Touched touched);

}  // namespace aurora_global::cloudformation
