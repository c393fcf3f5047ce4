#include "services/lambda/sandbox_pool.h"

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "services/lambda/embedded_metrics.h"

namespace aurora_global::services::lambda {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t kLogTailBytes = 4096;
constexpr Duration kIdleLimit = 300s;
constexpr Duration kReapEvery = 5s;
constexpr Duration kStopLimit = 5s;
constexpr Duration kKillAgainEvery = 20ms;

double in_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::string decimals(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

std::string report_of(const std::string& request_id, const Outcome& outcome, int memory_mb) {
  std::string report =
      "REPORT RequestId: " + request_id + "\tDuration: " + decimals(in_ms(outcome.duration)) +
      " ms\tBilled Duration: " + std::to_string(static_cast<long>(in_ms(outcome.duration) + 1)) +
      " ms\tMemory Size: " + std::to_string(memory_mb) +
      " MB\tMax Memory Used: " + std::to_string(static_cast<int>(outcome.memory_mb + 1)) + " MB";
  if (outcome.init > Duration::zero()) {
    report += "\tInit Duration: " + decimals(in_ms(outcome.init)) + " ms";
  }
  return report;
}

// What a function that failed says of itself, in whatever form it says it.
std::string message_in(const std::string& payload) {
  const json error = parse_json(payload);
  const auto found = error.is_object() ? error.find("errorMessage") : error.end();
  const bool told = error.is_object() && found != error.end() && found->is_string();
  return told ? found->get<std::string>() : "the function failed";
}

std::string log_group_of(const FunctionConfig& config) {
  return config.log_group.empty() ? "/aws/lambda/" + config.name : config.log_group;
}

// Variables that lead into the function's code say /var/task, where it lies at AWS.
std::string in_task(const std::string& value, const fs::path& task) {
  constexpr std::string_view kTask = "/var/task";
  const bool inside = value == kTask || value.rfind(std::string(kTask) + "/", 0) == 0;
  return inside ? task.string() + value.substr(kTask.size()) : value;
}

}  // namespace

SandboxPool::SandboxPool(boost::asio::any_io_executor executor, SandboxSettings settings,
                         LogSink& logs, MetricSink& metrics)
    : executor_(executor),
      settings_(std::move(settings)),
      logs_(logs),
      metrics_(metrics),
      freed_(executor),
      tasks_(executor),
      ends_(executor) {}

void SandboxPool::start() { tasks_.spawn("idle functions", reap_idle()); }

net::Task<void> SandboxPool::stop() {
  stopping_ = true;
  // Invocations end by themselves once their processes have.
  const Deadline limit = Deadline::in(kStopLimit);
  while (!busy_.empty() && !limit.passed()) {
    for (Sandbox* sandbox : busy_) sandbox->kill();
    co_await freed_.wait_for(kKillAgainEvery);
  }
  tasks_.stop();
  co_await tasks_.join();
  for (auto& [name, crew] : crews_) {
    for (Environment& resting : crew.idle) end(std::move(resting));
    crew.idle.clear();
  }
  co_await ends_.join();
}

SandboxPlan SandboxPool::plan_of(const Function& function, const fs::path& root) const {
  const FunctionConfig& config = function.config;
  SandboxPlan plan;
  const fs::path task = config.empty_root ? fs::path("/var/task") : root;
  plan.command.argv = {(task / "bootstrap").string()};
  plan.command.working_dir = task;
  if (config.empty_root) plan.command.root = root;
  plan.listen_host = settings_.listen_host;
  plan.function_arn = function.arn;
  auto& environment = plan.command.environment;
  environment = {"AWS_REGION=" + settings_.region,
                 "AWS_DEFAULT_REGION=" + settings_.region,
                 "AWS_ACCESS_KEY_ID=" + settings_.credentials.access_key_id,
                 "AWS_SECRET_ACCESS_KEY=" + settings_.credentials.secret_access_key,
                 "AWS_ENDPOINT_URL=" + settings_.endpoint_url,
                 "AWS_LAMBDA_FUNCTION_NAME=" + config.name,
                 "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
                 "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + std::to_string(config.memory_mb),
                 "AWS_LAMBDA_LOG_GROUP_NAME=" + log_group_of(config),
                 "AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023",
                 "LAMBDA_TASK_ROOT=" + task.string(),
                 "LAMBDA_RUNTIME_DIR=" + task.string(),
                 "TZ=:UTC",
                 "_HANDLER=" + config.handler};
  for (const auto& [name, value] : config.environment) {
    environment.push_back(name + "=" + in_task(value, task));
  }
  return plan;
}

void SandboxPool::retire(const std::string& function) {
  const auto crew = crews_.find(function);
  if (crew == crews_.end()) return;
  for (Environment& resting : crew->second.idle) end(std::move(resting));
  crew->second.idle.clear();
}

void SandboxPool::log(const std::string& group, const std::string& stream, std::string& tail,
                      std::string line) {
  tail += line + "\n";
  if (tail.size() > kLogTailBytes) tail.erase(0, tail.size() - kLogTailBytes);
  auto metrics = embedded_metrics(line);
  if (!metrics.empty()) metrics_.put_metrics(std::move(metrics));
  logs_.put_lines(group, stream, {{SystemClock().wall_now(), std::move(line)}});
}

net::Task<void> SandboxPool::room() {
  co_await logs_.room_for_lines();
  co_await metrics_.room_for_metrics();
}

void SandboxPool::end(Environment environment) {
  auto close = [](std::unique_ptr<Sandbox> one) -> net::Task<void> { co_await one->close(); };
  ends_.spawn("end function", close(std::move(environment.sandbox)));
}

SandboxPool::Environment SandboxPool::take(FunctionPtr function, const fs::path& root) {
  Crew& crew = crews_[function->config.name];
  while (!crew.idle.empty()) {
    Environment warm = std::move(crew.idle.back());
    crew.idle.pop_back();
    if (warm.function == function && warm.sandbox->alive()) return warm;
    end(std::move(warm));
  }
  Environment fresh{function, nullptr, std::make_shared<std::string>()};
  auto stream = std::make_shared<std::string>();
  fresh.sandbox = std::make_unique<Sandbox>(
      executor_, function->config, plan_of(*function, root),
      [this, group = log_group_of(function->config), stream, tail = fresh.tail](std::string line) {
        log(group, *stream, *tail, std::move(line));
      },
      [this] { return room(); });
  *stream = fresh.sandbox->stream();
  return fresh;
}

net::Task<Result<Invoked>> SandboxPool::invoke(FunctionPtr function, fs::path root,
                                               Invocation invocation) {
  if (stopping_) {
    co_return make_error(ErrorKind::unavailable, "The region daemon is ending", "ServiceException");
  }
  const FunctionConfig& config = function->config;
  if (crews_[config.name].busy >= config.concurrency) {
    co_return make_error(ErrorKind::exhausted, "Rate Exceeded.", "TooManyRequestsException");
  }
  ++crews_[config.name].busy;
  Environment environment = take(function, root);
  Sandbox& sandbox = *environment.sandbox;
  const std::string stream = sandbox.stream();
  const std::string id = invocation.request_id;
  environment.tail->clear();
  const auto say = [&](std::string line) {
    log(log_group_of(config), stream, *environment.tail, std::move(line));
  };
  say("START RequestId: " + id + " Version: $LATEST");
  Invoked invoked;
  busy_.insert(&sandbox);
  auto running = sandbox.run(std::move(invocation));
  invoked.outcome = co_await std::move(running);
  busy_.erase(&sandbox);
  const Outcome& outcome = invoked.outcome;
  if (!outcome.function_error.empty() && !outcome.reusable) say(message_in(outcome.payload));
  say("END RequestId: " + id);
  say(report_of(id, outcome, config.memory_mb));
  invoked.log_tail = *environment.tail;
  Crew& crew = crews_[config.name];
  --crew.busy;
  if (outcome.reusable && !stopping_) {
    crew.idle.push_back(std::move(environment));
  } else {
    co_await environment.sandbox->close();
  }
  freed_.notify();
  co_return invoked;
}

net::Task<void> SandboxPool::reap_idle() {
  while (!tasks_.stopping()) {
    co_await net::sleep_for(kReapEvery);
    for (auto& [name, crew] : crews_) {
      while (!crew.idle.empty() &&
             SystemClock().now() - crew.idle.front().sandbox->idle_since() > kIdleLimit) {
        end(std::move(crew.idle.front()));
        crew.idle.pop_front();
      }
    }
  }
}

}  // namespace aurora_global::services::lambda
