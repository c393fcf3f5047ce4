// Goal: a session is idle when PostgreSQL's would be, whatever its driver sends; what is cancelled
// while it waits never runs; a client that leaves takes nothing with it that it had sent.
//
// Method: real sockets; a client and two fake servers, with the orders that a region gives.
#include <algorithm>

#include "router/testing/run_world.h"

namespace aurora_global::router {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using pgwire::Bytes;
using testing::FakeClient;
using testing::Outcome;
using testing::run_world;
using testing::World;
using Strings = std::vector<std::string>;

net::Task<void> cancel_query(World& world, pgwire::BackendKey key) {
  const auto client = co_await world.connect();
  co_await client->send(pgwire::encode(pgwire::CancelRequest{key.process_id, key.secret_key}));
  co_await client->hear();
}

// ---- when it is idle

TEST(Session, WhatWasOnlyParsedMoves) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    Bytes bytes;  // prepare() of asyncpg: no Sync.
    pgwire::put_parse(bytes, "named", "WHO", {});
    pgwire::put_flush(bytes);
    EXPECT_TRUE(co_await client->send(bytes));
    EXPECT_TRUE(co_await w.switch_over());
    bytes.clear();
    pgwire::put_sync(bytes);
    EXPECT_TRUE(co_await client->send(bytes));
    const Outcome outcome = co_await client->hear();
    EXPECT_TRUE(outcome.good()) << outcome.message;
    EXPECT_EQ(outcome.types.find('1'), 0u) << outcome.types;
    EXPECT_EQ((co_await client->run("named")).value(), "west");
  });
}

TEST(Session, ATransactionOfTheSimpleProtocolAfterAParseOfTheExtendedOneMoves) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    Bytes bytes;
    pgwire::put_parse(bytes, "named", "WHO", {});
    pgwire::put_flush(bytes);
    EXPECT_TRUE(co_await client->send(bytes));
    EXPECT_TRUE((co_await client->query("BEGIN")).good());
    EXPECT_TRUE((co_await client->query("COMMIT")).good());
    EXPECT_TRUE(co_await w.switch_over());
    EXPECT_EQ((co_await client->run("named")).value(), "west");
  });
}

TEST(Session, ALoneCloseAndALoneFlushMove) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto closes = co_await w.client();
    const auto flushes = co_await w.client();
    Bytes close;
    pgwire::put_close_statement(close, "none");
    EXPECT_TRUE(co_await closes->send(close));
    Bytes flush;
    pgwire::put_flush(flush);
    EXPECT_TRUE(co_await flushes->send(flush));
    EXPECT_TRUE(co_await w.switch_over());
    const Outcome outcome = co_await closes->query("WHO");
    EXPECT_EQ(outcome.value(), "west");
    EXPECT_EQ(outcome.types[0], '3');  // The answer to Close, before all others.
    EXPECT_EQ(co_await flushes->ask("WHO"), "west");
  });
}

TEST(Session, AnUnnamedStatementThatWasSkippedReplacesNothing) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->prepare("", "ECHO $1", {25})).good());
    Bytes bytes;
    pgwire::put_bind(bytes, "", "none", {});
    pgwire::put_parse(bytes, "", "WHO", {});
    pgwire::put_sync(bytes);
    EXPECT_TRUE(co_await client->send(bytes));
    EXPECT_EQ((co_await client->hear()).sqlstate, "26000");
    EXPECT_TRUE(co_await w.switch_over());
    EXPECT_EQ((co_await client->run("", {"kept"})).value(), "kept");
  });
}

TEST(Session, AnUnnamedStatementStaysWhenTheNextOneCannotBeRead) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    const auto without = co_await w.client();
    EXPECT_TRUE((co_await client->prepare("", "ECHO $1", {25})).good());
    EXPECT_EQ((co_await client->prepare("", "no \xff text", {})).sqlstate, "22021");
    EXPECT_EQ((co_await without->prepare("", "no \xff text", {})).sqlstate, "22021");
    EXPECT_TRUE(co_await w.switch_over());
    EXPECT_EQ((co_await client->run("", {"kept"})).value(), "kept");
    EXPECT_EQ((co_await without->run("", {})).sqlstate, "26000");
  });
}

