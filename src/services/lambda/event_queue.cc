#include "services/lambda/event_queue.h"

#include <sys/stat.h>
#include "base/json.h"
#include "net/log.h"

#include <algorithm>
#include <fstream>

namespace aurora_global::services::lambda {
namespace {

using namespace std::chrono_literals;
using database::Statement;
using nlohmann::json;
using Events = std::vector<QueuedEvent>;

constexpr std::int64_t kThrottledDelayMs = 1000;
constexpr Duration kLookEvery = 60s;
constexpr Duration kTroubleDelay = 5s;
constexpr std::int64_t kBuryAgainMs = 60'000;

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS event(id INTEGER PRIMARY KEY AUTOINCREMENT, function TEXT NOT NULL,"
    " request_id TEXT NOT NULL, payload TEXT NOT NULL, attempts INTEGER NOT NULL,"
    " not_before INTEGER NOT NULL, created INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS event_context(event INTEGER PRIMARY KEY, trace_id TEXT NOT NULL,"
    " client_context TEXT NOT NULL);"
    // All that is looked at to find what is due: payloads are not read for that.
    "CREATE INDEX IF NOT EXISTS event_due ON"
    " event(not_before, function, request_id, attempts, created);"
    // What could not be written to the dead-letter log yet.
    "CREATE TABLE IF NOT EXISTS event_end(event INTEGER PRIMARY KEY, record TEXT NOT NULL);";

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             SystemClock().wall_now().time_since_epoch())
      .count();
}

Result<void> insert(sqlite3* raw, const std::string& function, const Invocation& invocation) {
  return database::in_transaction(raw, [&]() -> Result<void> {
    Statement event(raw,
                    "INSERT INTO event(function, request_id, payload, attempts, not_before, "
                    "created) VALUES (?, ?, ?, 0, 0, ?)");
    event.bind(1, function);
    event.bind(2, invocation.request_id);
    event.bind(3, invocation.payload);
    event.bind(4, now_ms());
    TRY_VOID(event.step());
    Statement context(raw,
                      "INSERT INTO event_context(event, trace_id, client_context) "
                      "VALUES (last_insert_rowid(), ?, ?)");
    context.bind(1, invocation.trace_id);
    context.bind(2, invocation.client_context);
    TRY_VOID(context.step());
    return ok();
  });
}

Result<Events> select_next(sqlite3* raw) {
  Events events;
  Statement select(raw,
                   "SELECT id, function, request_id, attempts, not_before, created FROM event "
                   "ORDER BY not_before LIMIT 1000");
  for (;;) {
    TRY(const bool more, select.step());
    if (!more) return events;
    QueuedEvent event;
    event.id = select.number(0);
    event.function = select.text(1);
    event.invocation.request_id = select.text(2);
    event.attempts = static_cast<int>(select.number(3));
    event.not_before = select.number(4);
    event.created = select.number(5);
    events.push_back(std::move(event));
  }
}

// Counts a try, and reads what it needs.
Result<QueuedEvent> begin_try(sqlite3* raw, QueuedEvent event) {
  Statement update(raw, "UPDATE event SET attempts = ? WHERE id = ?");
  update.bind(1, std::int64_t{event.attempts + 1});
  update.bind(2, event.id);
  TRY_VOID(update.step());
  Statement select(
      raw,
      "SELECT e.payload, coalesce(c.trace_id, ''), coalesce(c.client_context, ''), "
      "coalesce(d.record, '') FROM event e LEFT JOIN event_context c ON c.event = e.id "
      "LEFT JOIN event_end d ON d.event = e.id WHERE e.id = ?");
  select.bind(1, event.id);
  TRY(const bool there, select.step());
  if (!there) return make_error(ErrorKind::not_found, "the event is gone");
  event.invocation.payload = select.text(0);
  event.invocation.trace_id = select.text(1);
  event.invocation.client_context = select.text(2);
  event.end_record = select.text(3);
  return event;
}

// The end of an event that the dead-letter log does not have yet: kept, and not tried again.
Result<void> keep_end(sqlite3* raw, std::int64_t id, const std::string& record) {
  return database::in_transaction(raw, [&]() -> Result<void> {
    Statement keep(raw, "INSERT OR REPLACE INTO event_end(event, record) VALUES (?, ?)");
    keep.bind(1, id);
    keep.bind(2, record);
    TRY_VOID(keep.step());
    Statement later(raw, "UPDATE event SET not_before = ? WHERE id = ?");
    later.bind(1, now_ms() + kBuryAgainMs);
    later.bind(2, id);
    TRY_VOID(later.step());
    return ok();
  });
}

// Appends a line, and makes sure that it is there.
Result<void> append_line(const std::filesystem::path& file, const std::string& line) {
  std::ofstream out(file, std::ios::app);
  chmod(file.c_str(), 0600);
  out << line << "\n" << std::flush;
  out.close();
  if (out) return ok();
  return make_error(ErrorKind::exhausted, "cannot write " + file.string());
}

// A document as what it is, anything else as text.
json document_or_text(const std::string& text) {
  json parsed = parse_json(text);
  return parsed.is_discarded() ? json(text) : parsed;
}

// Of a record: what comes first in it, by the order of its members' names.
std::string condition_in(const std::string& record) {
  constexpr std::string_view kBegin = "\"condition\":\"";
  const auto at = record.find(kBegin);
  if (at == std::string::npos) return "";
  const auto from = at + kBegin.size();
  return record.substr(from, record.find('"', from) - from);
}

bool is_throttled(const Result<FunctionAnswer>& answer) {
  return answer.has_error() && answer.error().code == "TooManyRequestsException";
}

}  // namespace

