// Goal: one process runs one invocation at a time and is used again while it is sound; whatever it
// does, the caller gets an outcome, and nothing of it stays behind.
#include "services/lambda/sandbox_pool.h"

#include <gtest/gtest.h>

#include <fstream>

#include "net/testing/run.h"

namespace aurora_global::services::lambda {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
namespace fs = std::filesystem;

// Does what the event says: prints, ends, waits for ever, fails, or answers with its process id.
constexpr std::string_view kActingRuntime = R"(#!/usr/bin/python3
import json, os, sys, time, urllib.error, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(API + "next") as answer:
        event, request_id = json.load(answer), answer.headers["Lambda-Runtime-Aws-Request-Id"]
    for line in event.get("say", []):
        print(line, flush=True)
    if "large" in event:
        event["fail"] = "x" * event["large"]
    if "deadline" in event:
        event["fail"] = answer.headers["Lambda-Runtime-Deadline-Ms"]
    if "skip" in event:
        continue
    for number in range(event.get("flood", 0)):
        print(number)
    sys.stdout.flush()
    if "exit" in event:
        os._exit(event["exit"])
    if "wait" in event:
        time.sleep(event["wait"])
    what, body = ("error", event["fail"]) if "fail" in event else ("response", os.getpid())
    try:
        urllib.request.urlopen(f"{API}{request_id}/{what}", json.dumps(body).encode())
    except urllib.error.HTTPError:
        pass  # It goes on to the next.
)";

class Sinks final : public LogSink, public MetricSink {
 public:
  explicit Sinks(boost::asio::any_io_executor executor) : said(executor), opened(executor) {}
  void put_lines(std::string group, std::string stream, std::vector<LogLine> put) override {
    EXPECT_EQ(group, "/aws/lambda/f");
    streams.insert(stream);
    if (!has_room) lines_without_room += put.size();
    for (LogLine& line : put) lines.push_back(std::move(line.message));
    said.notify();
  }
  net::Task<void> room_for_lines() override {
    while (!has_room) {
      is_waited_for = true;
      said.notify();
      co_await opened.wait_for(1h);
    }
  }
  void put_metrics(std::vector<MetricDatum> data) override { metrics += data.size(); }

  std::set<std::string> streams;
  std::vector<std::string> lines;
  std::size_t metrics = 0;
  net::Event said;
  bool has_room = true;
  bool is_waited_for = false;  // Somebody has waited for room.
  std::size_t lines_without_room = 0;
  net::Event opened;
};

struct World {
  explicit World(boost::asio::any_io_executor executor)
      : home(make_home()),
        sinks(executor),
        pool(executor, {"us-east-1", "http://127.0.0.1:9", "127.0.0.1", {"key", "secret"}}, sinks,
             sinks) {
    std::ofstream(home / "bootstrap") << kActingRuntime;
    fs::permissions(home / "bootstrap", fs::perms::owner_all);
    pool.start();
  }
  ~World() { fs::remove_all(home); }

  static fs::path make_home() {
    char place[] = "/tmp/aurora-global-pool-XXXXXX";
    return mkdtemp(place);
  }
  static FunctionPtr function(int concurrency = 10, int timeout_s = 60) {
    Function made;
    made.config.name = "f";
    made.config.concurrency = concurrency;
    made.config.timeout_s = timeout_s;
    made.arn = "arn:f";
    return std::make_shared<const Function>(std::move(made));
  }
  net::Task<Result<Invoked>> invoke(FunctionPtr what, json event) {
    return pool.invoke(std::move(what), home, {"id", event.dump(), "trace", ""});
  }
  // The answer of an invocation that should succeed: the process that did it.
  net::Task<int> pid(FunctionPtr what, json event = json::object()) {
    const auto invoked = co_await invoke(std::move(what), std::move(event));
    if (invoked.has_error() || !invoked->outcome.function_error.empty()) {
      ADD_FAILURE() << (invoked.has_error() ? invoked.error().message : invoked->outcome.payload);
      co_return 0;
    }
    co_return std::stoi(invoked->outcome.payload);
  }

  fs::path home;
  Sinks sinks;
  SandboxPool pool;
};

template <typename Body>
void with_world(const Body& body) {
  net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
    World world(tasks.executor());
    auto running = body(world, tasks);
    co_await std::move(running);
    co_await world.pool.stop();
  });
}

