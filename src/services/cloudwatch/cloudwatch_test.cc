// Goal: CloudWatch takes what AWS takes, whichever way it comes, and gives all of it in pages.
#include "services/cloudwatch/cloudwatch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "net/testing/run.h"

namespace aurora_global::services::cloudwatch {
namespace {

using nlohmann::json;

const region::Facts kFacts = {RegionId{"us-east-1"}, "123456789012", "15.18", "", {}};

class CloudWatchTest : public ::testing::Test {
 protected:
  template <typename Body>
  void with_service(const Body& body) {
    char place[] = "/tmp/aurora-global-metrics-XXXXXX";
    const std::filesystem::path home = mkdtemp(place);
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      auto opened = CloudWatch::open(tasks, kFacts, home / "metrics.sqlite");
      EXPECT_TRUE(opened.has_value());
      service_ = opened->get();
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
    message.headers = {{"X-Amz-Target", "GraniteServiceVersion20100801." + operation},
                       {"Content-Type", "application/x-amz-json-1.0"}};
    message.body = request.dump();
    auto serving = service_->serve(message);
    const net::HttpResponse response = co_await std::move(serving);
    co_return json::parse(response.body);
  }

  static MetricDatum datum(std::vector<double> values, std::vector<double> counts = {}) {
    MetricDatum made;
    made.name_space = "N";
    made.name = "M";
    made.at = SystemClock().wall_now();
    made.values = std::move(values);
    made.counts = std::move(counts);
    return made;
  }

  net::Task<void> drained() {
    auto draining = service_->drain(Deadline::in(std::chrono::seconds(60)));
    co_await std::move(draining);
  }

  static json query(const std::string& id, const std::string& metric) {
    return {{"Id", id},
            {"MetricStat",
             {{"Metric", {{"Namespace", "N"}, {"MetricName", metric}}},
              {"Period", 60},
              {"Stat", "Sum"}}}};
  }
  static json range(json queries) {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                         SystemClock().wall_now().time_since_epoch())
                         .count();
    return {{"StartTime", now - 7200},
            {"EndTime", now + 60},
            {"MetricDataQueries", std::move(queries)}};
  }

  CloudWatch* service_ = nullptr;
};

TEST_F(CloudWatchTest, OneCheckForEveryWayIn) {
  const double huge = std::ldexp(1, 361);
  const double nan = std::nan("");
  const WallTime now = SystemClock().wall_now();
  EXPECT_EQ(problem_of(datum({1, -2}, {1, 0.5}), now), "");
  EXPECT_EQ(problem_of(datum({std::ldexp(1, 360), -std::ldexp(1, 360)}), now), "");
  for (const MetricDatum& bad :
       {datum({1}, {0}), datum({1}, {-1}), datum({1}, {nan}), datum({huge}), datum({-huge}),
        datum({nan}), datum({HUGE_VAL}), datum({1, 2}, {1})}) {
    EXPECT_NE(problem_of(bad, now), "");
  }
  for (const WallTime at : {WallTime::min(), now - std::chrono::hours(24 * 16),
                            now + std::chrono::hours(3), WallTime::max()}) {
    MetricDatum late = datum({1});
    late.at = at;
    EXPECT_NE(problem_of(late, now), "");
  }
}

TEST_F(CloudWatchTest, WhatIsNoDatumIsRefusedOrDropped) {
  with_service([&]() -> net::Task<void> {
    for (const json& bad :
         {json{{"Values", {1}}, {"Counts", {0}}}, json{{"Values", {1}}, {"Counts", {-1}}},
          json{{"Value", 1e300}}, json{{"Value", -1e300}}}) {
      json one = bad;
      one["MetricName"] = "M";
      const json request = {{"Namespace", "N"}, {"MetricData", json::array({one})}};
      const json answer = co_await ask("PutMetricData", request);
      EXPECT_TRUE(answer.contains("__type")) << bad;
    }
    service_->put_metrics({datum({1}, {0}), datum({1e300})});
    co_await drained();
    const json answer = co_await ask("ListMetrics", json::object());
    EXPECT_EQ(answer["Metrics"], json::array());
  });
}

TEST_F(CloudWatchTest, IdsOfQueriesTellThemApart) {
  with_service([&]() -> net::Task<void> {
    for (const json& queries :
         {json{query("a", "M"), query("a", "M")}, json::array({query("A", "M")}),
          json::array({query("1", "M")}), json::array({query("a-b", "M")})}) {
      const json answer = co_await ask("GetMetricData", range(queries));
      EXPECT_NE(answer.value("__type", "").find("ValidationError"), std::string::npos) << answer;
    }
  });
}

TEST_F(CloudWatchTest, PointsOverAllResultsGoIntoPages) {
  with_service([&]() -> net::Task<void> {
    std::vector<MetricDatum> data;
    for (int i = 0; i < 9; ++i) {
      MetricDatum one = datum({static_cast<double>(i % 3)});
      one.name = std::string(1, static_cast<char>('A' + i / 3));
      one.at -= std::chrono::minutes(10 * (i % 3));
      data.push_back(std::move(one));
    }
    service_->put_metrics(std::move(data));
    co_await drained();
    json request = range({query("a", "A"), query("b", "B"), query("c", "C"), query("d", "D")});
    request["MaxDatapoints"] = 4;
    std::map<std::string, std::vector<double>> found;
    std::vector<std::size_t> sizes;
    for (int page = 0; page < 9; ++page) {
      const json answer = co_await ask("GetMetricData", request);
      std::size_t points = 0;
      for (const json& result : answer["MetricDataResults"]) {
        auto& all = found[result["Id"].get<std::string>()];
        for (const json& value : result["Values"]) all.push_back(value.get<double>());
        points += result["Values"].size();
      }
      sizes.push_back(points);
      if (!answer.contains("NextToken")) break;
      request["NextToken"] = answer["NextToken"];
    }
    EXPECT_EQ(sizes, (std::vector<std::size_t>{4, 4, 1}));
    EXPECT_EQ(found.size(), 4u);
    for (const char* id : {"a", "b", "c"}) EXPECT_EQ(found[id], (std::vector<double>{0, 1, 2}));
    request["NextToken"] = "-1";
    const json refused = co_await ask("GetMetricData", request);
    EXPECT_TRUE(refused.contains("__type"));
  });
}

TEST_F(CloudWatchTest, WhatWaitsIsBounded) {
  with_service([&]() -> net::Task<void> {
    for (std::size_t i = 0; i < 2 * kWaitingValuesMax / 100; ++i) {
      service_->put_metrics({datum(std::vector<double>(100, 1.0))});
    }
    co_await drained();
    json request = range(json::array({query("a", "M")}));
    request["MetricDataQueries"][0]["MetricStat"]["Stat"] = "SampleCount";
    const json answer = co_await ask("GetMetricData", request);
    double stored = 0;
    for (const json& count : answer["MetricDataResults"][0]["Values"])
      stored += count.get<double>();
    EXPECT_GT(stored, 0);
    EXPECT_LE(stored, kWaitingValuesMax + 100) << "beside the first, which need not wait";
  });
}

}  // namespace
}  // namespace aurora_global::services::cloudwatch
