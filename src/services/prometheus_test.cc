#include "services/prometheus.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace aurora_global::services {
namespace {

TEST(Prometheus, SamplesOfOneMetricStandTogether) {
  const auto status = nlohmann::json::parse(R"({
    "region": "us-west-2",
    "head": {"running": true, "in_recovery": true, "replay_lag_ms": 250, "sessions": 3},
    "forwarding": {"instances": [
      {"instance": "a", "counters": {"replica_statements": 7, "replica_statement_us": 2500000,
                                     "replica_open_sessions": 2, "replica_total_sessions": 5}},
      {"instance": "b\"\\", "counters": {"replica_statements": 1}}]}})");
  const std::string text =
      prometheus_text(model::decode<model::RegionStatus>(status, "status").value());
  EXPECT_NE(text.find("# TYPE aurora_global_forwarding_replica_statements_total counter\n"
                      "aurora_global_forwarding_replica_statements_total{region=\"us-west-2\","
                      "instance=\"a\"} 7.0\n"
                      "aurora_global_forwarding_replica_statements_total{region=\"us-west-2\","
                      "instance=\"b\\\"\\\\\"} 1.0\n"),
            std::string::npos)
      << text;
  for (const char* line : {"aurora_global_forwarding_replica_statement_seconds_total{region=\"us-"
                           "west-2\",instance=\"a\"} 2.5\n",
                           "# TYPE aurora_global_forwarding_replica_open_sessions gauge\n",
                           "aurora_global_forwarding_replica_sessions_total{region=\"us-west-2\","
                           "instance=\"a\"} 5.0\n",
                           "aurora_global_replay_lag_seconds{region=\"us-west-2\"} 0.25\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

// Source: Prometheus, "Metric and label naming" and "Exposition formats".
TEST(Prometheus, EachMetricHasItsHelpAndTypeAndANameByTheRules) {
  const auto status = nlohmann::json::parse(R"({
    "region": "us-west-2", "duty": "standby", "warnings": ["one"],
    "head": {"running": true, "in_recovery": true, "position": 16, "received": 4294967296},
    "globals": [{"identifier": "g", "writer_region": "us-east-1", "epoch": 7}],
    "peers": [{"region": "us-east-1", "heard": true, "heard_ms_ago": 1500, "position": 32},
              {"region": "eu-west-1", "heard": false}],
    "forwarding": {"instances": [{"instance": "a", "counters": {"replica_statements": 7}}]},
    "router": {"version": 3, "endpoints": [
      {"name": "reader", "sessions": 4, "held": "x", "moved_total": 9}, 17]}})");
  const std::string text =
      prometheus_text(model::decode<model::RegionStatus>(status, "status").value());
  for (const char* line :
       {"aurora_global_duty{region=\"us-west-2\",duty=\"standby\"} 1.0\n",
        "aurora_global_duty{region=\"us-west-2\",duty=\"primary\"} 0.0\n",
        "aurora_global_epoch{region=\"us-west-2\",global_cluster=\"g\"} 7.0\n",
        "aurora_global_is_writer{region=\"us-west-2\",global_cluster=\"g\"} 0.0\n",
        "aurora_global_head_received_bytes{region=\"us-west-2\"} 4294967296.0\n",
        "aurora_global_peer_silence_seconds{region=\"us-west-2\",peer=\"us-east-1\"} 1.5\n",
        "aurora_global_peer_heard{region=\"us-west-2\",peer=\"eu-west-1\"} 0.0\n",
        "aurora_global_endpoint_sessions{region=\"us-west-2\",endpoint=\"reader\"} 4.0\n",
        "aurora_global_endpoint_moved_total{region=\"us-west-2\",endpoint=\"reader\"} 9.0\n",
        "aurora_global_warnings{region=\"us-west-2\"} 1.0\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
  std::istringstream lines(text);
  std::string name, type;
  std::set<std::string> seen;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, kind;
    if (line.starts_with("# HELP ")) {
      words >> hash >> kind >> name;
      EXPECT_TRUE(seen.insert(name).second) << line;
      EXPECT_TRUE(line.ends_with(".")) << line;
    } else if (line.starts_with("# TYPE ")) {
      std::string of;
      words >> hash >> kind >> of >> type;
      EXPECT_EQ(of, name);
      EXPECT_EQ(type == "counter", name.ends_with("_total")) << line;
    } else {
      EXPECT_EQ(line.substr(0, line.find('{')), name);
    }
  }
  EXPECT_GT(seen.size(), 15u);
}

}  // namespace
}  // namespace aurora_global::services
