// Goal: a session goes on at another server as if nothing had happened, or its client gets one
// honest word; nothing that was acknowledged is missing, and nothing runs twice.
//
// Method: real sockets; a client and two fake servers, with the orders that a region gives.
#include <algorithm>

#include "router/testing/run_world.h"

namespace aurora_global::router {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::FakeClient;
using testing::FakeServer;
using testing::Outcome;
using testing::run_world;
using testing::World;
using Strings = std::vector<std::string>;

// What is asked beside the test's own steps.
class Beside {
 public:
  explicit Beside(net::asio::any_io_executor executor) : tasks_(std::move(executor)) {}
  void start(net::Task<Result<json>> order) { tasks_.spawn("order", keep(std::move(order))); }
  bool done() const { return answer_.has_value(); }
  net::Task<json> answer() {
    co_await tasks_.join();
    EXPECT_TRUE(answer_->has_value());
    co_return answer_->has_value() ? **answer_ : json();
  }

 private:
  net::Task<void> keep(net::Task<Result<json>> order) { answer_ = co_await std::move(order); }
  net::TaskGroup tasks_;
  std::optional<Result<json>> answer_;
};

// ---- state

TEST(Migration, ASessionKeepsItsState) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    for (const char* sql : {"SET app.tenant 7", "SET TimeZone Asia/Tokyo", "SET role auditor",
                            "SET default_transaction_isolation serializable", "LISTEN news",
                            "PREPARE by_sql AS WHO"}) {
      EXPECT_TRUE((co_await client->query(sql)).good()) << sql;
    }
    EXPECT_TRUE((co_await client->prepare("named", "ECHO $1", {23, 25})).good());
    EXPECT_TRUE((co_await client->prepare("", "ECHO $1", {25})).good());

    const auto prepared = co_await w.prepare(w.west, 2);
    EXPECT_EQ((*prepared)["sessions"], 1);
    EXPECT_EQ(w.west.sessions_with("app.tenant", "7"), 1u);
    EXPECT_EQ(w.west.sessions_with("default_transaction_isolation", "serializable"), 1u);
    const auto held = co_await w.hold(2);
    EXPECT_EQ((*held)["settled"], 1);
    EXPECT_EQ((*held)["open"], 0);
    EXPECT_TRUE(co_await w.swap());

    EXPECT_EQ((co_await client->run("", {"unnamed"})).value(), "unnamed");
    EXPECT_EQ((co_await client->run("named", {"named"})).value(), "named");
    EXPECT_EQ((co_await client->describe("named")).parameter_types,
              (std::vector<std::uint32_t>{23, 25}));
    EXPECT_EQ((co_await client->run("by_sql")).value(), "west");
    EXPECT_EQ(co_await client->ask("SHOW app.tenant"), "7");
    EXPECT_EQ(co_await client->ask("SHOW TimeZone"), "Asia/Tokyo");
    EXPECT_EQ(co_await client->ask("SHOW role"), "auditor");
    EXPECT_EQ(co_await client->ask("SHOW application_name"), "test");
    EXPECT_EQ(co_await client->ask("SHOW default_transaction_isolation"), "serializable");
    EXPECT_EQ(co_await client->ask("SHOW apg_write_forward.consistency_mode"), "");
    EXPECT_EQ(w.west.listeners("news"), 1u);
    EXPECT_EQ(w.west.logins, 1);
    EXPECT_EQ(client->parameters().at("TimeZone"), "Asia/Tokyo");
    EXPECT_FALSE(client->parameters().contains("aurora_global.session_state"));
    EXPECT_TRUE(co_await w.until([&] { return w.east.sessions() == 0; }));
  });
}

TEST(Migration, ACleanSessionIsNotAnotherRolesOfItsName) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_EQ(co_await client->ask("WHO"), "east");
    w.west.user = "16384";
    EXPECT_TRUE((co_await w.prepare(w.west, 2)).has_value());
    EXPECT_TRUE((co_await w.hold(2)).has_value());
    EXPECT_TRUE(co_await w.swap());
    const Outcome ended = co_await client->hear();
    EXPECT_EQ(ended.sqlstate, "57P01");
    EXPECT_EQ(ended.hint,
              "Connect again: its role was dropped or renamed, and the name is another role's.");
    EXPECT_FALSE(client->parameters().contains("aurora_global.session_user"));
  });
}

