// The Lambda runtime client: asks for invocations, hands them to the handler, posts what comes
// back.
//
// Source: AWS Lambda, "Using the Lambda runtime API" (2018-06-01).
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "net/task.h"

namespace aurora_global::functions {

struct Context {
  std::string request_id;
  std::string function_arn;
  Deadline deadline;  // When Lambda ends the process.
};

// An Error becomes a function error: its code (or kind) is the errorType.
using Handler = std::function<net::Task<Result<nlohmann::json>>(nlohmann::json event, Context)>;
// Made once, at the cold start. An Error is an initialization error.
using MakeHandler = std::function<Result<Handler>(boost::asio::any_io_executor executor)>;

// The body of a bootstrap: runs until the Runtime API is gone. Returns the exit code.
int run_function(const MakeHandler& make);

// A variable of the environment; "" if it is not set.
std::string environment(const char* name);
// Fails with `invalid`, naming the variable.
Result<std::string> required_environment(const char* name);

}  // namespace aurora_global::functions
