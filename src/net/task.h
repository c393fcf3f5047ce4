// Coroutines, their deadlines and their owners: what every asynchronous module starts from.
//
// A Task is a lazily started coroutine that runs on the executor it is awaited on. Nobody spawns
// one with `detached`; a TaskGroup owns it, cancels it and awaits its end.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/timer.h"

namespace aurora_global::net {

namespace asio = boost::asio;

template <typename T>
using Task = asio::awaitable<T>;

// Completion token used everywhere: the error comes back as a value, nothing is thrown.
inline constexpr auto use_result = asio::as_tuple(asio::use_awaitable);

// Translates an error_code of Asio, Beast or OpenSSL. `what` is "verb object".
Error from_error_code(const boost::system::error_code& code, std::string_view what);

// Waits `duration`; returns early and silently when the task is cancelled.
Task<void> sleep_for(Duration duration);

// Cancels `object` (anything with cancel() or close(): socket, timer, stream_descriptor) when the
// deadline passes. Put it around one or several awaits on that object:
//
//   DeadlineGuard guard(socket, deadline);
//   auto [error, bytes] = co_await socket.async_read_some(buffer, use_result);
//   if (guard.expired()) co_return timeout;
//
// Lifetime: the object must outlive the guard.
class DeadlineGuard {
 public:
  template <typename Object>
  DeadlineGuard(Object& object, Deadline deadline)
      : DeadlineGuard(object.get_executor(), deadline, [&object] {
          if constexpr (requires { object.cancel(); }) {
            object.cancel();
          } else {
            object.close();
          }
        }) {}
  DeadlineGuard(asio::any_io_executor executor, Deadline deadline, std::function<void()> cancel);
  ~DeadlineGuard();
  DeadlineGuard(const DeadlineGuard&) = delete;
  DeadlineGuard& operator=(const DeadlineGuard&) = delete;

  bool expired() const { return state_->expired; }

 private:
  struct State {
    Timer timer;
    std::function<void()> cancel;
    bool expired = false;
    bool done = false;
  };
  static void arm(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// A wake-up call for one or more waiting tasks on the same thread.
class Event {
 public:
  explicit Event(asio::any_io_executor executor);
  // Wakes everyone who waits now.
  void notify();
  // Returns true when notified, false when the deadline passed or the task was cancelled.
  Task<bool> wait(Deadline deadline);
  Task<bool> wait_for(Duration at_most) { return wait(Deadline::in(at_most)); }

 private:
  asio::any_io_executor executor_;
  std::uint64_t generation_ = 0;
  std::list<Timer*> waiters_;
};

// Owns tasks: cancels them all on stop() and counts them down. An exception that leaves a task is
// a bug and ends the process with its message. One thread only.
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);
  // Requires that join() was awaited or that no task is left (CHECKed).
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts `task` soon. After stop() it is dropped without having run.
  void spawn(std::string name, Task<void> task);
  // Asks every task to end: its next (or present) await ends with operation_aborted.
  void stop();
  // Waits until no task is left.
  Task<void> join();
  std::size_t size() const { return tasks_->size(); }
  bool stopping() const { return stopping_; }
  asio::any_io_executor executor() const { return executor_; }

 private:
  struct Entry {
    std::string name;
    asio::cancellation_signal cancel;
  };
  using Entries = std::list<std::shared_ptr<Entry>>;

  asio::any_io_executor executor_;
  std::shared_ptr<Entries> tasks_;
  std::shared_ptr<Event> empty_;
  bool stopping_ = false;
};

}  // namespace aurora_global::net