TEST(Migration, WhatItHasWrittenIsReadElsewhere) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    w.east.written = "1:0/3028930";
    EXPECT_EQ(co_await client->ask("WHO"), "east");
    EXPECT_TRUE(co_await w.switch_over());
    EXPECT_EQ(co_await client->ask("WHO"), "west");
    EXPECT_EQ(w.west.read_after, "1:0/3028930");
  });
}

TEST(Migration, ThereAndBackAgain) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->query("SET app.tenant 7")).good());
    EXPECT_TRUE((co_await client->prepare("named", "WRITE $1", {25})).good());
    FakeServer* from = &w.east;
    FakeServer* to = &w.west;
    Strings acknowledged;
    for (std::uint64_t epoch = 2; epoch < 12; ++epoch) {
      const std::string mine = std::to_string(epoch);
      EXPECT_TRUE((co_await client->run("named", {mine})).good());
      acknowledged.push_back(mine);
      EXPECT_TRUE((co_await w.prepare(*to, epoch)).has_value());
      EXPECT_TRUE((co_await w.hold(epoch)).has_value());
      World::hand_over(*from, *to);
      from->standby = true;
      to->fenced = false;
      EXPECT_TRUE((co_await w.writer_is(*to, epoch)).has_value());
      EXPECT_EQ(co_await client->ask("WHO"), to->name());
      EXPECT_EQ(co_await client->ask("SHOW app.tenant"), "7");
      std::swap(from, to);
    }
    EXPECT_EQ(from->stored, acknowledged);
  });
}

TEST(Migration, WhatChangesAfterThePreparationIsReadAgain) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->query("SET a 1")).good());
    EXPECT_TRUE((co_await client->query("SET b 1")).good());
    EXPECT_TRUE((co_await client->query("SET role auditor")).good());
    EXPECT_TRUE((co_await client->prepare("old", "WHO")).good());
    co_await w.prepare(w.west, 2);
    EXPECT_EQ(w.west.sessions_with("role", "auditor"), 1u);
    EXPECT_TRUE((co_await client->query("SET a 2")).good());
    EXPECT_TRUE((co_await client->query("RESET b")).good());
    EXPECT_TRUE((co_await client->query("RESET role")).good());
    EXPECT_TRUE((co_await client->prepare("new", "WHO")).good());
    co_await w.hold(2);
    EXPECT_TRUE(co_await w.swap());
    EXPECT_EQ(co_await client->ask("SHOW a"), "2");
    EXPECT_EQ(co_await client->ask("SHOW b"), "");
    EXPECT_EQ(co_await client->ask("SHOW role"), "");
    EXPECT_EQ((co_await client->run("old")).value(), "west");
    EXPECT_EQ((co_await client->run("new")).value(), "west");
    EXPECT_EQ(w.west.logins, 1);
  });
}

TEST(Migration, AStatementPreparedOnlyByTheProtocolIsNoticed) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    co_await w.prepare(w.west, 2);  // Still clean: there is nothing to ask for.
    EXPECT_TRUE((co_await client->prepare("new", "ECHO $1", {25})).good());
    co_await w.hold(2);
    EXPECT_TRUE(co_await w.swap());
    EXPECT_EQ((co_await client->run("new", {"x"})).value(), "x");
  });
}

TEST(Migration, WhoComesBetweenPreparationAndHoldMovesToo) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    co_await w.prepare(w.west, 2);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->query("SET a 1")).good());
    co_await w.hold(2);
    EXPECT_TRUE(co_await w.swap());
    EXPECT_EQ(co_await client->ask("WHO"), "west");
    EXPECT_EQ(co_await client->ask("SHOW a"), "1");
  });
}

