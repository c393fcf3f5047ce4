// One step of a stack: what its provider is told, and what came of it.
#include "base/rng.h"
#include "cloudformation/errors.h"
#include "net/log.h"
#include "services/cloudformation/driver.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

class StoredClaims final : public Claims {
 public:
  StoredClaims(Store& store, std::string key) : store_(store), key_(std::move(key)) {}
  net::Task<Result<void>> claim(std::string name) override {
    Write write;
    write.put[key_] = std::move(name);
    auto writing = store_.write(std::move(write));
    co_return co_await std::move(writing);
  }

 private:
  Store& store_;
  std::string key_;
};

const char* handler_code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::timeout: return "NotStabilized";
    case ErrorKind::conflict: return "ResourceConflict";
    case ErrorKind::not_found: return "NotFound";
    case ErrorKind::denied: return "AccessDenied";
    case ErrorKind::invalid: return "InvalidRequest";
    case ErrorKind::exhausted: return "ServiceLimitExceeded";
    case ErrorKind::unavailable:
    case ErrorKind::cancelled: return "ServiceInternalError";
    case ErrorKind::superseded:
    case ErrorKind::corrupt:
    case ErrorKind::data_loss_refused:
    case ErrorKind::internal: return "GeneralServiceException";
  }
  return "";
}

// As CloudFormation tells what a resource's handler said.
std::string reason_of(const Error& error, const core::Step& step, bool is_called_off) {
  if (is_called_off && error.kind == ErrorKind::cancelled) {
    return step.decision == core::Decision::create ? "Resource creation cancelled"
                                                   : "Resource update cancelled";
  }
  return "Resource handler returned message: \"" + error.message +
         "\" (RequestToken: " + random_uuid() +
         ", HandlerErrorCode: " + handler_code_of(error.kind) + ")";
}

bool is_new(const core::Step& step) {
  return step.kind == core::StepKind::apply && step.decision != core::Decision::modify &&
         step.decision != core::Decision::adopt;
}

std::string step_name(const StackRecord& record, const core::Step& step) {
  return std::to_string(record.operations) + "/" + step.id;
}

}  // namespace

ResourceRequest Driver::request_of(const Stack& stack, const core::Step& step) const {
  const StackRecord& record = stack.record;
  const std::string name = step_name(record, step);
  const auto claimed = stack.claims.find(name);
  ResourceRequest request{
      .token = record.uuid + "/" + name,
      .stack_name = record.name,
      .stack_id = record.id,
      .logical_id = step.logical_id,
      .type = step.type,
      .region = book_.facts().region.name,
      .account_id = book_.facts().account_id,
      .physical_id = step.physical_id,
      .properties = step.properties,
      .former_properties = step.former_properties,
      .changed = core::changed_properties(step.former_properties, step.properties)};
  if (claimed != stack.claims.end()) request.claimed = claimed->second;
  if (is_new(step)) request.physical_id.clear();
  return request;
}

net::Task<void> Driver::step(std::string uuid, core::Step step, std::shared_ptr<bool> called_off) {
  const std::string id = step.id;
  Outcome outcome{.step = id};
  try {
    auto performing = perform(uuid, std::move(step), std::move(called_off));
    outcome = co_await std::move(performing);
  } catch (const boost::system::system_error& error) {
    if (error.code() == boost::asio::error::operation_aborted) throw;
    outcome.made = make_error(ErrorKind::internal, error.what());
  } catch (const std::exception& error) {
    outcome.made = make_error(ErrorKind::internal, error.what());
  }
  // What our own end cut off is done again by the next process.
  if (tasks_.stopping()) co_return;
  Stack* stack = book_.find_uuid(uuid);
  stack->outcomes.push_back(std::move(outcome));
  stack->wake();
}

net::Task<Outcome> Driver::perform(std::string uuid, core::Step step,
                                   std::shared_ptr<bool> called_off) {
  Outcome outcome{.step = step.id};
  Stack& stack = *book_.find_uuid(uuid);
  Provider* provider = providers_.find(step.type);
  if (provider == nullptr) {
    outcome.made = make_error(ErrorKind::internal, "there is no provider for " + step.type);
    co_return outcome;
  }
  ResourceRequest request = request_of(stack, step);
  StoredClaims claims(book_.store(), claims_key(uuid) + step_name(stack.record, step));
  request.claims = &claims;
  if (step.kind == core::StepKind::apply) request.called_off = called_off.get();
  if (step.kind != core::StepKind::remove) {
    auto resolving = fetcher_.resolved(std::move(request.properties));
    auto resolved = co_await std::move(resolving);
    if (resolved.has_error()) {
      outcome.made = make_error(resolved.error().kind, reason_of(resolved.error(), step, false));
      co_return outcome;
    }
    request.properties = std::move(*resolved);
  }
  Made made{.physical_id = request.physical_id};
  auto calling = call_provider(*provider, step, request, made);
  Result<void> done = co_await std::move(calling);
  // Under another spelling a resource could come to belong to two stacks.
  if (done.has_value() && step.decision == core::Decision::adopt &&
      made.physical_id != request.physical_id) {
    done = make_error(ErrorKind::invalid, core::shown(request.physical_id) + " is " +
                                              core::shown(made.physical_id) +
                                              ": it is imported by this identifier");
  }
  if (done.has_value()) {
    outcome.made = std::move(made);
    co_return outcome;
  }
  outcome.left = made.physical_id;
  const std::string reason = reason_of(done.error(), step, *called_off);
  log::info("stack {}: {} {} failed: {}", request.stack_name, step.type, step.logical_id,
            done.error().message);
  outcome.made = make_error(done.error().kind, reason);
  co_return outcome;
}

net::Task<Result<void>> Driver::call_provider(Provider& provider, const core::Step& step,
                                              const ResourceRequest& request, Made& made) {
  auto calling = step.kind == core::StepKind::remove      ? provider.remove(request)
                 : is_new(step)                           ? provider.create(request, made)
                 : step.decision == core::Decision::adopt ? provider.read(request, made)
                                                          : provider.update(request, made);
  co_return co_await std::move(calling);
}

}  // namespace aurora_global::services::cloudformation
