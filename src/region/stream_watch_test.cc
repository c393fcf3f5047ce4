// Goal: a standby that gets nothing is recognized, also when it says `streaming` at each attempt,
// and one that gets what there is never is.
#include "region/stream_watch.h"

#include <gtest/gtest.h>

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

TEST(StreamWatch, AttemptsThatLookLikeStreamingAreNoProgress) {
  StreamWatch watch;
  Instant now{};
  for (int second = 0; second < 9; ++second, now += 1s) {
    watch.look({Lsn{100}, second % 2 == 0, Lsn{200}}, now);
  }
  EXPECT_TRUE(watch.stalled(now));
}

TEST(StreamWatch, AnIdlePrimaryStallsNobody) {
  StreamWatch watch;
  Instant now{};
  for (int second = 0; second < 100; ++second, now += 1s) {
    watch.look({Lsn{200}, true, Lsn{200}}, now);
  }
  EXPECT_FALSE(watch.stalled(now));
  EXPECT_LE(watch.silent(now), 1s);
}

TEST(StreamWatch, ProgressCountsHoweverFarBehindItIs) {
  StreamWatch watch;
  Instant now{};
  for (std::uint64_t second = 0; second < 100; ++second, now += 1s) {
    watch.look({Lsn{second + 1}, false, Lsn{1'000'000}}, now);
  }
  EXPECT_FALSE(watch.stalled(now));
}

TEST(StreamWatch, MoreThanTheSourceHasIsNotAllThatThereIs) {
  StreamWatch watch;
  Instant now{};
  for (int second = 0; second < 9; ++second, now += 1s) {
    watch.look({Lsn{300}, true, Lsn{200}}, now);
    EXPECT_FALSE(watch.flows());
  }
  EXPECT_TRUE(watch.stalled(now));
  watch.look({Lsn{300}, true, Lsn{300}}, now);  // The word of the source was old.
  EXPECT_TRUE(watch.flows());
  EXPECT_FALSE(watch.stalled(now));
}

TEST(StreamWatch, AStartIsNoSignOfSuccess) {
  StreamWatch watch;
  watch.reset();
  watch.look({Lsn{100}, false, Lsn{200}}, Instant{});
  EXPECT_FALSE(watch.flows());
  watch.look({Lsn{101}, false, Lsn{200}}, Instant{} + 1s);
  EXPECT_TRUE(watch.flows());
}

TEST(StreamWatch, NobodyIsJudgedBeforeHeIsWatched) {
  StreamWatch watch;
  EXPECT_FALSE(watch.stalled(Instant{} + 1h));
  watch.look({Lsn{1}, false, Lsn{2}}, Instant{} + 1h);
  EXPECT_FALSE(watch.stalled(Instant{} + 1h + 1s));
  watch.reset();
  EXPECT_FALSE(watch.stalled(Instant{} + 2h));
}

}  // namespace
}  // namespace aurora_global::region
