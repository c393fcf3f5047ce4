#include "services/lambda/lambda.h"

#include <algorithm>
#include <array>

#include "awsapi/http_message.h"
#include "awsapi/query.h"
#include "base/base64.h"
#include "base/rng.h"
#include "services/json_protocol.h"

namespace aurora_global::services::lambda {
namespace {

using nlohmann::json;

constexpr std::size_t kEventBytesMax = 1'048'576;
constexpr std::size_t kClientContextMax = 3583;
constexpr Duration kJoinLimit = std::chrono::seconds(5);
constexpr const char* kRoot = "/2015-03-31/functions";

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

std::string own_trace_id() {
  return "Root=1-" + random_hex(4) + "-" + random_hex(12) + ";Sampled=0";
}

// The caller's client context: base64 of a JSON object, told to the function in one line.
Result<std::string> client_context_in(const net::HttpRequest& request) {
  const std::string given = net::header_value(request.headers, "X-Amz-Client-Context");
  if (given.empty()) return std::string();
  const auto text = from_base64(given);
  const json context = text ? parse_json(*text) : json(json::value_t::discarded);
  if (context.is_object() && given.size() <= kClientContextMax) {
    return context.dump(-1, ' ', true, json::error_handler_t::replace);
  }
  return make_error(ErrorKind::invalid,
                    "Client context must be a valid Base64-encoded JSON object.",
                    "InvalidRequestContentException");
}

}  // namespace

std::vector<std::string_view> action_names() {
  std::vector<std::string_view> names;
  for (const Action& action : kActions) names.push_back(action.name);
  return names;
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
  if (invocation.trace_id.empty()) invocation.trace_id = own_trace_id();
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

json Lambda::configuration(const Function& function) const {
  const FunctionConfig& config = function.config;
  json variables = json::object();
  for (const auto& [name, value] : config.environment) variables[name] = value;
  return {{"FunctionName", config.name},
          {"FunctionArn", function.arn},
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

net::Task<net::HttpResponse> Lambda::serve_invoke(FunctionPtr function, net::HttpRequest request) {
  const auto header = [&](const char* name) { return net::header_value(request.headers, name); };
  std::string type = header("X-Amz-Invocation-Type");
  if (type.empty()) type = "RequestResponse";
  const bool event = type == "Event";
  if (type != "RequestResponse" && type != "Event" && type != "DryRun") {
    co_return refusal(400, "InvalidParameterValueException",
                      "The invocation type is RequestResponse, Event or DryRun; given: " + type);
  }
  const std::size_t limit = event ? kEventBytesMax : kRequestBytesMax;
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
  const auto context = client_context_in(request);
  if (context.has_error()) co_return refusal_of(context.error());
  Invocation invocation{random_uuid(), std::move(request.body), header("X-Amzn-Trace-Id"),
                        *context};
  net::HttpResponse response;
  response.headers.emplace_back("x-amzn-RequestId", invocation.request_id);
  if (type == "DryRun") {
    response.status = 204;
    co_return response;
  }
  if (event) {
    const auto queued = co_await events_->put(function->config.name, std::move(invocation));
    if (queued.has_error()) co_return refusal_of(queued.error());
    response.status = 202;
    co_return response;
  }
  auto invoked = co_await invoke(std::move(function), std::move(invocation));
  if (invoked.has_error()) co_return refusal_of(invoked.error());
  response.headers.emplace_back("Content-Type", "application/json");
  response.headers.emplace_back("X-Amz-Executed-Version", "$LATEST");
  if (!invoked->outcome.function_error.empty()) {
    response.headers.emplace_back("X-Amz-Function-Error", invoked->outcome.function_error);
  }
  if (header("X-Amz-Log-Type") == "Tail") {
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
    json all = json::array();
    for (const FunctionPtr& function : registry_.all()) all.push_back(configuration(*function));
    co_return answer({{"Functions", all}});
  }
  const auto function = registry_.find(name);
  if (function.has_error()) co_return refusal_of(function.error());
  const auto qualifier = parameters->find("Qualifier");
  if (qualifier != parameters->end() && qualifier->second != "$LATEST") {
    co_return refusal(404, "ResourceNotFoundException",
                      "Cannot find version or alias " + qualifier->second + " of " + name);
  }
  if (action->name == "Invoke") co_return co_await serve_invoke(*function, std::move(request));
  const json facts = configuration(**function);
  if (action->name == "GetFunctionConfiguration") co_return answer(facts);
  co_return answer(
      {{"Configuration", facts},
       {"Code", {{"RepositoryType", "file"}, {"Location", (*function)->config.code.string()}}}});
}

}  // namespace aurora_global::services::lambda