TEST(Migration, AStatementThatCannotBeParsedIsTriedAtItsUse) {
  run_world([](World& w) -> net::Task<void> {
    w.east.tables = {"t"};
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->prepare("lazy", "USE t")).good());
    EXPECT_TRUE((co_await client->prepare("other", "WHO")).good());
    EXPECT_TRUE(co_await w.switch_over());
    EXPECT_EQ((co_await client->run("other")).value(), "west");
    for (int i = 0; i < 2; ++i) {
      const Outcome refused = co_await client->run("lazy");
      EXPECT_EQ(refused.sqlstate, "42P01");
      EXPECT_EQ(refused.status, 'I');
    }
    w.west.tables = {"t"};
    const Outcome taken = co_await client->run("lazy");
    EXPECT_TRUE(taken.good()) << taken.message;
    EXPECT_EQ(taken.types.find('1'), std::string::npos);  // Its Parse is none of the client's.
    EXPECT_TRUE((co_await client->run("lazy")).good());
    EXPECT_EQ((co_await client->run("other")).value(), "west");
  });
}

TEST(Migration, AStatementThatCannotBeParsedMayBeReplaced) {
  run_world([](World& w) -> net::Task<void> {
    w.east.tables = {"t"};
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->prepare("lazy", "USE t")).good());
    EXPECT_TRUE(co_await w.switch_over());
    pgwire::Bytes bytes;
    pgwire::put_close_statement(bytes, "lazy");
    pgwire::put_parse(bytes, "lazy", "WHO", {});
    pgwire::put_sync(bytes);
    EXPECT_TRUE(co_await client->send(bytes));
    EXPECT_TRUE((co_await client->hear()).good());
    EXPECT_EQ((co_await client->run("lazy")).value(), "west");
  });
}

TEST(Migration, AStatementThatCannotBeParsedGoesWithAllOthers) {
  run_world([](World& w) -> net::Task<void> {
    w.east.tables = {"t"};
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->prepare("lazy", "USE t")).good());
    EXPECT_TRUE(co_await w.switch_over());
    EXPECT_TRUE((co_await client->query("DEALLOCATE ALL")).good());
    EXPECT_EQ((co_await client->run("lazy")).sqlstate, "26000");
  });
}

TEST(Migration, AStatementOfMegabytesIsParsedAgain) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->prepare("large", "WHO " + std::string(12'000'000, 'x'))).good());
    EXPECT_TRUE((co_await client->prepare("small", "WHO")).good());
    EXPECT_TRUE(co_await w.switch_over());
    EXPECT_EQ((co_await client->run("small")).value(), "west");
    EXPECT_EQ((co_await client->run("large")).value(), "west");
  });
}

// ---- what cannot be carried

TEST(Migration, AnObstacleEndsItsSessionAndNoOther) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto temporary = co_await w.client();
    const auto locked = co_await w.client();
    const auto other = co_await w.client();
    EXPECT_TRUE((co_await temporary->query("TEMP")).good());
    EXPECT_TRUE((co_await locked->query("LOCK")).good());
    EXPECT_TRUE((co_await other->query("SET a 1")).good());
    EXPECT_TRUE(co_await w.switch_over());
    const Outcome first = co_await temporary->hear();
    EXPECT_EQ(first.sqlstate, "57P01");
    EXPECT_NE(first.hint.find("temporary objects"), std::string::npos);
    EXPECT_TRUE(first.closed);
    const Outcome second = co_await locked->hear();
    EXPECT_EQ(second.sqlstate, "57P01");
    EXPECT_NE(second.hint.find("advisory locks"), std::string::npos);
    EXPECT_EQ(co_await other->ask("WHO"), "west");
  });
}