net::Task<void> keep_outcome(World& world, FunctionPtr function, json event,
                             std::optional<Result<Invoked>>& to) {
  to = co_await world.invoke(std::move(function), std::move(event));
  world.sinks.said.notify();
}

bool is_there(int pid) { return ::kill(pid, 0) == 0; }

TEST(SandboxPool, AProcessIsUsedAgainUntilThereIsANewVersion) {
  with_world([](World& world, net::TaskGroup&) -> net::Task<void> {
    const FunctionPtr first = World::function();
    const int pid = co_await world.pid(first);
    EXPECT_EQ(co_await world.pid(first), pid);
    EXPECT_EQ(world.sinks.streams.size(), 1u);
    const int other = co_await world.pid(World::function());
    EXPECT_NE(other, pid);
    const Deadline limit = Deadline::in(20s);
    while (is_there(pid) && !limit.passed()) co_await net::sleep_for(2ms);
    EXPECT_FALSE(is_there(pid));  // Of the version before.
  });
}

TEST(SandboxPool, NoMoreAtOnceThanTheFunctionMay) {
  with_world([](World& world, net::TaskGroup& tasks) -> net::Task<void> {
    const FunctionPtr function = World::function(1);
    std::optional<Result<Invoked>> first;
    const json waiting = {{"say", {"here"}}, {"wait", 3600}};
    tasks.spawn("first", keep_outcome(world, function, waiting, first));
    while (world.sinks.lines.size() < 2) co_await world.sinks.said.wait_for(20s);  // START, here.
    const auto second = co_await world.invoke(function, json::object());
    EXPECT_TRUE(second.has_error() && second.error().code == "TooManyRequestsException");
    co_await world.pool.stop();
    // Who waited has an outcome before stop() returns, and afterwards nothing begins.
    EXPECT_TRUE(first && first->has_value());
    if (first && first->has_value()) {
      EXPECT_EQ(json::parse((**first).outcome.payload)["errorType"], "Runtime.ExitError");
    }
    const auto late = co_await world.invoke(function, json::object());
    EXPECT_TRUE(late.has_error() && late.error().code == "ServiceException");
  });
}

TEST(SandboxPool, WhatEndsInAProcessIsAnOutcomeAndItsPlaceIsFree) {
  with_world([](World& world, net::TaskGroup&) -> net::Task<void> {
    const FunctionPtr function = World::function(1, 1);
    const int pid = co_await world.pid(function);
    const std::pair<json, const char*> ends[] = {{{{"exit", 3}}, "Runtime.ExitError"},
                                                 {{{"wait", 3600}}, "Sandbox.Timedout"}};
    for (const auto& [event, type] : ends) {
      const auto ended = co_await world.invoke(function, event);
      CO_ASSERT_OK(ended);
      EXPECT_EQ(ended->outcome.function_error, "Unhandled");
      EXPECT_EQ(json::parse(ended->outcome.payload)["errorType"], type);
      EXPECT_NE(co_await world.pid(function), pid);
    }
    // An error that the function tells itself leaves the process as sound as before.
    const int sound = co_await world.pid(function);
    const auto failed = co_await world.invoke(function, {{"fail", {{"errorMessage", nullptr}}}});
    CO_ASSERT_OK(failed);
    EXPECT_EQ(failed->outcome.function_error, "Unhandled");
    EXPECT_EQ(failed->outcome.payload, "{\"errorMessage\": null}");
    EXPECT_EQ(co_await world.pid(function), sound);
  });
}

// The function has an hour, and this test has not.
TEST(SandboxPool, AnAnswerThatIsTooLargeOrNoneEndsTheInvocationAtOnce) {
  with_world([](World& world, net::TaskGroup&) -> net::Task<void> {
    const FunctionPtr function = World::function(1, 900);
    const int pid = co_await world.pid(function);
    const std::pair<json, const char*> cases[] = {
        {{{"large", 7 << 20}}, "Function.ResponseSizeTooLarge"},
        {{{"large", 20 << 20}}, "Function.ResponseSizeTooLarge"},
        {{{"large", 70 << 20}}, "Function.ResponseSizeTooLarge"},
        {{{"skip", true}}, "Runtime.NoAnswer"}};
    for (const auto& [event, type] : cases) {
      const auto ended = co_await world.invoke(function, event);
      CO_ASSERT_OK(ended);
      EXPECT_EQ(ended->outcome.function_error, "Unhandled");
      EXPECT_EQ(json::parse(ended->outcome.payload)["errorType"], type);
      EXPECT_EQ(co_await world.pid(function), pid) << "it is as sound as before";
    }
  });
}

