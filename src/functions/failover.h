// The failover function: finds out which role its region has and moves the writer.
//
// Invoked directly ({"failover_type": "planned"}) it waits for the end; behind API Gateway
// (POST and GET /failover) it answers as soon as RDS has accepted. Payload and result:
// docs/reference/functions.md.
#pragma once

#include "functions/runtime.h"

namespace aurora_global::functions {

// Reads GLOBAL_CLUSTER_ID, AWS_REGION and the credentials from the environment.
Result<Handler> make_failover_handler(boost::asio::any_io_executor executor);

}  // namespace aurora_global::functions
