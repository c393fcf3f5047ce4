// One operation on a stack: which step may run now, and what follows from its outcome.
//
// The stack's status says what is being done (stack_state.h has the table):
//   CREATE_IN_PROGRESS, UPDATE_IN_PROGRESS     each resource of the template is applied, behind
//   those
//                                              that it depends on
//   UPDATE_ROLLBACK_IN_PROGRESS                what was modified is modified back
//   ..._CLEANUP_IN_PROGRESS                    what is not the stack's any more is removed
//   ROLLBACK_IN_PROGRESS, DELETE_IN_PROGRESS   everything is removed
//   IMPORT_IN_PROGRESS                         what exists already is looked at, and is the stack's
//   IMPORT_ROLLBACK_IN_PROGRESS                it is not any more; nothing is removed
// Removal goes the other way: nothing is removed before what depends on it. A resource that is
// replaced keeps its old physical resource until the update is over, so a rollback returns to it.
//
// A driver asks ready(), says begin(), stores to_json(), acts, says succeeded() or failed(), stores
// again. After a crash it finds what it had begun in running() and does it again: a step's id is
// the token by which a provider knows that.
//
// Not thread-safe. No call throws or waits.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cloudformation/inventory.h"
#include "cloudformation/order.h"
#include "cloudformation/stack_state.h"

namespace aurora_global::cloudformation {

// What a physical id is at most, as of custom resources.
inline constexpr std::size_t kPhysicalIdBytesMax = 1024;
inline constexpr std::size_t kReasonBytesMax = 1000;

// What the new template says of a resource, beside its properties.
struct Target {
  std::string type;
  std::set<std::string> depends_on;  // Logical ids, from resource_graph().
  RemovalPolicy deletion_policy = RemovalPolicy::remove;
  RemovalPolicy update_replace_policy = RemovalPolicy::remove;
  std::string import_id;  // Physical id of what an import takes into the stack; else empty.

  bool operator==(const Target&) const = default;
};
// Of the resources in `graph`.
std::map<std::string, Target> targets_of(const Template& of, const Dependencies& graph);

enum class OnFailure { roll_back, keep };

// Whether the operation is over when every resource is as the template says, or only when
// conclude() has said that the outputs have values, too.
enum class Outputs { none, awaited };

// How a resource becomes what the template says.
enum class Decision { create, unchanged, modify, replace, adopt };

enum class StepKind { apply, restore, remove };

struct Step {
  std::string id;  // Of this deployment, for ever.
  StepKind kind = StepKind::apply;
  std::string logical_id;
  std::string type;
  std::string physical_id;  // Of what there is, or is to be adopted; empty: nothing yet.
  // apply: empty until it has begun. restore: what it has to be again. remove: what it was made of.
  nlohmann::json properties = nlohmann::json::object();
  // What it was last made of, where there is something.
  nlohmann::json former_properties = nlohmann::json::object();
  Decision decision = Decision::create;  // Of an apply that has begun; adopt also before.
};

// What a provider made.
struct Made {
  std::string physical_id;
  nlohmann::json attributes = nlohmann::json::object();
};

// For the stack's events. The stack itself has an empty type.
struct DeploymentEvent {
  std::string logical_id;
  std::string type;
  std::string physical_id;
  std::string status;
  std::string reason;  // Or the sentence of the stack's table.
};

class Deployment {
 public:
  struct State;

  // The operation that `request` (created, updated, imported, deleted, rolled_back) begins on a
  // stack in status `from`; a new stack is in REVIEW_IN_PROGRESS and has nothing. `targets` is what
  // the new template has; for a deletion it does not matter. An import, which always rolls back,
  // does something to those with an import_id only, which the stack does not have yet. Resources in
  // `retain` are not removed by a deletion. Fails with ValidationError if the table has no row.
  static Result<Deployment> begin(StackStatus from, StackEvent request, Inventory inventory,
                                  std::map<std::string, Target> targets, OnFailure on_failure,
                                  std::set<std::string> retain = {},
                                  Outputs outputs = Outputs::none);

  Deployment(Deployment&&) noexcept;
  Deployment& operator=(Deployment&&) noexcept;
  ~Deployment();

  StackStatus status() const;
  bool is_over() const { return is_end(status()); }
  // Why it failed: the first step that did. Empty if none has.
  const std::string& reason() const;

  // Nothing new begins until the steps under way are over: one has failed, or a request waits. A
  // driver may call them off; CloudFormation's reason is then "Resource creation cancelled".
  bool is_stopping() const;

  // Steps that may begin now, all of them side by side, and those that have begun.
  std::vector<Step> ready() const;
  std::vector<Step> running() const;

  // Begins an apply of `properties`, evaluated, dynamic references unresolved. Where there is
  // nothing yet, `decision` is create, or adopt for a target with an import_id. `unchanged` is over
  // at once, unless the last modification failed: then it becomes modify. Fails with `not_found`
  // for a step that is not ready, `invalid` for a decision that it cannot have.
  Result<void> begin_apply(const std::string& step, nlohmann::json properties, Decision decision);
  // Begins a restore or a remove.
  Result<void> begin(const std::string& step);
  // The outcome of a step that has begun. `made` is what an apply gave, or a restore; ignored for a
  // remove. A failed create may have left something behind: `physical_id`.
  // Fail with `not_found` for a step that has not begun.
  Result<void> succeeded(const std::string& step, Made made = {});
  Result<void> failed(const std::string& step, const std::string& reason,
                      const std::string& physical_id = "");
  // The properties of a step that is ready have no value: it fails without having begun.
  Result<void> refuse(const std::string& step, const std::string& reason);

  // Every resource is as the template says: what is missing is conclude().
  bool awaits_outputs() const;
  // The outputs have values, or `why` they have none: then the operation has failed. Fails with
  // `not_found` if they are not awaited.
  Result<void> conclude(const std::string& why = "");

  // CancelUpdateStack, RollbackStack, ContinueUpdateRollback, DeleteStack in CREATE_IN_PROGRESS or
  // ROLLBACK_IN_PROGRESS: takes effect when the steps that have begun are over. Of `skip`, a
  // continued rollback restores nothing. Every other request is a new deployment. Fails with
  // ValidationError if the status does not take it.
  Result<void> request(StackEvent event, std::set<std::string> skip = {});

  // What lookups give: of a resource that is as the template says, or was not touched.
  // Null: nothing yet.
  const PhysicalResource* find(const std::string& logical_id) const;
  std::optional<std::string> physical_id(const std::string& logical_id) const;

  // What the stack has now.
  Inventory inventory() const;
  // Types and physical ids of that, and of what an import under way is about to take in.
  std::set<std::pair<std::string, std::string>> owned() const;

  // What happened since the last call; to be stored with the deployment, which does not keep it.
  std::vector<DeploymentEvent> take_events();

  nlohmann::json to_json() const;
  // Fails with `corrupt` for what no to_json() wrote.
  static Result<Deployment> from_json(const nlohmann::json& json);

 private:
  explicit Deployment(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace aurora_global::cloudformation