TEST(Migration, WithoutTheExtensionOnlyUnusedSessionsMove) {
  run_world([](World& w) -> net::Task<void> {
    w.east.extension = w.west.extension = false;
    co_await w.writer_is(w.east, 1);
    const auto used = co_await w.client();
    const auto unused = co_await w.client();
    EXPECT_TRUE((co_await used->query("WHO")).good());
    EXPECT_TRUE(co_await w.switch_over());
    const Outcome ended = co_await used->hear();
    EXPECT_EQ(ended.sqlstate, "57P01");
    EXPECT_NE(ended.hint.find("extension"), std::string::npos);
    EXPECT_EQ(co_await unused->ask("WHO"), "west");
  });
}

TEST(Migration, AnUnnamedStatementOfMegabytesIsNotCarried) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->prepare("", "WHO " + std::string(2'000'000, 'x'))).good());
    EXPECT_TRUE(co_await w.switch_over());
    const Outcome ended = co_await client->hear();
    EXPECT_EQ(ended.sqlstate, "57P01");
    EXPECT_NE(ended.hint.find("unnamed statement"), std::string::npos);
  });
}

// ---- the hold

TEST(Migration, ATransactionUnderWayEndsFirst) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->query("BEGIN")).good());
    EXPECT_TRUE((co_await client->query("WRITE a")).good());
    co_await w.prepare(w.west, 2, 50);
    Beside hold(co_await net::asio::this_coro::executor);
    hold.start(w.hold(2));
    EXPECT_TRUE(co_await w.stays([&] { return !hold.done(); }));
    EXPECT_TRUE((co_await client->query("WRITE b")).good());
    EXPECT_FALSE(hold.done());
    EXPECT_TRUE((co_await client->query("COMMIT")).good());
    EXPECT_TRUE(co_await client->send_query("WRITE c"));
    EXPECT_EQ((co_await hold.answer())["settled"], 1);
    EXPECT_TRUE(co_await client->hears_nothing(30ms));
    EXPECT_EQ(w.east.stored, (Strings{"a", "b"}));
    EXPECT_TRUE(co_await w.swap());
    EXPECT_TRUE((co_await client->hear()).good());
    EXPECT_EQ(w.west.stored, (Strings{"a", "b", "c"}));
  });
}

TEST(Migration, ABatchOfTheExtendedProtocolIsNotCutInTwo) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->prepare("write", "WRITE $1", {25})).good());
    pgwire::Bytes half;
    pgwire::put_bind(half, "", "write", {"a"});
    pgwire::put_execute(half, "");
    EXPECT_TRUE(co_await client->send(half));
    EXPECT_TRUE(co_await w.until([&] { return !w.east.log.empty(); }));
    Beside hold(co_await net::asio::this_coro::executor);
    hold.start(w.hold(2));
    EXPECT_TRUE(co_await w.stays([&] { return !hold.done(); }));
    pgwire::Bytes rest;
    pgwire::put_bind(rest, "", "write", {"b"});
    pgwire::put_execute(rest, "");
    pgwire::put_sync(rest);
    EXPECT_TRUE(co_await client->send(rest));
    EXPECT_TRUE((co_await client->hear()).good());
    EXPECT_EQ((co_await hold.answer())["open"], 0);
    EXPECT_EQ(w.east.stored, (Strings{"a", "b"}));
    EXPECT_TRUE(co_await w.swap());
    EXPECT_TRUE((co_await client->run("write", {"c"})).good());
    EXPECT_EQ(w.west.stored, (Strings{"a", "b", "c"}));
  });
}

TEST(Migration, ACopyUnderWayEndsFirst) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_EQ((co_await client->query("COPY")).types, "G");
    Beside hold(co_await net::asio::this_coro::executor);
    hold.start(w.hold(2));
    EXPECT_TRUE(co_await w.stays([&] { return !hold.done(); }));
    EXPECT_TRUE(co_await client->send({'d', 0, 0, 0, 5, 'r', 'c', 0, 0, 0, 4}));
    EXPECT_TRUE((co_await client->hear()).good());
    EXPECT_EQ((co_await hold.answer())["settled"], 1);
    EXPECT_TRUE(co_await w.swap());
    EXPECT_EQ(co_await client->ask("WHO"), "west");
    EXPECT_EQ(w.west.stored, Strings{"r"});
  });
}

