// What the services give each other, as interfaces: no service includes another, api_server.cc
// wires them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "net/task.h"

namespace aurora_global::services {

struct MetricDatum {
  std::string name_space;
  std::string name;
  std::vector<std::pair<std::string, std::string>> dimensions;
  std::string unit = "None";
  WallTime at{};
  std::vector<double> values;
  std::vector<double> counts;  // Of each value; empty: one each.
};

// Takes metrics and stores them soon. What waits is bounded: a source that can wait awaits the room
// before it goes on; what comes over the bound is counted, told and dropped.
class MetricSink {
 public:
  virtual ~MetricSink() = default;
  virtual net::Task<void> room_for_metrics() { co_return; }
  virtual void put_metrics(std::vector<MetricDatum> data) = 0;
};

struct LogLine {
  WallTime at{};
  std::string message;
};

// Takes lines of a log stream and stores them soon, in order. Bounded as metrics are.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual net::Task<void> room_for_lines() { co_return; }
  virtual void put_lines(std::string group, std::string stream, std::vector<LogLine> lines) = 0;
};

struct FunctionAnswer {
  std::string payload;
  std::string function_error;  // "Handled", "Unhandled"; empty: the function returned.
};

// Invokes a function and waits for its answer. Errors carry Lambda's codes.
class FunctionInvoker {
 public:
  virtual ~FunctionInvoker() = default;
  // `trace_id`: the caller's; empty: a new one.
  virtual net::Task<Result<FunctionAnswer>> invoke_function(std::string name, std::string payload,
                                                            std::string trace_id) = 0;
};

// Calls an operation of a service of this region, as its client would: by AWS's names, with input
// and output as JSON by AWS's models (timestamps as seconds, blobs as base64). Errors carry the
// service's codes.
class ServiceCaller {
 public:
  virtual ~ServiceCaller() = default;
  virtual net::Task<Result<nlohmann::json>> call(std::string service, std::string operation,
                                                 nlohmann::json input) = 0;
};

}  // namespace aurora_global::services
