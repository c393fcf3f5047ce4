// Goal: with move_every a session is carried as often as it says, by the code of a real move, and
// what would end a session in a real move is counted instead.
//
// Method: real sockets, a client, and a fake server that the session never leaves.
#include "router/testing/run_world.h"

namespace aurora_global::router {
namespace {

using nlohmann::json;
using testing::Outcome;
using testing::run_world;
using testing::World;

void after_each(RouterConfig& config) { config.move_every = 1; }

// What the global writer endpoint tells once it has moved sessions, or left them, `count` times.
net::Task<json> after(World& w, int count) {
  const Deadline deadline = Deadline::in(std::chrono::seconds(20));
  for (;;) {
    const auto status = co_await w.ask({{"do", "status"}});
    for (const json& one : (*status)["endpoints"]) {
      if (one["name"] != "global-writer") continue;
      int seen = one["moved_in_place_total"].get<int>();
      for (const json& times : one["stayed"]) seen += times.get<int>();
      if (seen >= count || deadline.passed()) co_return one;
    }
    co_await net::sleep_for(std::chrono::milliseconds(1));
  }
}

// What a move cannot carry: how a session comes to have it, and what its client reads of it.
struct Obstacle {
  const char* sql;
  const char* hint;
};
constexpr Obstacle kObstacles[] = {
    {"TEMP", "the session has temporary objects, which cannot be carried to another server"},
    {"LOCK", "the session has advisory locks, which cannot be carried to another server"},
    {"KEEP", "the session has a cursor WITH HOLD, which cannot be carried to another server"},
};

TEST(MoveEvery, ASessionKeepsItsStateOverEachTransaction) {
  run_world(
      [](World& w) -> net::Task<void> {
        co_await w.writer_is(w.east, 1);
        const auto client = co_await w.client();
        EXPECT_TRUE((co_await client->query("SET app.tenant 7")).good());
        EXPECT_TRUE((co_await client->query("LISTEN news")).good());
        EXPECT_TRUE((co_await client->prepare("write", "WRITE $1", {25})).good());
        EXPECT_TRUE((co_await client->prepare("", "ECHO $1", {25})).good());
        EXPECT_EQ((co_await client->run("", {"unnamed"})).value(), "unnamed");
        std::vector<std::string> written;
        for (int i = 0; i < 20; ++i) {
          written.push_back(std::to_string(i));
          EXPECT_TRUE((co_await client->run("write", {written.back()})).good());
          EXPECT_EQ(co_await client->ask("SHOW app.tenant"), "7");
        }
        EXPECT_EQ(w.east.stored, written);
        EXPECT_EQ(w.east.listeners("news"), 1u);
        const json status = co_await after(w, 45);
        EXPECT_EQ(status["moved_in_place_total"], 45) << status;
        EXPECT_EQ(w.east.logins, 46);
        EXPECT_EQ(status["stayed"], json::object());
      },
      after_each);
}

TEST(MoveEvery, ATransactionIsNotCut) {
  run_world(
      [](World& w) -> net::Task<void> {
        co_await w.writer_is(w.east, 1);
        const auto client = co_await w.client();
        for (const char* sql : {"BEGIN", "WRITE a", "WHO", "COMMIT"}) {
          EXPECT_TRUE((co_await client->query(sql)).good()) << sql;
        }
        EXPECT_EQ(co_await client->ask("WHO"), "east");
        EXPECT_EQ(w.east.stored, std::vector<std::string>{"a"});
        EXPECT_EQ((co_await after(w, 2))["moved_in_place_total"], 2);
      },
      after_each);
}

TEST(MoveEvery, WhatComesInOneBreathIsMovedInBetween) {
  run_world(
      [](World& w) -> net::Task<void> {
        co_await w.writer_is(w.east, 1);
        const auto client = co_await w.client();
        pgwire::Bytes bytes;
        for (int i = 0; i < 5; ++i) pgwire::put_query(bytes, "WRITE " + std::to_string(i));
        EXPECT_TRUE(co_await client->send(bytes));
        for (int i = 0; i < 5; ++i) EXPECT_TRUE((co_await client->hear()).good());
        EXPECT_EQ(co_await client->ask("WHO"), "east");
        EXPECT_EQ((co_await after(w, 6))["moved_in_place_total"], 6);
        EXPECT_EQ(w.east.stored.size(), 5u);
      },
      after_each);
}

TEST(MoveEvery, AfterEachThird) {
  run_world(
      [](World& w) -> net::Task<void> {
        co_await w.writer_is(w.east, 1);
        const auto client = co_await w.client();
        for (int i = 0; i < 11; ++i) EXPECT_EQ(co_await client->ask("WHO"), "east");
        EXPECT_EQ((co_await after(w, 3))["moved_in_place_total"], 3);
        EXPECT_EQ(w.east.logins, 4);
      },
      [](RouterConfig& config) { config.move_every = 3; });
}

TEST(MoveEvery, AnObstacleIsCountedAndNobodyNotices) {
  run_world(
      [](World& w) -> net::Task<void> {
        co_await w.writer_is(w.east, 1);
        int moves = 0;
        for (const Obstacle& one : kObstacles) {
          const auto client = co_await w.client();
          EXPECT_TRUE((co_await client->query(one.sql)).good());
          EXPECT_EQ(co_await client->ask("WHO"), "east");
          moves += 2;
          const json status = co_await after(w, moves);
          EXPECT_EQ(status["stayed"][one.hint], 2) << status;
          EXPECT_EQ(status["moved_in_place_total"], 0);
        }
      },
      after_each);
}

TEST(MoveEvery, TheSameObstacleEndsASessionWhenTheWriterMoves) {
  for (const Obstacle& one : kObstacles) {
    SCOPED_TRACE(one.sql);
    run_world([one](World& w) -> net::Task<void> {
      co_await w.writer_is(w.east, 1);
      const auto client = co_await w.client();
      EXPECT_TRUE((co_await client->query(one.sql)).good());
      EXPECT_TRUE(co_await w.switch_over());
      const Outcome ended = co_await client->hear();
      EXPECT_EQ(ended.sqlstate, "57P01");
      EXPECT_EQ(ended.hint, std::string("Connect again: ") + one.hint + ".");
      EXPECT_TRUE(ended.closed);
    });
  }
}

TEST(MoveEvery, ARealMoveGoesOnBesideIt) {
  run_world(
      [](World& w) -> net::Task<void> {
        co_await w.writer_is(w.east, 1);
        const auto client = co_await w.client();
        EXPECT_TRUE((co_await client->query("SET app.tenant 7")).good());
        EXPECT_TRUE(co_await w.switch_over());
        EXPECT_EQ(co_await client->ask("WHO"), "west");
        EXPECT_EQ(co_await client->ask("SHOW app.tenant"), "7");
        EXPECT_EQ((co_await after(w, 3))["moved_total"], 1);
      },
      after_each);
}

}  // namespace
}  // namespace aurora_global::router
