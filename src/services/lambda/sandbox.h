// One execution environment: a `bootstrap` process and the Runtime API it talks to.
//
// Source: AWS Lambda, "Using the Lambda runtime API" (2018-06-01). One invocation at a time.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "net/http.h"
#include "net/process.h"
#include "services/lambda/function_config.h"

namespace aurora_global::services::lambda {

inline constexpr std::size_t kRequestBytesMax = 6'291'456;   // Synchronous.
inline constexpr std::size_t kResponseBytesMax = 6'291'556;  // AWS allows a little more here.

struct Invocation {
  std::string request_id;
  std::string payload;
  std::string trace_id;
  std::string client_context;  // A JSON document in one line; empty: none.
};

struct Outcome {
  std::string payload;
  std::string function_error;  // "" | Handled | Unhandled
  Duration duration{};
  Duration init{};       // Of a cold start; zero when warm.
  double memory_mb = 0;  // The most that was resident.
  bool reusable = false;
};

// Where and as whom a process runs.
struct SandboxPlan {
  net::CommandLine command;  // Without AWS_LAMBDA_RUNTIME_API.
  std::string listen_host;   // Of the Runtime API.
  std::string function_arn;
};

class Sandbox {
 public:
  // `output`: called with each line the process writes. `room`: awaited before more is read of it,
  // so that a process that writes faster than its lines are stored waits in its write().
  Sandbox(boost::asio::any_io_executor executor, const FunctionConfig& config, SandboxPlan plan,
          std::function<void(std::string)> output, std::function<net::Task<void>()> room);
  ~Sandbox();  // Requires close() to have ended.

  const std::string& stream() const { return stream_; }
  Instant idle_since() const { return idle_since_; }
  // Starts the process at the first call; never fails, the outcome tells.
  net::Task<Outcome> run(Invocation invocation);
  // Ends the process; an invocation under way fails with Runtime.ExitError.
  void kill();
  // Ends the process and waits for it.
  net::Task<void> close();
  bool alive() const { return process_ && process_->running(); }

 private:
  net::Task<Result<void>> start();
  net::Task<net::HttpResponse> serve(net::HttpRequest request);
  net::Task<net::HttpResponse> serve_next();
  net::Task<void> watch_process();
  net::Task<void> read_output();
  void finish(std::string payload, std::string function_error);
  void fail(std::string type, std::string message);
  net::Task<void> await_outcome(Deadline deadline);
  // Until every line is told that the process wrote so far.
  net::Task<void> drain_output();
  void tell_lines();
  std::size_t unread_bytes();

  boost::asio::any_io_executor executor_;
  FunctionConfig config_;
  SandboxPlan plan_;
  std::function<void(std::string)> output_;
  std::function<net::Task<void>()> room_;
  std::string stream_;
  net::TaskGroup tasks_;
  net::Event changed_;
  std::unique_ptr<net::HttpServer> server_;
  std::optional<net::Process> process_;
  std::optional<boost::asio::posix::stream_descriptor> pipe_;  // What the process writes.
  std::string written_;                                        // Of it, what is no whole line yet.
  bool silent_ = true;                                         // Nobody can write any more.
  std::optional<Invocation> current_;
  std::optional<Deadline> deadline_;  // Of the current invocation, once its time runs.
  bool taken_ = false;                // The process has the current invocation.
  bool ready_ = false;                // It has asked for work at least once.
  bool ended_ = false;
  std::string why_ended_;
  std::optional<Outcome> outcome_;
  double memory_mb_ = 0;
  Instant idle_since_{};
};

}  // namespace aurora_global::services::lambda
