// A whole drill against one real PostgreSQL and a platform that only pretends to have regions: what
// is refused before it starts, how steps run, what the verdict rests on, what the files hold.
#include "drill/runner.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "drill/results.h"
#include "drill/steps.h"
#include "pgclient/testing/postgres.h"
#include "pgclient/testing/run.h"

namespace aurora_global::drill {
namespace {

using namespace std::chrono_literals;
using net::Task;
using pgclient::testing::Postgres;
using pgclient::testing::run;

// Its "switchover" takes no time and moves nothing but a name.
class FakePlatform final : public Platform {
 public:
  explicit FakePlatform(pgclient::Parameters parameters) : parameters_(std::move(parameters)) {}

  const std::vector<RegionId>& regions() const override { return names_; }
  Task<Result<Situation>> situation(Deadline) override {
    Situation situation;
    situation.status = "available";
    situation.writer = writer_;
    situation.members = names_;
    situation.synchronized = synchronized;
    co_return situation;
  }
  Task<Result<void>> move_writer(RegionId to, model::OperationKind, Deadline) override {
    moves.push_back(to.name);
    if (refusals > 0) {
      --refusals;
      co_return make_error(ErrorKind::conflict, "not now");
    }
    if (takes_away) CO_TRY_VOID(co_await lose_writes());
    writer_ = to;
    ++operations_;
    co_return ok();
  }
  Task<Result<model::Operation>> last_operation(RegionId to, Deadline) override {
    if (operations_ == 0) co_return make_error(ErrorKind::not_found, "none yet");
    model::Operation operation;
    operation.id = std::to_string(operations_);
    operation.to = to;
    operation.step = aborts ? model::Step::aborted : model::Step::done;
    operation.reason = "the test says so";
    const WallTime now = SystemClock().wall_now();
    operation.timings = {{model::Step::promote, now - 2ms, now, ""}};
    co_return operation;
  }
  Result<pgclient::Parameters> endpoint(const RegionId&, const std::string&) const override {
    return parameters_;
  }
  std::optional<Functions> functions(const RegionId&) override { return std::nullopt; }

  std::vector<std::string> moves;
  int refusals = 0;
  bool aborts = false;
  bool synchronized = true;
  bool takes_away = false;  // The negative control: a move that loses acknowledged writes.

 private:
  Task<Result<void>> lose_writes() {
    CO_TRY(auto connection, co_await pgclient::Connection::connect(parameters_, Deadline::in(20s)));
    CO_TRY_VOID(co_await connection.execute_simple(
        "DELETE FROM drill_ledger WHERE (run, op_id) IN (SELECT run, op_id FROM drill_ledger WHERE "
        "run = (SELECT run FROM drill_ledger ORDER BY written DESC LIMIT 1) LIMIT 3)",
        Deadline::in(20s)));
    co_return ok();
  }

