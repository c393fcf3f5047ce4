// Goal: an event is tried as often as its function says and no oftener, whatever a try ends in: an
// answer, an error, an exception, the end of the daemon.
#include "services/lambda/event_queue.h"

#include <gtest/gtest.h>

#include <fstream>

#include "net/testing/run.h"

namespace aurora_global::services::lambda {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class Runner final : public EventRunner {
 public:
  explicit Runner(boost::asio::any_io_executor executor) : tried(executor) {}
  EventPolicy policy_of(const std::string&) override { return {2, {delay_s}}; }
  net::Task<Result<FunctionAnswer>> run_event(std::string, Invocation invocation) override {
    seen.push_back(std::move(invocation));
    tried.notify();
    if (throws) throw std::runtime_error("what a library throws");
    if (hangs) co_await tried.wait_for(1h);
    co_return answer;
  }

  std::vector<Invocation> seen;
  Result<FunctionAnswer> answer = FunctionAnswer{"{\"errorMessage\":null}", "Unhandled"};
  double delay_s = 0.001;
  bool throws = false;
  bool hangs = false;
  net::Event tried;
};

class EventQueueTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char place[] = "/tmp/aurora-global-events-XXXXXX";
    home_ = mkdtemp(place);
  }
  void TearDown() override { std::filesystem::remove_all(home_); }

  // Runs one life of a queue; `body` sees queue and runner.
  template <typename Body>
  void live(const Body& body) {
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      Runner runner(tasks.executor());
      auto queue = EventQueue::open(tasks.executor(), home_, "arn:", runner);
      EXPECT_TRUE(queue.has_value());
      (*queue)->start();
      auto living = body(**queue, runner);
      co_await std::move(living);
      co_await (*queue)->join(patience_);
    });
  }

  std::vector<json> buried() const {
    std::vector<json> all;
    std::ifstream file(home_ / "dead-letter.log");
    for (std::string line; std::getline(file, line);) all.push_back(json::parse(line));
    return all;
  }

  net::Task<void> until_buried(std::size_t count) {
    const Deadline limit = Deadline::in(20s);
    while (buried().size() < count && !limit.passed()) co_await net::sleep_for(2ms);
  }

  std::filesystem::path home_;
  Duration patience_ = 20s;
};

TEST_F(EventQueueTest, AFailingEventIsRetriedAndBuried) {
  live([&](EventQueue& queue, Runner& runner) -> net::Task<void> {
    EXPECT_TRUE((co_await queue.put("f", {"id", "{\"a\":1}", "trace", "{}"})).has_value());
    co_await until_buried(1);
    EXPECT_EQ(runner.seen.size(), 3u);
    EXPECT_EQ(runner.seen[0].trace_id, "trace");
    EXPECT_EQ(runner.seen[0].client_context, "{}");
  });
  ASSERT_EQ(buried().size(), 1u);
  const json record = buried()[0];
  EXPECT_EQ(record.at("requestContext"),
            json::parse(R"({"requestId": "id", "functionArn": "arn:f:$LATEST",
                "condition": "RetriesExhausted", "approximateInvokeCount": 3})"));
  EXPECT_EQ(record.at("requestPayload"), json::parse(R"({"a": 1})"));
  EXPECT_EQ(record.at("responseContext"),
            json::parse(R"({"statusCode": 200, "executedVersion": "$LATEST",
                            "functionError": "Unhandled"})"));
  EXPECT_EQ(record.at("responsePayload"), json::parse(R"({"errorMessage": null})"));
}

TEST_F(EventQueueTest, AnExceptionIsAFailedTry) {
  live([&](EventQueue& queue, Runner& runner) -> net::Task<void> {
    runner.throws = true;
    EXPECT_TRUE((co_await queue.put("f", {"id", "{}", "", ""})).has_value());
    co_await until_buried(1);
    EXPECT_EQ(runner.seen.size(), 3u);
  });
  ASSERT_EQ(buried().size(), 1u);
  EXPECT_EQ(buried()[0].at("responsePayload").at("errorMessage"), "what a library throws");
}

// A daemon that dies in a try leaves the event as counted. What it left is not tried for ever.
TEST_F(EventQueueTest, TriesThatEndedTheDaemonCount) {
  patience_ = Duration::zero();
  live([&](EventQueue& queue, Runner& runner) -> net::Task<void> {
    runner.hangs = true;
    EXPECT_TRUE((co_await queue.put("f", {"id", "{}", "", ""})).has_value());
    while (runner.seen.empty()) co_await runner.tried.wait_for(20s);
  });
  // join() cancelled the try without concluding it, as the end of a process does.
  live([&](EventQueue&, Runner& runner) -> net::Task<void> {
    runner.hangs = true;
    while (runner.seen.empty()) co_await runner.tried.wait_for(20s);
  });
  live([&](EventQueue&, Runner& runner) -> net::Task<void> {
    runner.hangs = true;
    while (runner.seen.empty()) co_await runner.tried.wait_for(20s);
  });
  live([&](EventQueue&, Runner& runner) -> net::Task<void> {
    co_await until_buried(1);
    EXPECT_TRUE(runner.seen.empty());
  });
  ASSERT_EQ(buried().size(), 1u);
  EXPECT_EQ(buried()[0].at("requestContext").at("approximateInvokeCount"), 3);
}