json dead_letter(const QueuedEvent& event, const std::string& function_arn,
                 const std::string& condition, const Result<FunctionAnswer>& answer, WallTime now) {
  json record = {{"version", "1.0"},
                 {"timestamp", iso8601(now)},
                 {"requestContext",
                  {{"requestId", event.invocation.request_id},
                   {"functionArn", function_arn + ":$LATEST"},
                   {"condition", condition},
                   {"approximateInvokeCount", event.attempts}}},
                 {"requestPayload", document_or_text(event.invocation.payload)}};
  if (answer.has_value()) {
    record["responseContext"] = {{"statusCode", 200}, {"executedVersion", "$LATEST"}};
    if (!answer->function_error.empty()) {
      record["responseContext"]["functionError"] = answer->function_error;
    }
    record["responsePayload"] = document_or_text(answer->payload);
  } else {
    record["responsePayload"] = {{"errorMessage", answer.error().message},
                                 {"errorType", answer.error().code}};
  }
  return record;
}

Result<std::unique_ptr<EventQueue>> EventQueue::open(boost::asio::any_io_executor executor,
                                                     const std::filesystem::path& directory,
                                                     std::string arn_prefix, EventRunner& runner) {
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);
  TRY(auto database, database::Database::open(directory / "events.sqlite",
                                              database::Durability::full, 1, kSchema));
  return std::unique_ptr<EventQueue>(new EventQueue(
      executor, directory / "dead-letter.log", std::move(arn_prefix), runner, std::move(database)));
}

void EventQueue::start() { tasks_.spawn("asynchronous invocations", run()); }

net::Task<void> EventQueue::join(Duration patience) {
  stopping_ = true;
  const Deadline limit = Deadline::in(patience);
  while (!running_.empty() && !limit.passed()) co_await wake_.wait(limit);
  tasks_.stop();
  co_await tasks_.join();
}

net::Task<Result<void>> EventQueue::put(std::string function, Invocation invocation) {
  auto job = [=](sqlite3* raw) { return insert(raw, function, invocation); };
  CO_TRY_VOID(co_await database_->work<void>(std::move(job)));
  wake_.notify();
  co_return ok();
}

net::Task<void> EventQueue::run() {
  while (!stopping_ && !tasks_.stopping()) {
    const auto events = co_await database_->work<Events>(select_next);
    Duration pause = kLookEvery;
    if (events.has_error()) {
      log::error("read asynchronous invocations: {}", events.error().message);
      pause = kTroubleDelay;
    } else {
      for (const QueuedEvent& event : *events) {
        const std::int64_t wait = event.not_before - now_ms();
        if (wait > 0) {
          pause = std::min<Duration>(pause, std::chrono::milliseconds(wait));
        } else if (!stopping_ && running_.insert(event.id).second) {
          tasks_.spawn("asynchronous invocation " + event.invocation.request_id, try_event(event));
        }
      }
    }
    co_await wake_.wait_for(pause);
  }
}

net::Task<Result<FunctionAnswer>> EventQueue::attempt(const QueuedEvent& event) {
  std::string failure;
  try {
    auto running = runner_.run_event(event.function, event.invocation);
    co_return co_await std::move(running);
  } catch (const boost::system::system_error& error) {
    if (error.code() == boost::asio::error::operation_aborted) throw;
    failure = error.what();
  } catch (const std::exception& error) {
    failure = error.what();
  }
  log::error("asynchronous invocation {} of {} failed: {}", event.invocation.request_id,
             event.function, failure);
  co_return make_error(ErrorKind::internal, failure, "ServiceException");
}

