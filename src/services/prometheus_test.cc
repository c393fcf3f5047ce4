#include "services/prometheus.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace aurora_global::services
