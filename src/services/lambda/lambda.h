// Lambda: invokes functions that are declared in <region>/functions/*.toml. REST-JSON, 2015-03-31.
//
// The parts: function_registry knows what there is, function_code where it lies, sandbox_pool runs
// it, event_queue keeps what is asked for asynchronously. This is the API on top of them.
#pragma once

#include <nlohmann/json.hpp>

#include "services/call.h"
#include "services/lambda/event_queue.h"
#include "services/lambda/function_code.h"
#include "services/lambda/sandbox_pool.h"

namespace aurora_global::services::lambda {

struct LambdaOptions {
  std::filesystem::path directory;  // <region>/functions
  SandboxSettings sandboxes;
};

std::vector<std::string_view> action_names();

class Lambda final : public FunctionInvoker, private EventRunner {
 public:
  // `facts` and both sinks outlive the service.
  static Result<std::unique_ptr<Lambda>> open(boost::asio::any_io_executor executor,
                                              const region::Facts& facts, LambdaOptions options,
                                              LogSink& logs, MetricSink& metrics);
  // Takes up the asynchronous invocations that an earlier process left.
  void start();
  // Ends every function process.
  net::Task<void> stop();

  net::Task<net::HttpResponse> serve(net::HttpRequest request);
  net::Task<Result<FunctionAnswer>> invoke_function(std::string name, std::string payload,
                                                    std::string trace_id) override;

 private:
  Lambda(boost::asio::any_io_executor executor, const region::Facts& facts, LambdaOptions options,
         LogSink& logs, MetricSink& metrics);
  EventPolicy policy_of(const std::string& function) override;
  net::Task<Result<FunctionAnswer>> run_event(std::string function, Invocation invocation) override;

  net::Task<Result<Invoked>> invoke(FunctionPtr function, Invocation invocation);
  net::Task<Result<net::HttpResponse>> answer(const Call& call, net::HttpRequest request);
  net::Task<Result<net::HttpResponse>> serve_invoke(FunctionPtr function, nlohmann::json input,
                                                    net::HttpRequest request);
  net::Task<Result<nlohmann::json>> list(nlohmann::json input);
  net::Task<nlohmann::json> configuration(FunctionPtr function);

  const region::Facts& facts_;
  FunctionRegistry registry_;
  FunctionCode code_;
  SandboxPool pool_;
  std::unique_ptr<EventQueue> events_;
};

}  // namespace aurora_global::services::lambda
