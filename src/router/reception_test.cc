// Goal: who may come in, and how the others are told, is as PostgreSQL 15 has it.
//
// Method: real sockets, a client that speaks by hand, and a fake server.
#include "router/testing/run_world.h"

namespace aurora_global::router {
namespace {

using nlohmann::json;
using pgwire::Bytes;
using testing::FakeClient;
using testing::Outcome;
using testing::run_world;
using testing::World;

net::Task<Outcome> log_in_as(World& world, FakeClient::Parameters parameters,
                             std::string endpoint = "global-writer") {
  const auto client = co_await world.connect(endpoint);
  co_return co_await client->log_in(parameters, std::string(testing::kPassword));
}

// A start-up packet of another version, with one parameter more.
Bytes startup(std::uint16_t major, std::uint16_t minor, const std::string& name) {
  Bytes bytes;
  pgwire::put_startup(bytes, {{"user", "app"}, {name, "on"}});
  bytes[5] = static_cast<std::uint8_t>(major);
  bytes[7] = static_cast<std::uint8_t>(minor);
  return bytes;
}

TEST(Reception, ANewerMinorVersionIsNegotiatedDown) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.connect();
    EXPECT_TRUE(co_await client->send(startup(3, 2, "_pq_.command_tag")));
    Bytes heard;
    while (heard.size() < 34) {
      const auto read =
          co_await client->channel().read(heard, Deadline::in(std::chrono::seconds(20)));
      EXPECT_TRUE(read.has_value());
      if (read.has_error()) break;
    }
    const std::string expected("v\0\0\0\x1d\0\3\0\0\0\0\0\1_pq_.command_tag\0R", 31);
    EXPECT_EQ(std::string(heard.begin(), heard.begin() + 31), expected);
  });
}

TEST(Reception, AnotherMajorVersionIsNotSupported) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    for (const std::uint16_t major : {4, 2}) {
      const auto client = co_await w.connect();
      EXPECT_TRUE(co_await client->send(startup(major, 0, "a")));
      const Outcome outcome = co_await client->hear();
      EXPECT_EQ(outcome.sqlstate, "0A000");
      EXPECT_EQ(outcome.message, "unsupported frontend protocol " + std::to_string(major) +
                                     ".0: server supports 3.0 to 3.0");
    }
  });
}

TEST(Reception, AUserNameThatIsNoUtf8IsRefusedAtOnce) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    EXPECT_EQ((co_await log_in_as(w, {{"user", "\xfc"}})).sqlstate, "28P01");
    EXPECT_EQ((co_await log_in_as(w, {{"user", "a\xc3"}})).sqlstate, "28P01");
    EXPECT_TRUE((co_await log_in_as(w, {{"user", "app"}, {"application_name", "\xfc"}})).good());
    const auto sessions = co_await w.ask({{"do", "sessions"}});
    EXPECT_TRUE(sessions.has_value());
  });
}

TEST(Reception, LongNamesAreCut) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    EXPECT_TRUE(
        (co_await log_in_as(w, {{"user", "app"}, {"database", std::string(70, 'd')}})).good());
    EXPECT_EQ(w.east.last_startup["database"], std::string(63, 'd'));
  });
}

TEST(Reception, ReplicationInAllSpellings) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    for (const char* no : {"False", "F", "of", "N", "0"}) {
      EXPECT_TRUE((co_await log_in_as(w, {{"user", "app"}, {"replication", no}})).good()) << no;
    }
    for (const char* yes : {"TRUE", "on", "y", "1", "database"}) {
      EXPECT_EQ((co_await log_in_as(w, {{"user", "app"}, {"replication", yes}})).sqlstate, "0A000");
    }
    EXPECT_EQ((co_await log_in_as(w, {{"user", "app"}, {"replication", "o"}})).sqlstate, "22023");
  });
}

TEST(Reception, OptionsMayEndAsTheyLike) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    for (const std::string options : {"-c a=b\\", "-c a=b --", ""}) {
      EXPECT_TRUE((co_await log_in_as(w, {{"user", "app"}, {"options", options}})).good());
      const std::string all = w.east.last_startup["options"];
      EXPECT_TRUE(all.starts_with("-c aurora_global.report_session_state=on "));
      EXPECT_TRUE(all.ends_with(options));
    }
  });
}

TEST(Reception, WhatComesBehindARequestForEncryptionIsRefusedAfterItsAnswer) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.connect();
    Bytes bytes;
    pgwire::put_ssl_request(bytes);
    pgwire::put_startup(bytes, {{"user", "app"}});
    EXPECT_TRUE(co_await client->send(bytes));
    Bytes heard;
    while (heard.size() < 6) {
      const auto read =
          co_await client->channel().read(heard, Deadline::in(std::chrono::seconds(20)));
      EXPECT_TRUE(read.has_value());
      if (read.has_error()) break;
    }
    EXPECT_EQ(heard[0], 'N');  // There is no certificate here.
    EXPECT_EQ(heard[1], 'E');
    EXPECT_NE(std::string(heard.begin(), heard.end()).find("08P01"), std::string::npos);
  });
}

TEST(Reception, TheServersWarningsAtALoginArePassedOn) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    w.east.warn_logins = "invalid value for parameter";
    const Outcome outcome = co_await log_in_as(w, {{"user", "app"}});
    EXPECT_TRUE(outcome.good());
    EXPECT_NE(outcome.types.find('N'), std::string::npos) << outcome.types;
  });
}

TEST(Reception, OneAddressDoesNotTakeAllPlaces) {
  run_world(
      [](World& w) -> net::Task<void> {
        co_await w.writer_is(w.east, 1);
        std::vector<std::unique_ptr<FakeClient>> silent;
        for (int i = 0; i < 3; ++i) silent.push_back(co_await w.connect());
        const Outcome outcome = co_await log_in_as(w, {{"user", "app"}});
        EXPECT_EQ(outcome.sqlstate, "53300");
        silent.clear();
        const Deadline deadline = Deadline::in(std::chrono::seconds(20));
        while (!(co_await log_in_as(w, {{"user", "app"}})).good() && !deadline.passed()) {
        }
        EXPECT_FALSE(deadline.passed());
      },
      [](RouterConfig& config) { config.max_connections = 6; });
}

}  // namespace
}  // namespace aurora_global::router
