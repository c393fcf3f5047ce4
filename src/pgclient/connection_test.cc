// Against a real PostgreSQL: what the caller learns when statements, servers and deadlines fail.
#include "pgclient/connection.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>

#include "pgclient/testing/postgres.h"
#include "pgclient/testing/run.h"

namespace aurora_global::pgclient {
namespace {

using namespace std::chrono_literals;
using net::Task;
using testing::Postgres;
using testing::run;

class ConnectionTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = Postgres::start();
    ASSERT_TRUE(started.has_value()) << started.error().message;
    server_ = std::move(*started);
  }
  static void TearDownTestSuite() { server_.reset(); }

  static Deadline soon() { return Deadline::in(20s); }
  static std::unique_ptr<Postgres> server_;
};
std::unique_ptr<Postgres> ConnectionTest::server_;

Task<Result<std::string>> one_value(Parameters parameters, std::string sql,
                                    std::vector<Param> params) {
  CO_TRY(Connection connection, co_await Connection::connect(parameters, Deadline::in(20s)));
  CO_TRY(const Rows rows, co_await connection.execute(sql, params, Deadline::in(20s)));
  co_return std::string(rows.text(0, 0));
}

TEST_F(ConnectionTest, AnswersWithParametersAndNull) {
  const auto sum = run([&] {
    return one_value(server_->parameters(), "SELECT ($1::int + $2::int)::text", {"40", "2"});
  });
  ASSERT_TRUE(sum.has_value()) << sum.error().message;
  EXPECT_EQ(*sum, "42");
  const auto null = run([&] {
    return one_value(server_->parameters(), "SELECT ($1::text IS NULL)::text", {std::nullopt});
  });
  ASSERT_TRUE(null.has_value());
  EXPECT_EQ(*null, "true");
}

Task<Result<bool>> fail_and_go_on(Parameters parameters, std::string* sqlstate) {
  CO_TRY(Connection connection, co_await Connection::connect(parameters, Deadline::in(20s)));
  const auto failed = co_await connection.execute_simple("SELECT 1/0", Deadline::in(20s));
  if (failed.has_error()) *sqlstate = failed.error().code;
  CO_TRY_VOID(co_await connection.prepare("p", "SELECT $1::text", Deadline::in(20s)));
  std::vector<Param> params = {"x"};
  CO_TRY(const Rows rows, co_await connection.execute_prepared("p", params, Deadline::in(20s)));
  co_return rows.text(0, 0) == "x" && connection.usable();
}

TEST_F(ConnectionTest, AServerErrorLeavesTheConnectionUsable) {
  std::string sqlstate;
  const auto went_on = run([&] { return fail_and_go_on(server_->parameters(), &sqlstate); });
  ASSERT_TRUE(went_on.has_value()) << went_on.error().message;
  EXPECT_TRUE(*went_on);
  EXPECT_EQ(sqlstate, "22012");
}

TEST_F(ConnectionTest, ABrokenConnectionSaysThatTheStatementWasSent) {
  bool usable = true;
  std::string sqlstate;
  std::optional<ErrorKind> kind;
  std::string code;
  auto outcome = run([&]() -> Task<int> {
    auto connected = co_await Connection::connect(server_->parameters(), soon());
    if (connected.has_error()) co_return 1;
    const auto rows = co_await connected->execute_simple(
        "SELECT pg_terminate_backend(pg_backend_pid()); SELECT pg_sleep(30)", soon());
    usable = connected->usable();
    sqlstate = connected->sqlstate();
    if (rows.has_value()) co_return 2;
    kind = rows.error().kind;
    code = rows.error().code;
    co_return 0;
  });
  ASSERT_EQ(outcome, 0);
  EXPECT_EQ(kind, ErrorKind::unavailable);
  EXPECT_EQ(code, kSent);
  EXPECT_EQ(sqlstate, "57P01");
  EXPECT_FALSE(usable);
}

