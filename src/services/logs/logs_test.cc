// Goal: every line of a stream is reached from either end, and a filter takes what AWS's takes.
#include "services/logs/logs.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "net/testing/run.h"

namespace aurora_global::services::logs {
namespace {

using nlohmann::json;

class LogsTest : public ::testing::Test {
 protected:
  // Runs `body(ask)` against a group "g" with a stream "s" of these lines.
  template <typename Body>
  void with_lines(std::vector<std::string> lines, const Body& body) {
    char place[] = "/tmp/aurora-global-logs-XXXXXX";
    const std::filesystem::path home = mkdtemp(place);
    const region::Facts facts{RegionId{"us-east-1"}, "123456789012", "", "", {}};
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      auto opened = Logs::open(tasks, facts, home / "logs.sqlite", bytes_kept_);
      EXPECT_TRUE(opened.has_value());
      logs_ = opened->get();
      const WallTime now = SystemClock().wall_now();
      std::vector<LogLine> put;
      for (std::string& line : lines) put.push_back({now, std::move(line)});
      logs_->put_lines("g", "s", std::move(put));
      // What stores them was started, and comes before what we ask.
      co_await boost::asio::post(tasks.executor(), boost::asio::use_awaitable);
      put_at_ = milliseconds(now);
      auto running = body();
      co_await std::move(running);
      tasks.stop();
      co_await tasks.join();
    });
    std::filesystem::remove_all(home);
  }

  net::Task<json> ask(std::string operation, json request) {
    net::HttpRequest message;
    message.method = "POST";
    message.target = "/";
    message.headers = {{"X-Amz-Target", "Logs_20140328." + operation}};
    message.body = request.dump();
    auto serving = logs_->serve(message);
    const net::HttpResponse response = co_await std::move(serving);
    co_return json::parse(response.body);
  }

  net::Task<std::vector<std::string>> filtered(std::string pattern) {
    json request = {{"logGroupName", "g"}, {"filterPattern", std::move(pattern)}};
    auto asking = ask("FilterLogEvents", std::move(request));
    const json answer = co_await std::move(asking);
    std::vector<std::string> found;
    if (answer.contains("__type")) found.push_back(answer["__type"].get<std::string>());
    const json events = answer.value("events", json::array());
    for (const json& event : events) found.push_back(event.at("message").get<std::string>());
    co_return found;
  }

  static std::int64_t milliseconds(WallTime at) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
  }

  Logs* logs_ = nullptr;
  std::int64_t put_at_ = 0;  // The time of every line.
  std::int64_t bytes_kept_ = kLineBytesKept;
};

std::vector<std::string> messages(const json& answer) {
  std::vector<std::string> all;
  for (const json& event : answer.at("events"))
    all.push_back(event.at("message").get<std::string>());
  return all;
}

using Lines = std::vector<std::string>;

TEST_F(LogsTest, TokensLeadOnAndBack) {
  with_lines({"1", "2", "3", "4", "5"}, [&]() -> net::Task<void> {
    json request = {{"logGroupName", "g"}, {"logStreamName", "s"}, {"limit", 2}};
    auto first = co_await ask("GetLogEvents", request);
    EXPECT_EQ(messages(first), (Lines{"4", "5"}));
    request["nextToken"] = first["nextBackwardToken"];
    auto second = co_await ask("GetLogEvents", request);
    EXPECT_EQ(messages(second), (Lines{"2", "3"}));
    request["nextToken"] = second["nextBackwardToken"];
    auto third = co_await ask("GetLogEvents", request);
    EXPECT_EQ(messages(third), (Lines{"1"}));
    request["nextToken"] = third["nextBackwardToken"];
    auto end = co_await ask("GetLogEvents", request);
    EXPECT_EQ(messages(end), Lines{});
    EXPECT_EQ(end["nextBackwardToken"], request["nextToken"]);
    request["nextToken"] = end["nextForwardToken"];
    auto again = co_await ask("GetLogEvents", request);
    EXPECT_EQ(messages(again), (Lines{"1", "2"}));
    request["nextToken"] = first["nextForwardToken"];
    auto last = co_await ask("GetLogEvents", request);
    EXPECT_EQ(messages(last), Lines{});
    EXPECT_EQ(last["nextForwardToken"], request["nextToken"]);
    for (const char* bad : {"x", "f/", "f/x", "b/-1", "5", "f/9223372036854775807"}) {
      request["nextToken"] = bad;
      auto refused = co_await ask("GetLogEvents", request);
      EXPECT_EQ(refused["__type"], "InvalidParameterException") << bad;
    }
  });
}

