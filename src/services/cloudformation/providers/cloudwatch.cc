// AWS::CloudWatch::Alarm and Dashboard, by the service monitoring.
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/providers/named_provider.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr Property kAlarmProperties[] = {
    {.name = "AlarmName", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "AlarmDescription", .kind = Kind::text},
    {.name = "ActionsEnabled", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "AlarmActions", .kind = Kind::list, .fate = Fate::recorded},
    {.name = "OKActions", .kind = Kind::list, .fate = Fate::recorded},
    {.name = "InsufficientDataActions", .kind = Kind::list, .fate = Fate::recorded},
    {.name = "ComparisonOperator", .kind = Kind::text, .required = true},
    {.name = "EvaluationPeriods", .kind = Kind::number, .required = true},
    {.name = "DatapointsToAlarm", .kind = Kind::number},
    {.name = "Threshold", .kind = Kind::number},
    {.name = "TreatMissingData", .kind = Kind::text},
    {.name = "Namespace", .kind = Kind::text},
    {.name = "MetricName", .kind = Kind::text},
    {.name = "Dimensions", .kind = Kind::list},
    {.name = "Statistic", .kind = Kind::text},
    {.name = "ExtendedStatistic", .kind = Kind::text},
    {.name = "Period", .kind = Kind::number},
    {.name = "Unit", .kind = Kind::text},
    {.name = "Metrics", .kind = Kind::list},
    {.name = "Metrics.Expression", .fate = Fate::refused, .note = "there is no metric math"},
    {.name = "Tags", .kind = Kind::list},
    {.name = "EvaluateLowSampleCountPercentile", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "ThresholdMetricId", .fate = Fate::refused, .note = "there is no anomaly detection"},
};
constexpr Attribute kAlarmAttributes[] = {{.name = "Arn"}};

class Alarm final : public NamedProvider {
 public:
  explicit Alarm(const ProviderContext& context) : NamedProvider(context) {}

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{.type = "AWS::CloudWatch::Alarm",
                                      .properties = kAlarmProperties,
                                      .attributes = kAlarmAttributes};
    return kTable;
  }

 protected:
  Naming naming() const override { return {"AlarmName", {.bytes_max = 255}}; }

  Found find(std::string id) override {
    json input = {{"AlarmNames", {id}}};
    auto asking = call("monitoring", "DescribeAlarms", std::move(input));
    CO_TRY(const json answer, co_await std::move(asking));
    const json& all = answer.at("MetricAlarms");
    if (all.empty()) co_return make_error(ErrorKind::not_found, "There is no alarm " + id);
    co_return all.at(0);
  }

  Done make(const ResourceRequest& request, std::string name) override {
    return put(request, std::move(name), list_of(tags_of(request.properties)));
  }

  Done change(const ResourceRequest& request) override {
    auto putting = put(request, request.physical_id, json::array());
    CO_TRY_VOID(co_await std::move(putting));
    const TagChange change = tag_change(request);
    if (change.set.empty() && change.removed.empty()) co_return ok();
    auto finding = find(request.physical_id);
    CO_TRY(const json found, co_await std::move(finding));
    if (!change.removed.empty()) {
      json input = {{"ResourceARN", found.at("AlarmArn")}, {"TagKeys", change.removed}};
      auto calling = call("monitoring", "UntagResource", std::move(input));
      CO_TRY_VOID(co_await std::move(calling));
    }
    if (change.set.empty()) co_return ok();
    json input = {{"ResourceARN", found.at("AlarmArn")}, {"Tags", change.set}};
    auto calling = call("monitoring", "TagResource", std::move(input));
    CO_TRY_VOID(co_await std::move(calling));
    co_return ok();
  }

  Done unmake(const ResourceRequest& request) override {
    json input = {{"AlarmNames", {request.physical_id}}};
    auto calling = call("monitoring", "DeleteAlarms", std::move(input));
    CO_TRY_VOID(co_await std::move(calling));
    co_return ok();
  }

  json attributes_of(const json& found) const override { return {{"Arn", found.at("AlarmArn")}}; }

 private:
  // The whole of it each time.
  Done put(const ResourceRequest& request, std::string name, json tags) {
    json input = members_of(
        request.properties,
        {"AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions",
         "InsufficientDataActions", "ComparisonOperator", "EvaluationPeriods", "DatapointsToAlarm",
         "Threshold", "TreatMissingData", "Namespace", "MetricName", "Dimensions", "Statistic",
         "ExtendedStatistic", "Period", "Unit", "Metrics", "EvaluateLowSampleCountPercentile"});
    input["AlarmName"] = std::move(name);
    if (!tags.empty()) input["Tags"] = std::move(tags);
    auto calling = call("monitoring", "PutMetricAlarm", std::move(input));
    CO_TRY_VOID(co_await std::move(calling));
    co_return ok();
  }
};

constexpr Property kDashboardProperties[] = {
    {.name = "DashboardName", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "DashboardBody", .kind = Kind::text, .required = true},
    {.name = "Tags", .kind = Kind::list, .fate = Fate::recorded},
};

class Dashboard final : public NamedProvider {
 public:
  explicit Dashboard(const ProviderContext& context) : NamedProvider(context) {}

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{
        .type = "AWS::CloudWatch::Dashboard", .properties = kDashboardProperties, .attributes = {}};
    return kTable;
  }

 protected:
  Naming naming() const override { return {"DashboardName", {.bytes_max = 255}}; }

  Found find(std::string id) override {
    json input = {{"DashboardName", std::move(id)}};
    return call("monitoring", "GetDashboard", std::move(input));
  }

  Done make(const ResourceRequest& request, std::string name) override {
    return put(request, std::move(name));
  }
  Done change(const ResourceRequest& request) override { return put(request, request.physical_id); }

  Done unmake(const ResourceRequest& request) override {
    json input = {{"DashboardNames", {request.physical_id}}};
    auto calling = call("monitoring", "DeleteDashboards", std::move(input));
    CO_TRY_VOID(co_await std::move(calling));
    co_return ok();
  }

  json attributes_of(const json&) const override { return json::object(); }

 private:
  Done put(const ResourceRequest& request, std::string name) {
    json input = {{"DashboardName", std::move(name)},
                  {"DashboardBody", text_of(request.properties, "DashboardBody")}};
    auto calling = call("monitoring", "PutDashboard", std::move(input));
    CO_TRY_VOID(co_await std::move(calling));
    co_return ok();
  }
};

}  // namespace

void add_cloudwatch(Providers& providers, const ProviderContext& context) {
  providers.add(std::make_unique<Alarm>(context));
  providers.add(std::make_unique<Dashboard>(context));
}

}  // namespace aurora_global::services::cloudformation
