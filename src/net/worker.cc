#include "net/worker.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

namespace aurora_global::net {

Task<void> run_on(asio::thread_pool& pool, std::shared_ptr<BlockingJob> job) {
  const auto home = co_await asio::this_coro::executor;
  auto start = [home, &pool, &job](auto handler) {
    // The loop waits for the job, whatever else ends.
    auto work = asio::prefer(home, asio::execution::outstanding_work.tracked);
    asio::post(pool, [work, job, handler = std::move(handler)]() mutable {
      job->run();
      job.reset();
      asio::post(work, [handler = std::move(handler)]() mutable { std::move(handler)(); });
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start, asio::use_awaitable);
}

}  // namespace aurora_global::net