// -99 once ended the daemon.
TEST_F(LogsTest, ATokenThatNoPageGaveIsRefused) {
  with_lines({"1"}, [&]() -> net::Task<void> {
    for (const char* bad : {"-99", "-1", "x", "7x", " 7", "9223372036854775807"}) {
      auto groups = co_await ask("DescribeLogGroups", {{"nextToken", bad}});
      EXPECT_EQ(groups["__type"], "InvalidParameterException") << bad;
      json request = {{"logGroupName", "g"}, {"nextToken", bad}};
      auto streams = co_await ask("DescribeLogStreams", std::move(request));
      EXPECT_EQ(streams["__type"], "InvalidParameterException") << bad;
    }
    auto beyond = co_await ask("DescribeLogGroups", {{"nextToken", "999999999999999"}});
    EXPECT_EQ(beyond["logGroups"], json::array());
  });
}

TEST_F(LogsTest, AStreamThatIsNotThereIsNotFound) {
  with_lines({"1"}, [&]() -> net::Task<void> {
    for (const char* group : {"g", "h"}) {
      json request = {{"logGroupName", group}, {"logStreamName", "t"}};
      auto answer = co_await ask("GetLogEvents", std::move(request));
      EXPECT_EQ(answer["__type"], "ResourceNotFoundException") << group;
    }
  });
}

TEST_F(LogsTest, FiltersTakeWhatAwsTakes) {
  with_lines({"ERROR one", "WARN two", "INFO three", "say \"hello\" twice"},
             [&]() -> net::Task<void> {
               const std::pair<std::string, Lines> cases[] = {
                   {"", {"ERROR one", "WARN two", "INFO three", "say \"hello\" twice"}},
                   {"ERROR", {"ERROR one"}},
                   {"ERROR one", {"ERROR one"}},
                   {"ERROR two", {}},
                   {"?ERROR ?WARN", {"ERROR one", "WARN two"}},
                   {"?ERROR three", {"INFO three"}},
                   {"-ERROR -WARN -say", {"INFO three"}},
                   {"\"INFO three\"", {"INFO three"}},
                   {"\"\\\"hello\\\"\"", {"say \"hello\" twice"}},
                   {"\"open", {"InvalidParameterException"}},
                   {"{ $.a = 1 }", {"InvalidParameterException"}},
                   {"[a, b]", {"InvalidParameterException"}},
                   {"%x%", {"InvalidParameterException"}},
               };
               for (const auto& [pattern, wanted] : cases) {
                 auto found = co_await filtered(pattern);
                 EXPECT_EQ(found, wanted) << pattern;
               }
             });
}

TEST_F(LogsTest, AnEndIsExclusiveForAStreamAndInclusiveForAFilter) {
  with_lines({"1"}, [&]() -> net::Task<void> {
    json request = {{"logGroupName", "g"}, {"logStreamName", "s"}, {"endTime", put_at_}};
    auto stream = co_await ask("GetLogEvents", request);
    EXPECT_EQ(messages(stream), Lines{});
    request.erase("logStreamName");
    auto filtered = co_await ask("FilterLogEvents", request);
    EXPECT_EQ(messages(filtered), Lines{"1"});
  });
}