TEST(Migration, WhatIsSentDuringTheHoldIsAnsweredInOrderAndOnce) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->prepare("write", "WRITE $1", {25})).good());
    co_await w.prepare(w.west, 2);
    co_await w.hold(2);
    pgwire::Bytes bytes;
    Strings expected;
    for (int i = 0; i < 50; ++i) {
      const std::string mine = std::to_string(i);
      expected.push_back(mine);
      if (i % 2 == 0) {
        pgwire::put_query(bytes, "WRITE " + mine);
      } else {
        pgwire::put_bind(bytes, "", "write", {mine});
        pgwire::put_execute(bytes, "");
        pgwire::put_sync(bytes);
      }
      pgwire::put_query(bytes, i % 10 == 0 ? "FAIL" : "WHO");
    }
    EXPECT_TRUE(co_await client->send(bytes));
    EXPECT_TRUE(co_await client->hears_nothing(30ms));
    EXPECT_TRUE(w.east.stored.empty());
    EXPECT_TRUE(co_await w.swap());
    for (int i = 0; i < 50; ++i) {
      const Outcome written = co_await client->hear();
      EXPECT_TRUE(written.good()) << written.message;
      const Outcome who = co_await client->hear();
      EXPECT_EQ(i % 10 == 0 ? who.sqlstate : who.value(), i % 10 == 0 ? "22012" : "west");
    }
    EXPECT_EQ(w.west.stored, expected);
  });
}

TEST(Migration, WhatIsInTheMiddleOfAPipelineWaitsForTheNewServer) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    w.east.freeze();
    pgwire::Bytes bytes;
    for (int i = 0; i < 10; ++i) pgwire::put_query(bytes, "WRITE " + std::to_string(i));
    EXPECT_TRUE(co_await client->send(bytes));
    EXPECT_TRUE(co_await w.until([&] { return w.east.held() > 0; }));
    Beside hold(co_await net::asio::this_coro::executor);
    hold.start(w.hold(2));
    pgwire::Bytes more;
    for (int i = 10; i < 20; ++i) pgwire::put_query(more, "WRITE " + std::to_string(i));
    EXPECT_TRUE(co_await client->send(more));
    EXPECT_TRUE(co_await w.stays([&] { return !hold.done(); }));
    w.east.let_go();
    for (int i = 0; i < 10; ++i) EXPECT_TRUE((co_await client->hear()).good());
    EXPECT_EQ((co_await hold.answer())["settled"], 1);
    EXPECT_EQ(w.east.stored.size(), 10u);
    EXPECT_TRUE(co_await w.swap());
    for (int i = 10; i < 20; ++i) EXPECT_TRUE((co_await client->hear()).good());
    EXPECT_EQ(w.west.stored.size(), 20u);
    EXPECT_EQ(w.west.stored.back(), "19");
  });
}

TEST(Migration, TheBeginningOfAMessageMovesWithItsSession) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    pgwire::Bytes bytes;
    pgwire::put_query(bytes, "WHO");
    EXPECT_TRUE(co_await client->send(pgwire::Bytes(bytes.begin(), bytes.begin() + 3)));
    EXPECT_TRUE(co_await client->hears_nothing(10ms));
    EXPECT_TRUE(co_await w.switch_over());
    EXPECT_TRUE(co_await client->send(pgwire::Bytes(bytes.begin() + 3, bytes.end())));
    EXPECT_EQ((co_await client->hear()).value(), "west");
  });
}

TEST(Migration, AClientThatLeavesMeanwhileLeavesNothingBehind) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto first = co_await w.client();
    const auto second = co_await w.client();
    EXPECT_TRUE((co_await first->query("SET a 1")).good());
    w.west.freeze();
    Beside prepare(co_await net::asio::this_coro::executor);
    prepare.start(w.prepare(w.west, 2));
    EXPECT_TRUE(co_await w.until([&] { return w.west.held() > 0; }));
    first->close();
    EXPECT_TRUE(co_await w.stays([&] { return !prepare.done(); }));
    w.west.let_go();
    co_await prepare.answer();
    EXPECT_TRUE((co_await w.hold(2)).has_value());
    second->close();
    EXPECT_TRUE(co_await w.swap());
    EXPECT_TRUE(co_await w.until([&] { return w.east.sessions() == 0 && w.west.sessions() == 0; }));
  });
}

