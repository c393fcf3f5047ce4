// Goal: a report says exactly what was decoded, what of the committed was not, and why it may not
// be all; and its SQL is in the order of the commits, each transaction whole.
#include "region/instance/lost_report.h"

#include <gtest/gtest.h>

#include "net/file.h"

namespace aurora_global::region {
namespace {

using nlohmann::json;

class LostReportTest : public ::testing::Test {
 protected:
  LostReportTest() {
    char place[] = "/tmp/aurora-global-lost-XXXXXX";
    place_ = mkdtemp(place);
    auto begun = LostReport::begin({.region = RegionId{"us-east-1"},
                                    .instance = "i-1",
                                    .epoch = Epoch{3},
                                    .timeline = 1,
                                    .fork = Lsn{0x1000060}},
                                   place_);
    report_.emplace(std::move(*begun));
    report_->begin_database("app");
  }
  ~LostReportTest() override { std::filesystem::remove_all(place_); }

  void take(const json& line) {
    const auto taken = report_->take(line.dump());
    EXPECT_TRUE(taken.has_value()) << line;
  }
  void transaction(std::uint32_t xid, const char* at, const std::vector<json>& changes) {
    take({{"begin", {{"xid", xid}, {"commit", "0/1"}, {"end", "0/2"}, {"at", at}}}});
    for (const json& one : changes) take(one);
    take({{"commit", xid}});
  }
  static json insert(const char* value) {
    const json column = {{"name", "id"}, {"type", "integer"}, {"key", true}, {"value", value}};
    return {{"insert", {{"schema", "s"}, {"table", "t"}, {"new", json::array({column})}}}};
  }
  std::string text(const char* file) { return *net::read_file(place_ / file); }

  std::filesystem::path place_;
  std::optional<LostReport> report_;
};

TEST_F(LostReportTest, SaysWhatWasDecodedAndWhatWasNot) {
  transaction(7, "2026-01-01 00:00:02+00", {insert("1"), insert("2")});
  transaction(9, "2026-01-01 00:00:01+00", {});
  report_->begin_database("other \"one\"");
  transaction(8, "2026-01-01 00:00:03+00",
              {{{"delete", {{"schema", "s"}, {"table", "t"}}}}, insert("line\nbreak")});
  const auto report = report_->end({.committed = {7, 8, 9, 10}, .prepared = {{{"gid", "g"}}}});
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->at("committed"), 4);
  EXPECT_EQ(report->at("transactions"), 2);
  EXPECT_EQ(report->at("without_rows"), 2);
  EXPECT_EQ(report->at("undecoded"), json::array({10}));
  EXPECT_EQ(report->at("changes"), 4);
  EXPECT_EQ(report->at("complete"), true);
  EXPECT_EQ(report->at("first_commit"), "2026-01-01 00:00:01+00");
  EXPECT_EQ(report->at("last_commit"), "2026-01-01 00:00:03+00");
  EXPECT_EQ(report->at("tables")[1]["only_told"], 1);
  EXPECT_EQ(report->at("fork"), "0/1000060");
  EXPECT_EQ(json::parse(text(kLostReport)), *report);

  const std::string sql = text(kLostTransactions);
  EXPECT_NE(sql.find("\n\\connect -reuse-previous=on \"dbname='app'\"\nSET "), std::string::npos)
      << sql;
  EXPECT_NE(sql.find("\n\n-- Transaction 7, committed 2026-01-01 00:00:02+00\nBEGIN;\n"
                     "INSERT INTO \"s\".\"t\" (\"id\") OVERRIDING SYSTEM VALUE VALUES ('1');\n"
                     "INSERT INTO \"s\".\"t\" (\"id\") OVERRIDING SYSTEM VALUE VALUES ('2');\n"
                     "COMMIT;\n"),
            std::string::npos)
      << sql;
  EXPECT_NE(sql.find("\"dbname='other \"\"one\"\"'\"\nSET "), std::string::npos) << sql;
  EXPECT_NE(
      sql.find("so nothing tells which row it was:\n-- DELETE FROM ONLY \"s\".\"t\";\nINSERT"),
      std::string::npos)
      << sql;
  EXPECT_EQ(sql.find("Transaction 9"), std::string::npos);
  const std::string lines = text(kLostChanges);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 12) << lines;
}

// psql would run what follows a line's end as its own command.
TEST_F(LostReportTest, NothingLeavesAComment) {
  const json message = {{"message", {{"prefix", "x\r\\! date\n\\! date"}, {"bytes", 1}}}};
  transaction(7, "2026-01-01 00:00:02+00", {message});
  report_->begin_database("a\n\\! date");
  transaction(8, "2026-01-01 00:00:03+00", {insert("1")});
  ASSERT_TRUE(report_->end({}).has_value());
  const std::string sql = text(kLostTransactions);
  for (auto at = sql.find("\\! date"); at != std::string::npos; at = sql.find("\\! date", at + 1)) {
    EXPECT_EQ(sql.substr(at - 3, 3), "-- ") << sql;
  }
  EXPECT_NE(sql.find("\n\\quit\n"), std::string::npos) << sql;
}

TEST_F(LostReportTest, APartOfATransactionIsNotCommitted) {
  transaction(7, "2026-01-01 00:00:02+00",
              {{{"delete", {{"schema", "s"}, {"table", "t"}}}}, insert("1")});
  ASSERT_TRUE(report_->end({}).has_value());
  const std::string sql = text(kLostTransactions);
  EXPECT_NE(sql.find("ROLLBACK;\n"), std::string::npos) << sql;
  EXPECT_EQ(sql.find("COMMIT;\n"), std::string::npos) << sql;
}

TEST_F(LostReportTest, SaysWhyItMayNotBeAll) {
  transaction(7, "2026-01-01 00:00:02+00", {insert("1")});
  const auto report = report_->end({.committed = {7}, .incomplete = "no WAL"});
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->at("complete"), false);
  EXPECT_EQ(report->at("incomplete"), "no WAL");
}

TEST_F(LostReportTest, RefusesWhatThePluginWouldNotSay) {
  for (const char* line : {"", "x", "{}", "[]", "null", R"({"begin": 5})", R"({"insert": {}})",
                           R"({"truncate": {"tables": 1}})", R"({"unknown": {}})"}) {
    const auto taken = report_->take(line);
    ASSERT_TRUE(taken.has_error()) << line;
    EXPECT_EQ(taken.error().kind, ErrorKind::corrupt);
  }
}

TEST(LostReport, NeedsAPlaceToWriteTo) {
  EXPECT_EQ(LostReport::begin({}, "/nonexistent").error().kind, ErrorKind::unavailable);
}

}  // namespace
}  // namespace aurora_global::region
