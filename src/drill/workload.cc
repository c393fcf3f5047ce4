#include "drill/workload.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/json.h"
#include "load/run_log.h"

namespace aurora_global::drill {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration kSetupLimit = 60s;
constexpr Duration kConnectLimit = 60s;  // For the writer to answer at the end.

// ---- over connections of the drill

Result<pgclient::Parameters> parse_conninfo(const std::string& text) {
  char* message = nullptr;
  PQconninfoOption* options = PQconninfoParse(text.c_str(), &message);
  if (options == nullptr) {
    const std::string why = message == nullptr ? "no memory" : message;
    PQfreemem(message);
    return make_error(ErrorKind::invalid, "conninfo in [load]: " + why);
  }
  pgclient::Parameters parameters;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) parameters.values.emplace_back(option->keyword, option->val);
  }
  PQconninfoFree(options);
  return parameters;
}

net::Task<Result<pgclient::Connection>> connect_patiently(pgclient::Parameters parameters,
                                                          Deadline deadline) {
  for (;;) {
    auto connected = co_await pgclient::Connection::connect(parameters, deadline.at_most(10s));
    if (connected.has_value() || deadline.passed()) co_return connected;
    const ErrorKind kind = connected.error().kind;
    if (kind == ErrorKind::denied || kind == ErrorKind::invalid) co_return connected;
    co_await net::sleep_for(200ms);
  }
}

class Connections final : public Workload {
 public:
  using Find = std::function<Result<pgclient::Parameters>(const RegionId&)>;

  // `find` tells where clients of a region connect.
  Connections(boost::asio::any_io_executor executor, LoadOptions options,
              pgclient::Parameters target, pgclient::Parameters writer, Find find, History& history)
      : find_(std::move(find)),
        options_(std::move(options)),
        target_(std::move(target)),
        writer_(std::move(writer)),
        history_(history),
        load_(executor, options_, target_, history) {}

  net::Task<Result<void>> prepare() override {
    const Deadline deadline = Deadline::in(kSetupLimit);
    {
      CO_TRY(auto connection, co_await connect_patiently(writer_, deadline));
      CO_TRY_VOID(co_await prepare_tables(connection, options_, deadline));
    }
    CO_TRY(auto connection, co_await connect_patiently(target_, deadline));
    co_return co_await await_prepared(connection, options_, deadline);
  }
  net::Task<Result<void>> run() override { return load_.run(); }
  void stop() override { load_.stop(); }
  void hold_open(bool open) override { load_.hold_open(open); }
  void follow(const RegionId& writer) override {
    if (auto there = find_(writer); there.has_value()) load_.go_to(std::move(*there));
  }
  net::Task<Result<Verification>> verify(Deadline deadline, std::vector<std::string>&) override {
    auto connection = co_await connect_patiently(writer_, deadline.at_most(kConnectLimit));
    if (connection.has_error()) co_return connection.error().in("connect to the writer");
    co_return co_await load::verify(*connection, history_, load_.expected_items(), options_.run,
                                    deadline);
  }
  std::optional<FunctionUse> function_use() const override { return std::nullopt; }

 private:
  Find find_;
  LoadOptions options_;
  pgclient::Parameters target_, writer_;
  const History& history_;
  Load load_;
};

// ---- over invocations

constexpr int kLanes = 2;         // Invocations at a time: one goes on while another begins.
constexpr int kSliceSeconds = 2;  // Of each. The first of the first lane is half as long.
constexpr double kRateDefault = 200;
constexpr Duration kInvokeLimit = 120s;
constexpr Duration kRetryPause = 200ms;
constexpr std::size_t kProblemsMax = 20;

class Invocations final : public Workload {
 public:
  Invocations(boost::asio::any_io_executor executor, const LoadPlan& plan,
              awsclient::AwsClient& aws, RegionId region, std::string function, History& history)
      : options_(plan.options),
        workers_end_(plan.workers_end),
        next_worker_(plan.options.first_worker),
        aws_(aws),
        region_(std::move(region)),
        function_(std::move(function)),
        history_(history),
        lanes_(executor) {}