  pgclient::Parameters parameters_;
  std::vector<RegionId> names_ = {{"us-east-1"}, {"us-west-2"}};
  RegionId writer_{"us-east-1"};
  int operations_ = 0;
};

class RunnerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = Postgres::start();
    ASSERT_TRUE(started.has_value()) << started.error().message;
    server_ = std::move(*started);
  }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override {
    std::string pattern = "/tmp/ag-drill-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  Result<DrillOutcome> drill(FakePlatform& platform, std::string_view text) {
    auto file = parse_drill(text, "x.toml");
    if (file.has_error()) return file.error();
    DrillOptions options{dir_, true};
    return run([&] { return run_drill(*file, platform, nullptr, options); });
  }
  std::string content(const char* name) const {
    std::ifstream in(dir_ / name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

  static std::unique_ptr<Postgres> server_;
  std::filesystem::path dir_;
};
std::unique_ptr<Postgres> RunnerTest::server_;

constexpr const char* kThereAndBack = R"(
[load]
concurrency = 3
tail_s = 0.05
acknowledged_writes = 300
[[step]]
after_writes = 100
do = "switchover"
repeat = 3
min_writes_between = 20
[expect]
lost_writes = 0
failed_operations = 0
min_acknowledged_writes = 300
healthy_at_end = true
max_write_unavailability_ms = 60000
)";

TEST_F(RunnerTest, ADrillThatHoldsPassesAndItsFilesSayTheSame) {
  FakePlatform platform(server_->parameters());
  platform.refusals = 2;
  const auto outcome = drill(platform, kThereAndBack);
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_TRUE(outcome->passed) << (outcome->failures.empty() ? "" : outcome->failures.front());
  const std::vector<std::string> expected = {"us-west-2", "us-west-2", "us-west-2", "us-east-1",
                                             "us-west-2"};
  EXPECT_EQ(platform.moves, expected);
  const auto json = nlohmann::json::parse(content("results.json"));
  EXPECT_TRUE(json["passed"].get<bool>());
  ASSERT_EQ(json["steps"].size(), 3u);
  EXPECT_EQ(json["steps"][0]["title"], "switchover us-east-1 -> us-west-2");
  EXPECT_EQ(json["steps"][0]["refusals"], 2);
  EXPECT_EQ(json["steps"][0]["phases"][0]["step"], "promote");
  EXPECT_GT(json["steps"][1]["write_unavailability"]["ms"].get<double>(), 0);
  EXPECT_EQ(json["verification"]["lost_writes"], 0);
  EXPECT_EQ(json["verification"]["acknowledged_writes"], json["total"]["acknowledged_writes"]);
  // One line for each operation, and the header.
  const std::string csv = content("ops.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'),
            json["total"]["operations"].get<std::int64_t>() + 1);
  const std::string page = content("report.html");
  EXPECT_EQ(page.find("@DATA@"), std::string::npos);
  EXPECT_EQ(page.find("src=\""), std::string::npos);  // Loads nothing.
}

TEST_F(RunnerTest, AMoveThatLosesWritesIsFoundOut) {
  FakePlatform platform(server_->parameters());
  platform.takes_away = true;
  const auto outcome =
      drill(platform,
            "[load]\ntail_s = 0.05\nconcurrency = 2\n[[step]]\nafter_writes = 50\ndo = "
            "\"switchover\"\n[expect]\nlost_writes = 0\n");
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_FALSE(outcome->passed);
  EXPECT_EQ(nlohmann::json::parse(content("results.json"))["verification"]["lost_writes"], 3);
}

TEST_F(RunnerTest, AStepThatFailsFailsTheDrill) {
  FakePlatform platform(server_->parameters());
  platform.aborts = true;
  const auto outcome =
      drill(platform, "[load]\ntail_s = 0.05\nconcurrency = 1\n[[step]]\ndo = \"switchover\"\n");
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_FALSE(outcome->passed);
  ASSERT_EQ(outcome->failures.size(), 1u);
  EXPECT_NE(outcome->failures[0].find("called off: the test says so"), std::string::npos);
}

TEST_F(RunnerTest, ALoadWithoutStepsEndsByItsAmount) {
  FakePlatform platform(server_->parameters());
  const auto outcome = drill(platform,
                             "[load]\noperations = 100\nendpoint = \"reader\"\noperation_type = "
                             "\"read\"\n[expect]\nmin_success_rate = 1.0\n");
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_TRUE(outcome->passed);
  EXPECT_EQ(nlohmann::json::parse(content("results.json"))["total"]["operations"], 100);
}

TEST_F(RunnerTest, SeveralLoadsAreJudgedOneByOne) {
  FakePlatform platform(server_->parameters());
  platform.takes_away = true;
  const auto outcome = drill(platform, R"(
[[load]]
concurrency = 2
tail_s = 0.05
operation_type = "read"
[[load]]
concurrency = 3
endpoint = "write-forwarding"
client_region = "us-west-2"
operation_type = "create"
[[step]]
after_writes = 50
do = "switchover"
[expect]
lost_writes = 0
)");
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_FALSE(outcome->passed);
  const auto json = nlohmann::json::parse(content("results.json"));
  ASSERT_EQ(json["loads"].size(), 2u);
  const auto& reads = json["loads"][0];
  const auto& writes = json["loads"][1];
  EXPECT_EQ(reads["endpoint"], "global-writer");
  EXPECT_EQ(reads["verification"]["lost_writes"], 0);
  EXPECT_EQ(writes["endpoint"], "write-forwarding");
  EXPECT_EQ(writes["client_region"], "us-west-2");
  EXPECT_EQ(writes["verification"]["lost_writes"], 3);
  EXPECT_EQ(json["verification"]["lost_writes"], 3);
  EXPECT_EQ(reads["total"]["operations"].get<int>() + writes["total"]["operations"].get<int>(),
            json["total"]["operations"].get<int>());
  ASSERT_EQ(outcome->failures.size(), 1u);
  EXPECT_NE(outcome->failures[0].find("(write-forwarding from us-west-2)"), std::string::npos);
}

TEST_F(RunnerTest, WhatCannotWorkIsRefusedBeforeItStarts) {
  FakePlatform platform(server_->parameters());
  const auto faults = drill(platform, "[[step]]\ndo = \"kill-region\"\n");
  ASSERT_TRUE(faults.has_error());
  EXPECT_NE(faults.error().message.find("needs a platform on this machine"), std::string::npos);
  const auto region = drill(platform, "[[step]]\ndo = \"switchover\"\nto = \"mars-1\"\n");
  ASSERT_TRUE(region.has_error());
  EXPECT_NE(region.error().message.find("line 1: there is no region 'mars-1'; there are us-east-1"),
            std::string::npos)
      << region.error().message;
  EXPECT_TRUE(platform.moves.empty());
  EXPECT_TRUE(std::filesystem::is_empty(dir_));
}

TEST(Verdict, NotCountedIsNotZero) {
  const SystemClock clock;
  const History history(clock);
  Results results;
  results.loads.emplace_back();
  results.file.expect.lost_writes = 0;
  results.file.expect.max_write_unavailability_ms = 1;
  conclude(results, history, {&history});
  ASSERT_EQ(results.checks.size(), 2u);
  EXPECT_FALSE(results.checks[0].held);
  EXPECT_FALSE(results.checks[1].held);
  EXPECT_FALSE(results.passed());
}

TEST(Verdict, RetriesAndReconnectsAreCounted) {
  const SystemClock clock;
  History history(clock);
  Record record;
  record.ended = 5;
  record.attempts = 3;
  record.reconnects = 1;
  history.add(record);
  Results results;
  results.length = 10;
  results.loads.emplace_back();
  results.file.expect.retries = 1;
  results.file.expect.reconnects = 1;
  conclude(results, history, {&history});
  ASSERT_EQ(results.checks.size(), 2u);
  EXPECT_EQ(results.checks[0].name, "retries");
  EXPECT_EQ(results.checks[0].actual, "2");
  EXPECT_FALSE(results.checks[0].held);
  EXPECT_TRUE(results.checks[1].held);
}

Record read_at(std::int64_t ended, std::int64_t took) {
  Record record;
  record.type = OperationType::read;
  record.started = ended - took;
  record.ended = ended;
  return record;
}

TEST(Verdict, SaysWhyOperationsTakeLongerAfterAMove) {
  const SystemClock clock;
  History history(clock);
  history.add(read_at(2'000, 1'000));
  history.add(read_at(900'000, 62'000));
  Results results;
  results.length = 1'000'000;
  results.file.steps.emplace_back();
  StepRun step;
  step.act = Act::switchover;
  step.started = 10'000;
  step.ended = 20'000;
  results.steps.push_back(step);
  results.loads.emplace_back();
  results.loads[0].endpoint = "global-writer";
  results.loads[0].client_region = "us-east-1";
  conclude(results, history, {&history});
  EXPECT_NE(results.explanation.find("the clients stayed in us-east-1"), std::string::npos);
  EXPECT_NE(results.explanation.find("62.0 ms instead of 1.00 ms"), std::string::npos)
      << results.explanation;

  results.file.loads[0].follows = true;
  conclude(results, history, {&history});
  EXPECT_EQ(results.explanation, "");
  results.file.loads[0].follows = false;
  results.steps[0].error = "it did not move";
  conclude(results, history, {&history});
  EXPECT_EQ(results.explanation, "");
}

TEST(Steps, AnUnreportedMoveIsCalledOffOnceThingsAreAtRestAgain) {
  Situation rest;
  rest.status = "available";
  rest.writer.name = "a";
  Situation moving = rest;
  moving.status = "switching-over";
  UnreportedMove move;
  const Instant start{};
  EXPECT_FALSE(move.called_off(rest, start));
  EXPECT_FALSE(move.called_off(rest, start + 1h));  // Accepted, not begun yet.
  EXPECT_FALSE(move.called_off(moving, start + 2h));
  EXPECT_FALSE(move.called_off(rest, start + 3h));
  EXPECT_FALSE(move.called_off(moving, start + 3h + 20s));
  EXPECT_FALSE(move.called_off(rest, start + 4h));
  EXPECT_FALSE(move.called_off(rest, start + 4h + 29s));
  EXPECT_TRUE(move.called_off(rest, start + 4h + 30s));
}

TEST(Steps, NamesOfRegionsFollowTheWriter) {
  Situation situation;
  situation.writer.name = "b";
  situation.members = {{"a"}, {"b"}, {"c"}};
  EXPECT_EQ(resolve(RegionId{"primary"}, situation).name, "b");
  EXPECT_EQ(resolve(RegionId{"secondary"}, situation).name, "a");
  EXPECT_EQ(resolve(RegionId{"c"}, situation).name, "c");
}

}  // namespace
}  // namespace aurora_global::drill
