// Operations under way, or that failed, are taken back.
#include "cloudformation/errors.h"
#include "services/cloudformation/service.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

// Asks the deployment of a stack for `event`. Needs the lock.
net::Task<Result<void>> ask(Service& service, Stack& stack, core::StackEvent event,
                            std::set<std::string> skip, std::string token) {
  CO_TRY_VOID(stack.deployment->request(event, std::move(skip)));
  stack.record.client_token = std::move(token);
  auto saving = service.book.save(stack);
  const Result<void> saved = co_await std::move(saving);
  // Also if it is not stored: the driver stores it before it does anything.
  service.driver.drive(stack);
  co_return saved;
}

Result<Stack*> stack_for(Service& service, const std::string& name, core::StackRequest request) {
  TRY(Stack * stack, service.book.require(name));
  TRY_VOID(core::check_request(stack->record.name, stack->record.status, request));
  if (stack->deployment) return stack;
  return make_error(ErrorKind::corrupt, "the stack's deployment is not there");
}

}  // namespace

Answer cancel_update_stack(Service& service, Members members) {
  const std::string name = members.text("StackName");
  std::string token = members.text("ClientRequestToken");
  CO_TRY_VOID(members.finish());
  auto locking = service.book.lock_for(name);
  CO_TRY(const auto guard, co_await std::move(locking));
  CO_TRY(Stack * stack, stack_for(service, name, core::StackRequest::cancel_update));
  auto asking = ask(service, *stack, core::StackEvent::cancelled, {}, std::move(token));
  CO_TRY_VOID(co_await std::move(asking));
  co_return json::object();
}

Answer continue_update_rollback(Service& service, Members members) {
  const std::string name = members.text("StackName");
  const auto skip = members.texts("ResourcesToSkip");
  std::string token = members.text("ClientRequestToken");
  CO_TRY_VOID(members.finish());
  auto locking = service.book.lock_for(name);
  CO_TRY(const auto guard, co_await std::move(locking));
  CO_TRY(Stack * stack, stack_for(service, name, core::StackRequest::continue_update_rollback));
  for (const std::string& one : skip) {
    const auto found = stack->record.resources.find(one);
    const bool has_failed =
        found != stack->record.resources.end() && found->second.status == "UPDATE_FAILED";
    if (has_failed) continue;
    co_return core::validation_error("The resource " + core::shown(one) +
                                     " to skip is none of the stack's in UPDATE_FAILED");
  }
  auto asking = ask(service, *stack, core::StackEvent::rollback_continued,
                    {skip.begin(), skip.end()}, std::move(token));
  CO_TRY_VOID(co_await std::move(asking));
  co_return json::object();
}

Answer rollback_stack(Service& service, Members members) {
  check_deployment_config(members);
  const std::string name = members.text("StackName");
  std::string token = members.text("ClientRequestToken");
  CO_TRY_VOID(members.finish());
  auto locking = service.book.lock_for(name);
  CO_TRY(const auto guard, co_await std::move(locking));
  CO_TRY(Stack * stack, stack_for(service, name, core::StackRequest::rollback));
  auto asking = ask(service, *stack, core::StackEvent::rolled_back, {}, std::move(token));
  CO_TRY_VOID(co_await std::move(asking));
  co_return json{{"StackId", stack->record.id}};
}

}  // namespace aurora_global::services::cloudformation
