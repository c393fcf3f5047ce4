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
      auto opened = Logs::open(tasks, facts, home / "logs.sqlite");
      EXPECT_TRUE(opened.has_value());
      logs_ = opened->get();
      const WallTime now = SystemClock().wall_now();
      std::vector<LogLine> put;
      for (std::string& line : lines) put.push_back({now, std::move(line)});
      logs_->put_lines("g", "s", std::move(put));
      // What stores them was started, and comes before what we ask.
      co_await boost::asio::post(tasks.executor(), boost::asio::use_awaitable);
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

  Logs* logs_ = nullptr;
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

}  // namespace
}  // namespace aurora_global::services::logs
