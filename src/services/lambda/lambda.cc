#include "services/lambda/lambda.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "awsapi/http_message.h"
#include "awsapi/query.h"
#include "base/base64.h"
#include "base/rng.h"
#include "net/log.h"
#include "services/json_protocol.h"
#include "services/lambda/embedded_metrics.h"

namespace aurora_global::services::lambda {
namespace {

using namespace std::chrono_literals;
using database::Statement;
using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t kEventBytesMax = 1'048'576;
constexpr std::size_t kLogTailBytes = 4096;
constexpr Duration kIdleLimit = 300s;
constexpr Duration kStopLimit = 5s;
constexpr std::int64_t kEventAgeMaxMs = 6 * 3600 * 1000;
constexpr std::int64_t kThrottledDelayMs = 1000;
constexpr const char* kRoot = "/2015-03-31/functions";

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS event(id INTEGER PRIMARY KEY AUTOINCREMENT, function TEXT NOT NULL,"
    " request_id TEXT NOT NULL, payload TEXT NOT NULL, attempts INTEGER NOT NULL,"
    " not_before INTEGER NOT NULL, created INTEGER NOT NULL);";

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             SystemClock().wall_now().time_since_epoch())
      .count();
}

net::HttpResponse refusal(int status, const std::string& code, const std::string& message,
                          json more = json::object()) {
  net::HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "application/json");
  response.headers.emplace_back("x-amzn-RequestId", random_uuid());
  response.headers.emplace_back("x-amzn-ErrorType", code);
  more["Type"] = status >= 500 ? "Service" : "User";
  more["message"] = message;
  more["Message"] = message;
  response.body = more.dump(-1, ' ', false, json::error_handler_t::replace);
  return response;
}

net::HttpResponse answer(const json& body) {
  net::HttpResponse response;
  response.headers.emplace_back("Content-Type", "application/json");
  response.headers.emplace_back("x-amzn-RequestId", random_uuid());
  response.body = body.dump();
  return response;
}

net::HttpResponse refusal_of(const Error& error) {
  const std::string code = error.code.empty() ? "ServiceException" : error.code;
  if (code == "ResourceNotFoundException") return refusal(404, code, error.message);
  if (code == "TooManyRequestsException") {
    return refusal(429, code, error.message,
                   {{"Reason", "ReservedFunctionConcurrentInvocationLimitExceeded"}});
  }
  if (code == "InvalidZipFileException") return refusal(502, code, error.message);
  return refusal(code == "ServiceException" ? 500 : 400, code, error.message);
}

// Below kRoot: nothing lists, "/NAME" and `rest` are about one function. Headers, body and these
// query parameters are all that an action has.
struct Action {
  std::string_view name, method;
  bool names_function;
  std::string_view rest;
  std::array<std::string_view, 4> parameters;
};
constexpr Action kActions[] = {
    {"Invoke", "POST", true, "/invocations", {"Qualifier"}},
    {"ListFunctions", "GET", false, "", {"FunctionVersion", "Marker", "MasterRegion", "MaxItems"}},
    {"GetFunction", "GET", true, "", {"Qualifier"}},
    {"GetFunctionConfiguration", "GET", true, "/configuration", {"Qualifier"}},
};

