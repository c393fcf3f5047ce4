#include "region/control_router.h"

#include "model/codec.h"
#include "region/instance/postgres_files.h"

namespace aurora_global::region {
namespace {

using Json = nlohmann::json;

std::int64_t whole_milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace

net::Task<Result<void>> ControlRouter::publish(model::Topology topology, Deadline deadline) {
  const Json order = {{"do", "topology"}, {"topology", topology}};
  CO_TRY_VOID(co_await quick_.call(order, deadline));
  co_return ok();
}

net::Task<Result<std::uint64_t>> ControlRouter::version(Deadline deadline) {
  CO_TRY(const Json answer, co_await status(deadline));
  std::uint64_t version = 0;
  model::Fields fields(answer, "router's status");
  fields.get("version", version);
  CO_TRY_VOID(fields.finish());
  co_return version;
}

net::Task<Result<void>> ControlRouter::prepare(PrepareOrder order, Deadline deadline) {
  const Json json = {{"do", "prepare"},
                     {"endpoint", order.endpoint},
                     {"epoch", order.epoch.value},
                     {"backend", order.backend},
                     {"limit_ms", whole_milliseconds(order.limit)}};
  CO_TRY_VOID(co_await slow_.call(json, deadline));
  co_return ok();
}

net::Task<Result<Held>> ControlRouter::hold(HoldOrder order, Deadline deadline) {
  const Json json = {{"do", "hold"},
                     {"endpoint", order.endpoint},
                     {"epoch", order.epoch.value},
                     {"policy", model::name_of(order.drain.policy)},
                     {"drain_ms", whole_milliseconds(order.drain.timeout)}};
  CO_TRY(const Json answer, co_await slow_.call(json, deadline));
  Held held;
  model::Fields fields(answer, "router's answer to hold");
  fields.get("sessions", held.sessions);
  fields.get("open", held.open);
  CO_TRY_VOID(fields.finish());
  co_return held;
}

net::Task<Result<void>> ControlRouter::release(std::string endpoint, Deadline deadline) {
  const Json order = {{"do", "release"}, {"endpoint", endpoint}};
  CO_TRY_VOID(co_await quick_.call(order, deadline));
  co_return ok();
}

net::Task<Result<Json>> ControlRouter::status(Deadline deadline) {
  const Json question = {{"do", "status"}};
  co_return co_await quick_.call(question, deadline);
}

net::Task<Result<void>> ControlRouter::keep(model::Topology topology) {
  co_return replace_file(topology_, Json(topology).dump(2), 0644);
}

}  // namespace aurora_global::region
