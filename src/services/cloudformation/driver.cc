#include "services/cloudformation/driver.h"

#include "cloudformation/errors.h"
#include "cloudformation/lookups.h"
#include "net/backoff.h"
#include "net/log.h"

namespace aurora_global::services::cloudformation {

using nlohmann::json;

namespace {

constexpr Duration kLookEvery = std::chrono::seconds(60);
constexpr Duration kTroubleFirst = std::chrono::milliseconds(500);
constexpr Duration kTroubleMost = std::chrono::seconds(10);

// A stack that could not be made, whose caller wants it removed then.
bool is_to_be_removed(const StackRecord& of) {
  return of.on_failure == StackFailure::remove && of.status == core::StackStatus::rollback_complete;
}

}  // namespace

// What a driver knows of one stack while it drives it.
struct Driver::Run {
  std::shared_ptr<Blueprint> blueprint;  // Read when it is first needed.
  std::shared_ptr<bool> called_off;      // Of the steps of this status.
  core::StackStatus status{};
  std::set<std::string> launched;  // Ids of steps.
  std::size_t under_way = 0;
};

void Driver::start() {
  for (Stack* stack : book_.stacks()) {
    if (!stack->deployment) continue;
    if (!stack->deployment->is_over() || is_to_be_removed(stack->record)) drive(*stack);
  }
}

net::Task<void> Driver::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

void Driver::drive(Stack& stack) {
  if (stack.is_driven) return stack.wake();
  if (tasks_.stopping()) return;
  stack.is_driven = true;
  tasks_.spawn("stack " + stack.record.name, run(stack.record.uuid));
}

net::Task<void> Driver::run(std::string uuid) {
  Stack& stack = *book_.find_uuid(uuid);
  try {
    auto driving = drive_to_end(stack);
    co_await std::move(driving);
  } catch (const boost::system::system_error& error) {
    if (error.code() == boost::asio::error::operation_aborted) throw;
    log::error("stack {} is left as it is: {}", stack.record.name, error.what());
  } catch (const std::exception& error) {
    // One stack's trouble does not end the region. A request, or the next process, tries again.
    log::error("stack {} is left as it is: {}", stack.record.name, error.what());
  }
  stack.is_driven = false;
}

net::Task<void> Driver::drive_to_end(Stack& stack) {
  Run run;
  stack.outcomes.clear();
  while (!tasks_.stopping()) {
    auto turning = turn(stack, run);
    if (co_await std::move(turning)) {
      if (tasks_.stopping()) break;
      auto following = after_end(stack);
      co_await std::move(following);
      // Another operation may have begun meanwhile.
      if (stack.deployment->is_over()) break;
      run = {};
      continue;
    }
    if (std::exchange(stack.woken, false)) continue;
    co_await stack.woken_event.wait_for(kLookEvery);
    stack.woken = false;
  }
}

// One look at what may be done. True: the operation is over, and stored.
net::Task<bool> Driver::turn(Stack& stack, Run& run) {
  take_outcomes(stack, run);
  if (run.called_off == nullptr || run.status != stack.deployment->status()) {
    run.status = stack.deployment->status();
    run.called_off = std::make_shared<bool>(false);
    run.launched.clear();
  }
  if (stack.deployment->awaits_outputs()) {
    auto concluding = conclude(stack, run);
    co_await std::move(concluding);
  }
  auto beginning = begin_ready(stack, run);
  co_await std::move(beginning);
  if (stack.is_dirty) {
    auto saving = save(stack);
    co_await std::move(saving);
  }
  if (tasks_.stopping()) co_return true;
  if (stack.deployment->is_stopping() && run.status == stack.deployment->status()) {
    *run.called_off = true;
  }
  // The status may have moved while something was awaited: the next turn looks at that.
  if (run.status != stack.deployment->status()) stack.woken = true;
  if (stack.deployment->is_over()) co_return run.under_way == 0;
  if (run.status == stack.deployment->status()) launch_running(stack, run);
  co_return false;
}

void Driver::take_outcomes(Stack& stack, Run& run) {
  while (!stack.outcomes.empty()) {
    Outcome outcome = std::move(stack.outcomes.front());
    stack.outcomes.pop_front();
    --run.under_way;
    stack.is_dirty = true;
    const Result<void> told =
        outcome.made.has_value()
            ? stack.deployment->succeeded(outcome.step, std::move(*outcome.made))
            : stack.deployment->failed(outcome.step, outcome.made.error().message, outcome.left);
    if (told.has_error()) log::error("stack {}: {}", stack.record.name, told.error().message);
  }
}

// Unchanged resources are over as soon as they begin, and others may begin then.
net::Task<void> Driver::begin_ready(Stack& stack, Run& run) {
  while (!tasks_.stopping()) {
    const auto ready = stack.deployment->ready();
    const std::size_t running = stack.deployment->running().size();
    if (ready.empty() || running >= kStepsAtOnceMax) co_return;
    const core::Step& step = ready.front();
    stack.is_dirty = true;
    if (step.kind != core::StepKind::apply) {
      const auto begun = stack.deployment->begin(step.id);
      if (begun.has_error()) log::error("stack {}: {}", stack.record.name, begun.error().message);
      continue;
    }
    auto beginning = begin_apply(stack, run, step);
    co_await std::move(beginning);
    // Another status has other steps, of which a new turn has to know.
    if (stack.deployment->awaits_outputs() || run.status != stack.deployment->status()) {
      stack.woken = true;
      co_return;
    }
  }
}

// What the stack shall be, once in a run.
net::Task<Result<void>> Driver::read_blueprint(Stack& stack, Run& run) {
  if (run.blueprint != nullptr) co_return ok();
  auto reading = planner_.blueprint_of(*stack.record.shown_source(), stack.record);
  CO_TRY(run.blueprint, co_await std::move(reading));
  co_return ok();
}

// Evaluates the properties and decides what has to be done. Whatever was awaited: the step may not
// be ready any more, which begin_apply() and refuse() then say.
net::Task<void> Driver::begin_apply(Stack& stack, Run& run, core::Step step) {
  Result<core::Value> value = make_error(ErrorKind::internal, "not evaluated");
  auto reading = read_blueprint(stack, run);
  const auto read = co_await std::move(reading);
  if (read.has_error()) {
    value = read.error();
  } else {
    Outside outside(book_);
    const core::DeployedLookups lookups(*stack.deployment, outside);
    auto evaluating = fetcher_.evaluated<core::Value>(outside, [&] {
      return core::evaluate(run.blueprint->scope(lookups),
                            run.blueprint->of.resources.at(step.logical_id).properties);
    });
    value = co_await std::move(evaluating);
  }
  const Provider* provider = providers_.find(step.type);
  if (value.has_value() && provider == nullptr) {
    value = core::format_error("Unrecognized resource types: [" + step.type + "]");
  }
  if (value.has_value() && !value->known()) {
    value = make_error(ErrorKind::internal, "waits for " + value->awaited.begin()->first);
  }
  if (value.has_value()) {
    const auto checked = check_resource(*provider, step.logical_id, value->json, {});
    if (checked.has_error()) value = checked.error();
  }
  if (value.has_error()) {
    stack.deployment->refuse(step.id, value.error().message).has_error();
    co_return;
  }
  core::Decision decision = step.decision;
  const ProviderSchema schema(providers_);
  if (decision != core::Decision::adopt) {
    core::add_stack_tags(schema.tags_property(step.type), run.blueprint->stack_tags, value->json);
    if (!step.physical_id.empty()) {
      decision = core::decide(schema, step.type, step.former_properties, value->json);
    }
  }
  const auto begun = stack.deployment->begin_apply(step.id, std::move(value->json), decision);
  if (begun.has_error()) stack.deployment->refuse(step.id, begun.error().message).has_error();
}

void Driver::launch_running(Stack& stack, Run& run) {
  for (core::Step& one : stack.deployment->running()) {
    if (!run.launched.insert(one.id).second) continue;
    ++run.under_way;
    const std::string name = "stack " + stack.record.name + ", " + one.logical_id;
    tasks_.spawn(name, step(stack.record.uuid, std::move(one), run.called_off));
  }
}

// The outputs, and whether the exports among them can be had and the others be missed.
net::Task<void> Driver::conclude(Stack& stack, Run& run) {
  using Outputs = std::map<std::string, core::Output>;
  Result<Outputs> outputs = Outputs{};
  auto reading = read_blueprint(stack, run);
  const auto read = co_await std::move(reading);
  if (read.has_error()) {
    outputs = read.error();
  } else {
    Outside outside(book_);
    const core::DeployedLookups lookups(*stack.deployment, outside);
    auto evaluating = fetcher_.evaluated<Outputs>(
        outside, [&] { return core::evaluate_outputs(run.blueprint->scope(lookups)); });
    outputs = co_await std::move(evaluating);
  }
  if (!stack.deployment->awaits_outputs()) co_return;
  std::string why;
  if (outputs.has_error()) {
    why = outputs.error().message;
  } else {
    why = book_.why_not_exported(stack, *outputs);
  }
  if (why.empty()) stack.concluded = std::move(*outputs);
  stack.is_dirty = true;
  stack.deployment->conclude(why).has_error();
}

net::Task<void> Driver::save(Stack& stack) {
  net::Backoff backoff(kTroubleFirst, kTroubleMost);
  while (!tasks_.stopping()) {
    auto locking = book_.lock();
    Result<void> saved = ok();
    {
      const auto guard = co_await std::move(locking);
      if (guard.has_error()) {
        saved = guard.error();
      } else {
        auto saving = book_.save(stack);
        saved = co_await std::move(saving);
      }
    }
    if (saved.has_value()) co_return;
    log::warn("stack {}: store its deployment: {}", stack.record.name, saved.error().message);
    co_await net::sleep_for(backoff.next());
  }
}

// A stack that could not be made is removed, where its caller wants that: however long the store
// cannot take it.
net::Task<void> Driver::after_end(Stack& stack) {
  net::Backoff backoff(kTroubleFirst, kTroubleMost);
  while (!tasks_.stopping()) {
    auto following = follow_end(stack);
    const auto followed = co_await std::move(following);
    if (followed.has_value() || !is_to_be_removed(stack.record)) co_return;
    log::warn("remove stack {}: {}", stack.record.name, followed.error().message);
    co_await net::sleep_for(backoff.next());
  }
}

net::Task<Result<void>> Driver::follow_end(Stack& stack) {
  auto locking = book_.lock();
  CO_TRY(const auto guard, co_await std::move(locking));
  if (is_to_be_removed(stack.record)) {
    CO_TRY(auto deployment,
           core::Deployment::begin(stack.record.status, core::StackEvent::deleted,
                                   stack.inventory(), {}, core::OnFailure::roll_back));
    StackRecord next = stack.record;
    next.on_failure = StackFailure::roll_back;
    auto beginning = book_.begin(stack, std::move(next), std::move(deployment));
    co_return co_await std::move(beginning);
  }
  if (!core::is_gone(stack.record.status)) co_return ok();
  auto forgetting = book_.forget_deleted();
  const auto forgotten = co_await std::move(forgetting);
  if (forgotten.has_error()) log::warn("forget deleted stacks: {}", forgotten.error().message);
  co_return ok();
}

}  // namespace aurora_global::services::cloudformation
