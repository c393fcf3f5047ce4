#include "functions/failover.h"

#include <algorithm>
#include <optional>

#include "base/base64.h"
#include "base/json.h"
#include "functions/aws.h"
#include "net/http.h"

namespace aurora_global::functions {
namespace {

using namespace std::chrono_literals;
using awsapi::GlobalClusterView;
using model::OperationKind;
using nlohmann::json;

constexpr Duration kCallLimit = 10s;
constexpr Duration kGatewayLimit = 25s;  // API Gateway waits 29 s.
constexpr int kSettleLooks = 50;
constexpr Duration kReserve = 2s;  // Of the function's time, to answer in.

struct Function {
  std::unique_ptr<awsclient::AwsClient> aws;
  RegionId region;
  std::string global_cluster;
};

using Request = FailoverRequest;

std::string type_name(OperationKind kind) {
  return kind == OperationKind::switchover ? "planned" : "unplanned";
}

Result<Request> read_request(const json& payload, bool direct) {
  const Payload fields(payload);
  if (direct) {
    TRY_VOID(fields.only({"failover_type", "target_region", "expected_primary", "wait"}));
  } else {
    TRY_VOID(fields.only({"failover_type", "target_region"}));
  }
  Request request;
  TRY(const std::string type, fields.one_of("failover_type", {"planned", "unplanned"}, "planned"));
  request.kind = type == "planned" ? OperationKind::switchover : OperationKind::failover;
  TRY(request.target.name, fields.text("target_region"));
  TRY(request.expected_primary.name, fields.text("expected_primary"));
  TRY(request.wait, fields.flag("wait", true));
  return request;
}

bool running(const model::GlobalCluster& global) { return global.status != "available"; }

json member_json(const model::GlobalCluster& global, const RegionId& region) {
  const model::GlobalMember* member = global.member_in(region);
  return {{"region", region.name}, {"cluster_arn", member == nullptr ? "" : member->cluster_arn}};
}

// This region if it is a secondary, else the first secondary that replicates.
Result<RegionId> choose_target(const model::GlobalCluster& global, const Request& request,
                               const RegionId& here) {
  if (!request.target.empty()) {
    if (global.member_in(request.target) == nullptr) {
      return make_error(ErrorKind::invalid,
                        "the field 'target_region': " + request.target.name +
                            " is no member of global cluster " + global.identifier,
                        "InvalidPayload");
    }
    if (request.target == global.writer_region) {
      return make_error(ErrorKind::conflict, request.target.name + " is the primary already",
                        "InvalidGlobalClusterStateFault");
    }
    return request.target;
  }
  if (here != global.writer_region && global.member_in(here) != nullptr) return here;
  for (const bool connected : {true, false}) {
    for (const model::GlobalMember& member : global.members) {
      if (member.region != global.writer_region && (member.connected || !connected)) {
        return member.region;
      }
    }
  }
  return make_error(ErrorKind::conflict,
                    "global cluster " + global.identifier + " has no secondary to move to",
                    "InvalidGlobalClusterStateFault");
}

json result_json(const Function& function, const model::GlobalCluster& before,
                 const Request& request, const RegionId& target) {
  const bool primary = before.writer_region == function.region;
  return {{"global_cluster", before.identifier},
          {"region", function.region.name},
          {"role", primary ? "primary" : "secondary"},
          {"failover_type", type_name(request.kind)},
          {"old_primary", member_json(before, before.writer_region)},
          {"new_primary", member_json(before, target)}};
}

struct Begun {
  json result;
  model::GlobalCluster before;
  RegionId target;
  RegionId asked;  // Where the operation was started; the others hear of it later.
  bool already_running = false;
  bool superseded = false;
};

// Waits until the writer is in the target and nothing runs.
net::Task<Result<void>> await_end(Function& function, Begun begun, Deadline deadline) {
  // "available" right after the call may be an answer from before it.
  const Deadline settled = Deadline::in(function.aws->poll_interval() * kSettleLooks);
  bool seen_running = begun.already_running;
  while (!deadline.passed()) {
    CO_TRY(const GlobalClusterView view,
           co_await global_cluster(*function.aws, begun.asked, function.global_cluster, deadline));
    if (running(view.global)) {
      seen_running = true;
    } else if (view.global.writer_region == begun.target) {
      co_return ok();
    } else if (seen_running || settled.passed()) {
      co_return make_error(ErrorKind::conflict,
                           "the operation has ended and the primary is still " +
                               view.global.writer_region.name + ": it was called off",
                           "FailoverCancelled");
    }
    co_await net::sleep_for(function.aws->poll_interval());
  }
  co_return make_error(ErrorKind::timeout,
                       "the operation was accepted and had not ended when the function's time ran "
                       "out; DescribeGlobalClusters tells how it goes on",
                       "FailoverStillRunning");
}

// Starts the operation, or finds it running.
net::Task<Result<Begun>> begin(Function& function, Request request, Deadline deadline) {
  CO_TRY(const GlobalClusterView view, co_await global_cluster(*function.aws, function.region,
                                                               function.global_cluster, deadline));
  Begun begun;
  begun.before = view.global;
  begun.asked = function.region;
  const model::GlobalCluster& global = begun.before;
  if (running(global)) {
    begun.already_running = true;
    begun.target = global.writer_region;
    if (global.failover) {
      const auto arn = model::parse_cluster_arn(global.failover->to_arn);
      if (arn.has_value()) begun.target = arn->region;
    }
    begun.result = result_json(function, global, request, begun.target);
    begun.result["already_running"] = true;
    co_return begun;
  }
  if (!request.expected_primary.empty() && global.writer_region != request.expected_primary) {
    begun.superseded = true;
    begun.target = global.writer_region;
    begun.result = result_json(function, global, request, begun.target);
    begun.result["status"] = "superseded";
    begun.result["message"] =
        "the primary is no longer " + request.expected_primary.name + "; nothing was done";
    co_return begun;
  }
  CO_TRY(begun.target, choose_target(global, request, function.region));
  const model::GlobalMember* member = global.member_in(begun.target);
  const std::string arn = member->cluster_arn;
  // A switchover is asked of the primary's API, a failover of the target's: the other may be gone.
  begun.asked = request.kind == OperationKind::switchover ? global.writer_region : begun.target;
  CO_TRY_VOID(co_await function.aws->move_writer(begun.asked, global.identifier, arn, request.kind,
                                                 deadline.at_most(kCallLimit)));
  begun.result = result_json(function, global, request, begun.target);
  if (request.kind == OperationKind::failover) {
    const auto healthy = std::count_if(global.members.begin(), global.members.end(),
                                       [](const auto& one) { return one.connected; });
    if (healthy == static_cast<std::ptrdiff_t>(global.members.size())) {
      begun.result["warning"] =
          "every member was connected: a planned failover would have lost nothing";
    }
  }
  co_return begun;
}

net::Task<Result<json>> direct(Function& function, Request request, Context context) {
  const Instant started = SystemClock().now();
  const Deadline deadline(context.deadline.at() - kReserve);
  CO_TRY(Begun begun, co_await begin(function, request, deadline));
  if (begun.superseded) co_return begun.result;
  begun.result["status"] = "accepted";
  if (request.wait) {
    CO_TRY_VOID(co_await await_end(function, begun, deadline));
    begun.result["status"] = "completed";
    const auto took = SystemClock().now() - started;
    begun.result["duration_ms"] =
        std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  }
  co_return begun.result;
}

// ---- behind API Gateway

json proxy_response(int status, const json& body) {
  return {{"statusCode", status},
          {"headers", {{"Content-Type", "application/json"}}},
          {"body", body.dump(-1, ' ', false, json::error_handler_t::replace)}};
}

json refusal(const Error& error) {
  int status = net::http_status_of(error.kind);
  if (error.code == "InvalidGlobalClusterStateFault" ||
      error.code == "InvalidDBClusterStateFault") {
    status = 400;
  }
  return proxy_response(status, {{"message", error.message}, {"code", error.code}});
}

// The body of a POST: an object, or nothing at all, which asks for what {} asks for.
Result<json> body_in(const json& event) {
  const json given = event.value("body", json(nullptr));
  const bool encoded = event.value("isBase64Encoded", json(false)) == true;
  std::optional<std::string> text = "";
  if (given.is_string()) text = given.get<std::string>();
  if (given.is_string() && encoded) text = from_base64(*text);
  const bool readable = text && (given.is_string() || given.is_null());
  json body = readable && !text->empty() ? parse_json(*text) : json::object();
  if (readable && body.is_object()) return body;
  return make_error(ErrorKind::invalid,
                    "the body must be a JSON object such as {\"failover_type\": \"planned\"}",
                    "InvalidPayload");
}

net::Task<json> post_failover(Function& function, Request wanted, Deadline deadline) {
  const auto begun = co_await begin(function, wanted, deadline);
  if (begun.has_error()) co_return refusal(begun.error());
  json result = begun->result;
  if (begun->already_running) {
    result["message"] =
        "an operation of global cluster " + function.global_cluster + " is running already";
    co_return proxy_response(409, result);
  }
  result["status"] = "accepted";
  co_return proxy_response(202, result);
}

// What the platform tells beyond AWS's API: lag in bytes, steps. On AWS there is nothing to add.
net::Task<void> add_platform_facts(Function& function, const model::GlobalCluster& global,
                                   json& answer) {
  const RegionId target = global.writer_region == function.region ? RegionId{} : function.region;
  const auto status =
      co_await function.aws->platform_status(function.region, Deadline::in(kCallLimit));
  if (status.has_error()) co_return;
  for (const json& operation : status->value("operations", json::array())) {
    if (operation.value("global_cluster", "") != global.identifier) continue;
    json shown = {{"id", operation.value("id", "")},
                  {"kind", operation.value("kind", "")},
                  {"step", operation.value("step", "")},
                  {"from", operation.value("from", "")},
                  {"to", operation.value("to", "")}};
    answer[running(global) ? "operation" : "last_operation"] = shown;
  }
  const json head = status->value("head", json::object());
  const auto here = head.value("position", std::uint64_t{0});
  for (const json& peer : status->value("peers", json::array())) {
    const auto there = peer.value("position", std::uint64_t{0});
    const auto lag = here > there ? here - there : there - here;
    answer["lag"].push_back(
        {{"peer", peer.value("region", "")},
         {"bytes", lag},
         {"ms", target.empty() ? json(nullptr) : head.value("replay_lag_ms", json(0))},
         {"heard_ms_ago", peer.value("heard_ms_ago", -1)}});
  }
}

json readiness(const model::GlobalCluster& global) {
  json against_switchover = json::array();
  json against_failover = json::array();
  if (running(global)) {
    against_switchover.push_back("an operation is running (" + global.status + ")");
    against_failover.push_back("an operation is running (" + global.status + ")");
  }
  if (global.members.size() < 2) {
    against_switchover.push_back("there is no secondary");
    against_failover.push_back("there is no secondary");
  }
  for (const model::GlobalMember& member : global.members) {
    if (member.region != global.writer_region && !member.connected) {
      against_switchover.push_back(member.region.name + " does not replicate (pending-resync)");
    }
  }
  return {{"switchover", {{"ready", against_switchover.empty()}, {"reasons", against_switchover}}},
          {"failover", {{"ready", against_failover.empty()}, {"reasons", against_failover}}}};
}

net::Task<json> get_failover(Function& function, Deadline deadline) {
  const auto view =
      co_await global_cluster(*function.aws, function.region, function.global_cluster, deadline);
  if (view.has_error()) co_return refusal(view.error());
  const model::GlobalCluster& global = view->global;
  json members = json::array();
  for (const model::GlobalMember& member : global.members) {
    members.push_back({{"region", member.region.name},
                       {"cluster_arn", member.cluster_arn},
                       {"writer", member.region == global.writer_region},
                       {"connected", member.connected}});
  }
  json answer = {{"global_cluster", global.identifier},
                 {"status", global.status},
                 {"region", function.region.name},
                 {"role", global.writer_region == function.region ? "primary" : "secondary"},
                 {"primary", global.writer_region.name},
                 {"members", members},
                 {"readiness", readiness(global)},
                 {"operation", nullptr},
                 {"lag", json::array()}};
  co_await add_platform_facts(function, global, answer);
  co_return proxy_response(200, answer);
}

// The keys of a proxy request, of API Gateway (1.0 and 2.0), function URLs and load balancers. An
// event that has any of them is judged as HTTP and as nothing else.
constexpr const char* kProxyKeys[] = {"httpMethod",
                                      "path",
                                      "resource",
                                      "requestContext",
                                      "headers",
                                      "rawPath",
                                      "body",
                                      "routeKey",
                                      "queryStringParameters",
                                      "rawQueryString",
                                      "multiValueHeaders",
                                      "multiValueQueryStringParameters",
                                      "pathParameters",
                                      "stageVariables",
                                      "isBase64Encoded"};

bool is_proxy_request(const json& event) {
  return event.is_object() && std::any_of(std::begin(kProxyKeys), std::end(kProxyKeys),
                                          [&](const char* key) { return event.contains(key); });
}

FailoverEvent refused(int status, const std::string& message, const char* code) {
  FailoverEvent event;
  event.kind = FailoverEvent::Kind::refused;
  event.answer = proxy_response(status, {{"message", message}, {"code", code}});
  if (status == 405) event.answer["headers"]["Allow"] = "GET, POST";
  return event;
}

net::Task<Result<json>> handle(std::shared_ptr<Function> function, json payload, Context context) {
  CO_TRY(FailoverEvent event, read_failover_event(payload));
  const Deadline limit = Deadline::in(kGatewayLimit);
  switch (event.kind) {
    case FailoverEvent::Kind::refused: co_return event.answer;
    case FailoverEvent::Kind::get: co_return co_await get_failover(*function, limit);
    case FailoverEvent::Kind::post:
      co_return co_await post_failover(*function, event.request, limit);
    case FailoverEvent::Kind::direct: break;
  }
  co_return co_await direct(*function, event.request, context);
}

}  // namespace

Result<FailoverEvent> read_failover_event(const json& payload) {
  FailoverEvent event;
  if (!is_proxy_request(payload)) {
    TRY(event.request, read_request(payload, true));
    return event;
  }
  const json method = payload.value("httpMethod", json(nullptr));
  const json path = payload.value("path", json(nullptr));
  if (!method.is_string() || !path.is_string()) {
    return refused(400,
                   "the event has keys of a proxy request, but not both httpMethod and path as "
                   "strings",
                   "InvalidEvent");
  }
  if (!path.get<std::string>().ends_with("/failover")) {
    return refused(404, "there is only /failover", "NotFound");
  }
  if (method != "GET" && method != "POST") {
    return refused(405, "the methods are GET and POST", "MethodNotAllowed");
  }
  event.kind = method == "GET" ? FailoverEvent::Kind::get : FailoverEvent::Kind::post;
  if (method == "GET") return event;
  const auto body = body_in(payload);
  const auto request = body.has_value() ? read_request(*body, false) : body.error();
  if (request.has_error()) {
    event.kind = FailoverEvent::Kind::refused;
    event.answer = refusal(request.error());
  } else {
    event.request = *request;
  }
  return event;
}

Result<Handler> make_failover_handler(boost::asio::any_io_executor executor) {
  auto function = std::make_shared<Function>();
  TRY(function->aws, aws_from_environment(executor));
  TRY(function->region.name, required_environment("AWS_REGION"));
  TRY(function->global_cluster, required_environment("GLOBAL_CLUSTER_ID"));
  return Handler([function](json event, Context context) {
    return handle(function, std::move(event), std::move(context));
  });
}

}  // namespace aurora_global::functions
