// Goal: alarms are kept as they were put, come into the state that the metrics give them, and what
// is not served is refused by its name; dashboards are kept as they were put.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "net/testing/run.h"
#include "services/cloudwatch/cloudwatch.h"

namespace aurora_global::services::cloudwatch {
namespace {

using nlohmann::json;

const region::Facts kAlarmFacts = {RegionId{"us-east-1"}, "123456789012", "15.18", "", {}};

class AlarmsTest : public ::testing::Test {
 protected:
  template <typename Body>
  void with_service(const Body& body) {
    char place[] = "/tmp/aurora-global-alarms-XXXXXX";
    const std::filesystem::path home = mkdtemp(place);
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      auto database =
          database::Database::open(home / "metrics.sqlite", database::Durability::relaxed, 1, "");
      auto opened = CloudWatch::open(tasks, kAlarmFacts, home / "metrics.sqlite");
      EXPECT_TRUE(opened.has_value() && database.has_value());
      service_ = opened->get();
      Context context{**database, kAlarmFacts};
      context_ = &context;
      auto running = body();
      co_await std::move(running);
      tasks.stop();
      co_await tasks.join();
    });
    std::filesystem::remove_all(home);
  }

  net::Task<json> ask(std::string operation, json input) {
    auto calling = service_->call(std::move(operation), std::move(input));
    const Result<json> answer = co_await std::move(calling);
    if (answer.has_value()) co_return *answer;
    co_return json{{"code", answer.error().code}, {"message", answer.error().message}};
  }

  net::Task<void> put(double value, WallTime at) {
    MetricDatum datum;
    datum.name_space = "N";
    datum.name = "M";
    datum.dimensions = {{"Queue", "q"}};
    datum.at = at;
    datum.values = {value};
    service_->put_metrics({datum});
    auto draining = service_->drain(Deadline::in(std::chrono::seconds(60)));
    co_await std::move(draining);
  }

  net::Task<std::string> state_at(WallTime now) {
    auto evaluating = evaluate_alarms(*context_, now);
    const auto evaluated = co_await std::move(evaluating);
    EXPECT_TRUE(evaluated.has_value()) << evaluated.error().message;
    auto asking = ask("DescribeAlarms", json::object());
    const json answer = co_await std::move(asking);
    co_return answer["MetricAlarms"][0]["StateValue"].get<std::string>();
  }

  static json alarm() {
    return {{"AlarmName", "a"},
            {"Namespace", "N"},
            {"MetricName", "M"},
            {"Dimensions", {{{"Name", "Queue"}, {"Value", "q"}}}},
            {"Statistic", "Maximum"},
            {"Period", 60},
            {"EvaluationPeriods", 2},
            {"Threshold", 5.0},
            {"ComparisonOperator", "GreaterThanThreshold"},
            {"TreatMissingData", "notBreaching"},
            {"AlarmActions", {"arn:aws:sns:us-east-1:123456789012:t"}},
            {"Tags", {{{"Key", "k"}, {"Value", "v"}}}}};
  }
  static json by_metrics() {
    json one = alarm();
    for (const char* name : {"Namespace", "MetricName", "Dimensions", "Statistic", "Period"}) {
      one.erase(name);
    }
    one["Metrics"] = {{{"Id", "m1"},
                       {"ReturnData", true},
                       {"MetricStat",
                        {{"Metric",
                          {{"Namespace", "N"},
                           {"MetricName", "M"},
                           {"Dimensions", {{{"Name", "Queue"}, {"Value", "q"}}}}}},
                         {"Period", 60},
                         {"Stat", "Maximum"}}}}};
    return one;
  }

  CloudWatch* service_ = nullptr;
  Context* context_ = nullptr;
};

// The last whole minute, so that every look falls between the same two.
WallTime minute() {
  const auto now = SystemClock().wall_now();
  return WallTime(std::chrono::floor<std::chrono::minutes>(now.time_since_epoch()));
}

TEST_F(AlarmsTest, FollowTheMetric) {
  for (const json& config : {alarm(), by_metrics()}) {
    with_service([&]() -> net::Task<void> {
      const WallTime now = minute();
      const json made = co_await ask("PutMetricAlarm", config);
      EXPECT_EQ(made, json::object());
      EXPECT_EQ(co_await state_at(now), "OK") << "nothing is not breaching";
      co_await put(9, now - std::chrono::seconds(90));
      EXPECT_EQ(co_await state_at(now), "OK") << "one of two";
      co_await put(9, now - std::chrono::seconds(30));
      EXPECT_EQ(co_await state_at(now), "ALARM");
      co_await put(1, now + std::chrono::seconds(1));
      EXPECT_EQ(co_await state_at(now + std::chrono::minutes(1)), "OK");
      const json history =
          co_await ask("DescribeAlarmHistory", {{"HistoryItemType", "StateUpdate"}});
      EXPECT_EQ(history["AlarmHistoryItems"].size(), 3u);
      EXPECT_EQ(history["AlarmHistoryItems"][0]["HistorySummary"],
                "Alarm updated from ALARM to OK");
    });
  }
}