  // The function makes the tables; this sees that it is there.
  net::Task<Result<void>> prepare() override {
    const json request = {{"operations", 1}, {"operation_type", "create"}, {"concurrency", 1}};
    CO_TRY(const json result, co_await invoke(request));
    endpoint_type_ = result.value("endpoint_type", "");
    co_return ok();
  }
  net::Task<Result<void>> run() override {
    history_.begin();
    const int lanes = std::min(kLanes, options_.concurrency);
    for (int lane = 0; lane < lanes; ++lane) {
      lanes_.spawn("invocations", work(lane, lanes));
    }
    co_await lanes_.join();
    co_return ok();
  }
  void stop() override { stopped_ = true; }
  void hold_open(bool open) override { held_open_ = open; }
  void follow(const RegionId&) override {}  // Refused by make_workload().
  net::Task<Result<Verification>> verify(Deadline deadline,
                                         std::vector<std::string>& problems) override {
    problems.insert(problems.end(), problems_.begin(), problems_.end());
    TableRows rows;
    std::uint64_t ledger_from = 0;
    std::uint64_t items_from = 0;
    for (;;) {
      const json request = {
          {"audit", options_.run}, {"ledger_from", ledger_from}, {"items_from", items_from}};
      auto answer = co_await invoke(request);
      if (answer.has_error() && !deadline.passed() && answer.error().kind != ErrorKind::invalid) {
        co_await net::sleep_for(kRetryPause);
        continue;
      }
      if (answer.has_error()) co_return answer.error();
      const bool more = take_page(*answer, rows, ledger_from, items_from);
      if (!more) break;
    }
    std::erase_if(rows.ledger, [&](std::uint64_t op) { return unlogged(op); });
    co_return compare(history_, items_, rows);
  }
  std::optional<FunctionUse> function_use() const override {
    return FunctionUse{region_, function_, endpoint_type_, logged_, history_.records().size()};
  }

 private:
  // The next page begins after the last row of this one.
  static bool take_page(const json& answer, TableRows& rows, std::uint64_t& ledger_from,
                        std::uint64_t& items_from) {
    const auto page = answer.at("page").get<std::size_t>();
    const json& ledger = answer.at("ledger");
    const json& items = answer.at("items");
    for (const json& one : ledger) rows.ledger.push_back(one.get<std::uint64_t>());
    for (const json& one : items) {
      rows.items.emplace_back(one.at(0).get<std::uint64_t>(), one.at(1).get<std::uint64_t>());
    }
    if (!ledger.empty()) ledger_from = rows.ledger.back() + 1;
    if (!items.empty()) items_from = rows.items.back().first + 1;
    return ledger.size() == page || items.size() == page;
  }
  bool unlogged(std::uint64_t op) const {
    const auto worker = static_cast<int>(op >> 32);
    for (const auto& [from, to] : unlogged_) {
      if (worker >= from && worker < to) return true;
    }
    return false;
  }

  bool no_more() const {
    if (stopped_ || lanes_.stopping() || history_.full()) return true;
    return !held_open_ && amounts_reached(options_, history_);
  }

  net::Task<Result<json>> invoke(json payload) {
    CO_TRY(const auto answer, co_await aws_.invoke(region_, function_, std::move(payload), false,
                                                   Deadline::in(kInvokeLimit)));
    json result = parse_json(answer.payload);
    if (answer.function_error.empty() && result.is_object()) co_return result;
    std::string type, message = "no JSON object";
    if (result.is_object()) {
      type = result.value("errorType", "");
      message = result.value("errorMessage", "");
    }
    const ErrorKind kind = type == "DatabaseUnavailable" ? ErrorKind::unavailable
                           : type == "InvalidPayload"    ? ErrorKind::invalid
                                                         : ErrorKind::corrupt;
    co_return make_error(kind, function_ + ": " + message, type);
  }

  json payload(int lane, int lanes, int concurrency, bool first) const {
    const int seconds = first && lane == 0 ? kSliceSeconds / 2 : kSliceSeconds;
    double operations = options_.rate.value_or(kRateDefault) / lanes * seconds;
    if (options_.operations && !held_open_) {
      const auto done = history_.counts().all();
      const auto left = *options_.operations - std::min(done, *options_.operations);
      operations = std::min(operations, static_cast<double>(left));
    }
    constexpr const char* kNames[] = {"create", "read", "update", "delete", "mixed"};
    return {{"operations", static_cast<std::int64_t>(std::max(1.0, std::round(operations)))},
            {"duration_seconds", seconds},
            {"operation_type", kNames[static_cast<int>(options_.operation_type)]},
            {"concurrency", concurrency},
            {"run", options_.run},
            {"first_worker", next_worker_},
            {"log", true}};
  }

