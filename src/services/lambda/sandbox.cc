#include "services/lambda/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/rng.h"

namespace aurora_global::services::lambda {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration kInitLimit = 10s;
constexpr Duration kWatchEvery = 50ms;
constexpr Duration kEndLimit = 5s;
constexpr Duration kDrainLimit = 1s;
constexpr std::string_view kPrefix = "/2018-06-01/runtime/";
constexpr std::size_t kLineBytesMax = 256 * 1024;

// Of the process: "VmRSS" now, "VmHWM" the most so far.
double resident_mb(pid_t pid, std::string_view what) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind(what, 0) == 0) return std::atof(line.c_str() + what.size() + 1) / 1024;
  }
  return 0;
}

std::string stream_name() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char day[16];
  std::strftime(day, sizeof day, "%Y/%m/%d", &utc);
  return std::string(day) + "/[$LATEST]" + random_hex(16);
}

net::HttpResponse plain(int status, const json& body) {
  net::HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "application/json");
  response.body = body.dump();
  return response;
}

std::string seconds_text(int seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%d.00", seconds);
  return text;
}

}  // namespace

Sandbox::Sandbox(boost::asio::any_io_executor executor, const FunctionConfig& config,
                 SandboxPlan plan, std::function<void(std::string)> output,
                 std::function<net::Task<void>()> room)
    : executor_(executor),
      config_(config),
      plan_(std::move(plan)),
      output_(std::move(output)),
      room_(std::move(room)),
      stream_(stream_name()),
      tasks_(executor),
      changed_(executor) {}

Sandbox::~Sandbox() = default;

net::Task<Result<void>> Sandbox::start() {
  net::HttpServing serving;
  serving.body_bytes_max = kResponseBytesMax;
  serving.over = net::OverLimit::counted;
  net::HttpHandler handler = [this](net::HttpRequest request) { return serve(std::move(request)); };
  CO_TRY(server_, net::HttpServer::listen(tasks_, plan_.listen_host + ":0", std::move(handler),
                                          std::move(serving)));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) co_return make_error(ErrorKind::exhausted, "open pipe");
  net::CommandLine command = plan_.command;
  command.environment.push_back("AWS_LAMBDA_RUNTIME_API=" + plan_.listen_host + ":" +
                                std::to_string(server_->port()));
  command.environment.push_back("AWS_LAMBDA_LOG_STREAM_NAME=" + stream_);
  command.output_fd = ends[1];
  command.ends_with_parent = true;
  auto started = net::Process::start(command);
  ::close(ends[1]);
  if (started.has_error()) {
    ::close(ends[0]);
    co_return started.error();
  }
  process_ = std::move(*started);
  pipe_.emplace(executor_, ends[0]);
  silent_ = false;
  tasks_.spawn("function output", read_output());
  tasks_.spawn("function process", watch_process());
  co_return ok();
}

void Sandbox::tell_lines() {
  std::size_t begin = 0;
  for (auto end = written_.find('\n'); end != std::string::npos; end = written_.find('\n', begin)) {
    output_(written_.substr(begin, end - begin));
    begin = end + 1;
  }
  written_.erase(0, begin);
  if (written_.size() > kLineBytesMax) output_(std::exchange(written_, ""));
}

net::Task<void> Sandbox::read_output() {
  std::array<char, 16 * 1024> chunk;
  while (!silent_) {
    auto waiting = room_();
    co_await std::move(waiting);
    auto [error, size] =
        co_await pipe_->async_read_some(boost::asio::buffer(chunk), net::use_result);
    written_.append(chunk.data(), error ? 0 : size);
    silent_ = static_cast<bool>(error);
    tell_lines();
    changed_.notify();
  }
}

std::size_t Sandbox::unread_bytes() {
  int waiting = 0;
  if (silent_ || ioctl(pipe_->native_handle(), FIONREAD, &waiting) != 0) return 0;
  return static_cast<std::size_t>(std::max(waiting, 0));
}

