// Goal: who waits for several tasks may be cancelled at any moment, and nothing is left behind.
#include "net/together.h"

#include <gtest/gtest.h>

#include <optional>

#include "net/testing/run.h"

namespace aurora_global::net {
namespace {

using testing::run;
using namespace std::chrono_literals;

Task<void> count_later(Duration after, std::shared_ptr<int> count) {
  co_await sleep_for(after);
  ++*count;
}

std::vector<Task<void>> three(std::shared_ptr<int> count, Duration longest) {
  std::vector<Task<void>> tasks;
  tasks.push_back(count_later(0ms, count));
  tasks.push_back(count_later(longest, count));
  tasks.push_back(count_later(1ms, count));
  return tasks;
}

TEST(Together, WaitsForAll) {
  run([](TaskGroup& tasks) -> Task<void> {
    const auto count = std::make_shared<int>(0);
    co_await together(tasks, "count", three(count, 5ms));
    EXPECT_EQ(3, *count);
    EXPECT_EQ(0u, tasks.size());
    co_await together(tasks, "nothing", {});
  });
}

TEST(Together, TheTasksGoOnWhenTheOneWhoWaitsIsCancelled) {
  run([](TaskGroup& tasks) -> Task<void> {
    const auto count = std::make_shared<int>(0);
    static constexpr auto wait = [](TaskGroup& owner, std::shared_ptr<int> count) -> Task<void> {
      co_await together(owner, "count", three(count, 20ms));
    };
    TaskGroup waiters(tasks.executor());
    waiters.spawn("wait", wait(tasks, count));
    co_await sleep_for(5ms);
    waiters.stop();
    co_await waiters.join();
    EXPECT_LT(*count, 3);
    co_await tasks.join();
    EXPECT_EQ(3, *count);
  });
}

TEST(Together, ReturnsWhenTheOwnerStops) {
  run([](TaskGroup& tasks) -> Task<void> {
    const auto count = std::make_shared<int>(0);
    TaskGroup owner(tasks.executor());
    static constexpr auto stop = [](TaskGroup& group) -> Task<void> {
      co_await sleep_for(5ms);
      group.stop();
    };
    tasks.spawn("stop", stop(owner));
    co_await together(owner, "count", three(count, 1h));
    co_await together(owner, "late", three(count, 1h));
    co_await owner.join();
  });
}

}  // namespace
}  // namespace aurora_global::net
