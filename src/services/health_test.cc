// Goal: each of Patroni's paths says yes and no when Patroni would.
#include "services/health.h"

#include <gtest/gtest.h>

namespace aurora_global::services {
namespace {

region::InstanceHealth writer() {
  return {.identifier = "a", .running = true, .writes = true, .in_recovery = false, .lag_bytes = 0};
}
region::InstanceHealth replica(std::uint64_t behind) {
  return {.identifier = "b", .running = true, .streams = true, .lag_bytes = behind};
}

int status(const region::InstanceHealth& health, std::string target, std::string method = "GET") {
  return health_answer({.method = std::move(method), .target = std::move(target)}, health).status;
}

TEST(Health, EachPathAsksForItsRole) {
  auto stopped = replica(0);
  stopped.running = stopped.streams = false;
  auto fenced = writer();
  fenced.writes = false;
  auto cut_off = replica(0);
  cut_off.streams = false;
  const struct {
    const char* path;
    int writer, fenced, replica, cut_off, stopped;
  } rows[] = {
      {"/", 200, 503, 503, 503, 503},           {"/primary", 200, 503, 503, 503, 503},
      {"/master", 200, 503, 503, 503, 503},     {"/leader", 200, 503, 503, 503, 503},
      {"/read-write", 200, 503, 503, 503, 503}, {"/replica", 503, 503, 200, 200, 503},
      {"/read-only", 200, 503, 200, 200, 503},  {"/health", 200, 200, 200, 200, 503},
      {"/liveness", 200, 200, 200, 200, 200},   {"/readiness", 200, 503, 200, 503, 503},
      {"/patroni", 404, 404, 404, 404, 404},    {"/primaryx", 404, 404, 404, 404, 404},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(status(writer(), row.path), row.writer) << row.path;
    EXPECT_EQ(status(fenced, row.path), row.fenced) << row.path;
    EXPECT_EQ(status(replica(0), row.path), row.replica) << row.path;
    EXPECT_EQ(status(cut_off, row.path), row.cut_off) << row.path;
    EXPECT_EQ(status(stopped, row.path), row.stopped) << row.path;
  }
}

TEST(Health, LagIsOfAReplica) {
  EXPECT_EQ(status(replica(16u << 20), "/replica?lag=16MB"), 200);
  EXPECT_EQ(status(replica((16u << 20) + 1), "/replica?lag=16MB"), 503);
  EXPECT_EQ(status(replica(100), "/replica?lag=100"), 200);
  EXPECT_EQ(status(replica(101), "/replica?lag=100"), 503);
  EXPECT_EQ(status(replica(1024), "/read-only?lag=1kB"), 200);
  EXPECT_EQ(status(replica(1025), "/read-only?lag=1kB"), 503);
  EXPECT_EQ(status(writer(), "/read-only?lag=0"), 200);
  auto unknown = replica(0);
  unknown.lag_bytes.reset();
  EXPECT_EQ(status(unknown, "/replica?lag=1TB"), 503);
  EXPECT_EQ(status(unknown, "/replica"), 200);
  EXPECT_EQ(status(replica(0), "/replica?"), 200);
  for (const char* bad :
       {"/replica?lag=", "/replica?lag", "/replica?lag=-1", "/replica?lag=1mb", "/replica?lag=1 MB",
        "/replica?lag=99999999999TB", "/replica?lag=x", "/replica?tag_key=1", "/primary?lag=1",
        "/replica?lag=1&other=2", "/replica?lag=18446744073709551616"}) {
    EXPECT_EQ(status(replica(0), bad), 400) << bad;
  }
}

TEST(Health, MethodsAreThoseOfALoadBalancer) {
  for (const char* method : {"GET", "HEAD", "OPTIONS"}) {
    EXPECT_EQ(status(writer(), "/", method), 200) << method;
    EXPECT_EQ(status(replica(0), "/", method), 503) << method;
  }
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH"}) {
    const auto answer = health_answer({.method = method, .target = "/"}, writer());
    EXPECT_EQ(answer.status, 405) << method;
    EXPECT_EQ(net::header_value(answer.headers, "Allow"), "GET, HEAD, OPTIONS");
  }
}

TEST(Health, TheBodySaysStateAndRole) {
  const auto body = [](const region::InstanceHealth& health) {
    return health_answer({.method = "GET", .target = "/health"}, health).body;
  };
  EXPECT_EQ(body(writer()), R"({"role":"primary","state":"running"})");
  EXPECT_EQ(body(replica(0)), R"({"role":"replica","state":"streaming"})");
  EXPECT_EQ(body({.identifier = "c"}), R"({"role":"replica","state":"stopped"})");
}

}  // namespace
}  // namespace aurora_global::services
