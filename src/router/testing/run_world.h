// Runs a test's coroutine in a World of its own, and fails the test when it does not end in time.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>

#include "router/testing/world.h"

namespace aurora_global::router::testing {

inline void run_world(
    std::function<net::Task<void>(World&)> body,
    std::function<void(RouterConfig&)> configure = [](RouterConfig&) {}) {
  boost::asio::io_context context{1};
  World world(context.get_executor(), 1);
  configure(world.config);
  bool ended = false;
  const auto whole = [&]() -> net::Task<void> {
    const auto started = co_await world.start();
    EXPECT_TRUE(started.has_value()) << started.error().message;
    if (started.has_value()) co_await body(world);
    co_await world.stop();
    ended = true;
  };
  boost::asio::co_spawn(context, whole(), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
  context.run_for(std::chrono::seconds(60));
  EXPECT_TRUE(ended) << "the test did not end in time";
  // What is left waits for ever; taking it apart would only hide what failed.
  if (!ended) std::abort();
}

}  // namespace aurora_global::router::testing
