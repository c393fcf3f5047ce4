// A load against a real PostgreSQL: what the client logs is what the database holds, also when the
// server crashes in the middle; and what is taken away behind its back is counted as lost.
#include "load/load.h"

#include <gtest/gtest.h>

#include "load/checker.h"
#include "pgclient/testing/postgres.h"
#include "pgclient/testing/run.h"

namespace aurora_global::load {
namespace {

using namespace std::chrono_literals;
using net::Task;
using pgclient::Connection;
using pgclient::testing::Postgres;
using pgclient::testing::run;

const SystemClock kClock;

class LoadTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = Postgres::start();
    ASSERT_TRUE(started.has_value()) << started.error().message;
    server_ = std::move(*started);
  }
  static void TearDownTestSuite() { server_.reset(); }

  static LoadOptions options(std::string name) {
    LoadOptions options;
    options.run = std::move(name);
    options.concurrency = 4;
    return options;
  }
  static std::unique_ptr<Postgres> server_;
};
std::unique_ptr<Postgres> LoadTest::server_;

Task<Result<Connection>> connect(Postgres& server) {
  return Connection::connect(server.parameters(), Deadline::in(20s));
}

// Runs the load while `meanwhile` happens, then `afterwards` in SQL, then verifies.
Task<Result<Verification>> run_load(Postgres& server, LoadOptions options, History& history,
                                    std::function<Task<void>(Load&)> meanwhile,
                                    std::string afterwards) {
  const auto executor = co_await boost::asio::this_coro::executor;
  {
    CO_TRY(Connection setup, co_await connect(server));
    CO_TRY_VOID(co_await prepare_tables(setup, options, Deadline::in(20s)));
  }
  Load load(executor, options, server.parameters(), history);
  net::TaskGroup tasks(executor);
  if (meanwhile) tasks.spawn("meanwhile", meanwhile(load));
  CO_TRY_VOID(co_await load.run());
  co_await tasks.join();
  CO_TRY(Connection check, co_await connect(server));
  if (!afterwards.empty()) {
    CO_TRY_VOID(co_await check.execute_simple(afterwards, Deadline::in(20s)));
  }
  co_return co_await verify(check, history, load.expected_items(), options.run, Deadline::in(20s));
}

TEST_F(LoadTest, CountsOperationsExactlyAndLosesNothing) {
  History history(kClock);
  LoadOptions options = LoadTest::options("exact");
  options.operations = 2000;
  const auto found = run([&] { return run_load(*server_, options, history, nullptr, ""); });
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(history.counts().all(), 2000u);
  EXPECT_EQ(history.counts().ok, 2000u);
  EXPECT_EQ(found->acknowledged, history.counts().acknowledged_writes);
  EXPECT_GT(found->acknowledged, 900u);
  EXPECT_EQ(found->lost, 0u);
  EXPECT_EQ(found->unasked, 0u);
  EXPECT_GT(found->items, 100u);
  EXPECT_EQ(found->items_wrong, 0u);
  EXPECT_EQ(found->checked_in, "test-region");
  for (const Record& record : history.records()) {
    EXPECT_FALSE(record.stale);
    EXPECT_EQ(history.regions()[record.region], "test-region");
    EXPECT_LE(record.started, record.ended);
  }
}

TEST_F(LoadTest, WritesTakenAwayBehindItsBackAreCountedAsLost) {
  History history(kClock);
  LoadOptions options = LoadTest::options("negative");
  options.acknowledged_writes = 500;
  const auto found = run([&] {
    return run_load(*server_, options, history, nullptr,
                    "DELETE FROM drill_ledger WHERE run = 'negative' AND op_id IN (SELECT op_id "
                    "FROM drill_ledger WHERE run = 'negative' ORDER BY op_id LIMIT 7);"
                    "INSERT INTO drill_ledger VALUES ('negative', 4711000000000, 'create', 1);"
                    "UPDATE drill_items SET op_id = 1 WHERE run = 'negative' AND id = (SELECT "
                    "min(id) FROM drill_items WHERE run = 'negative')");
  });
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(found->lost, 7u);
  EXPECT_EQ(found->lost_sample.size(), 7u);
  EXPECT_EQ(found->unasked, 1u);
  EXPECT_EQ(found->items_wrong, 1u);
}

Task<void> crash_and_start_again(Postgres& server, History& history, Load& load) {
  while (history.counts().acknowledged_writes < 300) co_await net::sleep_for(1ms);
  server.crash();
  const auto started = server.start_again();
  if (started.has_error()) load.stop();
  const std::uint64_t before = history.counts().acknowledged_writes;
  while (started.has_value() && history.counts().acknowledged_writes < before + 300) {
    co_await net::sleep_for(1ms);
  }
  load.stop();
}

TEST_F(LoadTest, ACrashOfTheServerCostsRetriesAndNoAcknowledgedWrite) {
  History history(kClock);
  LoadOptions options = LoadTest::options("crash");
  const auto found = run([&] {
    return run_load(
        *server_, options, history,
        [&](Load& load) { return crash_and_start_again(*server_, history, load); }, "");
  });
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_GE(history.counts().retries, 4u);
  EXPECT_EQ(history.counts().failed, 0u);
  EXPECT_EQ(history.counts().unknown, 0u);
  EXPECT_EQ(found->lost, 0u);
  EXPECT_EQ(found->unasked, 0u);
  EXPECT_EQ(found->items_wrong, 0u);
}

