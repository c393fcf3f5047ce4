#include "functions/crud_operations.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/json.h"
#include "base/rng.h"
#include "functions/aws.h"
#include "load/checker.h"
#include "load/metrics.h"
#include "load/run_log.h"

namespace aurora_global::functions {
namespace {

using namespace std::chrono_literals;
using awsapi::GlobalClusterView;
using load::Record;
using load::Span;
using nlohmann::json;

constexpr Duration kCallLimit = 5s;
constexpr Duration kSetupLimit = 20s;
constexpr Duration kCheckLimit = 30s;
constexpr Duration kPoll = 100ms;
constexpr Duration kTail = 500ms;      // The load goes on this long after the failover.
constexpr Duration kStartLimit = 30s;  // For an accepted failover to show.
constexpr Duration kReserve = 20s;     // Of the function's time: count losses and answer.
constexpr Duration kReserveMin = 2s;
constexpr double kSpreadSeconds = 2;  // What the operations are spread over with a failover.
constexpr double kRateMin = 20;
constexpr double kRateMax = 2000;
constexpr std::size_t kLatenciesMax = 10'000;  // Published one by one; of more, every n-th.
constexpr std::size_t kValuesPerDocument = 100;
constexpr std::int64_t kLoggedOperationsMax = 50'000;  // A response has at most 6 MB.
constexpr int kAuditRows = 50'000;                     // In one response, of each table.
constexpr std::int64_t kKeyMax = std::int64_t{load::kWorkersOfARunMax} << 32;
constexpr std::size_t kStretchesMax = 100;
constexpr const char* kNamespace = "AuroraGlobalDB/Failover";

const SystemClock kClock;

struct Function {
  std::unique_ptr<awsclient::AwsClient> aws;
  std::string name, endpoint_type, global_cluster, failover_function, secret_id;
  RegionId region;
  std::string host, writer_host, port, database, ca_file, ssl_mode;
  // The secret as last read.
  std::string user, password;
};

// How the failover went, as seen from DescribeGlobalClusters.
struct Observed {
  bool invoked = false;
  bool started = false;
  bool ended = false;
  std::string problem;
  RegionId old_primary, new_primary;
  std::int64_t from = 0;  // Microseconds of the load: the failover function was invoked.
  std::int64_t seen_available = 0;
};

net::Task<Result<void>> read_secret(Function& function, Deadline deadline) {
  const json request = {{"SecretId", function.secret_id}};
  CO_TRY(const json answer, co_await function.aws->json_call(
                                function.region, "secretsmanager", "secretsmanager.GetSecretValue",
                                request, deadline.at_most(kCallLimit)));
  const json secret = parse_json(answer.value("SecretString", ""));
  if (!secret.is_object() || !secret.contains("username") || !secret.contains("password")) {
    co_return make_error(
        ErrorKind::corrupt,
        "the secret " + function.secret_id + " is no JSON object with username and password",
        "InvalidSecret");
  }
  function.user = secret["username"].get<std::string>();
  function.password = secret["password"].get<std::string>();
  co_return ok();
}

pgclient::Parameters login(const Function& function, const std::string& host) {
  pgclient::Parameters parameters;
  parameters.values = {{"host", host},
                       {"port", function.port},
                       {"dbname", function.database},
                       {"user", function.user},
                       {"password", function.password},
                       {"application_name", function.name},
                       {"gssencmode", "disable"}};
  if (!function.ca_file.empty()) {
    parameters.values.emplace_back("sslmode", function.ssl_mode);
    parameters.values.emplace_back("sslrootcert", function.ca_file);
  } else {
    parameters.values.emplace_back("sslmode", "require");
  }
  return parameters;
}

// A refused password is read again once: it may have been rotated since.
net::Task<Result<pgclient::Connection>> connect(Function& function, std::string host,
                                                Deadline deadline) {
  if (function.user.empty()) CO_TRY_VOID(co_await read_secret(function, deadline));
  bool read_again = false;
  std::optional<Error> told;  // The last that says more than "too late".
  for (;;) {
    auto connected =
        co_await pgclient::Connection::connect(login(function, host), deadline.at_most(kCallLimit));
    if (connected.has_value()) co_return connected;
    const ErrorKind kind = connected.error().kind;
    if (kind != ErrorKind::timeout || !told) told = connected.error();
    if (kind == ErrorKind::denied && !read_again) {
      read_again = true;
      CO_TRY_VOID(co_await read_secret(function, deadline));
      continue;
    }
    const bool hopeless = kind == ErrorKind::denied || kind == ErrorKind::invalid;
    if (hopeless || deadline.passed()) {
      Error error = told->in("connect to " + host);
      if (error.code.empty() || error.code == pgclient::kNotSent)
        error.code = "DatabaseUnavailable";
      co_return error;
    }
    co_await net::sleep_for(kPoll);
  }
}

// A read-only endpoint without write forwarding would fail every write: said before the first.
// Behind it is a standby, which gets the tables a moment after the writer.
net::Task<Result<void>> check_writable(Function& function, load::LoadOptions options,
                                       Deadline deadline) {
  CO_TRY(auto connection, co_await connect(function, function.host, deadline));
  const auto seen = co_await load::await_prepared(connection, std::move(options), deadline);
  if (seen.has_error()) {
    Error error = seen.error().in("wait for the tables at " + function.host);
    const bool later = error.kind == ErrorKind::unavailable || error.kind == ErrorKind::timeout;
    if (later) error.code = "DatabaseUnavailable";
    co_return error;
  }
  const auto probed = co_await connection.execute_simple(
      "DELETE FROM drill_ledger WHERE run = 'write probe'", deadline);
  if (probed.has_value() || probed.error().code != "25006") co_return ok();
  co_return make_error(
      ErrorKind::conflict,
      "the endpoint " + function.host + " (ENDPOINT_TYPE " + function.endpoint_type +
          ") refuses writes (25006): write forwarding is not available in region " +
          function.region.name + "; enable it on the DB cluster, or invoke crud-global-endpoint",
      "WriteForwardingUnavailable");
}

// Invokes the failover function of this region and watches until the writer has moved.
net::Task<void> fail_over(Function& function, CrudRequest request, load::Load& load,
                          const load::History& history, Observed& seen, Deadline deadline) {
  while (!history.has_begun()) {
    if (deadline.passed()) co_return;
    co_await net::sleep_for(1ms);
  }
  seen.from = history.now();
  const json payload = {{"failover_type", request.failover_type},
                        {"expected_primary", seen.old_primary.name}};
  const auto invoked = co_await function.aws->invoke(function.region, function.failover_function,
                                                     payload, true, deadline.at_most(kCallLimit));
  if (invoked.has_error()) {
    seen.problem = invoked.error().message;
    load.hold_open(false);
    co_return;
  }
  seen.invoked = true;
  const Deadline start_limit = deadline.at_most(kStartLimit);
  while (!deadline.passed()) {
    const auto view =
        co_await global_cluster(*function.aws, function.region, function.global_cluster, deadline);
    if (view.has_value()) {
      const bool moved = view->global.writer_region != seen.old_primary;
      const bool available = view->global.status == "available";
      seen.started = seen.started || moved || !available;
      if (available && seen.started) {
        seen.new_primary = view->global.writer_region;
        seen.ended = true;
        seen.seen_available = history.now();
        if (!moved) seen.problem = "the operation was called off; see DescribeEvents";
        break;
      }
    }
    if (!seen.started && start_limit.passed()) {
      seen.problem =
          "nothing moved within 30 s; see the log group /aws/lambda/" + function.failover_function;
      break;
    }
    co_await net::sleep_for(function.aws->poll_interval());
  }
  if (!seen.ended && seen.problem.empty()) seen.problem = "still running when the time ran out";
  co_await net::sleep_for(kTail);
  load.hold_open(false);
}

// The function's time is bounded: the load ends before.
net::Task<void> stop_at(load::Load& load, Deadline deadline) {
  while (!deadline.passed()) co_await net::sleep_for(std::min<Duration>(deadline.left(), 1s));
  load.stop();
}

// ---- the result

double ms(std::int64_t micros) { return std::round(static_cast<double>(micros) / 10.0) / 100; }

json latency_json(const load::Latency& latency) {
  if (latency.count == 0) return nullptr;
  return {{"p50_ms", ms(latency.p50)},
          {"p90_ms", ms(latency.p90)},
          {"p99_ms", ms(latency.p99)},
          {"max_ms", ms(latency.max)}};
}

// Percent; null if there was no operation.
json percent_json(std::optional<double> rate) {
  if (!rate) return nullptr;
  return std::round(*rate * 1e6) / 1e4;
}

json summary_json(const load::Summary& sum) {
  return {{"operations", sum.operations},
          {"succeeded", sum.ok},
          {"failed", sum.failed},
          {"unknown", sum.unknown},
          {"retries", sum.retries},
          {"stale_reads", sum.stale_reads},
          {"stale_reads_after_reconnect", sum.stale_after_reconnect},
          {"success_rate", percent_json(sum.success_rate())},
          {"reads", latency_json(sum.reads)},
          {"writes", latency_json(sum.writes)}};
}

json by_type(const std::vector<Record>& records) {
  json all = json::object();
  for (const char* name : {"create", "read", "update", "delete"}) {
    all[name] = {{"operations", 0}, {"succeeded", 0}, {"failed", 0}, {"unknown", 0}};
  }
  for (const Record& record : records) {
    std::string name(name_of(record.type));
    if (name == "remove") name = "delete";
    json& counts = all[name];
    const char* outcome = record.outcome == load::Outcome::ok       ? "succeeded"
                          : record.outcome == load::Outcome::failed ? "failed"
                                                                    : "unknown";
    counts["operations"] = counts["operations"].get<int>() + 1;
    counts[outcome] = counts[outcome].get<int>() + 1;
  }
  return all;
}

enum class Served { reads, writes };

// Where the answers came from, as stretches of time. With write forwarding those to reads and to
// writes come from two regions.
json serving(const load::History& history, Served what) {
  std::vector<const Record*> sorted;
  for (const Record& record : history.records()) {
    const bool wanted = load::is_write(record.type) == (what == Served::writes);
    if (wanted && record.region != 0) sorted.push_back(&record);
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const Record* a, const Record* b) { return a->ended < b->ended; });
  json stretches = json::array();
  std::uint16_t last = 0;
  for (const Record* record : sorted) {
    if (record->region != last) {
      if (stretches.size() == kStretchesMax) break;
      stretches.push_back(
          {{"served_by", history.regions()[record->region]}, {"from_ms", ms(record->ended)}});
    }
    last = record->region;
    stretches.back()["to_ms"] = ms(record->ended);
  }
  return stretches;
}

json window_json(const std::vector<Record>& records, Span during, std::int64_t end) {
  const load::WriteTimes writes(records);
  const auto gap = writes.longest_gap(during, end);
  const auto worst = writes.worst_connection(during, end);
  return {{"write_unavailability_ms", gap ? json(ms(gap->length())) : json(nullptr)},
          {"worst_connection_ms", worst ? json(ms(worst->length())) : json(nullptr)}};
}

// ---- metrics

struct Published {
  std::uint64_t during = 0;
  json success_rate;  // Percent, or null.
  std::uint64_t retries = 0;
  std::vector<double> latencies;
};

Published published(const std::vector<Record>& records, const load::Summary& all,
                    std::uint64_t during) {
  Published values;
  values.during = during;
  values.success_rate = percent_json(all.success_rate());
  values.retries = all.retries;
  const std::size_t step = records.size() / kLatenciesMax + 1;
  for (std::size_t i = 0; i < records.size(); i += step) {
    values.latencies.push_back(ms(records[i].ended - records[i].started));
  }
  return values;
}

json metrics_json(const Published& values) {
  json latency = nullptr;
  if (!values.latencies.empty()) {
    std::vector<double> sorted = values.latencies;
    std::sort(sorted.begin(), sorted.end());
    const auto rank = [&](double part) {
      const auto n = static_cast<double>(sorted.size());
      return sorted[static_cast<std::size_t>(std::max(1.0, std::ceil(part * n))) - 1];
    };
    double sum = 0;
    for (const double one : sorted) sum += one;
    latency = {{"sample_count", sorted.size()},
               {"average", sum / static_cast<double>(sorted.size())},
               {"minimum", sorted.front()},
               {"maximum", sorted.back()},
               {"p50", rank(0.5)},
               {"p90", rank(0.9)},
               {"p99", rank(0.99)}};
  }
  return {{"namespace", kNamespace},
          {"OperationsDuringFailover", values.during},
          {"SuccessRate", values.success_rate},
          {"RetryCount", values.retries},
          {"Latency", latency}};
}

// One line of the embedded metric format for the counts, and one for each hundred latencies.
void publish(const Function& function, const Published& values) {
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(kClock.wall_now().time_since_epoch());
  const auto document = [&](json metrics) {
    return json{{"_aws",
                 {{"Timestamp", now.count()},
                  {"CloudWatchMetrics",
                   {{{"Namespace", kNamespace},
                     {"Dimensions", {{"FunctionName", "EndpointType", "Region"}}},
                     {"Metrics", std::move(metrics)}}}}}},
                {"FunctionName", function.name},
                {"EndpointType", function.endpoint_type},
                {"Region", function.region.name}};
  };
  json names = {{{"Name", "OperationsDuringFailover"}, {"Unit", "Count"}},
                {{"Name", "RetryCount"}, {"Unit", "Count"}}};
  if (!values.success_rate.is_null()) {
    names.push_back({{"Name", "SuccessRate"}, {"Unit", "Percent"}});
  }
  json counts = document(std::move(names));
  counts["OperationsDuringFailover"] = values.during;
  if (!values.success_rate.is_null()) counts["SuccessRate"] = values.success_rate;
  counts["RetryCount"] = values.retries;
  std::printf("%s\n", counts.dump().c_str());
  for (std::size_t at = 0; at < values.latencies.size(); at += kValuesPerDocument) {
    json one = document(json::array({{{"Name", "Latency"}, {"Unit", "Milliseconds"}}}));
    const auto end = std::min(values.latencies.size(), at + kValuesPerDocument);
    one["Latency"] = std::vector<double>(values.latencies.begin() + static_cast<long>(at),
                                         values.latencies.begin() + static_cast<long>(end));
    std::printf("%s\n", one.dump().c_str());
  }
  std::fflush(stdout);
}

// ---- the whole

load::LoadOptions load_options(const CrudRequest& request, Deadline deadline) {
  load::LoadOptions options;
  options.operation_type = request.operation_type;
  options.concurrency = request.concurrency;
  options.operations = request.operations;
  if (request.duration_seconds) {
    options.duration = std::chrono::seconds(*request.duration_seconds);
    if (!request.operations_given) options.operations.reset();
  }
  options.rate = pace_of(request);
  options.give_up_after = std::min<Duration>(60s, deadline.left());
  options.run = request.run.empty() ? random_hex(6) : request.run;
  options.first_worker = request.first_worker;
  options.seed = std::hash<std::string>{}(options.run);
  return options;
}

// Over `kept` where that still works: a log-in costs more than the counting.
net::Task<json> count_losses(Function& function, const load::History& history,
                             std::vector<load::ExpectedItem> items, std::string run,
                             std::optional<pgclient::Connection> kept) {
  Result<load::Verification> found = make_error(ErrorKind::unavailable, "");
  const Deadline limit = Deadline::in(kCheckLimit);
  if (kept) found = co_await load::verify(*kept, history, items, run, limit);
  if (found.has_error()) {
    auto connection = co_await connect(function, function.writer_host, limit);
    if (connection.has_error()) {
      found = connection.error();
    } else {
      found = co_await load::verify(*connection, history, std::move(items), run, limit);
    }
  }
  if (found.has_error()) {
    co_return json{{"counted", false}, {"reason", found.error().message}};
  }
  co_return json{{"counted", true},
                 {"acknowledged", found->acknowledged},
                 {"lost", found->lost},
                 {"unknown", found->unknown},
                 {"unknown_committed", found->unknown_committed},
                 {"not_asked_for", found->unasked},
                 {"items_checked", found->items},
                 {"items_wrong", found->items_wrong},
                 {"counted_in", found->checked_in}};
}

json failover_json(const CrudRequest& request, const Observed& seen, const load::History& history) {
  if (!request.trigger_failover) return nullptr;
  const char* status = seen.ended && seen.problem.empty() ? "completed"
                       : !seen.invoked                    ? "not_invoked"
                       : !seen.started                    ? "not_started"
                       : seen.ended                       ? "cancelled"
                                                          : "running";
  json out = {{"type", request.failover_type},
              {"status", status},
              {"old_primary", seen.old_primary.name},
              {"new_primary", seen.new_primary.name},
              {"invoked_at_ms", ms(seen.from)}};
  if (seen.ended) {
    out["available_at_ms"] = ms(seen.seen_available);
    out["duration_ms"] = ms(seen.seen_available - seen.from);
  }
  if (!seen.problem.empty()) out["problem"] = seen.problem;
  out["started"] = iso8601(history.wall_began() + std::chrono::microseconds(seen.from));
  return out;
}

// From the invocation of the failover until it is over and a write was acknowledged after that.
Span during_of(const Observed& seen, const std::vector<Record>& records, std::int64_t end) {
  if (!seen.invoked) return {end, end};
  std::int64_t to = end;
  if (seen.ended) {
    const auto first = load::WriteTimes(records).first_after(seen.seen_available);
    to = std::max(seen.seen_available, first.value_or(end)) + 1;
  }
  return {seen.from, to};
}

// The rows of a run, in the order of their keys, some at a time.
net::Task<Result<json>> audit(Function& function, CrudRequest request, Deadline deadline) {
  CO_TRY(auto connection, co_await connect(function, function.writer_host, deadline));
  const std::string limit = std::to_string(kAuditRows);
  std::vector<pgclient::Param> params = {request.audit, std::to_string(request.ledger_from), limit};
  CO_TRY(const auto ledger, co_await connection.execute(
                                "SELECT coalesce(json_agg(op_id ORDER BY op_id), '[]') FROM "
                                "(SELECT op_id FROM drill_ledger WHERE run = $1 AND op_id >= $2 "
                                "ORDER BY op_id LIMIT $3::int) l",
                                std::move(params), deadline));
  params = {request.audit, std::to_string(request.items_from), limit};
  CO_TRY(const auto items,
         co_await connection.execute(
             "SELECT coalesce(json_agg(json_build_array(id, op_id) ORDER BY id), '[]') FROM "
             "(SELECT id, op_id FROM drill_items WHERE run = $1 AND id >= $2 "
             "ORDER BY id LIMIT $3::int) i",
             std::move(params), deadline));
  co_return json{{"ledger", parse_json(ledger.text(0, 0))},
                 {"items", parse_json(items.text(0, 0))},
                 {"page", kAuditRows}};
}

// What the function's own log tells.
json history_json(const CrudRequest& request, const load::History& history, Span during,
                  std::int64_t end) {
  const auto& records = history.records();
  json result = summary_json(load::summarize(records, Span{0, end + 1}));
  result["duration_ms"] = ms(end);
  result["by_type"] = by_type(records);
  result["before"] = summary_json(load::summarize(records, Span{0, during.from}));
  result["during"] = summary_json(load::summarize(records, during));
  result["after"] = summary_json(load::summarize(records, Span{during.to, end + 2}));
  result["window"] = window_json(records, request.trigger_failover ? during : Span{0, end}, end);
  json writes = serving(history, Served::writes);
  json reads = serving(history, Served::reads);
  result["served_by"] = writes.empty() ? reads : std::move(writes);
  result["reads_served_by"] = std::move(reads);
  return result;
}

net::Task<Result<json>> handle(std::shared_ptr<Function> shared, json event, Context context) {
  Function& function = *shared;
  CO_TRY(const CrudRequest request, parse_crud_request(event));
  if (!request.audit.empty()) co_return co_await audit(function, request, context.deadline);
  const Duration left = context.deadline.left();
  const Duration reserve = std::clamp<Duration>(left / 5, kReserveMin, kReserve);
  const Deadline work_until(context.deadline.at() - reserve);
  const Deadline setup = work_until.at_most(kSetupLimit);
  Observed seen;
  if (request.trigger_failover) {
    CO_TRY(const GlobalClusterView view,
           co_await global_cluster(*function.aws, function.region, function.global_cluster, setup));
    seen.old_primary = view.global.writer_region;
  }
  load::LoadOptions options = load_options(request, work_until);
  std::optional<pgclient::Connection> kept;
  {
    CO_TRY(auto connection, co_await connect(function, function.writer_host, setup));
    const auto prepared = co_await load::prepare_tables(connection, options, setup);
    if (prepared.has_error()) co_return prepared.error().in("prepare the tables");
    // One that has seen a failover may still talk to the old writer.
    if (!request.trigger_failover) kept.emplace(std::move(connection));
  }
  if (function.host != function.writer_host) {
    CO_TRY_VOID(co_await check_writable(function, options, setup));
  }

  load::History history(kClock);
  const auto executor = co_await boost::asio::this_coro::executor;
  load::Load load(executor, options, login(function, function.host), history);
  load.hold_open(request.trigger_failover);
  net::TaskGroup tasks(executor);
  tasks.spawn("time limit", stop_at(load, work_until));
  net::TaskGroup moving(executor);
  if (request.trigger_failover) {
    moving.spawn("failover", fail_over(function, request, load, history, seen, work_until));
  }
  const auto ran = co_await load.run();
  const std::int64_t end = history.has_begun() ? history.now() : 0;
  if (ran.has_error()) moving.stop();
  co_await moving.join();
  tasks.stop();
  co_await tasks.join();
  if (ran.has_error()) co_return ran.error();

  const auto& records = history.records();
  const Span during = during_of(seen, records, end + 1);
  const load::Summary all = load::summarize(records, Span{0, end + 1});
  const load::Summary inside = load::summarize(records, during);
  // Whoever wants the log counts at the end of all invocations.
  json losses = {{"counted", false}, {"reason", "left to the reader of the log"}};
  if (!request.log) {
    losses = co_await count_losses(function, history, load.expected_items(), options.run,
                                   std::move(kept));
  }
  const Published values =
      published(records, all, request.trigger_failover ? inside.operations : 0);
  publish(function, values);
  json result = history_json(request, history, during, end);
  result["run"] = options.run;
  result["function"] = function.name;
  result["region"] = function.region.name;
  result["endpoint"] = function.host;
  result["endpoint_type"] = function.endpoint_type;
  result["failover"] = failover_json(request, seen, history);
  result["verification"] = std::move(losses);
  result["metrics"] = metrics_json(values);
  if (request.log) result["log"] = load::log_json(history, load.expected_items());
  co_return result;
}

}  // namespace

