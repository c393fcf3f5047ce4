#include "load/metrics.h"

#include <gtest/gtest.h>

namespace aurora_global::load {
namespace {

Record write(std::int64_t started, std::int64_t ended, int worker = 0,
             Outcome outcome = Outcome::ok) {
  Record record;
  record.type = OperationType::update;
  record.started = started;
  record.ended = ended;
  record.worker = static_cast<std::uint16_t>(worker);
  record.outcome = outcome;
  return record;
}

TEST(Metrics, PercentilesAreNearestRank) {
  std::vector<Record> records;
  for (int i = 100; i >= 1; --i) records.push_back(write(0, i));
  const Summary sum = summarize(records, {0, 1'000'000});
  EXPECT_EQ(sum.writes.p50, 50);
  EXPECT_EQ(sum.writes.p90, 90);
  EXPECT_EQ(sum.writes.p99, 99);
  EXPECT_EQ(sum.writes.max, 100);
  EXPECT_EQ(sum.reads.count, 0u);
  EXPECT_DOUBLE_EQ(sum.per_second, 100);
}

TEST(Metrics, CountsOutcomesRetriesAndTheSpanByItsEnd) {
  std::vector<Record> records = {write(0, 10), write(0, 20, 0, Outcome::failed),
                                 write(0, 30, 0, Outcome::unknown), write(0, 100)};
  records[0].attempts = 4;
  records[0].reconnects = 2;
  records[3].reconnects = 1;  // Past the span.
  const Summary sum = summarize(records, {0, 100});
  EXPECT_EQ(sum.operations, 3u);
  EXPECT_EQ(sum.ok, 1u);
  EXPECT_EQ(sum.failed, 1u);
  EXPECT_EQ(sum.unknown, 1u);
  EXPECT_EQ(sum.retries, 3u);
  EXPECT_EQ(sum.reconnects, 2u);
  EXPECT_EQ(sum.retried_operations, 1u);
  EXPECT_EQ(sum.acknowledged_writes, 1u);
  EXPECT_NEAR(*sum.success_rate(), 1.0 / 3, 1e-9);
  EXPECT_FALSE(summarize({}, {0, 100}).success_rate()) << "nothing has succeeded, nor failed";
}

TEST(Metrics, AStaleReadIsOneOfTheSameConnection) {
  std::vector<Record> records(3, write(0, 10));
  for (Record& record : records) record.stale = true;
  records[0].type = records[1].type = OperationType::read;
  records[1].reconnected = true;
  const Summary sum = summarize(records, {0, 100});
  EXPECT_EQ(sum.stale, 3u);
  EXPECT_EQ(sum.stale_reads, 1u);
  EXPECT_EQ(sum.stale_after_reconnect, 1u);
}

TEST(History, APartAddsToTheWholeInTheSameTime) {
  const SystemClock clock;
  History whole(clock);
  History first(whole), second(whole);
  first.begin();
  second.begin();
  EXPECT_EQ(second.began(), whole.began());
  Record record = write(0, 10);
  record.region = second.region_index("us-west-2");
  second.add(record);
  first.add(write(0, 20));
  EXPECT_EQ(whole.records().size(), 2u);
  EXPECT_EQ(whole.counts().acknowledged_writes, 2u);
  EXPECT_EQ(first.counts().acknowledged_writes, 1u);
  EXPECT_EQ(first.regions()[record.region], "us-west-2");
}

TEST(Metrics, TheWindowIsTheLongestGapThatTouchesTheStep) {
  // Worker 0 writes at 10, 20, 500; worker 1 at 15, 300; much later a longer gap that is no window.
  const std::vector<Record> records = {write(0, 10),    write(0, 20),     write(0, 500),
                                       write(0, 15, 1), write(0, 300, 1), write(0, 5000)};
  const WriteTimes times(records);
  const auto window = times.longest_gap({100, 250}, 6000);
  ASSERT_TRUE(window);
  EXPECT_EQ(window->span.from, 20);
  EXPECT_EQ(window->span.to, 300);
  const auto worst = times.worst_connection({100, 250}, 6000);
  ASSERT_TRUE(worst);
  // Worker 1 was without a write from 300 on, but that gap does not touch the step.
  EXPECT_EQ(worst->length(), 480);
  EXPECT_EQ(times.first_after(21), 300);
  EXPECT_EQ(times.first_after(5001), std::nullopt);
}

TEST(Metrics, AGapThatNeverEndsReachesToTheEndOfTheLoad) {
  const std::vector<Record> records = {write(0, 10), write(0, 20)};
  const auto window = WriteTimes(records).longest_gap({100, 200}, 1000);
  ASSERT_TRUE(window);
  EXPECT_EQ(window->length(), 980);
  EXPECT_EQ(WriteTimes({}).longest_gap({0, 100}, 1000), std::nullopt);
}

TEST(Metrics, FailedAndUnknownWritesDoNotEndAGap) {
  const std::vector<Record> records = {write(0, 10), write(0, 50, 0, Outcome::unknown),
                                       write(0, 60, 0, Outcome::failed), write(0, 100)};
  EXPECT_EQ(WriteTimes(records).longest_gap({0, 100}, 100)->length(), 90);
}

TEST(Metrics, BinsKeepEveryOperationAndTheirNumberIsBounded) {
  std::vector<Record> records;
  records.reserve(10'000);
  for (int i = 0; i < 10'000; ++i) records.push_back(write(i * 100, i * 100 + 50));
  records[5].outcome = Outcome::failed;
  records[6].region = 1;
  const auto all = bins(records, {0, 1'000'000}, 1, 2);
  EXPECT_LE(all.size(), static_cast<std::size_t>(kBinsMax));
  std::uint64_t here = 0, there = 0, failed = 0;
  for (const Bin& bin : all) {
    here += bin.ok[0];
    there += bin.ok[1];
    failed += bin.failed;
  }
  EXPECT_EQ(here, 9998u);
  EXPECT_EQ(there, 1u);
  EXPECT_EQ(failed, 1u);
  EXPECT_EQ(bin_width({0, 30'000'000}, 300), 100'000);
  EXPECT_EQ(bin_width({0, 0}, 300), 1);
}

TEST(Metrics, DurationsReadWell) {
  EXPECT_EQ(duration_text(950), "950 us");
  EXPECT_EQ(duration_text(24'300), "24.3 ms");
  EXPECT_EQ(duration_text(1'374'000), "1.37 s");
}

}  // namespace
}  // namespace aurora_global::load