TEST(Session, AnUnnamedStatementThatWasClosedDoesNotComeBack) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->prepare("", "WHO")).good());
    Bytes bytes;
    pgwire::put_close_statement(bytes, "");
    pgwire::put_sync(bytes);
    EXPECT_TRUE(co_await client->send(bytes));
    EXPECT_TRUE((co_await client->hear()).good());
    EXPECT_TRUE(co_await w.switch_over());
    EXPECT_EQ((co_await client->run("")).sqlstate, "26000");
  });
}

// ---- the router's own question

TEST(Session, AQuestionThatACancelRequestHitsIsAskedAgain) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->query("SET app.tenant 7")).good());
    w.east.cancel_questions = 3;
    EXPECT_TRUE(co_await w.switch_over());
    EXPECT_EQ(w.east.cancel_questions, 0);
    EXPECT_EQ(co_await client->ask("SHOW app.tenant"), "7");
    EXPECT_EQ(co_await client->ask("WHO"), "west");
  });
}

TEST(Session, LargeStateIsCarriedInPiecesAndTheClientGetsNoByteOfIt) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    const std::string large(17'000'000, 'x');
    EXPECT_TRUE((co_await client->prepare("large", "WHO " + large)).good());
    co_await w.prepare(w.west, 2);
    EXPECT_TRUE(co_await client->hears_nothing(20ms));
    EXPECT_EQ(co_await client->ask("WHO"), "east");
    EXPECT_TRUE(co_await w.switch_over());
    const Outcome there = co_await client->run("large");
    EXPECT_TRUE(there.good()) << there.sqlstate;
    EXPECT_EQ(there.value(), "west");
  });
}

// ---- what is cancelled

TEST(Session, AHeldStatementThatIsCancelledNeverRuns) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    const auto other = co_await w.client();
    EXPECT_TRUE((co_await other->prepare("write", "WRITE $1", {25})).good());
    co_await w.hold(2);
    EXPECT_TRUE(co_await client->send_query("WRITE a"));
    Bytes batch;
    pgwire::put_bind(batch, "", "write", {"b"});
    pgwire::put_execute(batch, "");
    pgwire::put_sync(batch);
    pgwire::put_query(batch, "WRITE c");
    EXPECT_TRUE(co_await other->send(batch));
    EXPECT_TRUE(co_await client->hears_nothing(20ms));
    for (const auto* one : {&client, &other}) {
      co_await cancel_query(w, (*one)->key());
      const Outcome outcome = co_await (*one)->hear();
      EXPECT_EQ(outcome.sqlstate, "57014");
      EXPECT_EQ(outcome.status, 'I');
    }
    EXPECT_TRUE(co_await other->hears_nothing(20ms));
    EXPECT_TRUE(w.east.cancelled.empty());
    EXPECT_TRUE(co_await w.swap());
    EXPECT_TRUE((co_await other->hear()).good());
    EXPECT_EQ(co_await client->ask("WHO"), "west");
    EXPECT_EQ(w.west.stored, Strings{"c"});
  });
}

// ---- how it ends

TEST(Session, WhatWasSentBeforeTerminateIsRunAndAnswered) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    Bytes bytes;
    pgwire::put_query(bytes, "ROWS 2000");
    pgwire::put_query(bytes, "WRITE a");
    pgwire::put_terminate(bytes);
    EXPECT_TRUE(co_await client->send(bytes));
    const Outcome rows = co_await client->hear();
    EXPECT_EQ(rows.rows.size(), 2000u);
    EXPECT_TRUE((co_await client->hear()).good());
    EXPECT_TRUE((co_await client->hear()).closed);
    EXPECT_EQ(w.east.stored, Strings{"a"});
    EXPECT_TRUE(co_await w.until([&] { return w.east.sessions() == 0; }));
  });
}

TEST(Session, WhatAClientHasSentThatIsGoneIsRunAllTheSame) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    w.east.freeze();
    EXPECT_TRUE(co_await client->send_query("WRITE a"));
    client->close();
    EXPECT_TRUE(co_await w.until([&] { return w.east.held() > 0; }));
    w.east.let_go();
    EXPECT_TRUE(co_await w.until([&] { return w.east.stored == Strings{"a"}; }));
    EXPECT_TRUE(co_await w.until([&] { return w.east.sessions() == 0; }));
  });
}