// Cuts every connection, again and again, until that has made operations start over 20 times.
Task<void> cut_connections(Postgres& server, History& history, Load& load) {
  auto killer = co_await connect(server);
  while (killer.has_value() && history.counts().retries < 20) {
    const auto cut = co_await killer->execute_simple(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
        Deadline::in(20s));
    if (cut.has_error()) break;
    const std::uint64_t before = history.counts().acknowledged_writes;
    while (history.counts().acknowledged_writes < before + 5) co_await net::sleep_for(1ms);
  }
  load.stop();
}

TEST_F(LoadTest, ConnectionsCutInTheMiddleLoseNothingAndDoNothingTwice) {
  History history(kClock);
  LoadOptions options = LoadTest::options("cut");
  const auto found = run([&] {
    return run_load(
        *server_, options, history,
        [&](Load& load) { return cut_connections(*server_, history, load); }, "");
  });
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_GE(history.counts().retries, 20u);
  EXPECT_EQ(found->lost, 0u);
  EXPECT_EQ(found->unasked, 0u);
  EXPECT_EQ(found->items_wrong, 0u);
}

// Refuses every other write of a run with the SQLSTATE that is the run's name.
constexpr std::string_view kRefusals = R"sql(
CREATE SEQUENCE refusals;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('refusals') % 2 = 1 THEN RAISE EXCEPTION 'no' USING ERRCODE = NEW.run; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON drill_ledger FOR EACH ROW
  WHEN (NEW.run ~ '^[0-9A-Z]{5}$') EXECUTE FUNCTION refuse();
)sql";

Task<Result<Verification>> run_refused(Postgres& server, LoadOptions options, History& history) {
  {
    CO_TRY(Connection setup, co_await connect(server));
    CO_TRY_VOID(co_await prepare_tables(setup, options, Deadline::in(20s)));
    CO_TRY_VOID(co_await setup.execute_simple(std::string(kRefusals), Deadline::in(20s)));
  }
  co_return co_await run_load(server, options, history, nullptr,
                              "DROP TRIGGER refuse ON drill_ledger; DROP FUNCTION refuse();"
                              "DROP SEQUENCE refusals");
}

TEST_F(LoadTest, ARefusalIsTakenForWhatItSays) {
  struct Case {
    const char* sqlstate;
    std::uint32_t attempts;  // Until it is over, with retries.
    Outcome without_retries;
  };
  for (const Case& one : {Case{"08006", 2, Outcome::failed}, Case{"08007", 2, Outcome::unknown},
                          Case{"40001", 2, Outcome::failed}, Case{"53300", 2, Outcome::failed},
                          Case{"25006", 2, Outcome::failed}, Case{"0A000", 1, Outcome::failed}}) {
    SCOPED_TRACE(one.sqlstate);
    for (const int retries : {5, 0}) {
      History history(kClock);
      LoadOptions options = LoadTest::options(one.sqlstate);
      options.operation_type = OperationMix::update;
      options.concurrency = 1;
      options.first_worker = retries;  // Rows of its own.
      options.retries = retries;
      options.operations = 1;
      const auto found = run([&] { return run_refused(*server_, options, history); });
      ASSERT_TRUE(found.has_value()) << found.error().message;
      const Record& record = history.records().at(0);
      EXPECT_EQ(record.attempts, retries == 0 ? 1 : one.attempts);
      const bool succeeded = retries > 0 && one.attempts > 1;
      EXPECT_EQ(record.outcome, succeeded ? Outcome::ok : one.without_retries);
      EXPECT_STREQ(record.sqlstate, succeeded ? "" : one.sqlstate);
    }
  }
}

TEST_F(LoadTest, StatefulSessionsKeepStatementsSettingsAndRole) {
  History history(kClock);
  LoadOptions options = LoadTest::options("stateful");
  options.sessions = Sessions::stateful;
  options.operations = 2000;
  const auto found = run([&] { return run_load(*server_, options, history, nullptr, ""); });
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(history.counts().ok, 2000u);
  EXPECT_EQ(history.counts().reconnects, 0u);
  EXPECT_EQ(found->lost, 0u);
  EXPECT_EQ(found->unasked, 0u);
  EXPECT_EQ(found->items_wrong, 0u);
}

TEST_F(LoadTest, AConnectionOpenedAnewSetsUpItsStateAndIsCounted) {
  History history(kClock);
  LoadOptions options = LoadTest::options("stateful cut");
  options.sessions = Sessions::stateful;
  const auto found = run([&] {
    return run_load(
        *server_, options, history,
        [&](Load& load) { return cut_connections(*server_, history, load); }, "");
  });
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(history.counts().failed, 0u);
  EXPECT_GE(history.counts().reconnects, 10u);
  EXPECT_EQ(found->lost, 0u);
  EXPECT_EQ(found->items_wrong, 0u);
}