TEST(Migration, ATransactionThatDoesNotEndInTimeIsEnded) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto slow = co_await w.client();
    const auto idle = co_await w.client();
    EXPECT_TRUE((co_await slow->query("BEGIN")).good());
    EXPECT_TRUE((co_await slow->query("WRITE a")).good());
    const auto held = co_await w.hold(2, 50);
    EXPECT_EQ((*held)["settled"], 1);
    EXPECT_EQ((*held)["open"], 1);
    const Outcome ended = co_await slow->hear();
    EXPECT_EQ(ended.sqlstate, "57P01");
    EXPECT_TRUE(ended.closed);
    EXPECT_TRUE(co_await w.swap());
    EXPECT_EQ(co_await idle->ask("WHO"), "west");
    EXPECT_TRUE(w.west.stored.empty());
  });
}

TEST(Migration, WithTheOtherPolicyItIsLeftAndEverybodyGoesOn) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto slow = co_await w.client();
    const auto idle = co_await w.client();
    EXPECT_TRUE((co_await slow->query("BEGIN")).good());
    EXPECT_TRUE((co_await slow->query("WRITE a")).good());
    co_await w.prepare(w.west, 2, 50);
    const auto held = co_await w.hold(2, 50, "abort");
    EXPECT_EQ((*held)["open"], 1);
    EXPECT_TRUE(co_await idle->send_query("WHO"));
    EXPECT_TRUE(co_await idle->hears_nothing(20ms));
    co_await w.release();
    EXPECT_EQ((co_await idle->hear()).value(), "east");
    EXPECT_TRUE((co_await slow->query("COMMIT")).good());
    EXPECT_EQ(w.east.stored, Strings{"a"});
    EXPECT_TRUE(co_await w.until([&] { return w.west.sessions() == 0; }));
  });
}

TEST(Migration, CalledOffItGoesOnWhereItWas) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->query("SET a 1")).good());
    co_await w.prepare(w.west, 2);
    co_await w.hold(2);
    EXPECT_TRUE(co_await client->send_query("WRITE x"));
    EXPECT_TRUE(co_await client->hears_nothing(20ms));
    co_await w.release();
    EXPECT_TRUE((co_await client->hear()).good());
    EXPECT_EQ(co_await client->ask("SHOW a"), "1");
    EXPECT_EQ(w.east.stored, Strings{"x"});
    EXPECT_TRUE(co_await w.until([&] { return w.west.sessions() == 0; }));
    // And it can be done after all.
    EXPECT_TRUE(co_await w.switch_over());
    EXPECT_EQ(co_await client->ask("SHOW a"), "1");
    EXPECT_EQ(co_await client->ask("WHO"), "west");
  });
}

TEST(Migration, CalledOffWhileItIsPreparedItLeavesNothingAtTheTarget) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    w.west.freeze();
    Beside prepare(co_await net::asio::this_coro::executor);
    prepare.start(w.prepare(w.west, 2));
    EXPECT_TRUE(co_await w.until([&] { return w.west.held() > 0; }));
    EXPECT_TRUE((co_await w.release()).has_value());
    w.west.let_go();
    co_await prepare.answer();
    EXPECT_TRUE(co_await w.until([&] { return w.west.sessions() == 0; }, 3s));
    EXPECT_EQ(co_await client->ask("WHO"), "east");
  });
}