net::Task<void> Sandbox::drain_output() {
  const Deadline limit = Deadline::in(kDrainLimit);
  for (int empty = 0; !silent_ && empty < 2 && !limit.passed();) {
    if (unread_bytes() > 0) {
      empty = 0;
      co_await changed_.wait(limit);
    } else {
      // What was read just now may still wait for its turn on this thread.
      ++empty;
      co_await boost::asio::post(executor_, boost::asio::use_awaitable);
    }
  }
  if (!written_.empty()) output_(std::exchange(written_, ""));
}

net::Task<void> Sandbox::watch_process() {
  while (!co_await process_->wait(Deadline::in(kWatchEvery))) {
    if (tasks_.stopping()) co_return;
    memory_mb_ = std::max(memory_mb_, resident_mb(process_->pid(), "VmHWM:"));
    if (current_ && resident_mb(process_->pid(), "VmRSS:") > config_.memory_mb) {
      why_ended_ = "signal: killed (over " + std::to_string(config_.memory_mb) + " MB)";
      process_->signal(SIGKILL);
    }
  }
  ended_ = true;
  if (why_ended_.empty()) {
    const int code = process_->exit_code().value_or(0);
    why_ended_ = code > 128 ? "signal: " + std::string(strsignal(code - 128))
                            : "exit status " + std::to_string(code);
  }
  changed_.notify();
}

void Sandbox::finish(std::string payload, std::string function_error) {
  if (!current_ || outcome_) return;
  outcome_.emplace();
  outcome_->payload = std::move(payload);
  outcome_->function_error = std::move(function_error);
  outcome_->reusable = true;
  changed_.notify();
}

