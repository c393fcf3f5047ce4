#include "net/main_loop.h"

#include <gtest/gtest.h>
#include <signal.h>

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

}  // namespace
}  // namespace aurora_global::net