TEST(SandboxPool, TheDeadlineToldIsTheOneThatIsEnforced) {
  with_world([](World& world, net::TaskGroup&) -> net::Task<void> {
    const FunctionPtr function = World::function(1, 7);
    for (const char* start : {"cold", "warm"}) {
      const auto told = co_await world.invoke(function, {{"deadline", true}});
      CO_ASSERT_OK(told);
      const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
          SystemClock().wall_now().time_since_epoch());
      const json payload = json::parse(told->outcome.payload);
      EXPECT_LE(std::stoll(payload.get<std::string>()), (now + 7s).count()) << start;
    }
  });
}

TEST(SandboxPool, AFunctionThatCannotStartIsAnOutcome) {
  with_world([](World& world, net::TaskGroup&) -> net::Task<void> {
    fs::remove(world.home / "bootstrap");
    const auto failed = co_await world.invoke(World::function(), json::object());
    CO_ASSERT_OK(failed);
    EXPECT_EQ(failed->outcome.function_error, "Unhandled");
    EXPECT_NE(json::parse(failed->outcome.payload)["errorType"], "");
  });
}

// 300,000 lines are far more than a pipe holds: the process waits in its write().
TEST(SandboxPool, AProcessThatWritesFasterThanItsLinesAreStoredWaits) {
  with_world([](World& world, net::TaskGroup& tasks) -> net::Task<void> {
    const FunctionPtr function = World::function();
    co_await world.pid(function);
    world.sinks.has_room = false;
    world.sinks.lines.clear();
    std::optional<Result<Invoked>> answered;
    tasks.spawn("flood", keep_outcome(world, function, {{"flood", 300'000}}, answered));
    const Deadline limit = Deadline::in(60s);
    while (!world.sinks.is_waited_for && !limit.passed()) co_await world.sinks.said.wait(limit);
    EXPECT_TRUE(world.sinks.is_waited_for);
    EXPECT_FALSE(answered);
    EXPECT_LE(world.sinks.lines_without_room, 10'000u);
    world.sinks.has_room = true;
    world.sinks.opened.notify();
    while (!answered && !limit.passed()) co_await world.sinks.said.wait(limit);
    EXPECT_TRUE(answered && answered->has_value());
    EXPECT_EQ(world.sinks.lines.size(), 300'003u);
  });
}

TEST(SandboxPool, LinesGoToTheLogAndTheLastOnesToTheCaller) {
  with_world([](World& world, net::TaskGroup&) -> net::Task<void> {
    const FunctionPtr function = World::function();
    const json metric = {{"_aws",
                          {{"Timestamp", 1'790'000'000'000},
                           {"CloudWatchMetrics",
                            {{{"Namespace", "N"},
                              {"Dimensions", json::array({json::array()})},
                              {"Metrics", {{{"Name", "M"}}}}}}}}},
                         {"M", 1}};
    const auto first = co_await world.invoke(function, {{"say", {"one", metric.dump()}}});
    CO_ASSERT_OK(first);
    EXPECT_EQ(world.sinks.metrics, 1u);
    const auto& lines = world.sinks.lines;
    EXPECT_EQ(lines.size(), 5u);
    EXPECT_EQ(lines.at(0), "START RequestId: id Version: $LATEST");
    EXPECT_EQ(lines.at(1), "one");
    EXPECT_EQ(lines.at(3), "END RequestId: id");
    EXPECT_EQ(lines.at(4).rfind("REPORT RequestId: id\tDuration: ", 0), 0u);
    EXPECT_EQ(first->log_tail.rfind("START RequestId: id Version: $LATEST\none\n", 0), 0u);

    const auto second =
        co_await world.invoke(function, {{"say", {std::string(5000, 'x'), "last"}}});
    CO_ASSERT_OK(second);
    EXPECT_EQ(second->log_tail.size(), 4096u);
    EXPECT_EQ(second->log_tail.find("one"), std::string::npos);
    EXPECT_NE(second->log_tail.find("\nlast\nEND RequestId: id\n"), std::string::npos);
  });
}

}  // namespace
}  // namespace aurora_global::services::lambda
