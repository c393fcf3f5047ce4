// The failover function: finds out which role its region has and moves the writer.
//
// Invoked directly ({"failover_type": "planned"}) it waits for the end; behind API Gateway
// (POST and GET /failover) it answers as soon as RDS has accepted. Payload and result:
// docs/reference/functions.md.
#pragma once

#include "functions/runtime.h"
#include "model/operation.h"

namespace aurora_global::functions {

struct FailoverRequest {
  model::OperationKind kind = model::OperationKind::switchover;
  RegionId target;            // Empty: chosen.
  RegionId expected_primary;  // Empty: any. Else nothing is done if another region leads.
  bool wait = true;
};

// What an event asks for. An event that has any key of a proxy request is judged as HTTP by its
// method, path and body, and by nothing else; only one that has none is a direct invocation.
struct FailoverEvent {
  enum class Kind { direct, get, post, refused };
  Kind kind = Kind::direct;
  FailoverRequest request;  // Of direct and post.
  nlohmann::json answer;    // Of refused: 400, 404 or 405.
};
// Fails with `invalid` for a direct payload that is wrong. Pure.
Result<FailoverEvent> read_failover_event(const nlohmann::json& payload);

// Reads GLOBAL_CLUSTER_ID, AWS_REGION and the credentials from the environment.
Result<Handler> make_failover_handler(boost::asio::any_io_executor executor);

}  // namespace aurora_global::functions
