// What the services give each other, as interfaces: no service includes another, api_server.cc
// wires them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
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

// A service of AWS's that invokes a function, and what it does it for.
struct FunctionCaller {
  std::string service;         // "apigateway.amazonaws.com"
  std::string source_arn;      // "arn:aws:execute-api:us-east-1:123456789012:a1b2/prod/POST/x"
  std::string source_account;  // "123456789012"
};

// Invokes a function and waits for its answer. Errors carry Lambda's codes.
class FunctionInvoker {
 public:
  virtual ~FunctionInvoker() = default;
  // `trace_id`: the caller's; empty: a new one.
  virtual net::Task<Result<FunctionAnswer>> invoke_function(std::string name, std::string payload,
                                                            std::string trace_id) = 0;
  // Whether the function's policy lets a service of AWS's invoke it for this source. Fails with
  // ResourceNotFoundException and AccessDeniedException.
  virtual Result<void> may_invoke(const std::string& name, const FunctionCaller& caller) = 0;
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

// An object of S3, open: its content stays as it is while this lives, whatever becomes of the
// object.
class ObjectFile {
 public:
  virtual ~ObjectFile() = default;
  // To be opened by this process alone.
  virtual std::filesystem::path path() const = 0;
  virtual std::uint64_t size() const = 0;
  virtual std::string etag() const = 0;        // Without quotation marks.
  virtual std::string version_id() const = 0;  // Empty in a bucket without versions.
};

// Opens objects of this region's buckets, which may be too large for a call of S3 by ServiceCaller:
// templates, the code of functions. awsapi/s3_address.h finds bucket and key in a URL.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  // `version_id`: empty for the newest. Fails with NoSuchBucket, NoSuchKey, NoSuchVersion.
  virtual net::Task<Result<std::shared_ptr<const ObjectFile>>> open_object(
      std::string bucket, std::string key, std::string version_id) = 0;
};

}  // namespace aurora_global::services