std::string decimals(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

double in_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

std::vector<std::string_view> action_names() {
  std::vector<std::string_view> names;
  for (const Action& action : kActions) names.push_back(action.name);
  return names;
}

Lambda::Lambda(boost::asio::any_io_executor executor, const region::Facts& facts,
               LambdaOptions options, LogSink& logs, MetricSink& metrics,
               std::unique_ptr<database::Database> database)
    : executor_(executor),
      facts_(facts),
      options_(std::move(options)),
      logs_(logs),
      metrics_(metrics),
      database_(std::move(database)),
      wake_(executor),
      tasks_(executor) {}

Result<std::unique_ptr<Lambda>> Lambda::open(boost::asio::any_io_executor executor,
                                             const region::Facts& facts, LambdaOptions options,
                                             LogSink& logs, MetricSink& metrics) {
  std::error_code error;
  fs::create_directories(options.directory, error);
  TRY(auto database, database::Database::open(options.directory / "events.sqlite",
                                              database::Durability::full, 1, kSchema));
  return std::unique_ptr<Lambda>(
      new Lambda(executor, facts, std::move(options), logs, metrics, std::move(database)));
}

void Lambda::start() {
  rescan();
  tasks_.spawn("lambda events", run_events());
  tasks_.spawn("idle functions", reap_idle());
}

net::Task<void> Lambda::stop() {
  stopping_ = true;
  // Invocations end by themselves once their processes have.
  const Deadline limit = Deadline::in(kStopLimit);
  while (!busy_.empty() && !limit.passed()) {
    for (Sandbox* sandbox : busy_) sandbox->kill();
    co_await wake_.wait_for(20ms);
  }
  for (auto& [name, function] : functions_) {
    for (auto& sandbox : function->idle) co_await sandbox->close();
    function->idle.clear();
  }
  tasks_.stop();
  co_await tasks_.join();
}

// ---- functions

// Reads the files that have changed. A function whose file is gone or broken is gone.
void Lambda::rescan() {
  std::error_code error;
  std::set<std::string> present;
  for (const auto& entry : fs::directory_iterator(options_.directory, error)) {
    if (entry.path().extension() != ".toml") continue;
    const std::string name = entry.path().stem();
    present.insert(name);
    auto& function = functions_[name];
    auto changed = entry.last_write_time(error);
    if (function) {  // New code is a new version, too.
      const fs::path& code = function->config.code;
      const fs::path program = fs::is_directory(code, error) ? code / "bootstrap" : code;
      const auto built = fs::last_write_time(program, error);
      if (!error) changed = std::max(changed, built);
    }
    if (function && function->changed == changed) continue;
    auto config = load_function(entry.path());
    if (config.has_error()) {
      log::warn("function {}: {}", name, config.error().message);
      if (!function) functions_.erase(name);
      continue;
    }
    if (!function) function = std::make_unique<Function>();
    function->config = std::move(*config);
    const fs::path& code = function->config.code;
    const auto built =
        fs::last_write_time(fs::is_directory(code, error) ? code / "bootstrap" : code, error);
    function->changed = error ? changed : std::max(changed, built);
    function->task_root.clear();
    for (auto& old : function->idle) {
      auto end = [](std::unique_ptr<Sandbox> one) -> net::Task<void> { co_await one->close(); };
      tasks_.spawn("end function", end(std::move(old)));
    }
    function->idle.clear();
  }
  std::erase_if(functions_, [&](const auto& pair) {
    return !present.contains(pair.first) && pair.second && pair.second->busy == 0 &&
           pair.second->idle.empty();
  });
}

// A name, "account:function:name", or an ARN, each with an optional :$LATEST.
Result<Lambda::Function*> Lambda::find(const std::string& name_or_arn) {
  rescan();
  std::string name = name_or_arn;
  const Error missing =
      make_error(ErrorKind::not_found,
                 "Function not found: arn:aws:lambda:" + facts_.region.name + ":" +
                     facts_.account_id + ":function:" +
                     name_or_arn.substr(name_or_arn.rfind("function:") == std::string::npos
                                            ? 0
                                            : name_or_arn.rfind("function:") + 9),
                 "ResourceNotFoundException");
  if (const auto at = name.find("function:"); at != std::string::npos) {
    const std::string owner = name.substr(0, at);
    const std::string arn = "arn:aws:lambda:" + facts_.region.name + ":" + facts_.account_id + ":";
    if (owner != arn && owner != facts_.account_id + ":") return missing;
    name = name.substr(at + 9);
  }
  if (const auto colon = name.find(':'); colon != std::string::npos) {
    if (name.substr(colon + 1) != "$LATEST") return missing;
    name = name.substr(0, colon);
  }
  for (auto& [key, function] : functions_) {
    if (function && function->config.name == name) return function.get();
  }
  return missing;
}

Result<void> Lambda::prepare_code(Function& function) {
  if (!function.task_root.empty()) return ok();
  const FunctionConfig& config = function.config;
  std::error_code error;
  if (fs::is_directory(config.code, error) && !config.empty_root) {
    function.task_root = config.code;
    return ok();
  }
  const fs::path place = options_.directory / "unpacked" / config.name;
  fs::remove_all(place, error);
  const fs::path task = config.empty_root ? place / "var" / "task" : place;
  fs::create_directories(task, error);
  if (fs::is_directory(config.code)) {
    fs::copy(config.code, task, fs::copy_options::recursive, error);
  } else {
    auto unpacked = unzip(config.code, task);
    if (unpacked.has_error()) {
      Error failed = unpacked.error();
      failed.code = "InvalidZipFileException";
      return failed;
    }
  }
  if (config.empty_root) {
    fs::create_directories(place / "tmp", error);
    chmod((place / "tmp").c_str(), 01777);
    for (const auto& [target, source] : config.files) {
      const fs::path copy = place / fs::path(target).relative_path();
      fs::create_directories(copy.parent_path(), error);
      fs::copy_file(source, copy, fs::copy_options::overwrite_existing, error);
      if (error) {
        return make_error(
            ErrorKind::unavailable,
            "cannot copy " + source + " into the function's root: " + error.message());
      }
    }
  }
  function.task_root = place;
  return ok();
}

SandboxPlan Lambda::plan_of(const Function& function) const {
  const FunctionConfig& config = function.config;
  SandboxPlan plan;
  const fs::path task = config.empty_root ? fs::path("/var/task") : function.task_root;
  plan.command.argv = {(task / "bootstrap").string()};
  plan.command.working_dir = task;
  if (config.empty_root) plan.command.root = function.task_root;
  plan.listen_host = options_.listen_host;
  plan.function_arn =
      "arn:aws:lambda:" + facts_.region.name + ":" + facts_.account_id + ":function:" + config.name;
  auto& environment = plan.command.environment;
  environment = {"AWS_REGION=" + facts_.region.name,
                 "AWS_DEFAULT_REGION=" + facts_.region.name,
                 "AWS_ACCESS_KEY_ID=" + options_.credentials.access_key_id,
                 "AWS_SECRET_ACCESS_KEY=" + options_.credentials.secret_access_key,
                 "AWS_ENDPOINT_URL=" + options_.endpoint_url,
                 "AWS_LAMBDA_FUNCTION_NAME=" + config.name,
                 "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
                 "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + std::to_string(config.memory_mb),
                 "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + config.name,
                 "AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023",
                 "LAMBDA_TASK_ROOT=" + task.string(),
                 "LAMBDA_RUNTIME_DIR=" + task.string(),
                 "TZ=:UTC",
                 "_HANDLER=" + config.handler};
  for (const auto& [name, value] : config.environment) environment.push_back(name + "=" + value);
  return plan;
}

void Lambda::take_line(const std::string& function, const std::string& stream, std::string line) {
  auto metrics = embedded_metrics(line);
  if (!metrics.empty()) metrics_.put_metrics(std::move(metrics));
  logs_.put_lines("/aws/lambda/" + function, stream, {{SystemClock().wall_now(), std::move(line)}});
}

std::unique_ptr<Sandbox> Lambda::take_sandbox(Function& function) {
  while (!function.idle.empty()) {
    std::unique_ptr<Sandbox> warm = std::move(function.idle.back());
    function.idle.pop_back();
    if (warm->alive()) return warm;
    auto end = [](std::unique_ptr<Sandbox> one) -> net::Task<void> { co_await one->close(); };
    tasks_.spawn("end function", end(std::move(warm)));
  }
  auto name = std::make_shared<std::string>();
  auto sandbox = std::make_unique<Sandbox>(
      executor_, function.config, plan_of(function),
      [this, function_name = function.config.name, name](std::string line) {
        take_line(function_name, *name, std::move(line));
      });
  *name = sandbox->stream();
  return sandbox;
}

net::Task<Result<Lambda::Invoked>> Lambda::invoke(std::string name, std::string payload,
                                                  std::string request_id) {
  CO_TRY(Function * function, find(name));
  CO_TRY_VOID(prepare_code(*function));
  if (stopping_) {
    co_return make_error(ErrorKind::unavailable, "The region daemon is ending", "ServiceException");
  }
  if (function->busy >= function->config.concurrency) {
    co_return make_error(ErrorKind::exhausted, "Rate Exceeded.", "TooManyRequestsException");
  }
  ++function->busy;
  const std::string own_name = function->config.name;
  const auto changed = function->changed;
  const int memory = function->config.memory_mb;
  auto sandbox = take_sandbox(*function);
  const std::string stream = sandbox->stream();
  const auto say = [&](const std::string& line) { take_line(own_name, stream, line); };
  say("START RequestId: " + request_id + " Version: $LATEST");
  Invoked invoked;
  invoked.request_id = request_id;
  Invocation invocation{request_id, std::move(payload),
                        "Root=1-" + random_hex(4) + "-" + random_hex(12) + ";Sampled=0"};
  busy_.insert(sandbox.get());
  auto running = sandbox->run(std::move(invocation));
  invoked.outcome = co_await std::move(running);
  busy_.erase(sandbox.get());
  const Outcome& outcome = invoked.outcome;
  if (!outcome.function_error.empty() && !outcome.reusable) {
    const json error = json::parse(outcome.payload, nullptr, false);
    if (error.is_object()) say(error.value("errorMessage", "the function failed"));
  }
  std::string report =
      "REPORT RequestId: " + request_id + "\tDuration: " + decimals(in_ms(outcome.duration)) +
      " ms\tBilled Duration: " + std::to_string(static_cast<long>(in_ms(outcome.duration) + 1)) +
      " ms\tMemory Size: " + std::to_string(memory) +
      " MB\tMax Memory Used: " + std::to_string(static_cast<int>(outcome.memory_mb + 1)) + " MB";
  if (outcome.init > Duration::zero()) {
    report += "\tInit Duration: " + decimals(in_ms(outcome.init)) + " ms";
  }
  say("END RequestId: " + request_id);
  say(report);
  invoked.log_tail = "START RequestId: " + request_id +
                     " Version: $LATEST\nEND RequestId: " + request_id + "\n" + report + "\n";
  if (invoked.log_tail.size() > kLogTailBytes) {
    invoked.log_tail.erase(0, invoked.log_tail.size() - kLogTailBytes);
  }
  // Only the name is ours over the wait: the function may have been changed or removed.
  const auto found = std::find_if(functions_.begin(), functions_.end(), [&](const auto& pair) {
    return pair.second && pair.second->config.name == own_name;
  });
  if (found != functions_.end()) {
    Function& now = *found->second;
    --now.busy;
    if (outcome.reusable && now.changed == changed && !stopping_) {
      now.idle.push_back(std::move(sandbox));
    }
  }
  if (sandbox) co_await sandbox->close();
  wake_.notify();
  co_return invoked;
}

net::Task<void> Lambda::reap_idle() {
  while (!tasks_.stopping()) {
    co_await net::sleep_for(5s);
    std::vector<std::unique_ptr<Sandbox>> old;
    for (auto& [name, function] : functions_) {
      while (function && !function->idle.empty() &&
             SystemClock().now() - function->idle.front()->idle_since() > kIdleLimit) {
        old.push_back(std::move(function->idle.front()));
        function->idle.pop_front();
      }
    }
    for (auto& sandbox : old) co_await sandbox->close();
  }
}

net::Task<Result<FunctionAnswer>> Lambda::invoke_function(std::string name, std::string payload) {
  const std::string id = random_uuid();
  CO_TRY(Invoked invoked, co_await invoke(std::move(name), std::move(payload), id));
  co_return FunctionAnswer{std::move(invoked.outcome.payload),
                           std::move(invoked.outcome.function_error)};
}

// ---- asynchronous invocations

net::Task<Result<void>> Lambda::enqueue(QueuedEvent event) {
  auto job = [event](sqlite3* raw) -> Result<void> {
    Statement insert(raw,
                     "INSERT INTO event(function, request_id, payload, attempts, not_before, "
                     "created) VALUES (?, ?, ?, 0, 0, ?)");
    insert.bind(1, event.function);
    insert.bind(2, event.request_id);
    insert.bind(3, event.payload);
    insert.bind(4, event.created);
    TRY_VOID(insert.step());
    return ok();
  };
  CO_TRY_VOID(co_await database_->work<void>(std::move(job)));
  wake_.notify();
  co_return ok();
}

net::Task<void> Lambda::run_events() {
  using Events = std::vector<QueuedEvent>;
  while (!tasks_.stopping()) {
    auto job = [](sqlite3* raw) -> Result<Events> {
      Events due;
      Statement select(raw,
                       "SELECT id, function, request_id, payload, attempts, not_before, created "
                       "FROM event ORDER BY not_before LIMIT 1000");
      for (;;) {
        TRY(const bool more, select.step());
        if (!more) return due;
        due.push_back({select.number(0), select.text(1), select.text(2), select.text(3),
                       static_cast<int>(select.number(4)), select.number(5), select.number(6)});
      }
    };
    const auto events = co_await database_->work<Events>(std::move(job));
    Duration pause = 60s;
    if (events.has_error()) {
      log::error("read asynchronous invocations: {}", events.error().message);
      pause = 5s;
    } else {
      for (const QueuedEvent& event : *events) {
        const std::int64_t wait = event.not_before - now_ms();
        if (wait > 0) {
          pause = std::min<Duration>(pause, std::chrono::milliseconds(wait));
        } else if (running_events_.insert(event.id).second) {
          tasks_.spawn("asynchronous invocation " + event.request_id, run_event(event));
        }
      }
    }
    if (tasks_.stopping()) co_return;
    co_await wake_.wait_for(pause);
  }
}

net::Task<void> Lambda::run_event(QueuedEvent event) {
  auto invoked = co_await invoke(event.function, event.payload, event.request_id);
  const bool throttled = invoked.has_error() && invoked.error().code == "TooManyRequestsException";
  const bool failed = invoked.has_error() || !invoked->outcome.function_error.empty();
  if (stopping_ && failed) {
    running_events_.erase(event.id);  // Cut off by our own end: the next daemon takes it up.
    co_return;
  }
  int retries = 2;
  std::vector<double> delays = {60};
  if (const auto function = find(event.function); function.has_value()) {
    retries = (*function)->config.event_retries;
    delays = (*function)->config.retry_delays_s;
  }
  const bool too_old = now_ms() - event.created > kEventAgeMaxMs;
  const bool again = failed && !too_old && (throttled || event.attempts < retries);
  if (failed && !again) {
    write_dead_letter(event, too_old ? "EventAgeExceeded" : "RetriesExhausted",
                      invoked.has_error() ? invoked.error().message : invoked->outcome.payload);
  }
  std::int64_t delay = kThrottledDelayMs;
  if (!throttled) {
    const auto which = std::min(delays.size() - 1, static_cast<std::size_t>(event.attempts));
    delay = static_cast<std::int64_t>(delays[which] * 1000);
    ++event.attempts;
  }
  const std::int64_t not_before = now_ms() + delay;
  auto job = [event, again, not_before](sqlite3* raw) -> Result<void> {
    Statement change(raw, again ? "UPDATE event SET attempts = ?, not_before = ? WHERE id = ?"
                                : "DELETE FROM event WHERE ? >= 0 AND ? >= 0 AND id = ?");
    change.bind(1, std::int64_t{event.attempts});
    change.bind(2, not_before);
    change.bind(3, event.id);
    TRY_VOID(change.step());
    return ok();
  };
  const auto stored = co_await database_->work<void>(std::move(job));
  if (stored.has_error()) log::error("store invocation: {}", stored.error().message);
  running_events_.erase(event.id);
  wake_.notify();
}

// One JSON line for each, in the form of Lambda's on-failure destinations.
void Lambda::write_dead_letter(const QueuedEvent& event, const std::string& why,
                               const std::string& answer_text) {
  const fs::path file = options_.directory / "dead-letter.log";
  const json payload = json::parse(event.payload, nullptr, false);
  const json record = {{"version", "1.0"},
                       {"timestamp", iso8601(SystemClock().wall_now())},
                       {"requestContext",
                        {{"requestId", event.request_id},
                         {"functionArn", event.function},
                         {"condition", why},
                         {"approximateInvokeCount", event.attempts + 1}}},
                       {"requestPayload", payload.is_discarded() ? json(event.payload) : payload},
                       {"responsePayload", answer_text}};
  std::ofstream out(file, std::ios::app);
  chmod(file.c_str(), 0600);
  out << record.dump(-1, ' ', false, json::error_handler_t::replace) << "\n";
  log::warn("asynchronous invocation {} of {}: {}; see {}", event.request_id, event.function, why,
            file.string());
}

// ---- the API

json Lambda::configuration(const Function& function) const {
  const FunctionConfig& config = function.config;
  json variables = json::object();
  for (const auto& [name, value] : config.environment) variables[name] = value;
  return {{"FunctionName", config.name},
          {"FunctionArn", "arn:aws:lambda:" + facts_.region.name + ":" + facts_.account_id +
                              ":function:" + config.name},
          {"Runtime", "provided.al2023"},
          {"Role", "arn:aws:iam::" + facts_.account_id + ":role/local"},
          {"Handler", config.handler},
          {"CodeSize", 0},
          {"Description", config.description},
          {"Timeout", config.timeout_s},
          {"MemorySize", config.memory_mb},
          {"LastModified", iso8601(WallTime{})},
          {"Version", "$LATEST"},
          {"Environment", {{"Variables", variables}}},
          {"PackageType", "Zip"},
          {"Architectures", {"x86_64"}},
          {"State", "Active"},
          {"LastUpdateStatus", "Successful"}};
}

net::Task<net::HttpResponse> Lambda::serve_invoke(Function& function, net::HttpRequest request) {
  std::string type = net::header_value(request.headers, "X-Amz-Invocation-Type");
  if (type.empty()) type = "RequestResponse";
  const bool event = type == "Event";
  if (type != "RequestResponse" && type != "Event" && type != "DryRun") {
    co_return refusal(400, "InvalidParameterValueException",
                      "The invocation type is RequestResponse, Event or DryRun; given: " + type);
  }
  const std::size_t limit = event ? kEventBytesMax : kPayloadBytesMax;
  if (request.body.size() > limit) {
    co_return refusal(413, "RequestTooLargeException",
                      "Request must be smaller than " + std::to_string(limit) +
                          " bytes for the InvokeFunction operation");
  }
  if (request.body.empty()) request.body = "{}";
  if (parse_json(request.body).is_discarded()) {
    co_return refusal(400, "InvalidRequestContentException",
                      "Could not parse request body into json: the payload is no JSON document, or "
                      "one nested over " +
                          std::to_string(kJsonDepthMax) + " deep");
  }
  net::HttpResponse response;
  const std::string id = random_uuid();
  response.headers.emplace_back("x-amzn-RequestId", id);
  if (type == "DryRun") {
    response.status = 204;
    co_return response;
  }
  const std::string name = function.config.name;
  if (event) {
    const auto queued = co_await enqueue({0, name, id, std::move(request.body), 0, 0, now_ms()});
    if (queued.has_error()) co_return refusal_of(queued.error());
    response.status = 202;
    co_return response;
  }
  auto invoked = co_await invoke(name, std::move(request.body), id);
  if (invoked.has_error()) co_return refusal_of(invoked.error());
  response.headers.emplace_back("Content-Type", "application/json");
  response.headers.emplace_back("X-Amz-Executed-Version", "$LATEST");
  if (!invoked->outcome.function_error.empty()) {
    response.headers.emplace_back("X-Amz-Function-Error", invoked->outcome.function_error);
  }
  if (net::header_value(request.headers, "X-Amz-Log-Type") == "Tail") {
    response.headers.emplace_back("X-Amz-Log-Result", base64(invoked->log_tail));
  }
  response.body = std::move(invoked->outcome.payload);
  co_return response;
}

net::Task<net::HttpResponse> Lambda::serve(net::HttpRequest request) {
  const auto question = request.target.find('?');
  std::string path = request.target.substr(0, question);
  bool rooted = path.rfind(kRoot, 0) == 0;
  if (rooted) path.erase(0, std::string_view(kRoot).size());
  rooted = rooted && (path.empty() || path[0] == '/');
  if (path == "/") path.clear();
  const auto end = std::min(path.find('/', 1), path.size());
  const std::string name = path.empty() ? "" : awsapi::percent_decode(path.substr(1, end - 1));
  const auto* action =
      std::find_if(std::begin(kActions), std::end(kActions), [&](const Action& one) {
        return rooted && one.method == request.method && one.names_function == !path.empty() &&
               one.rest == path.substr(end);
      });
  if (action == std::end(kActions)) {
    co_return refusal(403, "AccessDeniedException",
                      "Unable to determine service/operation name to be authorized");
  }
  const auto parameters = awsapi::parse_form(
      question == std::string::npos ? "" : std::string_view(request.target).substr(question + 1));
  if (parameters.has_error()) {
    co_return refusal(400, "InvalidParameterValueException", parameters.error().message);
  }
  for (const auto& [key, value] : *parameters) {
    const auto& known = action->parameters;
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    co_return refusal(400, "InvalidParameterValueException",
                      "The parameter " + key + " is not known for this operation");
  }
  if (!action->names_function) {
    rescan();
    json all = json::array();
    for (const auto& [key, function] : functions_) {
      if (function) all.push_back(configuration(*function));
    }
    co_return answer({{"Functions", all}});
  }
  const auto function = find(name);
  if (function.has_error()) co_return refusal_of(function.error());
  const auto qualifier = parameters->find("Qualifier");
  if (qualifier != parameters->end() && qualifier->second != "$LATEST") {
    co_return refusal(404, "ResourceNotFoundException",
                      "Cannot find version or alias " + qualifier->second + " of " + name);
  }
  if (action->name == "Invoke") co_return co_await serve_invoke(**function, std::move(request));
  const json facts = configuration(**function);
  if (action->name == "GetFunctionConfiguration") co_return answer(facts);
  co_return answer(
      {{"Configuration", facts},
       {"Code", {{"RepositoryType", "file"}, {"Location", (*function)->config.code.string()}}}});
}

}  // namespace aurora_global::services::lambda
