// Stacks are made, changed and deleted.
#include "base/rng.h"
#include "cloudformation/errors.h"
#include "services/cloudformation/service.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

// A creation that is asked for again has the same token.
Result<json> same_or_error(const Stack& there, const std::string& token) {
  const StackRecord& record = there.record;
  if (!token.empty() && record.create_token == token) return json{{"StackId", record.id}};
  return make_error(ErrorKind::conflict, "Stack [" + record.name + "] already exists",
                    "AlreadyExistsException");
}

// OnFailure and DisableRollback of CreateStack.
StackFailure failure_in(Members& members) {
  const std::string on_failure = members.text("OnFailure");
  const auto disabled = members.optional_flag("DisableRollback");
  if (!on_failure.empty() && disabled) {
    members.problem("You can specify either OnFailure or DisableRollback, but not both.");
  }
  if (on_failure == "DO_NOTHING" || disabled.value_or(false)) return StackFailure::keep;
  return on_failure == "DELETE" ? StackFailure::remove : StackFailure::roll_back;
}

std::string new_template_key(const StackRecord& record) {
  return "template/" + record.uuid + "/" + random_uuid();
}

// Why the stack may not be deleted now, beside its status.
Result<void> check_deletion(const Book& book, const Stack& stack,
                            const std::vector<std::string>& retain) {
  const StackRecord& record = stack.record;
  if (record.is_protected) {
    return core::validation_error("Stack [" + record.name +
                                  "] cannot be deleted while TerminationProtection is enabled");
  }
  if (!retain.empty() && record.status != core::StackStatus::delete_failed) {
    return core::validation_error(
        "Invalid operation on stack [" + record.id +
        "]. RetainResources can only be specified for a stack in the DELETE_FAILED state");
  }
  for (const std::string& name : retain) {
    if (record.resources.contains(name)) continue;
    return core::validation_error("The resource " + core::shown(name) +
                                  " to retain is none of stack " + record.name);
  }
  for (const auto& [name, output] : record.outputs) {
    if (output.export_name.empty()) continue;
    const std::string why = book.why_in_use(output.export_name, stack, "deleted");
    if (!why.empty()) return core::validation_error(why);
  }
  return core::check_request(record.name, record.status, core::StackRequest::remove);
}

}  // namespace

Result<Begun> begun(StackRecord record, core::Inventory inventory, core::StackEvent event,
                    Beginning beginning) {
  if (beginning.retains_except_on_create) {
    for (auto& [name, target] : beginning.targets) {
      if (target.deletion_policy == core::RemovalPolicy::retain) {
        target.deletion_policy = core::RemovalPolicy::retain_except_on_create;
      }
    }
  }
  const auto on_failure = beginning.on_failure == StackFailure::keep ? core::OnFailure::keep
                                                                     : core::OnFailure::roll_back;
  TRY(core::Deployment deployment,
      core::Deployment::begin(record.status, event, std::move(inventory),
                              std::move(beginning.targets), on_failure, {},
                              core::Outputs::awaited));
  // What failed before and was kept is what the stack is made of now.
  if (record.wanted) record.current = std::exchange(record.wanted, std::nullopt);
  record.wanted = std::move(beginning.source);
  record.on_failure = beginning.on_failure;
  record.client_token = std::move(beginning.client_token);
  if (!beginning.change_set_id.empty()) record.change_set_id = std::move(beginning.change_set_id);
  const bool is_change = event == core::StackEvent::updated || event == core::StackEvent::imported;
  if (is_change) record.updated = SystemClock().wall_now();
  return Begun{std::move(record), std::move(deployment)};
}

Answer create_stack(Service& service, Members members) {
  const std::string name = members.text("StackName");
  Asked asked = read_asked(members);
  const StackFailure on_failure = failure_in(members);
  const std::string token = members.text("ClientRequestToken");
  const bool is_protected = members.flag("EnableTerminationProtection");
  const bool retains = members.flag("RetainExceptOnCreate");
  CO_TRY_VOID(members.finish());
  if (const Stack* there = service.book.find(name)) {
    co_return same_or_error(*there, token);
  }
  CO_TRY(StackRecord record, service.book.new_stack(name));
  auto drafting = service.planner.draft(std::move(asked), record);
  CO_TRY(Planner::Draft draft, co_await std::move(drafting));
  auto planning = service.planner.plan(std::move(draft), record.uuid);
  CO_TRY(Plan plan, co_await std::move(planning));

  auto locking = service.book.lock();
  CO_TRY(const auto guard, co_await std::move(locking));
  if (const Stack* there = service.book.find(name)) co_return same_or_error(*there, token);
  plan.source.template_key = new_template_key(record);
  Write with;
  with.put[plan.source.template_key] = std::move(plan.text);
  record.is_protected = is_protected;
  record.create_token = token;
  CO_TRY(Begun made, begun(std::move(record), {}, core::StackEvent::created,
                           {.source = std::move(plan.source),
                            .targets = std::move(plan.targets),
                            .on_failure = on_failure,
                            .retains_except_on_create = retains,
                            .client_token = token}));
  auto adding =
      service.book.add_stack(std::move(made.record), std::move(made.deployment), std::move(with));
  CO_TRY(Stack * stack, co_await std::move(adding));
  service.driver.drive(*stack);
  co_return json{{"StackId", stack->record.id}};
}