void Sandbox::fail(std::string type, std::string message) {
  outcome_.emplace();
  outcome_->payload = json{{"errorType", type}, {"errorMessage", message}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
  outcome_->function_error = "Unhandled";
}

net::Task<net::HttpResponse> Sandbox::serve_next() {
  ready_ = true;
  if (current_ && taken_ && !outcome_) {
    // What it answered was refused before it was read, or it has no answer: none will come.
    finish(
        json{{"errorType", "Runtime.NoAnswer"},
             {"errorMessage", "the function asked for the next event before it answered this one"}}
            .dump(),
        "Unhandled");
  }
  changed_.notify();
  // Not before run() has set the deadline: a cold start counts for itself.
  while (!current_ || taken_ || outcome_ || !deadline_) {
    if (tasks_.stopping()) co_return plain(503, json::object());
    co_await changed_.wait_for(1h);
  }
  taken_ = true;
  net::HttpResponse response;
  response.headers.emplace_back("Content-Type", "application/json");
  response.headers.emplace_back("Lambda-Runtime-Aws-Request-Id", current_->request_id);
  response.headers.emplace_back("Lambda-Runtime-Invoked-Function-Arn", plan_.function_arn);
  response.headers.emplace_back("Lambda-Runtime-Trace-Id", current_->trace_id);
  if (!current_->client_context.empty()) {
    response.headers.emplace_back("Lambda-Runtime-Client-Context", current_->client_context);
  }
  const auto left = deadline_->left();
  const auto until = std::chrono::duration_cast<std::chrono::milliseconds>(
      SystemClock().wall_now().time_since_epoch() + left);
  response.headers.emplace_back("Lambda-Runtime-Deadline-Ms", std::to_string(until.count()));
  response.body = current_->payload;
  co_return response;
}

net::Task<net::HttpResponse> Sandbox::serve(net::HttpRequest request) {
  std::string path = request.target.substr(0, request.target.find('?'));
  if (path.rfind(kPrefix, 0) != 0) co_return plain(404, json::object());
  path.erase(0, kPrefix.size());
  if (request.method == "GET" && path == "invocation/next") co_return co_await serve_next();
  const auto refuse = [](int status, const char* type, const char* message) {
    return plain(status, {{"errorType", type}, {"errorMessage", message}});
  };
  if (request.method != "POST") co_return refuse(405, "MethodNotAllowed", "POST is expected");
  if (path == "init/error") {
    output_("init error: " + request.body.substr(0, kLineBytesMax));
    finish(request.body, "Unhandled");
    if (outcome_) outcome_->reusable = false;
    co_return plain(202, {{"status", "OK"}});
  }
  const std::string id = current_ ? current_->request_id : "";
  const bool ours = path.rfind("invocation/" + id + "/", 0) == 0 && !id.empty() && taken_;
  if (!ours) co_return refuse(400, "InvalidRequestID", "Invalid request ID");
  const std::string what = path.substr(("invocation/" + id + "/").size());
  const bool known = what == "response" || what == "error";
  if (known && request.body_bytes > kResponseBytesMax) {
    finish(json{{"errorType", "Function.ResponseSizeTooLarge"},
                {"errorMessage",
                 "Response payload size exceeded maximum allowed payload size "
                 "(6291556 bytes)."}}
               .dump(),
           "Unhandled");
    co_return refuse(413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size");
  }
  if (what == "response") {
    finish(std::move(request.body), "");
  } else if (what == "error") {
    finish(std::move(request.body), "Unhandled");
  } else {
    co_return refuse(404, "NotFound", "there is response and error");
  }
  co_return plain(202, {{"status", "OK"}});
}

net::Task<void> Sandbox::await_outcome(Deadline deadline) {
  while (!outcome_ && !ended_ && !deadline.passed()) {
    if (!co_await changed_.wait(deadline)) co_return;  // Too late, or called off.
  }
}

net::Task<Outcome> Sandbox::run(Invocation invocation) {
  const Instant begin = SystemClock().now();
  const std::string label = "RequestId: " + invocation.request_id + " Error: ";
  outcome_.reset();
  taken_ = false;
  deadline_.reset();
  current_ = std::move(invocation);
  Duration init{};
  if (!process_) {
    const auto started = co_await start();
    if (started.has_error()) {
      fail("Runtime.InvalidEntrypoint", label + started.error().message);
    } else {
      const Deadline limit = Deadline::in(kInitLimit);
      while (!ready_ && !outcome_ && !ended_) {
        if (!co_await changed_.wait(limit)) break;
      }
      if (!ready_ && !outcome_ && !ended_) {
        fail("Sandbox.Timedout", label + "the function did not ask for work within 10 s");
      }
      init = SystemClock().now() - begin;
    }
  }
  const Instant working = SystemClock().now();
  const Deadline limit = Deadline::in(std::chrono::seconds(config_.timeout_s));
  deadline_ = limit;
  changed_.notify();
  co_await await_outcome(limit);
  if (process_) co_await drain_output();
  if (!outcome_ && ended_) {
    fail("Runtime.ExitError", label + "Runtime exited with error: " + why_ended_);
  } else if (!outcome_) {
    fail("Sandbox.Timedout",
         label + "Task timed out after " + seconds_text(config_.timeout_s) + " seconds");
  }
  Outcome result = std::move(*outcome_);
  result.reusable = result.reusable && !ended_;
  result.duration = SystemClock().now() - working;
  result.init = init;
  if (process_) memory_mb_ = std::max(memory_mb_, resident_mb(process_->pid(), "VmHWM:"));
  result.memory_mb = memory_mb_;
  current_.reset();
  outcome_.reset();
  idle_since_ = SystemClock().now();
  co_return result;
}

void Sandbox::kill() {
  if (process_) process_->signal(SIGKILL);
}

net::Task<void> Sandbox::close() {
  if (process_ && process_->running()) {
    process_->signal(SIGKILL);
    co_await process_->wait(Deadline::in(kEndLimit));
  }
  co_await drain_output();
  if (const std::size_t lost = unread_bytes(); lost > 0) {
    output_(std::to_string(lost) +
            " bytes of output were not kept: more came than could be stored");
  }
  if (server_) server_->close();
  tasks_.stop();
  changed_.notify();
  co_await tasks_.join();
}

}  // namespace aurora_global::services::lambda
