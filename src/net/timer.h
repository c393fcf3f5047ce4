// Waits for a point in time by the clock of the executor's loop, real or simulated.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "net/virtual_loop.h"

namespace aurora_global::net {

// What Asio's steady_timer is, for one wait at a time: the wait completes with `operation_aborted`
// when it is cancelled, the timer's end included.
class Timer {
 public:
  explicit Timer(const boost::asio::any_io_executor& executor) : loop_(virtual_loop_of(executor)) {
    if (loop_ == nullptr) real_.emplace(executor);
  }
  ~Timer() { cancel(); }
  Timer(Timer&&) = default;
  Timer& operator=(Timer&&) = delete;

  // Neither may be called while somebody waits.
  void expires_at(Instant at) {
    at_ = at;
    if (real_) real_->expires_at(at);
  }
  void expires_after(Duration duration) {
    expires_at((loop_ == nullptr ? SystemClock().now() : loop_->clock().now()) + duration);
  }

  void cancel() {
    if (real_) {
      real_->cancel();
    } else if (const auto wait = wait_.lock()) {
      wait->abort();
    }
  }

  template <typename Token>
  auto async_wait(Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
        [this](auto handler) {
          if (real_) {
            real_->async_wait(std::move(handler));
          } else {
            start(std::move(handler));
          }
        },
        token);
  }

 private:
  // A wait on a simulated loop. The loop owns it; timer and cancellation slot only know it.
  struct Wait {
    VirtualLoop* loop = nullptr;
    std::uint64_t number = 0;
    bool aborted = false;

    void abort() {
      if (aborted) return;
      Job job = loop->revoke(number);
      if (!job) return;
      aborted = true;
      loop->post(std::move(job));
    }
  };

  template <typename Handler>
  void start(Handler handler) {
    const auto wait = std::make_shared<Wait>(Wait{loop_});
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) {
      slot.assign([known = std::weak_ptr(wait)](boost::asio::cancellation_type) {
        if (const auto present = known.lock()) present->abort();
      });
    }
    wait_ = wait;
    wait->number = loop_->call_at(at_, Job([wait, slot, handler = std::move(handler)]() mutable {
                                    boost::system::error_code error;
                                    if (wait->aborted)
                                      error = boost::asio::error::operation_aborted;
                                    slot.clear();
                                    std::move(handler)(error);
                                  }));
  }

  VirtualLoop* loop_;
  std::optional<boost::asio::steady_timer> real_;
  Instant at_{};
  std::weak_ptr<Wait> wait_;
};

}  // namespace aurora_global::net