Bytes without_its_end(std::string_view sql) {
  Bytes bytes;
  pgwire::put_query(bytes, sql);
  bytes.resize(bytes.size() - 2);
  return bytes;
}

// Terminate would be the end of it for the server.
TEST(Session, WhatAClientHasNotSentToItsEndNeverRuns) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto other = co_await w.client();
    const auto leaves = co_await w.client();
    const auto stays = co_await w.client();
    EXPECT_TRUE(co_await leaves->send(without_its_end("WRITE a")));
    EXPECT_TRUE(co_await stays->send(without_its_end("WRITE b")));
    EXPECT_EQ(co_await other->ask("WHO"), "east");
    leaves->close();
    EXPECT_TRUE(co_await w.until([&] { return w.east.sessions() == 2; }));
    co_await w.hold(2, 50);
    EXPECT_TRUE(co_await w.swap());
    EXPECT_EQ((co_await stays->hear()).sqlstate, "57P01");
    EXPECT_TRUE(co_await w.until([&] { return w.east.sessions() == 0; }));
    EXPECT_EQ(w.east.stored, Strings{});
    EXPECT_EQ(w.west.stored, Strings{});
  });
}

TEST(Session, NothingIsPutBetweenTheBytesOfAMessage) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    Bytes bytes;
    pgwire::put_parse(bytes, "", "ECHO $1", {25});
    const std::size_t half = bytes.size() / 2;
    pgwire::put_bind(bytes, "", "", {"whole"});
    pgwire::put_execute(bytes, "");
    pgwire::put_sync(bytes);
    EXPECT_TRUE(co_await client->send(Bytes(bytes.begin(), bytes.begin() + half)));
    co_await w.prepare(w.west, 2, 100);
    EXPECT_TRUE(co_await client->send(Bytes(bytes.begin() + half, bytes.end())));
    EXPECT_EQ((co_await client->hear()).value(), "whole");
  });
}

TEST(Session, TheServersLastWordsAreHeardBeforeOurs) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    for (int i = 0; i < 20; ++i) {
      const auto one = co_await w.client();
      // Its words and the client's next statement pass each other.
      w.east.end_sessions("57P01");
      co_await one->send_query("WHO");
      const Outcome ended = co_await one->hear();
      EXPECT_EQ(ended.sqlstate, "57P01") << ended.message;
    }
  });
}

// ---- its server is taken off the list, and serves it as before

TEST(Session, ItLeavesAServerThatServesItWhenItsTransactionHasEnded) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto open = co_await w.client();
    const auto rests = co_await w.client();
    EXPECT_TRUE((co_await open->query("BEGIN")).good());
    EXPECT_TRUE((co_await w.ask(w.topology(1, 100, {&w.west}))).has_value());
    EXPECT_EQ(co_await rests->ask("WHO"), "west");
    EXPECT_EQ(co_await open->ask("WHO"), "east");
    EXPECT_TRUE((co_await open->query("COMMIT")).good());
    EXPECT_EQ(co_await open->ask("WHO"), "west");
  });
}

// ---- notifications

TEST(Session, WhoListensDoesSoAtTheNewWriterBeforeAnybodyNotifiesThere) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto listener = co_await w.client();
    EXPECT_TRUE((co_await listener->query("LISTEN news")).good());
    std::vector<std::unique_ptr<FakeClient>> others;
    for (int i = 0; i < 10; ++i) others.push_back(co_await w.client());
    co_await w.prepare(w.west, 2);
    co_await w.hold(2);
    for (const auto& one : others) EXPECT_TRUE(co_await one->send_query("NOTIFY news"));
    EXPECT_TRUE(co_await w.swap());
    for (const auto& one : others) EXPECT_TRUE((co_await one->hear()).good());
    const Outcome heard = co_await listener->query("WHO");
    EXPECT_EQ(std::count(heard.types.begin(), heard.types.end(), 'A'), 10) << heard.types;
  });
}

// ---- what people see

TEST(Session, ItsApplicationNameIsTheOneItHasSet) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->query("SET application_name nightly")).good());
    const auto sessions = co_await w.ask({{"do", "sessions"}});
    EXPECT_EQ((*sessions)["sessions"][0]["application_name"], "nightly");
  });
}

}  // namespace
}  // namespace aurora_global::router