net::Task<void> EventQueue::try_event(QueuedEvent event) {
  const std::int64_t id = event.id;
  auto job = [event = std::move(event)](sqlite3* raw) { return begin_try(raw, event); };
  auto begun = co_await database_->work<QueuedEvent>(std::move(job));
  if (begun.has_error()) {
    log::error("count asynchronous invocation: {}", begun.error().message);
    co_await wake_.wait_for(kTroubleDelay);
    running_.erase(id);
    co_return;
  }
  event = std::move(*begun);
  if (!event.end_record.empty()) {
    std::string record = std::move(event.end_record);
    auto ending = bury(std::move(event), std::move(record));
    const auto ended = co_await std::move(ending);
    if (ended.has_error()) log::error("store invocation: {}", ended.error().message);
    running_.erase(id);
    wake_.notify();
    co_return;
  }
  Result<FunctionAnswer> answer = make_error(
      ErrorKind::internal, "the region daemon ended while the function ran", "ServiceException");
  // More tries than the function has: the last of them ended the daemon.
  if (event.attempts <= runner_.policy_of(event.function).retries) {
    ++event.attempts;
    answer = co_await attempt(event);
  }
  co_await conclude(std::move(event), std::move(answer));
  running_.erase(id);
  wake_.notify();
}

net::Task<void> EventQueue::conclude(QueuedEvent event, Result<FunctionAnswer> answer) {
  const bool failed = answer.has_error() || !answer->function_error.empty();
  const EventPolicy policy = runner_.policy_of(event.function);
  const std::int64_t now = now_ms();
  Result<void> stored = ok();
  if (!failed) {
    stored = co_await bury(event, end_of(event, kSuccess, answer));
  } else if (stopping_) {  // Cut off by our own end: the next daemon takes it up.
    stored = co_await store(event.id, event.attempts - 1, event.not_before);
  } else if (now - event.created > policy.age_max_s * 1000) {
    stored = co_await bury(event, end_of(event, "EventAgeExceeded", answer));
  } else if (is_throttled(answer)) {
    stored = co_await store(event.id, event.attempts - 1, now + kThrottledDelayMs);
  } else if (event.attempts > policy.retries) {
    stored = co_await bury(event, end_of(event, "RetriesExhausted", answer));
  } else {
    const auto which = static_cast<std::size_t>(std::max(event.attempts - 1, 0));
    const double delay = policy.delays_s[std::min(which, policy.delays_s.size() - 1)];
    stored =
        co_await store(event.id, event.attempts, now + static_cast<std::int64_t>(delay * 1000));
  }
  if (stored.has_error()) log::error("store invocation: {}", stored.error().message);
}

net::Task<Result<void>> EventQueue::store(std::int64_t id, int attempts, std::int64_t not_before) {
  auto job = [=](sqlite3* raw) -> Result<void> {
    Statement update(raw, "UPDATE event SET attempts = ?, not_before = ? WHERE id = ?");
    update.bind(1, std::int64_t{attempts});
    update.bind(2, not_before);
    update.bind(3, id);
    TRY_VOID(update.step());
    return ok();
  };
  co_return co_await database_->work<void>(std::move(job));
}

net::Task<Result<void>> EventQueue::remove(std::int64_t id) {
  auto job = [=](sqlite3* raw) {
    return database::in_transaction(raw, [&]() -> Result<void> {
      for (const char* sql :
           {"DELETE FROM event WHERE id = ?", "DELETE FROM event_context WHERE event = ?",
            "DELETE FROM event_end WHERE event = ?"}) {
        Statement drop(raw, sql);
        drop.bind(1, id);
        TRY_VOID(drop.step());
      }
      return ok();
    });
  };
  co_return co_await database_->work<void>(std::move(job));
}

std::string EventQueue::end_of(const QueuedEvent& event, const std::string& condition,
                               const Result<FunctionAnswer>& answer) const {
  const json record =
      dead_letter(event, arn_prefix_ + event.function, condition, answer, SystemClock().wall_now());
  return record.dump(-1, ' ', false, json::error_handler_t::replace);
}

net::Task<Result<void>> EventQueue::bury(QueuedEvent event, std::string record) {
  const std::int64_t id = event.id;
  const std::string function = event.function, request_id = event.invocation.request_id;
  const std::string condition = condition_in(record);
  // A payload may be as deep as a document may be, and lies one deeper here.
  json document = parse_json(record);
  Result<bool> told = false;
  if (document.is_object()) {
    auto telling =
        runner_.tell_end({function, std::move(event.invocation), condition, std::move(document)});
    told = co_await std::move(telling);
  }
  Result<void> written = ok();
  if (told.has_error() &&
      (told.error().kind == ErrorKind::unavailable || told.error().kind == ErrorKind::timeout)) {
    written = told.error();
  } else if (condition != kSuccess && (told.has_error() || !*told)) {
    if (told.has_error()) log::warn("tell the end of an event: {}", told.error().message);
    log::warn("asynchronous invocation {} of {}: {}; see {}", request_id, function, condition,
              dead_letters_.string());
    written = append_line(dead_letters_, record);
  }
  if (written.has_value()) co_return co_await remove(id);
  log::error("dead letter: {}; it is kept and written later", written.error().message);
  auto job = [id, record = std::move(record)](sqlite3* raw) { return keep_end(raw, id, record); };
  co_return co_await database_->work<void>(std::move(job));
}

}  // namespace aurora_global::services::lambda
