#include "net/task.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cstdio>
#include <exception>

#include "base/check.h"

namespace aurora_global::net {

namespace {

constexpr Duration kCancelAgainAfter = std::chrono::milliseconds(20);

}  // namespace

Error from_error_code(const boost::system::error_code& code, std::string_view what) {
  ErrorKind kind = ErrorKind::unavailable;
  if (code == asio::error::operation_aborted) kind = ErrorKind::cancelled;
  if (code == asio::error::timed_out) kind = ErrorKind::timeout;
  if (code == asio::error::access_denied) kind = ErrorKind::denied;
  return make_error(kind, std::string(what) + ": " + code.message());
}

Task<void> sleep_for(Duration duration) {
  Timer timer(co_await asio::this_coro::executor);
  timer.expires_after(duration);
  co_await timer.async_wait(use_result);
}

DeadlineGuard::DeadlineGuard(asio::any_io_executor executor, Deadline deadline,
                             std::function<void()> cancel)
    : state_(std::make_shared<State>(State{Timer(executor), std::move(cancel)})) {
  state_->timer.expires_at(deadline.at());
  arm(state_);
}

// Cancels again until the guard is gone: a cancel that meets the moment between two steps of a
// composed operation is lost on it, and the next step would wait without a deadline.
void DeadlineGuard::arm(std::shared_ptr<State> state) {
  Timer& timer = state->timer;
  timer.async_wait([state = std::move(state)](const boost::system::error_code& error) {
    if (error || state->done) return;
    state->expired = true;
    state->cancel();
    if (state->done) return;
    state->timer.expires_after(kCancelAgainAfter);
    arm(state);
  });
}

DeadlineGuard::~DeadlineGuard() {
  state_->done = true;
  state_->timer.cancel();
}

Event::Event(asio::any_io_executor executor) : executor_(std::move(executor)) {}

void Event::notify() {
  ++generation_;
  for (Timer* waiter : waiters_) waiter->cancel();
}

Task<bool> Event::wait(Deadline deadline) {
  const std::uint64_t before = generation_;
  Timer timer(executor_);
  timer.expires_at(deadline.at());
  const auto place = waiters_.insert(waiters_.end(), &timer);
  struct Leave {
    std::list<Timer*>& list;
    std::list<Timer*>::iterator place;
    ~Leave() { list.erase(place); }
  } leave{waiters_, place};
  co_await timer.async_wait(use_result);
  co_return generation_ != before;
}

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : executor_(executor),
      tasks_(std::make_shared<Entries>()),
      empty_(std::make_shared<Event>(executor)) {}

TaskGroup::~TaskGroup() { CHECK(tasks_->empty()); }

void TaskGroup::spawn(std::string name, Task<void> task) {
  if (stopping_) return;
  auto entry = std::make_shared<Entry>();
  entry->name = std::move(name);
  const auto place = tasks_->insert(tasks_->end(), entry);
  // The task is off the list when this is gone: after its end, and when its loop ended first and
  // has dropped it unfinished.
  struct Leave {
    std::shared_ptr<Entries> tasks;
    Entries::iterator place;
    ~Leave() { tasks->erase(place); }
  };
  std::unique_ptr<Leave> leave(new Leave{tasks_, place});
  asio::co_spawn(
      executor_, std::move(task),
      asio::bind_cancellation_slot(
          entry->cancel.slot(),
          [entry, empty = empty_, leave = std::move(leave)](std::exception_ptr failure) mutable {
            const auto tasks = leave->tasks;
            leave.reset();
            if (tasks->empty()) empty->notify();
            if (!failure) return;
            try {
              std::rethrow_exception(failure);
            } catch (const boost::system::system_error& error) {
              if (error.code() == asio::error::operation_aborted) return;
              std::fprintf(stderr, "task %s ended by: %s\n", entry->name.c_str(), error.what());
            } catch (const std::exception& error) {
              std::fprintf(stderr, "task %s ended by: %s\n", entry->name.c_str(), error.what());
            }
            CHECK(false && "an exception left a task");
          }));
}

void TaskGroup::stop() {
  stopping_ = true;
  // Emitting may end tasks at once and change the list: walk over a copy.
  const std::vector<std::shared_ptr<Entry>> entries(tasks_->begin(), tasks_->end());
  for (const auto& entry : entries) entry->cancel.emit(asio::cancellation_type::all);
}

Task<void> TaskGroup::join() {
  while (!tasks_->empty()) co_await empty_->wait(Deadline::in(std::chrono::hours(1)));
}

}  // namespace aurora_global::net