TEST(Migration, AClientThatFloodsDuringTheHoldIsReadNoFurther) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    co_await w.hold(2);
    constexpr std::size_t kQueries = 4000;
    constexpr std::size_t kBytes = 16 * 1024;
    pgwire::Bytes one;
    pgwire::put_query(one, "WHO " + std::string(kBytes, 'x'));
    // The kernel's buffers take some megabytes; the router itself takes next to nothing.
    pgwire::Bytes all;
    for (std::size_t i = 0; i < kQueries; ++i) all.insert(all.end(), one.begin(), one.end());
    pgwire::BytesView rest(all);
    for (Deadline quiet = Deadline::in(300ms); !quiet.passed();) {
      const Channel::Moved moved = client->channel().write_some(rest);
      EXPECT_NE(moved.state, Channel::State::ended);
      rest = rest.subspan(moved.bytes);
      if (moved.bytes > 0) quiet = Deadline::in(300ms);
      co_await net::sleep_for(1ms);
    }
    EXPECT_GT(rest.size(), all.size() / 4);
    EXPECT_TRUE(co_await w.swap());
    net::TaskGroup tasks(co_await net::asio::this_coro::executor);
    static constexpr auto send_rest = [](FakeClient& c, pgwire::Bytes bytes) -> net::Task<void> {
      EXPECT_TRUE(co_await c.send(std::move(bytes)));
    };
    tasks.spawn("send", send_rest(*client, pgwire::Bytes(rest.begin(), rest.end())));
    std::size_t answered = 0;
    while (answered < kQueries && (co_await client->hear()).value() == "west") ++answered;
    EXPECT_EQ(answered, kQueries);
    co_await tasks.join();
  });
}

// ---- servers that die on the way

TEST(Migration, ATargetThatDiesAfterTheHoldCostsNothing) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->query("SET a 1")).good());
    EXPECT_TRUE((co_await client->query("WRITE x")).good());
    co_await w.prepare(w.west, 2);
    co_await w.hold(2);
    w.west.apply(FakeServer::Fault::die);
    EXPECT_TRUE(co_await client->send_query("WRITE y"));
    co_await w.release();
    EXPECT_TRUE((co_await client->hear()).good());
    EXPECT_EQ(co_await client->ask("SHOW a"), "1");
    EXPECT_EQ(w.east.stored, (Strings{"x", "y"}));
  });
}

TEST(Migration, APreparedSessionThatTheTargetHasEndedIsOpenedAnew) {
  for (const char* last_words : {"", "57P01"}) {
    SCOPED_TRACE(last_words);
    static std::string words;
    words = last_words;
    run_world([](World& w) -> net::Task<void> {
      co_await w.writer_is(w.east, 1);
      const auto client = co_await w.client();
      EXPECT_TRUE((co_await client->query("SET a 1")).good());
      co_await w.prepare(w.west, 2);
      co_await w.hold(2);
      if (!words.empty()) w.west.end_sessions(words);
      w.west.apply(FakeServer::Fault::die);
      World::hand_over(w.east, w.west);
      EXPECT_TRUE(co_await client->send_query("SHOW a"));
      co_await w.writer_is(w.west, 2);
      EXPECT_TRUE(co_await client->hears_nothing(50ms));
      EXPECT_TRUE(w.west.revive().has_value());
      const Outcome outcome = co_await client->hear();
      EXPECT_EQ(outcome.value(), "1") << outcome.sqlstate << " " << outcome.hint;
      EXPECT_EQ(co_await client->ask("WHO"), "west");
    });
  }
}

TEST(Migration, TheOldServersDeathDuringTheHoldCostsNothing) {
  for (const char* last_words : {"", "57P01"}) {
    SCOPED_TRACE(last_words);
    static std::string words;
    words = last_words;
    run_world([](World& w) -> net::Task<void> {
      co_await w.writer_is(w.east, 1);
      const auto client = co_await w.client();
      EXPECT_TRUE((co_await client->query("SET a 1")).good());
      EXPECT_TRUE((co_await client->prepare("named", "WHO")).good());
      co_await w.prepare(w.west, 2);
      co_await w.hold(2);
      World::hand_over(w.east, w.west);
      if (!words.empty()) w.east.end_sessions(words);
      w.east.apply(FakeServer::Fault::die);
      EXPECT_TRUE(co_await w.until([&] { return w.east.sessions() == 0; }));
      EXPECT_TRUE(co_await client->send_query("SHOW a"));
      EXPECT_TRUE(co_await client->hears_nothing(20ms));
      co_await w.writer_is(w.west, 2);
      EXPECT_EQ((co_await client->hear()).value(), "1");
      EXPECT_EQ((co_await client->run("named")).value(), "west");
    });
  }
}

