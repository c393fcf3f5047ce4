// A thread for what blocks: files, compression, SQLite. The one thread of a daemon never does.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <utility>

#include "net/task.h"

namespace aurora_global::net {

// Jobs run one after the other, in the order asked.
class Worker {
 public:
  ~Worker() { join(); }
  // Ends when every job has; none may be asked for any more.
  void join() { thread_.join(); }

  // Runs `job()`, which returns Result<T>; only the job and its result cross the thread boundary.
  // An exception that leaves the job is an `internal` error.
  template <typename T, typename Job>
  Task<Result<T>> run(Job job) {
    const auto home = co_await asio::this_coro::executor;
    auto start = [this, home, &job](auto handler) {
      auto on_thread = [home, handler = std::move(handler), job = std::move(job)]() mutable {
        Result<T> result = contained<T>(job);
        asio::post(home, [handler = std::move(handler), result = std::move(result)]() mutable {
          std::move(handler)(std::move(result));
        });
      };
      asio::post(thread_, std::move(on_thread));
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Result<T>)>(
        start, asio::use_awaitable);
  }

 private:
  template <typename T, typename Job>
  static Result<T> contained(Job& job) {
    try {
      return job();
    } catch (const std::exception& error) {
      return make_error(ErrorKind::internal, error.what());
    }
  }

  asio::thread_pool thread_{1};
};

}  // namespace aurora_global::net
