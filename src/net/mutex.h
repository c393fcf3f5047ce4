// Mutual exclusion for coroutines of one thread.
#pragma once

#include "net/task.h"

namespace aurora_global::net {

// One holder at a time, waiters in no particular order. One thread only.
class AsyncMutex {
 public:
  class Guard {
   public:
    explicit Guard(AsyncMutex* mutex) : mutex_(mutex) {}
    Guard(Guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (mutex_ == nullptr) return;
      mutex_->held_ = false;
      mutex_->freed_.notify();
    }

   private:
    AsyncMutex* mutex_;
  };

  explicit AsyncMutex(asio::any_io_executor executor) : freed_(std::move(executor)) {}

  bool held() const { return held_; }

  // Fails with `timeout` if it is still held at the deadline.
  Task<Result<Guard>> lock(Deadline deadline) {
    while (held_) {
      if (deadline.passed()) {
        co_return make_error(ErrorKind::timeout, "another task holds this resource for too long");
      }
      co_await freed_.wait(deadline);
    }
    held_ = true;
    co_return Guard(this);
  }

 private:
  bool held_ = false;
  Event freed_;
};

}  // namespace aurora_global::net
