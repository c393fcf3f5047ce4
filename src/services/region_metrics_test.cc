#include "services/region_metrics.h"

#include <gtest/gtest.h>

namespace aurora_global::services {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

model::RegionStatus status_with(const json& instance) {
  const json status = {{"region", "us-west-2"},
                       {"duty", "standby"},
                       {"head", {{"running", true}, {"sessions", 3}, {"replay_lag_ms", 7}}},
                       {"clusters", {{{"identifier", "c"}}}},
                       {"forwarding", {{"instances", {instance}}}}};
  return model::decode<model::RegionStatus>(status, "status").value();
}

json replica(const json& counters, bool local = false) {
  return {{"instance", "c-1"}, {"role", "replica"}, {"local", local}, {"counters", counters}};
}

std::optional<double> value(const std::vector<MetricDatum>& data, const std::string& name) {
  for (const MetricDatum& one : data) {
    if (one.name == name) return one.values.at(0);
  }
  return std::nullopt;
}

TEST(RegionMetrics, AThroughputIsWhatWasAddedBetweenTwoLooks) {
  RegionMetrics metrics;
  const WallTime start{};
  const json first = replica({{"replica_statements", 100},
                              {"replica_statement_us", 1'000'000},
                              {"replica_commits", 10},
                              {"replica_open_sessions", 4}});
  auto data = metrics.take(status_with(first), start);
  EXPECT_EQ(value(data, "DatabaseConnections"), 3);
  EXPECT_EQ(value(data, "AuroraGlobalDBRPOLag"), 7);
  EXPECT_EQ(value(data, "AuroraForwardingReplicaOpenSessions"), 4);
  EXPECT_EQ(value(data, "AuroraForwardingReplicaDMLThroughput"), std::nullopt);
  const json second = replica({{"replica_statements", 120},
                               {"replica_statement_us", 1'800'000},
                               {"replica_commits", 15},
                               {"replica_open_sessions", 2}});
  data = metrics.take(status_with(second), start + 10s);
  EXPECT_EQ(value(data, "AuroraForwardingReplicaDMLThroughput"), 2);
  EXPECT_EQ(value(data, "AuroraForwardingReplicaCommitThroughput"), 0.5);
  EXPECT_EQ(value(data, "AuroraForwardingReplicaDMLLatency"), 40);
  EXPECT_EQ(value(data, "AuroraForwardingReplicaErrorSessionsLimit"), 0);
  EXPECT_EQ(value(data, "AuroraForwardingReplicaReadWaitLatency"), std::nullopt);
  model::RegionStatus silent = status_with(second);
  silent.forwarding.instances.clear();
  metrics.take(silent, start + 20s);
  data = metrics.take(status_with(replica({{"replica_statements", 180}})), start + 30s);
  EXPECT_EQ(value(data, "AuroraForwardingReplicaDMLThroughput"), 3);
}

TEST(RegionMetrics, AServerThatStartedAnewCountsFromZero) {
  RegionMetrics metrics;
  metrics.take(status_with(replica({{"replica_statements", 100}})), WallTime{});
  const auto data =
      metrics.take(status_with(replica({{"replica_statements", 30}})), WallTime{} + 10s);
  EXPECT_EQ(value(data, "AuroraForwardingReplicaDMLThroughput"), 3);
}

TEST(RegionMetrics, NamesFollowTheRole) {
  RegionMetrics metrics;
  auto data = metrics.take(status_with(replica({{"replica_open_sessions", 1}}, true)), WallTime{});
  EXPECT_EQ(value(data, "AuroraLocalForwardingReplicaOpenSessions"), 1);
  const json writer = {{"instance", "c-1"},
                       {"role", "writer"},
                       {"counters", {{"writer_total_sessions", 9}, {"writer_statements", 5}}}};
  metrics.take(status_with(writer), WallTime{} + 1s);
  data = metrics.take(status_with(writer), WallTime{} + 2s);
  EXPECT_EQ(value(data, "AuroraForwardingWriterTotalSessions"), 9);
  EXPECT_EQ(value(data, "AuroraForwardingWriterOpenSessions"), 0);
  EXPECT_EQ(value(data, "AuroraForwardingWriterDMLThroughput"), 0);
}

}  // namespace
}  // namespace aurora_global::services