TEST_F(AlarmsTest, AreKeptAsTheyWerePut) {
  with_service([&]() -> net::Task<void> {
    co_await ask("PutMetricAlarm", alarm());
    json found = co_await ask("DescribeAlarms", {{"AlarmNames", {"a"}}});
    json one = found["MetricAlarms"][0];
    EXPECT_EQ(one["AlarmArn"], "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a");
    EXPECT_EQ(one["StateValue"], "INSUFFICIENT_DATA");
    EXPECT_EQ(one["ActionsEnabled"], true);
    const json expected = alarm();
    for (const auto& [name, value] : expected.items()) {
      if (name != "Tags") EXPECT_EQ(one[name], value) << name;
    }
    co_await ask("SetAlarmState",
                 {{"AlarmName", "a"}, {"StateValue", "ALARM"}, {"StateReason", "tried"}});
    json changed = alarm();
    changed["Threshold"] = 7.0;
    co_await ask("PutMetricAlarm", changed);
    found = co_await ask("DescribeAlarms", {{"StateValue", "ALARM"}});
    EXPECT_EQ(found["MetricAlarms"][0]["Threshold"], 7.0);
    EXPECT_EQ(found["MetricAlarms"][0]["StateReason"], "tried");
    co_await ask("DisableAlarmActions", {{"AlarmNames", {"a", "none"}}});
    const json arn = {{"ResourceARN", one["AlarmArn"]}};
    const json tags = co_await ask("ListTagsForResource", arn);
    EXPECT_EQ(tags["Tags"], expected["Tags"]);
    found = co_await ask("DescribeAlarms", {{"AlarmNamePrefix", "a"}});
    EXPECT_EQ(found["MetricAlarms"][0]["ActionsEnabled"], false);
    const json missing = co_await ask("DeleteAlarms", {{"AlarmNames", {"a", "none"}}});
    EXPECT_EQ(missing["code"], "ResourceNotFound");
    found = co_await ask("DescribeAlarms", json::object());
    EXPECT_EQ(found["MetricAlarms"].size(), 1u) << "all or none";
    co_await ask("DeleteAlarms", {{"AlarmNames", {"a"}}});
    found = co_await ask("DescribeAlarms", json::object());
    EXPECT_EQ(found["MetricAlarms"], json::array());
  });
}

TEST_F(AlarmsTest, WhatIsNotServedIsRefused) {
  with_service([&]() -> net::Task<void> {
    const auto with = [](const char* name, json value) {
      json one = alarm();
      one[name] = std::move(value);
      return one;
    };
    json expression = by_metrics();
    expression["Metrics"][0].erase("MetricStat");
    expression["Metrics"][0]["Expression"] = "m2 / m3";
    json none = alarm();
    none.erase("Statistic");
    // Four times as long is 224 seconds in 64 bits.
    json endless = by_metrics();
    endless["EvaluationPeriods"] = 4;
    endless["Metrics"][0]["MetricStat"]["Period"] = (std::int64_t{1} << 62) + 56;
    for (const json& bad :
         {with("Period", 7), with("EvaluationPeriods", 2000), with("DatapointsToAlarm", 3),
          with("ComparisonOperator", "LessThanLowerThreshold"), with("TreatMissingData", "x"),
          with("ExtendedStatistic", "p99"), with("Metrics", by_metrics()["Metrics"]),
          with("ThresholdMetricId", "m"), expression, none, endless}) {
      const json answer = co_await ask("PutMetricAlarm", bad);
      EXPECT_TRUE(answer.contains("code")) << bad;
    }
    const json said = co_await ask("PutMetricAlarm", expression);
    EXPECT_NE(said["message"].get<std::string>().find("Expression"), std::string::npos);
    const json found = co_await ask("DescribeAlarms", json::object());
    EXPECT_EQ(found["MetricAlarms"], json::array());
  });
}

TEST_F(AlarmsTest, DashboardsAreKept) {
  with_service([&]() -> net::Task<void> {
    const std::string body = R"({"widgets":[{"type":"text","properties":{"markdown":"x"}}]})";
    for (const char* bad :
         {"", "[]", "{}", R"({"widgets":[1]})", R"({"widgets":[{"type":"x"}]})"}) {
      const json refused =
          co_await ask("PutDashboard", {{"DashboardName", "d"}, {"DashboardBody", bad}});
      EXPECT_TRUE(refused.contains("code")) << bad;
    }
    co_await ask("PutDashboard", {{"DashboardName", "d"}, {"DashboardBody", body}});
    const json found = co_await ask("GetDashboard", {{"DashboardName", "d"}});
    EXPECT_EQ(found["DashboardBody"], body);
    const json listed = co_await ask("ListDashboards", {{"DashboardNamePrefix", "d"}});
    EXPECT_EQ(listed["DashboardEntries"][0]["Size"], body.size());
    const json missing = co_await ask("DeleteDashboards", {{"DashboardNames", {"d", "e"}}});
    EXPECT_EQ(missing["code"], "ResourceNotFound");
    co_await ask("DeleteDashboards", {{"DashboardNames", {"d"}}});
    const json gone = co_await ask("GetDashboard", {{"DashboardName", "d"}});
    EXPECT_EQ(gone["code"], "ResourceNotFound");
  });
}

}  // namespace
}  // namespace aurora_global::services::cloudwatch