TEST_F(ConnectionTest, ADeadlineEndsTheWaitAndTheConnection) {
  bool usable = true;
  const auto kind = run([&]() -> Task<ErrorKind> {
    auto connected = co_await Connection::connect(server_->parameters(), soon());
    if (connected.has_error()) co_return connected.error().kind;
    // A longer deadline first: the shorter one must not wait for its timer.
    const auto first = co_await connected->execute_simple("SELECT 1", soon());
    if (first.has_error()) co_return first.error().kind;
    const auto rows = co_await connected->execute_simple("SELECT pg_sleep(15)", Deadline::in(30ms));
    usable = connected->usable();
    co_return rows.has_error() ? rows.error().kind : ErrorKind::internal;
  });
  EXPECT_EQ(kind, ErrorKind::timeout);
  EXPECT_FALSE(usable);
}

TEST_F(ConnectionTest, ARefusalNamesItsSqlstate) {
  Parameters wrong = server_->parameters();
  for (auto& [keyword, value] : wrong.values) {
    if (keyword == "dbname") value = "there_is_none";
  }
  const auto answer = run([&] { return one_value(wrong, "SELECT 1", {}); });
  ASSERT_TRUE(answer.has_error());
  EXPECT_EQ(answer.error().code, "3D000") << answer.error().message;
  EXPECT_EQ(answer.error().kind, ErrorKind::invalid);
}

TEST_F(ConnectionTest, NobodyListensIsUnavailableAndNotSent) {
  Parameters nowhere = {{{"hostaddr", "127.0.0.1"}, {"port", "1"}, {"user", "x"}}};
  const auto answer = run([&] { return one_value(nowhere, "SELECT 1", {}); });
  ASSERT_TRUE(answer.has_error());
  EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(answer.error().code, kNotSent);
}

TEST_F(ConnectionTest, AServerThatAcceptsAndIsSilentRunsIntoTheDeadline) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor silent(
      context, {boost::asio::ip::make_address("127.0.0.1"), 0});  // Never accepts.
  Parameters parameters = {{{"hostaddr", "127.0.0.1"},
                            {"port", std::to_string(silent.local_endpoint().port())},
                            {"user", "x"}}};
  const auto kind = run([&]() -> Task<ErrorKind> {
    const auto connected = co_await Connection::connect(parameters, Deadline::in(50ms));
    co_return connected.has_error() ? connected.error().kind : ErrorKind::internal;
  });
  EXPECT_EQ(kind, ErrorKind::timeout);
}

TEST_F(ConnectionTest, CopiesMoreThanASocketBuffer) {
  const auto count = run([&]() -> Task<Result<std::string>> {
    CO_TRY(Connection connection, co_await Connection::connect(server_->parameters(), soon()));
    CO_TRY_VOID(co_await connection.execute_simple("CREATE TEMP TABLE t(v text)", soon()));
    std::string data;
    for (int i = 0; i < 40000; ++i) data += std::string(100, 'x') + "\n";
    CO_TRY_VOID(co_await connection.copy_in("COPY t FROM STDIN", data, soon()));
    CO_TRY(const Rows rows, co_await connection.execute_simple("SELECT count(*) FROM t", soon()));
    co_return std::string(rows.text(0, 0));
  });
  ASSERT_TRUE(count.has_value()) << count.error().message;
  EXPECT_EQ(*count, "40000");
}

// RFC 7677's example: the verifier is made from the password alone, with a salt of its own.
TEST(ScramVerifier, HasPostgresqlsForm) {
  const std::string one = scram_verifier("pencil");
  EXPECT_EQ(one.rfind("SCRAM-SHA-256$4096:", 0), 0u);
  EXPECT_NE(one, scram_verifier("pencil"));
  EXPECT_EQ(one.find("pencil"), std::string::npos);
}

}  // namespace
}  // namespace aurora_global::pgclient
