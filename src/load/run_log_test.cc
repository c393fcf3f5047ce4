// Goal: a log that travelled as JSON is judged as the log itself would have been, and a log that
// makes no sense adds nothing.
#include "load/run_log.h"

#include <gtest/gtest.h>

namespace aurora_global::load {
namespace {

using nlohmann::json;

const SystemClock kLogClock;

Record write(std::uint64_t op, Outcome outcome) {
  Record record;
  record.started = 10;
  record.ended = 20 + static_cast<std::int64_t>(op);
  record.op_id = op;
  record.attempts = 2;
  record.worker = 3;
  record.type = OperationType::update;
  record.outcome = outcome;
  return record;
}

TEST(RunLog, ArrivesAsItWasInTheTimeOfTheReader) {
  History reader(kLogClock);
  reader.begin();
  History writer(kLogClock);
  writer.begin();
  Record sent = write(7, Outcome::unknown);
  sent.region = writer.region_index("us-west-2");
  sent.read_back = true;
  sent.reconnects = 2;
  std::snprintf(sent.sqlstate, sizeof sent.sqlstate, "57P01");
  writer.add(sent);
  std::vector<ExpectedItem> items;
  const json log = json::parse(log_json(writer, {{5, 7, true}}).dump());
  ASSERT_TRUE(merge_log(log, reader, items).has_value());
  ASSERT_EQ(reader.records().size(), 1u);
  const Record& got = reader.records().front();
  const auto shift = reader.offset(writer.wall_began());
  EXPECT_NEAR(static_cast<double>(got.ended - sent.ended), static_cast<double>(shift), 2);
  EXPECT_EQ(got.op_id, 7u);
  EXPECT_EQ(got.attempts, 2u);
  EXPECT_EQ(got.worker, 3);
  EXPECT_EQ(reader.regions()[got.region], "us-west-2");
  EXPECT_STREQ(got.sqlstate, "57P01");
  EXPECT_EQ(got.outcome, Outcome::unknown);
  EXPECT_TRUE(got.read_back);
  EXPECT_FALSE(got.stale);
  EXPECT_EQ(got.reconnects, 2);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_TRUE(items[0].removed);
}

TEST(RunLog, NonsenseAddsNothing) {
  History history(kLogClock);
  history.begin();
  history.add(write(1, Outcome::ok));
  const json good = log_json(history, {});
  for (const char* member : {"began_us", "regions", "records", "items"}) {
    for (const json& nonsense : {json(nullptr), json("x"), json({1}), json({{1, 2}}), json(-1)}) {
      json log = good;
      log[member] = nonsense;
      History reader(kLogClock);
      reader.begin();
      std::vector<ExpectedItem> items;
      const auto merged = merge_log(log, reader, items);
      if (std::string(member) == "began_us" && nonsense.is_number()) continue;
      EXPECT_TRUE(merged.has_error()) << member << nonsense;
      EXPECT_TRUE(reader.records().empty());
      EXPECT_TRUE(items.empty());
    }
  }
}

TEST(RunLog, ComparesAsSqlWould) {
  History history(kLogClock);
  history.begin();
  history.add(write(1, Outcome::ok));
  history.add(write(2, Outcome::ok));       // Lost.
  history.add(write(3, Outcome::unknown));  // Committed.
  history.add(write(4, Outcome::unknown));
  history.add(write(5, Outcome::failed));  // In the ledger all the same.
  const std::vector<ExpectedItem> items = {
      {10, 1, false}, {11, 2, false}, {12, 3, true}, {13, 0, true}};
  const TableRows rows{{1, 3, 5}, {{10, 1}, {11, 9}, {12, 3}}};
  const Verification found = compare(history, items, rows);
  EXPECT_EQ(found.acknowledged, 2u);
  EXPECT_EQ(found.lost, 1u);
  EXPECT_EQ(found.lost_sample, std::vector<std::uint64_t>{2});
  EXPECT_EQ(found.unknown, 2u);
  EXPECT_EQ(found.unknown_committed, 1u);
  EXPECT_EQ(found.unasked, 1u);
  EXPECT_EQ(found.items, 4u);
  EXPECT_EQ(found.items_wrong, 2u);
}

}  // namespace
}  // namespace aurora_global::load