// The clients go to another place, here the same server under another name, while they work.
Task<void> go_elsewhere(pgclient::Parameters there, History& history, Load& load) {
  const auto written = [&](std::uint64_t writes) -> Task<void> {
    const std::uint64_t wanted = history.counts().acknowledged_writes + writes;
    while (history.counts().acknowledged_writes < wanted) co_await net::sleep_for(1ms);
  };
  co_await written(50);
  load.go_to(std::move(there));
  co_await written(50);
  load.stop();
}

TEST_F(LoadTest, ClientsThatGoElsewhereCountNoReconnection) {
  History history(kClock);
  pgclient::Parameters there = server_->parameters();
  there.values.emplace_back("application_name", "elsewhere");
  const auto found = run([&] {
    return run_load(
        *server_, LoadTest::options("elsewhere"), history,
        [&](Load& load) { return go_elsewhere(there, history, load); },
        "CREATE TABLE seen AS SELECT count(*) AS n FROM pg_stat_activity "
        "WHERE application_name = 'elsewhere'");
  });
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(history.counts().retries, 0u);
  EXPECT_EQ(history.counts().reconnects, 0u);
  EXPECT_EQ(history.counts().failed, 0u);
  EXPECT_EQ(found->lost, 0u);
  EXPECT_EQ(found->items_wrong, 0u);
}

// What a pooler or a router that mixes sessions up would do to one: here a function takes the
// settings away from inside the first operation, as a new value that lasts.
constexpr std::string_view kForgetful = R"sql(
CREATE OR REPLACE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM set_config('app.tenant', 'somebody else', false); RETURN NEW; END $$;
CREATE TRIGGER forget BEFORE INSERT ON drill_ledger FOR EACH ROW
  WHEN (NEW.run = 'forgetful') EXECUTE FUNCTION forget();
)sql";

Task<Result<Verification>> run_forgetful(Postgres& server, LoadOptions options, History& history) {
  {
    CO_TRY(Connection setup, co_await connect(server));
    CO_TRY_VOID(co_await prepare_tables(setup, options, Deadline::in(20s)));
    CO_TRY_VOID(co_await setup.execute_simple(std::string(kForgetful), Deadline::in(20s)));
  }
  co_return co_await run_load(server, options, history, nullptr,
                              "DROP TRIGGER forget ON drill_ledger; DROP FUNCTION forget()");
}

TEST_F(LoadTest, AnOperationOfASessionThatLostItsStateFailsWithoutEffect) {
  History history(kClock);
  LoadOptions options = LoadTest::options("forgetful");
  options.sessions = Sessions::stateful;
  options.operation_type = OperationMix::update;
  options.concurrency = 1;
  options.operations = 3;
  const auto found = run([&] { return run_forgetful(*server_, options, history); });
  ASSERT_TRUE(found.has_value()) << found.error().message;
  ASSERT_EQ(history.records().size(), 3u);
  EXPECT_EQ(history.records()[0].outcome, Outcome::ok);
  for (const std::size_t after : {1, 2}) {
    EXPECT_EQ(history.records()[after].outcome, Outcome::failed);
    EXPECT_EQ(history.records()[after].attempts, 1u);
    EXPECT_EQ(history.records()[after].sqlstate, kStateLost);
  }
  EXPECT_EQ(found->acknowledged, 1u);
  EXPECT_EQ(found->lost, 0u);
  EXPECT_EQ(found->unasked, 0u);
  EXPECT_EQ(found->items_wrong, 0u);
}

TEST_F(LoadTest, AnOpenPaceKeepsItsRateAndCountsFromThePlannedTime) {
  History history(kClock);
  LoadOptions options = LoadTest::options("paced");
  options.operation_type = OperationMix::read;
  options.rate = 1000;
  options.operations = 200;
  const auto found = run([&] { return run_load(*server_, options, history, nullptr, ""); });
  ASSERT_TRUE(found.has_value()) << found.error().message;
  ASSERT_EQ(history.records().size(), 200u);
  std::vector<std::int64_t> started;
  for (const Record& record : history.records()) started.push_back(record.started);
  std::sort(started.begin(), started.end());
  for (std::size_t i = 0; i < started.size(); ++i) {
    EXPECT_EQ(started[i], static_cast<std::int64_t>(i) * 1000);
  }
}

TEST_F(LoadTest, AWrongDatabaseEndsTheLoadWithTheReason) {
  History history(kClock);
  const auto outcome = run([&]() -> Task<Result<bool>> {
    pgclient::Parameters wrong = server_->parameters();
    for (auto& [keyword, value] : wrong.values) {
      if (keyword == "dbname") value = "there_is_none";
    }
    Load load(co_await boost::asio::this_coro::executor, LoadTest::options("wrong"), wrong,
              history);
    CO_TRY_VOID(co_await load.run());
    co_return true;
  });
  ASSERT_TRUE(outcome.has_error());
  EXPECT_EQ(outcome.error().code, "3D000");
}

}  // namespace
}  // namespace aurora_global::load