// The log is a folder first, which nobody can write to, not even root.
TEST_F(EventQueueTest, ADeadLetterThatCannotBeWrittenIsKeptAndWrittenLater) {
  const std::filesystem::path log = home_ / "dead-letter.log";
  std::filesystem::create_directory(log);
  const auto sql = [&](const char* text) -> Result<std::int64_t> {
    TRY(auto database,
        database::Database::open(home_ / "events.sqlite", database::Durability::full, 1, ""));
    database::Statement statement(database->raw(), text);
    TRY_VOID(statement.step());
    return statement.number(0);
  };
  live([&](EventQueue& queue, Runner& runner) -> net::Task<void> {
    EXPECT_TRUE((co_await queue.put("f", {"id", "{\"a\":1}", "", ""})).has_value());
    const Deadline limit = Deadline::in(20s);
    for (bool kept = false; !kept && !limit.passed();) {
      co_await net::sleep_for(5ms);
      const auto count = sql("SELECT count(*) FROM event_end");  // Not while the queue writes.
      kept = count.has_value() && *count > 0;
    }
    EXPECT_EQ(runner.seen.size(), 3u);
  });
  EXPECT_EQ(sql("SELECT count(*) FROM event").value(), 1);
  std::filesystem::remove(log);
  ASSERT_TRUE(sql("UPDATE event SET not_before = 0").has_value());
  live([&](EventQueue&, Runner& runner) -> net::Task<void> {
    co_await until_buried(1);
    EXPECT_TRUE(runner.seen.empty()) << "its tries are over";
  });
  ASSERT_EQ(buried().size(), 1u);
  EXPECT_EQ(buried()[0].at("responsePayload"), json::parse(R"({"errorMessage": null})"));
  EXPECT_EQ(sql("SELECT count(*) FROM event").value(), 0);
}

// The most of this process's memory that was resident since the last call, in MB.
double resident_peak_mb() {
  double peak = 0;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) peak = std::stod(line.substr(6)) / 1024;
  }
  std::ofstream("/proc/self/clear_refs") << "5";
  return peak;
}

TEST_F(EventQueueTest, WhatIsNotDueIsNotRead) {
  constexpr int kEvents = 64;
  live([&](EventQueue& queue, Runner& runner) -> net::Task<void> {
    runner.delay_s = 3600;
    const std::string payload = "\"" + std::string(1 << 20, 'x') + "\"";
    for (int i = 0; i < kEvents; ++i) {
      EXPECT_TRUE((co_await queue.put("f", {"id", payload, "", ""})).has_value());
    }
    while (runner.seen.size() < kEvents) co_await runner.tried.wait_for(20s);
    runner.seen.clear();
  });
  resident_peak_mb();
  const double before = resident_peak_mb();
  // One that is due: the queue has looked at all of them when it is tried.
  live([&](EventQueue& queue, Runner& runner) -> net::Task<void> {
    EXPECT_TRUE((co_await queue.put("f", {"due", "1", "", ""})).has_value());
    while (runner.seen.empty()) co_await runner.tried.wait_for(20s);
    EXPECT_EQ(runner.seen.size(), 1u);
  });
  EXPECT_LT(resident_peak_mb() - before, kEvents / 2);
}

TEST_F(EventQueueTest, WhatSucceedsIsGone) {
  live([&](EventQueue& queue, Runner& runner) -> net::Task<void> {
    runner.answer = FunctionAnswer{"1", ""};
    EXPECT_TRUE((co_await queue.put("f", {"id", "{}", "", ""})).has_value());
    while (runner.seen.empty()) co_await runner.tried.wait_for(20s);
    EXPECT_TRUE((co_await queue.put("f", {"next", "{}", "", ""})).has_value());
    while (runner.seen.size() < 2) co_await runner.tried.wait_for(20s);
  });
  live([&](EventQueue&, Runner& runner) -> net::Task<void> {
    EXPECT_TRUE(runner.seen.empty());
    co_return;
  });
  EXPECT_TRUE(buried().empty());
}

}  // namespace
}  // namespace aurora_global::services::lambda
