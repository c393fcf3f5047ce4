// Lambda: invokes functions, those that are declared in <region>/functions/*.toml and those that
// its own API made. REST-JSON, 2015-03-31.
//
// The parts: function_registry knows what there is, management makes and changes it, function_code
// knows where it lies, sandbox_pool runs it, event_queue keeps what is asked for asynchronously.
// This is the API on top of them.
#pragma once

#include <nlohmann/json.hpp>

#include "services/call.h"
#include "services/lambda/event_queue.h"
#include "services/lambda/function_code.h"
#include "services/lambda/function_policy.h"
#include "services/lambda/management.h"
#include "services/lambda/sandbox_pool.h"

namespace aurora_global::services::lambda {

struct LambdaOptions {
  std::filesystem::path directory;  // <region>/functions
  SandboxSettings sandboxes;
  ObjectReader* objects = nullptr;  // Where zips may come from; outlives the service.
};

std::vector<std::string_view> action_names();

class Lambda final : public FunctionInvoker, private EventRunner {
 public:
  // `facts`, both sinks and `services` outlive the service.
  static Result<std::unique_ptr<Lambda>> open(boost::asio::any_io_executor executor,
                                              const region::Facts& facts, LambdaOptions options,
                                              LogSink& logs, MetricSink& metrics,
                                              ServiceCaller& services);
  // Takes up the asynchronous invocations that an earlier process left.
  void start();
  // Ends every function process.
  net::Task<void> stop();

  net::Task<net::HttpResponse> serve(net::HttpRequest request);
  // As ServiceCaller has it; `input` has passed the model.
  net::Task<Result<nlohmann::json>> call(std::string operation, nlohmann::json input);
  net::Task<Result<FunctionAnswer>> invoke_function(std::string name, std::string payload,
                                                    std::string trace_id) override;
  Result<void> may_invoke(const std::string& name, const FunctionCaller& caller) override;

 private:
  Lambda(boost::asio::any_io_executor executor, const region::Facts& facts, LambdaOptions options,
         LogSink& logs, MetricSink& metrics, ServiceCaller& services);
  EventPolicy policy_of(const std::string& function) override;
  net::Task<Result<FunctionAnswer>> run_event(std::string function, Invocation invocation) override;
  net::Task<Result<bool>> tell_end(EventEnd end) override;

  net::Task<Result<Invoked>> invoke(FunctionPtr function, Invocation invocation);
  net::Task<Result<net::HttpResponse>> answer(const Call& call, net::HttpRequest request);
  net::Task<Result<net::HttpResponse>> serve_invoke(FunctionPtr function, nlohmann::json input,
                                                    net::HttpRequest request);
  net::Task<Result<nlohmann::json>> list(nlohmann::json input);
  // What becomes of an operation other than Invoke.
  net::Task<Result<nlohmann::json>> manage(std::string operation, nlohmann::json input);
  net::Task<Result<nlohmann::json>> call_function(nlohmann::json input);
  net::Task<void> forget(std::string function);

  ServiceCaller& services_;
  FunctionRegistry registry_;
  FunctionCode code_;
  SandboxPool pool_;
  Management management_;
  std::unique_ptr<EventQueue> events_;
};

}  // namespace aurora_global::services::lambda
