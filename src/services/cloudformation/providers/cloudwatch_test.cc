// Goal: alarms and dashboards are put as the template has them, and found again.
#include <gtest/gtest.h>

#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/testing/provider_step.h"
#include "services/testing/fake_services.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;
using testing::ProviderStep;

class CloudWatchProviders : public ::testing::Test {
 protected:
  CloudWatchProviders() {
    add_cloudwatch(providers, {services});
    services.operations["monitoring.PutMetricAlarm"] = [this](const json& input) -> Result<json> {
      alarms[input.at("AlarmName").get<std::string>()] = input;
      return json::object();
    };
    services.operations["monitoring.DescribeAlarms"] = [this](const json& input) -> Result<json> {
      json found = json::array();
      const auto one = alarms.find(input.at("AlarmNames").at(0).get<std::string>());
      if (one != alarms.end()) {
        found.push_back(one->second);
        found.back()["AlarmArn"] = "arn:" + one->first;
      }
      return json{{"MetricAlarms", found}};
    };
    services.operations["monitoring.DeleteAlarms"] = [this](const json& input) -> Result<json> {
      alarms.erase(input.at("AlarmNames").at(0).get<std::string>());
      return json::object();
    };
    services.operations["monitoring.TagResource"] = [this](const json& input) -> Result<json> {
      tagged = input;
      return json::object();
    };
  }

  services::testing::FakeServices services;
  Providers providers;
  std::map<std::string, json> alarms;
  json tagged;
};

TEST_F(CloudWatchProviders, AnAlarmIsPutWhole) {
  json properties = {{"ComparisonOperator", "LessThanThreshold"},
                     {"EvaluationPeriods", "1"},
                     {"Threshold", "99"},
                     {"Metrics",
                      {{{"Id", "m1"},
                        {"ReturnData", "true"},
                        {"MetricStat", {{"Period", "60"}, {"Stat", "Minimum"}}}}}}};
  ProviderStep one(*providers.find("AWS::CloudWatch::Alarm"), "AWS::CloudWatch::Alarm", properties);
  ASSERT_TRUE(one.create().has_value());
  const std::string name = one.made.physical_id;
  EXPECT_EQ(one.made.attributes["Arn"], "arn:" + name);
  EXPECT_EQ(alarms[name]["Threshold"], 99);
  EXPECT_EQ(alarms[name]["Metrics"][0]["MetricStat"]["Period"], 60);
  EXPECT_EQ(alarms[name]["Metrics"][0]["ReturnData"], true);
  properties["Threshold"] = 98.5;
  properties["Tags"] = {{{"Key", "k"}, {"Value", "v"}}};
  ASSERT_TRUE(one.update(properties).has_value());
  EXPECT_EQ(alarms[name]["Threshold"], 98.5);
  EXPECT_EQ(tagged["ResourceARN"], "arn:" + name);
  ASSERT_TRUE(one.remove().has_value());
  EXPECT_TRUE(alarms.empty());
  EXPECT_EQ(one.read().error().kind, ErrorKind::not_found);
}

TEST_F(CloudWatchProviders, MetricMathIsRefusedByName) {
  const TypeTable& table = providers.find("AWS::CloudWatch::Alarm")->table();
  const json properties = {{"ComparisonOperator", "LessThanThreshold"},
                           {"EvaluationPeriods", 1},
                           {"Metrics", {{{"Id", "e1"}, {"Expression", "m1 / m2"}}}}};
  const auto checked = check_properties(table, properties, {});
  ASSERT_TRUE(checked.has_error());
  EXPECT_NE(checked.error().message.find("Expression"), std::string::npos);
}

TEST_F(CloudWatchProviders, ADashboardIsKept) {
  std::map<std::string, json> boards;
  services.operations["monitoring.PutDashboard"] = [&](const json& input) -> Result<json> {
    boards[input.at("DashboardName").get<std::string>()] = input;
    return json::object();
  };
  services.operations["monitoring.GetDashboard"] = [&](const json& input) -> Result<json> {
    const auto found = boards.find(input.at("DashboardName").get<std::string>());
    if (found == boards.end()) return make_error(ErrorKind::not_found, "", "ResourceNotFound");
    return found->second;
  };
  services.operations["monitoring.DeleteDashboards"] = [&](const json& input) -> Result<json> {
    boards.erase(input.at("DashboardNames").at(0).get<std::string>());
    return json::object();
  };
  ProviderStep one(*providers.find("AWS::CloudWatch::Dashboard"), "AWS::CloudWatch::Dashboard",
                   {{"DashboardName", "d"}, {"DashboardBody", "{}"}});
  ASSERT_TRUE(one.create().has_value());
  EXPECT_EQ(one.made.physical_id, "d");
  ASSERT_TRUE(one.update({{"DashboardName", "d"}, {"DashboardBody", "{\"a\":1}"}}).has_value());
  EXPECT_EQ(boards["d"]["DashboardBody"], "{\"a\":1}");
  ASSERT_TRUE(one.remove().has_value());
  EXPECT_TRUE(boards.empty());
}

}  // namespace
}  // namespace aurora_global::services::cloudformation
