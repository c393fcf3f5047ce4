// Goal: when a server dies or falls silent unannounced, idle sessions go on at the next writer, and
// everybody else gets one honest word within about a second.
//
// Method: real sockets; a client and two fake servers.
#include "router/testing/run_world.h"

namespace aurora_global::router {
namespace {

using namespace std::chrono_literals;
using testing::FakeClient;
using testing::FakeServer;
using testing::Outcome;
using testing::run_world;
using testing::World;

TEST(Failover, AnIdleCleanSessionIsCarriedSilently) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->query("WRITE x")).good());
    EXPECT_TRUE((co_await client->prepare("", "ECHO $1", {25})).good());
    w.east.apply(FakeServer::Fault::die);
    EXPECT_TRUE(co_await client->hears_nothing(50ms));
    pgwire::Bytes bytes;
    pgwire::put_bind(bytes, "", "", {"still here"});
    pgwire::put_execute(bytes, "");
    pgwire::put_sync(bytes);
    EXPECT_TRUE(co_await client->send(bytes));
    EXPECT_TRUE(co_await client->hears_nothing(50ms));
    EXPECT_TRUE(co_await w.swap());
    EXPECT_EQ((co_await client->hear()).value(), "still here");
    EXPECT_EQ(co_await client->ask("WHO"), "west");
  });
}

TEST(Failover, ASessionWithStateGetsOneHonestWord) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->query("SET a 1")).good());
    w.east.apply(FakeServer::Fault::die);
    const Outcome ended = co_await client->hear();
    EXPECT_EQ(ended.sqlstate, "57P01");
    EXPECT_TRUE(ended.closed);
  });
}

TEST(Failover, TheOutcomeOfWhatIsInFlightIsUnknown) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE(co_await client->send_query("HANG"));
    EXPECT_TRUE(co_await client->hears_nothing(20ms));
    w.east.apply(FakeServer::Fault::die);
    const Outcome ended = co_await client->hear();
    EXPECT_EQ(ended.sqlstate, "08007");
    EXPECT_TRUE(ended.closed);
  });
}

TEST(Failover, AnOpenTransactionIsRolledBack) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->query("BEGIN")).good());
    EXPECT_TRUE((co_await client->query("WRITE x")).good());
    w.east.apply(FakeServer::Fault::die);
    const Outcome ended = co_await client->hear();
    EXPECT_EQ(ended.sqlstate, "57P01");
    EXPECT_NE(ended.message.find("rolled back"), std::string::npos);
    EXPECT_TRUE(ended.closed);
  });
}

TEST(Failover, WhatTheServerSaysAtItsEndReachesWhoIsInTheMiddle) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto busy = co_await w.client();
    const auto idle = co_await w.client();
    EXPECT_TRUE(co_await busy->send_query("HANG"));
    EXPECT_TRUE(co_await busy->hears_nothing(20ms));
    w.east.end_sessions("57P01");  // As pg_terminate_backend() and a fast shutdown do.
    for (FakeClient* one : {busy.get(), idle.get()}) {
      const Outcome ended = co_await one->hear();
      EXPECT_EQ(ended.sqlstate, "57P01");
      EXPECT_EQ(ended.message, "terminating connection");
      EXPECT_TRUE(ended.closed);
    }
  });
}

TEST(Failover, ACrashedServerThatComesBackHasItsIdleSessionsAgain) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    w.east.end_sessions("57P02");
    w.east.apply(FakeServer::Fault::die);
    EXPECT_TRUE(co_await client->hears_nothing(20ms));
    EXPECT_TRUE(co_await client->send_query("WHO"));
    EXPECT_TRUE(co_await client->hears_nothing(50ms));
    EXPECT_TRUE(w.east.revive().has_value());
    EXPECT_EQ((co_await client->hear()).value(), "east");
  });
}

void give_up_soon(RouterConfig& config) { config.silence_timeout = 1s; }

TEST(Failover, ASilentServerIsNoticedInItsTime) {
  const auto body = [](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto busy = co_await w.client();
    const auto idle = co_await w.client();
    const auto dirty = co_await w.client();
    EXPECT_TRUE((co_await dirty->query("SET a 1")).good());
    EXPECT_TRUE(co_await busy->send_query("HANG"));
    EXPECT_TRUE(co_await busy->hears_nothing(20ms));
    const Instant fell_silent = SystemClock().now();
    w.east.apply(FakeServer::Fault::silence);
    EXPECT_EQ((co_await busy->hear()).sqlstate, "08007");
    EXPECT_LT(SystemClock().now() - fell_silent, 2500ms);
    const Instant moved = SystemClock().now();
    EXPECT_TRUE(co_await w.swap());
    EXPECT_EQ(co_await idle->ask("WHO"), "west");
    EXPECT_LT(SystemClock().now() - moved, 1s);
    EXPECT_EQ((co_await dirty->hear()).sqlstate, "57P01");
    EXPECT_LT(SystemClock().now() - moved, 2500ms);
  };
  run_world(body, give_up_soon);
}

TEST(Failover, AServerThatSpeaksToSomebodyIsNotSilent) {
  const auto body = [](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    w.east.answers_probes = false;
    const auto busy = co_await w.client();
    const auto other = co_await w.client();
    EXPECT_TRUE(co_await busy->send_query("HANG"));
    for (int i = 0; i < 25; ++i) {  // Twice as long as a silent server is given.
      EXPECT_TRUE(co_await busy->hears_nothing(100ms));
      EXPECT_EQ(co_await other->ask("WHO"), "east");
    }
    EXPECT_EQ((co_await busy->hear()).sqlstate, "08007");  // Nobody asks it any more.
  };
  run_world(body, give_up_soon);
}

}  // namespace
}  // namespace aurora_global::router
