// The functions crud-global-endpoint and crud-write-forwarding: create, read, update and delete
// rows through one endpoint, alone or while a failover runs, and tell how that went.
//
// Payload, result and environment: docs/reference/functions.md.
#pragma once

#include "functions/runtime.h"
#include "load/load.h"

namespace aurora_global::functions {

// What a payload asks for.
struct CrudRequest {
  bool trigger_failover = false;
  std::string failover_type = "planned";
  std::uint64_t operations = 50;
  bool operations_given = false;
  load::OperationMix operation_type = load::OperationMix::mixed;
  int concurrency = 5;
  std::optional<std::int64_t> duration_seconds;
  // For a load that is spread over many invocations, and judged by who makes them.
  std::string run;  // Empty: one of its own.
  int first_worker = 0;
  bool log = false;  // The result carries what happened to every operation.
  // Instead of a load: the rows of a run, from these keys on.
  std::string audit;
  std::uint64_t ledger_from = 0;
  std::uint64_t items_from = 0;
};
// Fails with InvalidPayload, naming the field.
Result<CrudRequest> parse_crud_request(const nlohmann::json& payload);

// Operations per second that spread the asked ones over the time that has to be covered; nullopt:
// as fast as it goes.
std::optional<double> pace_of(const CrudRequest& request);

// Reads DB_HOST, ENDPOINT_TYPE, SECRET_ID ... from the environment.
Result<Handler> make_crud_handler(boost::asio::any_io_executor executor);

}  // namespace aurora_global::functions
