// Work that blocks (copying and removing file trees) runs beside the loop, never on its thread.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "net/task.h"

namespace aurora_global::net {

// The worker of an execution context, started when first needed. At its end it waits for the job
// that it is in.
class BlockingWorker final : public asio::execution_context::service {
 public:
  static inline asio::execution_context::id id;
  explicit BlockingWorker(asio::execution_context& context) : service(context) {}
  asio::thread_pool& pool() { return pool_; }

 private:
  void shutdown() override {
    pool_.stop();
    pool_.join();
  }
  asio::thread_pool pool_{1};
};

// Runs `job`, which returns a T, on the worker and waits for what it returns. Only the job and its
// result cross the thread boundary. A cancelled task waits for the job's end nevertheless: what the
// job refers to would otherwise go while it runs. On a simulated loop the job runs in place.
template <typename Job>
Task<std::invoke_result_t<Job&>> run_blocking(Job job) {
  using T = std::invoke_result_t<Job&>;
  const auto home = co_await asio::this_coro::executor;
  if (virtual_loop_of(home) != nullptr) co_return job();
  auto& pool = asio::use_service<BlockingWorker>(home.context()).pool();
  auto start = [home, &pool, &job](auto handler) {
    auto work = asio::prefer(home, asio::execution::outstanding_work.tracked);
    asio::post(pool, [work, &job, handler = std::move(handler)]() mutable {
      T result = job();
      asio::post(work, [handler = std::move(handler), result = std::move(result)]() mutable {
        std::move(handler)(std::move(result));
      });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(T)>(
      start, asio::use_awaitable);
}

}  // namespace aurora_global::net