  net::Task<void> work(int lane, int lanes) {
    const int concurrency = options_.concurrency / lanes + (lane < options_.concurrency % lanes);
    for (bool first = true; !no_more(); first = false) {
      if (next_worker_ + concurrency > workers_end_) {
        problem("the load ended early: it has used up the worker numbers of a run");
        co_return;
      }
      const json request = payload(lane, lanes, concurrency, first);
      const int from = next_worker_;
      next_worker_ += concurrency;
      auto answer = co_await invoke(request);
      Result<void> merged = ok();
      if (answer.has_value()) merged = merge_log((*answer)["log"], history_, items_);
      if (answer.has_value() && merged.has_value()) {
        ++logged_;
        continue;
      }
      const Error error = answer.has_error() ? answer.error() : merged.error();
      // Without a database nothing was begun: the window shows it.
      if (error.kind != ErrorKind::unavailable || error.code != "DatabaseUnavailable") {
        unlogged_.emplace_back(from, from + concurrency);
        problem("an invocation failed, what it did is not in the log: " + error.message);
        if (error.kind == ErrorKind::denied || error.kind == ErrorKind::not_found) co_return;
      }
      co_await net::sleep_for(kRetryPause);
    }
  }
  void problem(std::string text) {
    if (problems_.size() < kProblemsMax) problems_.push_back(std::move(text));
  }

  LoadOptions options_;
  int workers_end_;
  int next_worker_;
  awsclient::AwsClient& aws_;
  RegionId region_;
  std::string function_;
  std::string endpoint_type_;
  std::uint64_t logged_ = 0;  // Invocations.
  History& history_;
  net::TaskGroup lanes_;
  std::vector<ExpectedItem> items_;
  std::vector<std::pair<int, int>> unlogged_;  // Workers of failed invocations: from, to.
  std::vector<std::string> problems_;
  bool stopped_ = false;
  bool held_open_ = false;
};

}  // namespace

Result<std::unique_ptr<Workload>> make_workload(boost::asio::any_io_executor executor,
                                                const LoadPlan& plan, Platform& platform,
                                                const RegionId& client_region, History& history) {
  if (plan.follows && (plan.via == Via::lambda || !plan.conninfo.empty())) {
    return make_error(ErrorKind::invalid,
                      "client_region = \"follow\" needs via = \"connections\" and no conninfo");
  }
  if (plan.via == Via::lambda) {
    const auto functions = platform.functions(client_region);
    if (!functions) {
      return make_error(ErrorKind::invalid, "there are no functions in region " +
                                                client_region.name +
                                                "; via = \"lambda\" needs them");
    }
    return std::unique_ptr<Workload>(std::make_unique<Invocations>(
        executor, plan, *functions->aws, client_region,
        plan.reads_elsewhere() ? functions->write_forwarding : functions->global_endpoint,
        history));
  }
  pgclient::Parameters target, writer;
  if (!plan.conninfo.empty()) {
    TRY(target, parse_conninfo(plan.conninfo));
    writer = target;
  } else {
    TRY(target,
        platform.endpoint(client_region, plan.reads_elsewhere() ? "reader" : plan.endpoint));
    TRY(writer, platform.endpoint(client_region, "global-writer"));
  }
  target.values.emplace_back("application_name", "aurora-global-drill");
  const std::string endpoint = plan.reads_elsewhere() ? "reader" : plan.endpoint;
  auto find = [&platform, endpoint](const RegionId& region) -> Result<pgclient::Parameters> {
    TRY(pgclient::Parameters there, platform.endpoint(region, endpoint));
    there.values.emplace_back("application_name", "aurora-global-drill");
    return there;
  };
  return std::unique_ptr<Workload>(std::make_unique<Connections>(
      executor, plan.options, std::move(target), std::move(writer), std::move(find), history));
}

}  // namespace aurora_global::drill