Answer update_stack(Service& service, Members members) {
  const std::string name = members.text("StackName");
  Asked asked = read_asked(members);
  const bool keeps = members.flag("DisableRollback");
  const bool retains = members.flag("RetainExceptOnCreate");
  const std::string token = members.text("ClientRequestToken");
  CO_TRY_VOID(members.finish());
  const Stack* found = service.book.find(name);
  if (found == nullptr) {
    co_return core::validation_error("Stack [" + core::shown(name) + "] does not exist");
  }
  const StackRecord record = found->record;
  // An update that is asked for again has the same token: of one that is over, too.
  const bool is_update = core::name_of(record.status).starts_with("UPDATE_");
  if (is_update && !token.empty() && record.client_token == token) {
    co_return json{{"StackId", record.id}};
  }
  CO_TRY_VOID(core::check_request(record.name, record.status, core::StackRequest::update));
  auto drafting = service.planner.draft(std::move(asked), record);
  CO_TRY(Planner::Draft draft, co_await std::move(drafting));
  auto planning = service.planner.plan(std::move(draft), record.uuid);
  CO_TRY(Plan plan, co_await std::move(planning));
  if (!plan.has_changes) co_return core::validation_error(std::string(core::kNoUpdates));

  auto locking = service.book.lock_for(name);
  CO_TRY(const auto guard, co_await std::move(locking));
  CO_TRY(Stack * stack, service.book.require(record.id));
  CO_TRY_VOID(core::check_request(record.name, stack->record.status, core::StackRequest::update));
  plan.source.template_key = new_template_key(record);
  Write with;
  with.put[plan.source.template_key] = std::move(plan.text);
  CO_TRY(Begun made, begun(stack->record, stack->inventory(), core::StackEvent::updated,
                           {.source = std::move(plan.source),
                            .targets = std::move(plan.targets),
                            .on_failure = keeps ? StackFailure::keep : StackFailure::roll_back,
                            .retains_except_on_create = retains,
                            .client_token = token}));
  auto beginning = service.book.begin(*stack, std::move(made.record), std::move(made.deployment),
                                      std::move(with));
  CO_TRY_VOID(co_await std::move(beginning));
  service.driver.drive(*stack);
  co_return json{{"StackId", stack->record.id}};
}

Answer delete_stack(Service& service, Members members) {
  const std::string name = members.text("StackName");
  check_deployment_config(members);
  const auto retain = members.texts("RetainResources");
  const std::string token = members.text("ClientRequestToken");
  if (members.text("DeletionMode", "STANDARD") != "STANDARD") {
    members.problem("Only the DeletionMode STANDARD is supported here");
  }
  CO_TRY_VOID(members.finish());
  auto locking = service.book.lock_for(name);
  CO_TRY(const auto guard, co_await std::move(locking));
  Stack* stack = service.book.find(name);
  // As at AWS: a stack that is not there needs no deletion.
  const bool is_done = stack == nullptr || core::is_gone(stack->record.status) ||
                       stack->record.status == core::StackStatus::delete_in_progress;
  if (is_done) co_return json::object();
  CO_TRY_VOID(check_deletion(service.book, *stack, retain));
  if (!core::is_end(stack->record.status)) {
    CO_TRY_VOID(stack->deployment->request(core::StackEvent::deleted));
    auto saving = service.book.save(*stack);
    const auto saved = co_await std::move(saving);
    service.driver.drive(*stack);
    CO_TRY_VOID(saved);
    co_return json::object();
  }
  CO_TRY(
      core::Deployment deployment,
      core::Deployment::begin(stack->record.status, core::StackEvent::deleted, stack->inventory(),
                              {}, core::OnFailure::roll_back, {retain.begin(), retain.end()}));
  StackRecord next = stack->record;
  next.client_token = token;
  auto beginning = service.book.begin(*stack, std::move(next), std::move(deployment));
  CO_TRY_VOID(co_await std::move(beginning));
  service.driver.drive(*stack);
  co_return json::object();
}

Answer update_termination_protection(Service& service, Members members) {
  const std::string name = members.text("StackName");
  const bool is_protected = members.flag("EnableTerminationProtection");
  CO_TRY_VOID(members.finish());
  auto locking = service.book.lock_for(name);
  CO_TRY(const auto guard, co_await std::move(locking));
  CO_TRY(Stack * stack, service.book.require(name));
  if (core::is_gone(stack->record.status)) {
    co_return core::validation_error("Stack [" + core::shown(name) + "] does not exist");
  }
  StackRecord next = stack->record;
  next.is_protected = is_protected;
  auto changing = service.book.change_record(*stack, std::move(next));
  CO_TRY_VOID(co_await std::move(changing));
  co_return json{{"StackId", stack->record.id}};
}

}  // namespace aurora_global::services::cloudformation
