// The loop of a simulated process: a place where handlers run, with time and timers of its own.
//
// Whatever waits in this program waits on an executor. A process of ours has an io_context; one of
// the simulator has a VirtualLoop, and nothing that runs on it can tell the difference: Timer, and
// with it every Event, deadline and pause, asks the executor whose loop it is.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "base/clock.h"

namespace aurora_global::net {

// A function that is called once or dropped. Move-only, as completion handlers are.
class Job {
 public:
  Job() = default;
  template <typename F>
  requires(!std::is_same_v<std::decay_t<F>, Job>) explicit Job(F&& function)
      : held_(std::make_unique<Holder<std::decay_t<F>>>(std::forward<F>(function))) {}
  explicit operator bool() const { return held_ != nullptr; }
  void operator()() {
    const std::unique_ptr<Base> held = std::move(held_);
    held->call();
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual void call() = 0;
  };
  template <typename F>
  struct Holder final : Base {
    explicit Holder(F&& f) : function(std::move(f)) {}
    explicit Holder(const F& f) : function(f) {}
    void call() override { std::move(function)(); }
    F function;
  };
  std::unique_ptr<Base> held_;
};

class VirtualLoop : public boost::asio::execution_context {
 public:
  virtual ~VirtualLoop() = default;
  virtual void post(Job job) = 0;
  // Calls `job` at `at` of this loop's clock, unless it is revoked before. Returns its number.
  virtual std::uint64_t call_at(Instant at, Job job) = 0;
  // Hands the job back, not called; an empty one if it was called already.
  virtual Job revoke(std::uint64_t number) = 0;
  virtual const Clock& clock() const = 0;

  boost::asio::any_io_executor executor();
};

// Nullptr: a real one.
VirtualLoop* virtual_loop_of(const boost::asio::any_io_executor& executor);

}  // namespace aurora_global::net
