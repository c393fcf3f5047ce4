#include "region/moves/bystander.h"

namespace aurora_global::region {

void Bystander::serve(PeerServer& server) {
  server.on<messages::Hold>([this](messages::Caller caller, messages::Hold request) {
    return hold(std::move(caller), std::move(request));
  });
  server.on<messages::PrepareSessions>(
      [this](messages::Caller,
             messages::PrepareSessions request) -> net::Task<Result<messages::Nothing>> {
        CO_TRY_VOID(co_await orders_.prepare(std::move(request.operation),
                                             Deadline::in(kPrepareSessionsLimit)));
        co_return messages::Nothing{};
      });
}

net::Task<Result<messages::HoldAnswer>> Bystander::hold(messages::Caller caller,
                                                        messages::Hold request) {
  const model::Operation operation = std::move(request.operation);
  const model::GlobalCluster* global = core_.truth.own_global();
  // A request that comes late must not hold what was let go already.
  const bool known = global != nullptr && global->identifier == operation.global_cluster &&
                     operation.epoch > global->epoch;
  if (known) truth_.hear(operation);
  const model::Operation* present = core_.truth.operation(operation.global_cluster);
  const bool goes_on = known && present != nullptr && present->id == operation.id &&
                       present->running() && present->step != model::Step::abort;
  if (!goes_on) {
    co_return make_error(ErrorKind::superseded, "operation " + operation.id + " is over");
  }
  orders_.release_when_forgotten(operation);
  const auto held = co_await orders_.hold(operation);
  if (held.has_value()) co_return messages::HoldAnswer{};
  if (caller.protocol < 2) co_return messages::HoldAnswer{held.error().message};
  co_return held.error();
}

}  // namespace aurora_global::region