TEST(Migration, ASecondMoveDuringTheFirstIsNotForgotten) {
  run_world([](World& w) -> net::Task<void> {
    FakeServer north(co_await net::asio::this_coro::executor, "127.81.1.23:5432", "north");
    EXPECT_TRUE(north.start().has_value());
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    w.west.freeze();
    co_await w.writer_is(w.west, 2);
    EXPECT_TRUE(co_await w.until([&] { return w.west.held() > 0; }));
    co_await w.writer_is(north, 3);
    w.west.let_go();
    EXPECT_TRUE(co_await w.until([&] { return north.sessions() == 1; }, 3s));
    EXPECT_EQ(co_await client->ask("WHO"), "north");
    client->close();
    co_await north.stop();
  });
}

TEST(Migration, AQuestionOfTheRouterUnderWayDoesNotEndASession) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await client->query("SET a 1")).good());
    w.east.freeze();
    Beside prepare(co_await net::asio::this_coro::executor);
    prepare.start(w.prepare(w.west, 2));
    EXPECT_TRUE(co_await w.until([&] { return w.east.held() > 0; }));
    co_await w.writer_is(w.west, 2);
    EXPECT_TRUE(co_await w.stays([&] { return w.east.held() > 0; }));
    w.east.let_go();
    co_await prepare.answer();
    EXPECT_EQ(co_await client->ask("SHOW a"), "1");
    EXPECT_EQ(co_await client->ask("WHO"), "west");
  });
}

TEST(Migration, AServerIsNotAskedForAllSessionsAtOnce) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    std::vector<std::unique_ptr<FakeClient>> clients;
    for (int i = 0; i < 40; ++i) clients.push_back(co_await w.client());
    for (const auto& client : clients) EXPECT_EQ(co_await client->ask("WHO"), "east");
    w.west.freeze();
    Beside prepare(co_await net::asio::this_coro::executor);
    prepare.start(w.prepare(w.west, 2));
    EXPECT_TRUE(co_await w.until([&] { return w.west.held() == 32; }));
    co_await w.writer_is(w.west, 2);  // Now all of them want to move.
    EXPECT_TRUE(co_await w.stays([&] { return w.west.held() <= 32; }));
    w.west.let_go();
    for (const auto& client : clients) EXPECT_EQ(co_await client->ask("WHO"), "west");
    co_await prepare.answer();
  });
}

TEST(Migration, WhatFollowsAParseWaitsForTheQuestionOfTheRouter) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_TRUE((co_await w.prepare(w.west, 2)).has_value());
    pgwire::Bytes parse;  // prepare() of asyncpg: no Sync.
    pgwire::put_parse(parse, "named", "WHO", {});
    pgwire::put_flush(parse);
    EXPECT_TRUE(co_await client->send(parse));
    EXPECT_FALSE(co_await client->hears_nothing(20s));
    w.east.freeze();
    Beside hold(co_await net::asio::this_coro::executor);
    hold.start(w.hold(2));
    EXPECT_TRUE(co_await w.until([&] { return w.east.held() > 0; }));
    EXPECT_TRUE(co_await client->send_query("BEGIN"));
    w.east.let_go();
    EXPECT_EQ((co_await hold.answer())["open"], 0);
    EXPECT_TRUE(co_await w.swap());
    EXPECT_TRUE((co_await client->hear()).good());
    EXPECT_EQ((co_await client->query("WHO")).value(), "west");
    EXPECT_TRUE((co_await client->query("COMMIT")).good());
    EXPECT_EQ((co_await client->run("named")).value(), "west");
  });
}

}  // namespace
}  // namespace aurora_global::router
