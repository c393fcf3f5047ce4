#include "net/main_loop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>

namespace aurora_global::net {
namespace {

using namespace std::chrono_literals;

// A daemon is told to end while it is still starting, before anybody waits for that.
TEST(MainLoop, ASignalThatComesTooEarlyIsNotLost) {
  const int code = run_main([](asio::any_io_executor, Event& stop) -> Task<int> {
    raise(SIGTERM);
    co_await sleep_for(50ms);
    co_return co_await stop.wait_for(1h) ? 7 : 1;
  });
  EXPECT_EQ(code, 7);
}

TEST(MainLoop, ABodyThatEndsByItselfIsNotWaitedFor) {
  EXPECT_EQ(run_main([](asio::any_io_executor, Event&) -> Task<int> { co_return 3; }), 3);
}

TEST(MainLoop, TheLimitOfOpenFilesIsRaised) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low{256, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  run_main([&](asio::any_io_executor, Event&) -> Task<int> {
    rlimit raised{};
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &raised), 0);
    EXPECT_EQ(raised.rlim_cur, std::min<rlim_t>(before.rlim_max, 65'536));
    co_return 0;
  });
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace aurora_global::net
