// Lambda: invokes functions that are declared in <region>/functions/*.toml. REST-JSON, 2015-03-31.
//
// Asynchronous invocations are durable: they survive a restart, are retried as configured and end
// in the dead-letter log when nothing helped.
#pragma once

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "awsapi/sigv4.h"
#include "database/database.h"
#include "region/region.h"
#include "services/lambda/sandbox.h"
#include "services/sinks.h"

namespace aurora_global::services::lambda {

struct LambdaOptions {
  std::filesystem::path directory;  // <region>/functions
  std::string endpoint_url;         // What functions are given as AWS_ENDPOINT_URL.
  std::string listen_host;
  awsapi::Credentials credentials;  // Given to the functions.
};

std::vector<std::string_view> action_names();

class Lambda final : public FunctionInvoker {
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
  net::Task<Result<FunctionAnswer>> invoke_function(std::string name, std::string payload) override;

 private:
  struct Function {
    FunctionConfig config;
    std::filesystem::file_time_type changed;
    std::filesystem::path task_root;  // Where the code is.
    std::deque<std::unique_ptr<Sandbox>> idle;
    int busy = 0;
  };
  // An asynchronous invocation as it lies in the database.
  struct QueuedEvent {
    std::int64_t id = 0;
    std::string function, request_id, payload;
    int attempts = 0;
    std::int64_t not_before = 0, created = 0;  // Milliseconds since 1970.
  };
  struct Invoked {
    Outcome outcome;
    std::string request_id;
    std::string log_tail;
  };

  Lambda(boost::asio::any_io_executor executor, const region::Facts& facts, LambdaOptions options,
         LogSink& logs, MetricSink& metrics, std::unique_ptr<database::Database> database);

  void rescan();
  Result<Function*> find(const std::string& name_or_arn);
  Result<void> prepare_code(Function& function);
  SandboxPlan plan_of(const Function& function) const;
  net::Task<Result<Invoked>> invoke(std::string name, std::string payload, std::string request_id);
  std::unique_ptr<Sandbox> take_sandbox(Function& function);
  void take_line(const std::string& function, const std::string& stream, std::string line);
  net::Task<net::HttpResponse> serve_invoke(Function& function, net::HttpRequest request);
  nlohmann::json configuration(const Function& function) const;
  net::Task<Result<void>> enqueue(QueuedEvent event);
  net::Task<void> run_events();
  net::Task<void> run_event(QueuedEvent event);
  net::Task<void> reap_idle();
  void write_dead_letter(const QueuedEvent& event, const std::string& why,
                         const std::string& answer);

  boost::asio::any_io_executor executor_;
  const region::Facts& facts_;
  LambdaOptions options_;
  LogSink& logs_;
  MetricSink& metrics_;
  std::unique_ptr<database::Database> database_;
  std::map<std::string, std::unique_ptr<Function>> functions_;
  std::set<std::int64_t> running_events_;
  std::set<Sandbox*> busy_;
  bool stopping_ = false;
  net::Event wake_;
  net::TaskGroup tasks_;
};

}  // namespace aurora_global::services::lambda