Result<CrudRequest> parse_crud_request(const json& payload) {
  const Payload fields(payload);
  CrudRequest request;
  TRY(request.audit, fields.name("audit"));
  if (!request.audit.empty()) {
    TRY_VOID(fields.only({"audit", "ledger_from", "items_from"}));
    TRY(const auto ledger, fields.number("ledger_from", 0, kKeyMax));
    TRY(const auto items, fields.number("items_from", 0, kKeyMax));
    request.ledger_from = static_cast<std::uint64_t>(ledger.value_or(0));
    request.items_from = static_cast<std::uint64_t>(items.value_or(0));
    return request;
  }
  TRY_VOID(fields.only({"trigger_failover", "failover_type", "operations", "operation_type",
                        "concurrency", "duration_seconds", "run", "first_worker", "log", "audit"}));
  TRY(request.trigger_failover, fields.flag("trigger_failover", false));
  TRY(request.failover_type, fields.one_of("failover_type", {"planned", "unplanned"}, "planned"));
  TRY(const auto operations, fields.number("operations", 1, 1'000'000));
  request.operations_given = operations.has_value();
  request.operations = static_cast<std::uint64_t>(operations.value_or(50));
  TRY(const std::string type,
      fields.one_of("operation_type", {"create", "read", "update", "delete", "mixed"}, "mixed"));
  request.operation_type = type == "create"   ? load::OperationMix::create
                           : type == "read"   ? load::OperationMix::read
                           : type == "update" ? load::OperationMix::update
                           : type == "delete" ? load::OperationMix::remove
                                              : load::OperationMix::mixed;
  TRY(const auto concurrency, fields.number("concurrency", 1, 100));
  request.concurrency = static_cast<int>(concurrency.value_or(5));
  TRY(request.duration_seconds, fields.number("duration_seconds", 1, 840));
  TRY(request.run, fields.name("run"));
  TRY(const auto worker,
      fields.number("first_worker", 0, load::kWorkersOfARunMax - request.concurrency));
  request.first_worker = static_cast<int>(worker.value_or(0));
  TRY(request.log, fields.flag("log", false));
  if (request.log && (request.trigger_failover || request.operations > kLoggedOperationsMax ||
                      (request.duration_seconds && !request.operations_given))) {
    return make_error(ErrorKind::invalid,
                      "log needs operations of at most " + std::to_string(kLoggedOperationsMax) +
                          " and no trigger_failover: a response has at most 6 MB",
                      "InvalidPayload");
  }
  return request;
}

