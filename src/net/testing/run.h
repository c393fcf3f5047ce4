// Runs one coroutine, with a TaskGroup beside it, to the end of both on an io_context of its own.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <utility>

#include "net/task.h"

namespace aurora_global::net::testing {

template <typename Body>  // (TaskGroup&) -> Task<void>
Task<void> run_and_join(Body& body, TaskGroup& tasks) {
  co_await body(tasks);
  tasks.stop();
  co_await tasks.join();
}

// `body` lives until its coroutine has ended, so it may be a lambda with captures.
template <typename Body>
void run(Body body) {
  asio::io_context context(1);
  TaskGroup tasks(context.get_executor());
  std::exception_ptr failure;
  asio::co_spawn(context, run_and_join(body, tasks),
                 [&](std::exception_ptr thrown) { failure = thrown; });
  context.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace aurora_global::net::testing

// ASSERT for a Result inside a coroutine, where gtest's `return` is not allowed.
#define CO_ASSERT_OK(result)                                         \
  if (const auto& co_asserted = (result); co_asserted.has_error()) { \
    ADD_FAILURE() << #result << ": " << co_asserted.error().message; \
    co_return;                                                       \
  }
