// Execution environments of all functions: one invocation each, kept warm afterwards, no more of a
// function than its concurrency.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "awsapi/sigv4.h"
#include "services/lambda/function_registry.h"
#include "services/lambda/sandbox.h"
#include "services/sinks.h"

namespace aurora_global::services::lambda {

// What every function's process is told.
struct SandboxSettings {
  std::string region;
  std::string endpoint_url;  // AWS_ENDPOINT_URL.
  std::string listen_host;   // Of the Runtime API.
  awsapi::Credentials credentials;
};

struct Invoked {
  Outcome outcome;
  std::string log_tail;  // The last 4 KB of what was logged for it.
};

class SandboxPool {
 public:
  // Both sinks outlive the pool.
  SandboxPool(boost::asio::any_io_executor executor, SandboxSettings settings, LogSink& logs,
              MetricSink& metrics);
  void start();
  // Ends the processes of a function that rest. What runs ends as it would.
  void retire(const std::string& function);
  // Ends every process; what runs fails with Runtime.ExitError.
  net::Task<void> stop();

  // Runs `function`, whose code lies in `root`. Fails with TooManyRequestsException over the
  // function's concurrency, ServiceException after stop(). What goes wrong inside is an outcome.
  net::Task<Result<Invoked>> invoke(FunctionPtr function, std::filesystem::path root,
                                    Invocation invocation);

 private:
  // A process, the version it runs, and where its lines go.
  struct Environment {
    FunctionPtr function;
    std::unique_ptr<Sandbox> sandbox;
    std::shared_ptr<std::string> tail;  // Of the invocation under way.
  };
  struct Crew {
    std::deque<Environment> idle;  // The one that rested longest first.
    int busy = 0;
  };

  SandboxPlan plan_of(const Function& function, const std::filesystem::path& root) const;
  Environment take(FunctionPtr function, const std::filesystem::path& root);
  void end(Environment environment);
  void log(const std::string& group, const std::string& stream, std::string& tail,
           std::string line);
  net::Task<void> room();
  net::Task<void> reap_idle();

  boost::asio::any_io_executor executor_;
  SandboxSettings settings_;
  LogSink& logs_;
  MetricSink& metrics_;
  std::map<std::string, Crew> crews_;  // By the function's name.
  std::set<Sandbox*> busy_;
  bool stopping_ = false;
  net::Event freed_;
  net::TaskGroup tasks_;
  net::TaskGroup ends_;  // Of processes: never cancelled, each has its limits.
};

}  // namespace aurora_global::services::lambda
