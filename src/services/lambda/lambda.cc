#include "services/lambda/lambda.h"

#include <algorithm>

#include "base/base64.h"
#include "base/json.h"
#include "base/rng.h"
#include "services/json_protocol.h"

namespace aurora_global::services::lambda {
namespace {

using nlohmann::json;

constexpr std::size_t kEventBytesMax = 1'048'576;
constexpr std::size_t kClientContextMax = 3583;
constexpr Duration kJoinLimit = std::chrono::seconds(5);
constexpr std::size_t kPageMax = 50;

Error invalid(std::string code, std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), std::move(code));
}

Result<void> check_qualifier(const json& input) {
  const std::string qualifier = input.value("Qualifier", "$LATEST");
  if (qualifier == "$LATEST") return ok();
  return make_error(
      ErrorKind::not_found,
      "Cannot find version or alias " + qualifier + " of " + input.value("FunctionName", ""),
      "ResourceNotFoundException");
}

std::string own_trace_id() {
  return "Root=1-" + random_hex(4) + "-" + random_hex(12) + ";Sampled=0";
}

// Whether a function can be told this trace id in a header. AWS's own have about 100 bytes.
bool is_plausible_trace_id(const std::string& text) {
  constexpr std::size_t kTraceIdMax = 256;
  const auto printable = [](unsigned char c) { return c >= ' ' && c <= '~'; };
  return !text.empty() && text.size() <= kTraceIdMax &&
         std::all_of(text.begin(), text.end(), printable);
}

// The caller's client context: base64 of a JSON object, told to the function in one line.
Result<std::string> client_context_in(const json& input) {
  const std::string given = input.value("ClientContext", "");
  if (given.empty()) return std::string();
  const auto text = from_base64(given);
  const json context = text ? parse_json(*text) : json(json::value_t::discarded);
  if (context.is_object() && given.size() <= kClientContextMax) {
    return context.dump(-1, ' ', true, json::error_handler_t::replace);
  }
  return invalid("InvalidRequestContentException",
                 "Client context must be a valid Base64-encoded JSON object.");
}

Result<void> check_payload(const net::HttpRequest& request, std::size_t limit) {
  if (request.body.size() > limit) {
    return invalid("RequestTooLargeException", "Request must be smaller than " +
                                                   std::to_string(limit) +
                                                   " bytes for the InvokeFunction operation");
  }
  if (!request.body.empty() && !is_json(request.body)) {
    return invalid("InvalidRequestContentException",
                   "Could not parse request body into json: the payload is no JSON document, or "
                   "one nested over " +
                       std::to_string(kJsonDepthMax) + " deep");
  }
  return ok();
}

}  // namespace

std::vector<std::string_view> action_names() {
  return {"Invoke", "ListFunctions", "GetFunction", "GetFunctionConfiguration"};
}

Lambda::Lambda(boost::asio::any_io_executor executor, const region::Facts& facts,
               LambdaOptions options, LogSink& logs, MetricSink& metrics)
    : facts_(facts),
      registry_(options.directory, facts),
      code_(executor, options.directory / "unpacked"),
      pool_(executor, std::move(options.sandboxes), logs, metrics) {}

Result<std::unique_ptr<Lambda>> Lambda::open(boost::asio::any_io_executor executor,
                                             const region::Facts& facts, LambdaOptions options,
                                             LogSink& logs, MetricSink& metrics) {
  const std::filesystem::path directory = options.directory;
  std::unique_ptr<Lambda> lambda(new Lambda(executor, facts, std::move(options), logs, metrics));
  const std::string arns =
      "arn:aws:lambda:" + facts.region.name + ":" + facts.account_id + ":function:";
  TRY(lambda->events_, EventQueue::open(executor, directory, arns, *lambda));
  return lambda;
}

void Lambda::start() {
  pool_.start();
  events_->start();
}

net::Task<void> Lambda::stop() {
  events_->stop();
  co_await pool_.stop();
  co_await events_->join(kJoinLimit);
}

net::Task<Result<Invoked>> Lambda::invoke(FunctionPtr function, Invocation invocation) {
  if (!is_plausible_trace_id(invocation.trace_id)) invocation.trace_id = own_trace_id();
  CO_TRY(auto root, co_await code_.root_of(function));
  auto invoked = co_await pool_.invoke(function, std::move(root), std::move(invocation));
  events_->wake();
  co_return invoked;
}

net::Task<Result<FunctionAnswer>> Lambda::invoke_function(std::string name, std::string payload,
                                                          std::string trace_id) {
  Invocation invocation{random_uuid(), std::move(payload), std::move(trace_id), ""};
  co_return co_await run_event(std::move(name), std::move(invocation));
}

EventPolicy Lambda::policy_of(const std::string& function) {
  const auto found = registry_.find(function);
  if (found.has_error()) return {};
  return {(*found)->config.event_retries, (*found)->config.retry_delays_s};
}

net::Task<Result<FunctionAnswer>> Lambda::run_event(std::string function, Invocation invocation) {
  CO_TRY(FunctionPtr found, registry_.find(function));
  CO_TRY(Invoked invoked, co_await invoke(std::move(found), std::move(invocation)));
  co_return FunctionAnswer{std::move(invoked.outcome.payload),
                           std::move(invoked.outcome.function_error)};
}