std::optional<double> pace_of(const CrudRequest& request) {
  if (!request.trigger_failover && !request.duration_seconds) return std::nullopt;
  if (request.duration_seconds && !request.operations_given) return 100;
  const double seconds =
      request.duration_seconds ? static_cast<double>(*request.duration_seconds) : kSpreadSeconds;
  return std::clamp(static_cast<double>(request.operations) / seconds, kRateMin, kRateMax);
}

Result<Handler> make_crud_handler(boost::asio::any_io_executor executor) {
  auto function = std::make_shared<Function>();
  TRY(function->aws, aws_from_environment(executor));
  TRY(function->region.name, required_environment("AWS_REGION"));
  TRY(function->name, required_environment("AWS_LAMBDA_FUNCTION_NAME"));
  TRY(function->endpoint_type, required_environment("ENDPOINT_TYPE"));
  TRY(function->global_cluster, required_environment("GLOBAL_CLUSTER_ID"));
  TRY(function->secret_id, required_environment("SECRET_ID"));
  TRY(function->host, required_environment("DB_HOST"));
  TRY(function->database, required_environment("DB_NAME"));
  function->writer_host = environment("DB_WRITER_HOST");
  if (function->writer_host.empty()) function->writer_host = function->host;
  function->port = environment("DB_PORT").empty() ? "5432" : environment("DB_PORT");
  function->ca_file = environment("DB_CA_FILE");
  function->ssl_mode = environment("DB_SSLMODE");
  if (function->ssl_mode.empty()) function->ssl_mode = "verify-full";
  if (function->ssl_mode != "verify-full" && function->ssl_mode != "verify-ca") {
    return make_error(ErrorKind::invalid, "DB_SSLMODE is verify-full or verify-ca; given: '" +
                                              function->ssl_mode + "'");
  }
  function->failover_function = environment("FAILOVER_FUNCTION_NAME");
  if (function->failover_function.empty()) function->failover_function = "failover";
  return Handler([function](json event, Context context) {
    return handle(function, std::move(event), std::move(context));
  });
}

}  // namespace aurora_global::functions
