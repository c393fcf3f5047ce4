// A thread for what blocks: files, compression, SQLite. The one thread of a daemon never does.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "net/task.h"

namespace aurora_global::net {

// What is done on another thread.
class BlockingJob {
 public:
  virtual ~BlockingJob() = default;
  virtual void run() = 0;
};

// Runs the job on the pool and comes back to the executor of the caller. A task that ends meanwhile
// leaves the job to the pool, which owns it, too. No template: Asio's part of it is compiled once,
// not for each job.
Task<void> run_on(asio::thread_pool& pool, std::shared_ptr<BlockingJob> job);

// `Job()`, and what it has returned once it has run.
template <typename Job>
class JobWithResult final : public BlockingJob {
 public:
  explicit JobWithResult(Job job) : job_(std::move(job)) {}
  void run() override {
    result_.emplace((*job_)());
    job_.reset();  // What it holds goes on its thread.
  }
  std::invoke_result_t<Job&> take() { return std::move(*result_); }

 private:
  std::optional<Job> job_;
  std::optional<std::invoke_result_t<Job&>> result_;
};

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
    auto contained = [job = std::move(job)]() mutable -> Result<T> {
      try {
        return job();
      } catch (const std::exception& error) {
        return make_error(ErrorKind::internal, error.what());
      }
    };
    auto shared = std::make_shared<JobWithResult<decltype(contained)>>(std::move(contained));
    auto running = run_on(thread_, shared);
    co_await std::move(running);
    co_return shared->take();
  }

 private:
  asio::thread_pool thread_{1};
};

}  // namespace aurora_global::net