net::Task<json> Lambda::configuration(FunctionPtr function) {
  const FunctionConfig& config = function->config;
  json variables = json::object();
  for (const auto& [name, value] : config.environment) variables[name] = value;
  // Of code that is not there, or not any more, nothing can be said.
  auto digesting = code_.digest_of_code(function);
  const auto digested = co_await std::move(digesting);
  const CodeDigest digest = digested.has_value() ? *digested : CodeDigest{};
  co_return json{{"FunctionName", config.name},
                 {"FunctionArn", function->arn},
                 {"Runtime", "provided.al2023"},
                 {"Role", "arn:aws:iam::" + facts_.account_id + ":role/local"},
                 {"Handler", config.handler},
                 {"CodeSize", digest.bytes},
                 {"CodeSha256", digest.sha256},
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

net::Task<Result<net::HttpResponse>> Lambda::serve_invoke(FunctionPtr function, json input,
                                                          net::HttpRequest request) {
  const std::string type = input.value("InvocationType", "RequestResponse");
  const bool event = type == "Event";
  CO_TRY_VOID(check_payload(request, event ? kEventBytesMax : kRequestBytesMax));
  CO_TRY(std::string context, client_context_in(input));
  if (request.body.empty()) request.body = "{}";
  Invocation invocation{random_uuid(), std::move(request.body),
                        net::header_value(request.headers, "X-Amzn-Trace-Id"), std::move(context)};
  net::HttpResponse response;
  response.headers.emplace_back("x-amzn-RequestId", invocation.request_id);
  if (type == "DryRun") {
    response.status = 204;
    co_return response;
  }
  if (event) {
    CO_TRY_VOID(co_await events_->put(function->config.name, std::move(invocation)));
    response.status = 202;
    co_return response;
  }
  CO_TRY(Invoked invoked, co_await invoke(std::move(function), std::move(invocation)));
  response.headers.emplace_back("Content-Type", "application/json");
  response.headers.emplace_back("X-Amz-Executed-Version", "$LATEST");
  if (!invoked.outcome.function_error.empty()) {
    response.headers.emplace_back("X-Amz-Function-Error", invoked.outcome.function_error);
  }
  if (input.value("LogType", "None") == "Tail") {
    response.headers.emplace_back("X-Amz-Log-Result", base64(invoked.log_tail));
  }
  response.body = std::move(invoked.outcome.payload);
  co_return response;
}

// What a REST answer of JSON says: one page of the functions.
net::Task<Result<json>> Lambda::list(json input) {
  const std::string marker = input.value("Marker", "");
  const auto most = static_cast<std::size_t>(input.value("MaxItems", std::int64_t{kPageMax}));
  json all = json::array();
  for (const FunctionPtr& function : registry_.all()) {
    const std::string& name = function->config.name;
    if (name <= marker) continue;
    if (all.size() >= std::min(most, kPageMax)) {
      co_return json{{"Functions", all}, {"NextMarker", all.back().at("FunctionName")}};
    }
    auto telling = configuration(function);
    all.push_back(co_await std::move(telling));
  }
  co_return json{{"Functions", all}};
}

net::Task<Result<net::HttpResponse>> Lambda::answer(const Call& call, net::HttpRequest request) {
  const std::string& name = call.operation->name;
  Members members(call.input, "lambda", name);
  members.ignore({"FunctionName", "Qualifier", "InvocationType", "LogType", "ClientContext",
                  "Marker", "MaxItems"});
  CO_TRY_VOID(members.finish());
  if (name == "ListFunctions") {
    auto listing = list(call.input);
    CO_TRY(const json listed, co_await std::move(listing));
    co_return answer_of(call, listed, request);
  }
  CO_TRY(FunctionPtr function, registry_.find(call.input.at("FunctionName").get<std::string>()));
  CO_TRY_VOID(check_qualifier(call.input));
  if (name == "Invoke") {
    co_return co_await serve_invoke(std::move(function), call.input, std::move(request));
  }
  auto telling = configuration(function);
  const json facts = co_await std::move(telling);
  if (name == "GetFunctionConfiguration") co_return answer_of(call, facts, request);
  const json code = {{"RepositoryType", "file"}, {"Location", function->config.code.string()}};
  co_return answer_of(call, {{"Configuration", facts}, {"Code", code}}, request);
}

net::Task<net::HttpResponse> Lambda::serve(net::HttpRequest request) {
  const auto* model = awsapi::service_model("lambda");
  const auto call = read_call("lambda", request);
  if (call.has_error()) co_return refuse(request, call.error(), model);
  auto answering = answer(*call, request);
  auto answered = co_await std::move(answering);
  if (answered.has_value()) co_return std::move(*answered);
  const Error error = in_words_of("lambda", answered.error());
  auto refusal = refuse(request, error, model);
  if (error.code == "TooManyRequestsException") {
    json body = parse_json(refusal.body);
    body["Reason"] = "ReservedFunctionConcurrentInvocationLimitExceeded";
    refusal.body = body.dump();
  }
  co_return refusal;
}

}  // namespace aurora_global::services::lambda
