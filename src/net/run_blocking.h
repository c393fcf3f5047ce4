// Work that blocks (copying and removing file trees) runs beside the loop, never on its thread.
#pragma once

#include <boost/asio/thread_pool.hpp>

#include "net/task.h"
#include "net/worker.h"

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
  const auto home = co_await asio::this_coro::executor;
  if (virtual_loop_of(home) != nullptr) co_return job();
  auto& pool = asio::use_service<BlockingWorker>(home.context()).pool();
  auto shared = std::make_shared<JobWithResult<Job>>(std::move(job));
  auto running = run_on(pool, shared);
  co_await std::move(running);
  co_return shared->take();
}

}  // namespace aurora_global::net
