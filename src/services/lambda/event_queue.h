// Asynchronous invocations: durable before they are acknowledged, tried as often as the function's
// declaration says, then told to the function's destinations; a failure that has none becomes a
// line of the dead-letter log.
//
// A try is counted before it begins, so that an event which ends the daemon does so a few times and
// not for ever. Only a try that our own end cuts off, or that was throttled, does not count.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "database/database.h"
#include "services/lambda/sandbox.h"
#include "services/sinks.h"

namespace aurora_global::services::lambda {

struct QueuedEvent {
  std::int64_t id = 0;
  std::string function;  // Its name.
  Invocation invocation;
  int attempts = 0;                          // Begun so far.
  std::int64_t not_before = 0, created = 0;  // Milliseconds since 1970.
  std::string end_record;  // Its line of the dead-letter log, if that could not be written yet.
};

// The condition of an event that its function has done.
inline constexpr const char* kSuccess = "Success";

// An event that is over.
struct EventEnd {
  std::string function;  // Its name.
  Invocation invocation;
  std::string condition;
  nlohmann::json record;  // What dead_letter() says.
  bool failed() const { return condition != kSuccess; }
};

struct EventPolicy {
  int retries = 2;
  std::vector<double> delays_s = {60, 120};  // Before each; the last one repeats.
  std::int64_t age_max_s = 21'600;           // Over which it is tried no more.
};

// What the queue needs of its owner.
class EventRunner {
 public:
  virtual ~EventRunner() = default;
  virtual EventPolicy policy_of(const std::string& function) = 0;
  virtual net::Task<Result<FunctionAnswer>> run_event(std::string function,
                                                      Invocation invocation) = 0;
  // Tells the end of an event, `record`, where its function wants it. False: nowhere. An end that
  // cannot be told now (`unavailable`, `timeout`) is told later; for anything else it is as if the
  // function had no such place.
  virtual net::Task<Result<bool>> tell_end(EventEnd) { co_return false; }
};

// A line of the dead-letter log, as Lambda writes to an on-failure destination. Pure.
nlohmann::json dead_letter(const QueuedEvent& event, const std::string& function_arn,
                           const std::string& condition, const Result<FunctionAnswer>& answer,
                           WallTime now);

class EventQueue {
 public:
  // `directory` gets events.sqlite and dead-letter.log. `arn_prefix`: of the region's functions.
  // `runner` outlives the queue.
  static Result<std::unique_ptr<EventQueue>> open(boost::asio::any_io_executor executor,
                                                  const std::filesystem::path& directory,
                                                  std::string arn_prefix, EventRunner& runner);
  // Takes up what an earlier process left.
  void start();
  // Nothing is begun any more, and what fails from now on was cut off by us.
  void stop() { stopping_ = true; }
  // Awaits what is under way, for as long as `patience`; then cancels it.
  net::Task<void> join(Duration patience);

  // Durable when it returns.
  net::Task<Result<void>> put(std::string function, Invocation invocation);
  // A function is free again: what was throttled may be tried.
  void wake() { wake_.notify(); }

 private:
  EventQueue(boost::asio::any_io_executor executor, std::filesystem::path dead_letters,
             std::string arn_prefix, EventRunner& runner,
             std::unique_ptr<database::Database> database)
      : dead_letters_(std::move(dead_letters)),
        arn_prefix_(std::move(arn_prefix)),
        runner_(runner),
        database_(std::move(database)),
        wake_(executor),
        tasks_(executor) {}
  net::Task<void> run();
  net::Task<void> try_event(QueuedEvent event);
  net::Task<Result<FunctionAnswer>> attempt(const QueuedEvent& event);
  net::Task<void> conclude(QueuedEvent event, Result<FunctionAnswer> answer);
  net::Task<Result<void>> store(std::int64_t id, int attempts, std::int64_t not_before);
  net::Task<Result<void>> remove(std::int64_t id);
  // What is told of it, also as a line of the dead-letter log.
  std::string end_of(const QueuedEvent& event, const std::string& condition,
                     const Result<FunctionAnswer>& answer) const;
  // Tells it, or writes it to the log, and removes the event. What can be neither is kept with the
  // event and told later; the function is not tried again.
  net::Task<Result<void>> bury(QueuedEvent event, std::string record);

  std::filesystem::path dead_letters_;
  std::string arn_prefix_;
  EventRunner& runner_;
  std::unique_ptr<database::Database> database_;
  std::set<std::int64_t> running_;
  bool stopping_ = false;
  net::Event wake_;
  net::TaskGroup tasks_;
};

}  // namespace aurora_global::services::lambda