// Three lines of 0.4 MB: two go into a page of 1 MB. One of 1.5 MB is a page of its own.
TEST_F(LogsTest, APageEndsAtOneMegabyte) {
  const std::string large(400'000, 'x');
  const std::string huge(1'500'000, 'x');
  with_lines({large + "1", large + "2", large + "3", huge}, [&]() -> net::Task<void> {
    for (const char* operation : {"GetLogEvents", "FilterLogEvents"}) {
      const bool stream = std::string_view(operation) == "GetLogEvents";
      json request = {{"logGroupName", "g"}};
      if (stream) request.update({{"logStreamName", "s"}, {"startFromHead", true}});
      for (const std::size_t count : {2u, 1u, 1u}) {
        const json page = co_await ask(operation, request);
        EXPECT_EQ(messages(page).size(), count) << operation;
        request["nextToken"] = page.value(stream ? "nextForwardToken" : "nextToken", "");
      }
      if (!stream) EXPECT_EQ(request["nextToken"], "");
    }
    json request = {{"logGroupName", "g"}, {"logStreamName", "s"}};
    for (const std::size_t count : {1u, 2u, 1u}) {
      const json page = co_await ask("GetLogEvents", request);
      EXPECT_EQ(messages(page).size(), count);
      request["nextToken"] = page["nextBackwardToken"];
    }
  });
}

// Whoever waits for room loses nothing, and who asks in between is answered.
TEST_F(LogsTest, WhatWaitsIsBoundedAndWhoWaitsForRoomLosesNothing) {
  with_lines({}, [&]() -> net::Task<void> {
    constexpr int kLines = 60'000;
    for (int i = 0; i < kLines; ++i) {
      logs_->put_lines("g", "s", {{SystemClock().wall_now(), std::string(1000, 'x')}});
      auto waiting = logs_->room_for_lines();
      co_await std::move(waiting);
    }
    auto draining = logs_->drain(Deadline::in(std::chrono::seconds(60)));
    co_await std::move(draining);
    const json groups = co_await ask("DescribeLogGroups", json::object());
    EXPECT_EQ(groups["logGroups"][0]["storedBytes"], kLines * 1000);
  });
}

TEST_F(LogsTest, WhatComesOverTheBoundIsCountedAndTold) {
  with_lines({}, [&]() -> net::Task<void> {
    constexpr std::size_t kLines = 60'000;  // 60 MB, over any bound.
    for (std::size_t i = 0; i < kLines; ++i) {
      logs_->put_lines("g", "s", {{SystemClock().wall_now(), std::string(1000, 'x')}});
    }
    auto draining = logs_->drain(Deadline::in(std::chrono::seconds(60)));
    co_await std::move(draining);
    json request = {{"logGroupName", "g"}, {"logStreamName", "s"}, {"limit", 1}};
    const json last = co_await ask("GetLogEvents", std::move(request));
    const std::string told = messages(last).at(0);
    EXPECT_NE(told.find(" lines were not kept"), std::string::npos) << told;
    const json groups = co_await ask("DescribeLogGroups", json::object());
    const auto stored = groups["logGroups"][0]["storedBytes"].get<std::size_t>() - told.size();
    EXPECT_LE(stored, kWaitingBytesMax);
    EXPECT_EQ(stored / 1000 + std::stoul(told), kLines);
  });
}

// Also those that a client puts.
TEST_F(LogsTest, TheOldestLinesGoWhereAllTakeTooMuch) {
  bytes_kept_ = 4 << 20;
  with_lines({}, [&]() -> net::Task<void> {
    co_await ask("CreateLogGroup", {{"logGroupName", "g"}});
    json request = {{"logGroupName", "g"}, {"logStreamName", "s"}};
    co_await ask("CreateLogStream", request);
    constexpr int kBatches = 50, kLineBytes = 900'000;
    for (int i = 0; i < kBatches; ++i) {
      const std::string line = std::to_string(i) + " " + std::string(kLineBytes, 'x');
      request["logEvents"] = {{{"timestamp", put_at_}, {"message", line}}};
      const json put = co_await ask("PutLogEvents", request);
      EXPECT_FALSE(put.contains("__type")) << put;
    }
    const json groups = co_await ask("DescribeLogGroups", json::object());
    EXPECT_LT(groups["logGroups"][0]["storedBytes"], kBatches * kLineBytes / 2);
    request.erase("logEvents");
    const json page = co_await ask("GetLogEvents", request);
    EXPECT_EQ(messages(page).back().substr(0, 2), std::to_string(kBatches - 1));
  });
}

TEST_F(LogsTest, LinesOverTheirAgeGo) {
  with_lines({}, [&]() -> net::Task<void> {
    const WallTime now = SystemClock().wall_now();
    logs_->put_lines("g", "s", {{now - kRetention - std::chrono::hours(1), "old"}, {now, "new"}});
    auto draining = logs_->drain(Deadline::in(std::chrono::seconds(20)));
    co_await std::move(draining);
    auto kept = co_await filtered("");
    EXPECT_EQ(kept, Lines{"new"});
  });
}

}  // namespace
}  // namespace aurora_global::services::logs
