#include "services/lambda/lambda.h"

#include <algorithm>

#include "awsapi/http_message.h"
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
  std::vector<std::string_view> all = {"Invoke", "ListFunctions"};
  const auto more = Management::action_names();
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Lambda::Lambda(boost::asio::any_io_executor executor, const region::Facts& facts,
               LambdaOptions options, LogSink& logs, MetricSink& metrics, ServiceCaller& services)
    : services_(services),
      registry_(options.directory, facts),
      code_(executor, options.directory / "unpacked"),
      pool_(executor, std::move(options.sandboxes), logs, metrics),
      management_(executor, facts, options.directory, registry_, options.objects,
                  {[this](FunctionPtr function) { return code_.digest_of_code(function); },
                   [this](std::string function) { return forget(std::move(function)); }}) {}

Result<std::unique_ptr<Lambda>> Lambda::open(boost::asio::any_io_executor executor,
                                             const region::Facts& facts, LambdaOptions options,
                                             LogSink& logs, MetricSink& metrics,
                                             ServiceCaller& services) {
  const std::filesystem::path directory = options.directory;
  std::unique_ptr<Lambda> lambda(
      new Lambda(executor, facts, std::move(options), logs, metrics, services));
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

// What is declared by hand has no policy: the region's owner has declared it.
Result<void> Lambda::may_invoke(const std::string& name, const FunctionCaller& caller) {
  TRY(const FunctionPtr function, registry_.find(name));
  const bool free = function->record.is_null();
  if (free || permits(function->record.value("Policy", json::array()), caller)) return ok();
  return make_error(ErrorKind::denied,
                    caller.service + " is not authorized to perform: lambda:InvokeFunction on " +
                        function->arn + " for " + caller.source_arn,
                    "AccessDeniedException");
}

EventPolicy Lambda::policy_of(const std::string& function) {
  const auto found = registry_.find(function);
  if (found.has_error()) return {};
  const FunctionConfig& config = (*found)->config;
  return {config.event_retries, config.retry_delays_s, config.event_age_max_s};
}

net::Task<Result<FunctionAnswer>> Lambda::run_event(std::string function, Invocation invocation) {
  CO_TRY(FunctionPtr found, registry_.find(function));
  CO_TRY(Invoked invoked, co_await invoke(std::move(found), std::move(invocation)));
  co_return FunctionAnswer{std::move(invoked.outcome.payload),
                           std::move(invoked.outcome.function_error)};
}

namespace {

std::string text_of(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

// "arn:aws:sqs:us-east-1:123456789012:name" -> the queue's URL at AWS, by which the service finds
// it.
std::string queue_url_of(const std::string& arn) {
  const auto name = arn.rfind(':'), account = arn.rfind(':', name - 1);
  return "https://queue.amazonaws.com/" + arn.substr(account + 1, name - account - 1) + "/" +
         arn.substr(name + 1);
}

// A queue or a function; what a message of a queue has beside its body.
net::Task<Result<void>> send(ServiceCaller& services, std::string arn, std::string body,
                             json attributes) {
  const bool is_queue = arn.find(":sqs:") != std::string::npos;
  json input =
      is_queue
          ? json{{"QueueUrl", queue_url_of(arn)}, {"MessageBody", body}}
          : json{{"FunctionName", arn}, {"InvocationType", "Event"}, {"Payload", base64(body)}};
  if (is_queue && !attributes.empty()) input["MessageAttributes"] = std::move(attributes);
  auto calling = services.call(is_queue ? "sqs" : "lambda", is_queue ? "SendMessage" : "Invoke",
                               std::move(input));
  CO_TRY_VOID(co_await std::move(calling));
  co_return ok();
}

json attribute(const char* type, std::string value) {
  return {{"DataType", type}, {"StringValue", std::move(value)}};
}

// What Lambda writes beside an event in a dead-letter queue.
json dead_letter_attributes(const EventEnd& end) {
  constexpr std::size_t kMessageBytesMax = 1024;
  const json payload = end.record.value("responsePayload", json());
  std::string message = payload.is_object() ? text_of(payload.value("errorMessage", json())) : "";
  if (message.size() > kMessageBytesMax) message.resize(kMessageBytesMax);
  return {{"RequestID", attribute("String", end.invocation.request_id)},
          {"ErrorCode", attribute("Number", "200")},
          {"ErrorMessage", attribute("String", awsapi::as_utf8(message))}};
}

}  // namespace

net::Task<Result<bool>> Lambda::tell_end(EventEnd end) {
  const auto found = registry_.find(end.function);
  if (found.has_error()) co_return false;
  const FunctionConfig& config = (*found)->config;
  const std::string destination = end.failed() ? config.on_failure : config.on_success;
  const std::string dead_letters = end.failed() ? config.dead_letters : "";
  if (!destination.empty()) {
    auto sending = send(services_, destination, text_of(end.record), json::object());
    CO_TRY_VOID(co_await std::move(sending));
  }
  if (!dead_letters.empty()) {
    auto sending =
        send(services_, dead_letters, end.invocation.payload, dead_letter_attributes(end));
    CO_TRY_VOID(co_await std::move(sending));
  }
  co_return !destination.empty() || !dead_letters.empty();
}

net::Task<void> Lambda::forget(std::string function) {
  pool_.retire(function);
  co_await code_.forget(std::move(function));
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
    auto showing = management_.shown_whole(function);
    all.push_back(co_await std::move(showing));
  }
  co_return json{{"Functions", all}};
}

net::Task<Result<json>> Lambda::manage(std::string operation, json input) {
  if (operation == "ListFunctions") {
    Members members(input, "lambda", operation);
    members.ignore({"Marker", "MaxItems"});
    CO_TRY_VOID(members.finish());
    auto listing = list(std::move(input));
    co_return co_await std::move(listing);
  }
  co_return co_await management_.call(std::move(operation), std::move(input));
}

net::Task<Result<net::HttpResponse>> Lambda::answer(const Call& call, net::HttpRequest request) {
  const std::string& name = call.operation->name;
  if (name != "Invoke") {
    CO_TRY(const json output, co_await manage(name, call.input));
    co_return answer_of(call, output, request);
  }
  Members members(call.input, "lambda", name);
  members.ignore({"FunctionName", "Qualifier", "InvocationType", "LogType", "ClientContext"});
  CO_TRY_VOID(members.finish());
  CO_TRY(FunctionPtr function, registry_.find(call.input.at("FunctionName").get<std::string>()));
  CO_TRY_VOID(check_qualifier(call.input));
  co_return co_await serve_invoke(std::move(function), call.input, std::move(request));
}

// Invoke, when a service of the region asks for it.
net::Task<Result<json>> Lambda::call_function(json input) {
  CO_TRY(FunctionPtr function, registry_.find(input.at("FunctionName").get<std::string>()));
  CO_TRY_VOID(check_qualifier(input));
  Invocation invocation{random_uuid(), from_base64(input.value("Payload", "")).value_or(""), "",
                        ""};
  if (invocation.payload.empty()) invocation.payload = "{}";
  if (input.value("InvocationType", "") == "Event") {
    CO_TRY_VOID(co_await events_->put(function->config.name, std::move(invocation)));
    co_return json{{"StatusCode", 202}};
  }
  CO_TRY(Invoked invoked, co_await invoke(std::move(function), std::move(invocation)));
  json output = {{"StatusCode", 200}, {"Payload", base64(invoked.outcome.payload)}};
  if (!invoked.outcome.function_error.empty()) {
    output["FunctionError"] = invoked.outcome.function_error;
  }
  co_return output;
}

net::Task<Result<json>> Lambda::call(std::string operation, json input) {
  auto running = operation == "Invoke" ? call_function(std::move(input))
                                       : manage(std::move(operation), std::move(input));
  auto answer = co_await std::move(running);
  if (answer.has_value()) co_return answer;
  co_return in_words_of("lambda", answer.error());
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
