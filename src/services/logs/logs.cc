#include "services/logs/logs.h"

#include <algorithm>

#include "net/log.h"
#include "services/call.h"
#include "services/logs/log_groups.h"

namespace aurora_global::services::logs {
namespace {

using database::Statement;
using nlohmann::json;

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS line(id INTEGER PRIMARY KEY AUTOINCREMENT, log_group TEXT NOT NULL,"
    " stream TEXT NOT NULL, at INTEGER NOT NULL, ingested INTEGER NOT NULL, message TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS line_group ON line(log_group, at);"
    "CREATE INDEX IF NOT EXISTS line_at ON line(at);";
constexpr std::int64_t kPageMax = 10'000;
constexpr std::size_t kPageBytesMax = 1u << 20;
constexpr std::size_t kBatchBytesMax = 2u << 20;
constexpr std::size_t kTrimEveryLines = kLinesKept / 20;
constexpr std::size_t kTrimEveryBytes = 32u << 20;
constexpr Duration kTrimEvery = std::chrono::minutes(1);
constexpr Duration kLookEvery = std::chrono::seconds(1);
constexpr std::int64_t kTimeMax = 100'000'000'000'000;

std::int64_t milliseconds(WallTime at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

// The terms of a filter pattern: words and "quoted phrases" that must all be in the message, -terms
// that must not, ?terms of which one is enough. As on AWS, ?terms say nothing beside others. The
// languages for JSON and for columns, and regular expressions, are refused.
struct Pattern {
  std::vector<std::string> wanted, unwanted, any;
  bool matches(const std::string& message) const {
    const auto in = [&](const std::string& term) {
      return message.find(term) != std::string::npos;
    };
    if (wanted.empty() && unwanted.empty() && !any.empty()) {
      return std::any_of(any.begin(), any.end(), in);
    }
    return std::all_of(wanted.begin(), wanted.end(), in) &&
           std::none_of(unwanted.begin(), unwanted.end(), in);
  }
};

Result<Pattern> parse_pattern(const std::string& text) {
  Pattern pattern;
  const auto begin = text.find_first_not_of(' ');
  const char first = begin == std::string::npos ? ' ' : text[begin];
  const char* language = first == '{'   ? "JSON patterns ({ ... }) are"
                         : first == '[' ? "patterns of columns ([ ... ]) are"
                         : first == '%' ? "regular expressions (%...%) are"
                                        : nullptr;
  if (language != nullptr) {
    return make_error(ErrorKind::invalid,
                      "filterPattern: " + std::string(language) +
                          " not supported here; words, \"phrases\", -words and ?words are",
                      "InvalidParameterException");
  }
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    auto& terms = text[at] == '-'   ? pattern.unwanted
                  : text[at] == '?' ? pattern.any
                                    : pattern.wanted;
    if (text[at] == '-' || text[at] == '?') ++at;
    const bool quoted = at < text.size() && text[at] == '"';
    if (quoted) ++at;
    std::string term;
    for (; at < text.size() && text[at] != (quoted ? '"' : ' '); ++at) {
      if (quoted && text[at] == '\\' && at + 1 < text.size()) ++at;
      term += text[at];
    }
    if (quoted && at == text.size()) {
      return make_error(ErrorKind::invalid,
                        "Invalid filter pattern: a quotation mark is not closed",
                        "InvalidParameterException");
    }
    if (quoted) ++at;
    if (!term.empty()) terms.push_back(std::move(term));
  }
  return pattern;
}

struct Line {
  std::int64_t id, at, ingested;
  std::string stream, message;
};

struct Query {
  std::string group, stream_prefix;
  std::vector<std::string> streams;
  std::int64_t from = 0, to = kTimeMax, limit = kPageMax;
  // Of the lines' numbers, both exclusive. The newest of them first, or the oldest.
  std::int64_t after = 0, before = INT64_MAX;
  bool newest_first = false;
  Pattern pattern;
};

struct Page {
  std::vector<Line> lines;  // The oldest first.
  bool more = false;        // It is full: as many lines, or as many bytes, as go into one.
};

Result<Page> select_lines(sqlite3* database, const Query& query) {
  Page page;
  std::vector<Line>& found = page.lines;
  std::size_t bytes = 0;
  Statement select(database,
                   std::string("SELECT id, at, ingested, stream, message FROM line WHERE log_group "
                               "= ? AND at >= ? AND at < ? AND id > ? AND id < ? ORDER BY id") +
                       (query.newest_first ? " DESC" : ""));
  select.bind(1, query.group);
  select.bind(2, query.from);
  select.bind(3, query.to);
  select.bind(4, query.after);
  select.bind(5, query.before);
  for (;;) {
    TRY(const bool more, select.step());
    page.more = more && static_cast<std::int64_t>(found.size()) >= query.limit;
    if (!more || page.more) break;
    Line line{select.number(0), select.number(1), select.number(2), select.text(3), select.text(4)};
    const bool named =
        query.streams.empty() ||
        std::find(query.streams.begin(), query.streams.end(), line.stream) != query.streams.end();
    if (!named || line.stream.rfind(query.stream_prefix, 0) != 0) continue;
    if (!query.pattern.matches(line.message)) continue;
    // One line is a page at least, or there would be no way past it.
    bytes += line.message.size();
    page.more = bytes > kPageBytesMax && !found.empty();
    if (page.more) break;
    found.push_back(std::move(line));
  }
  if (query.newest_first) std::reverse(found.begin(), found.end());
  return page;
}

// What a line takes while it waits, and no less than something: empty ones take memory, too.
std::size_t bytes_of(const std::string& group, const std::string& stream, const LogLine& line) {
  constexpr std::size_t kOverhead = 128;
  return group.size() + stream.size() + line.message.size() + kOverhead;
}

using Batch = std::vector<std::pair<std::pair<std::string, std::string>, LogLine>>;

std::size_t bytes_of(const Batch& batch) {
  std::size_t bytes = 0;
  for (const auto& [stream, line] : batch) bytes += bytes_of(stream.first, stream.second, line);
  return bytes;
}

Result<void> insert_all(sqlite3* raw, const Batch& batch) {
  Statement insert(raw,
                   "INSERT INTO line(log_group, stream, at, ingested, message) VALUES "
                   "(?, ?, ?, ?, ?)");
  const std::int64_t now = milliseconds(SystemClock().wall_now());
  for (const auto& [stream, line] : batch) {
    insert.bind(1, stream.first);
    insert.bind(2, stream.second);
    insert.bind(3, milliseconds(line.at));
    insert.bind(4, now);
    insert.bind(5, line.message);
    TRY_VOID(insert.step());
    insert.reset();
  }
  return ok();
}

// Some of the oldest lines go, until what is left takes no more than that.
Result<void> fit_into(sqlite3* raw, std::int64_t bytes) {
  for (;;) {
    TRY(const std::int64_t used, database::bytes_used(raw));
    Statement any(raw, "SELECT 1 FROM line LIMIT 1");
    TRY(const bool lines, any.step());
    if (used <= bytes || !lines) return ok();
    Statement some(raw,
                   "DELETE FROM line WHERE id <= (SELECT min(id) + (max(id) - min(id)) / 10 FROM "
                   "line)");
    any.reset();
    TRY_VOID(some.step());
  }
}

// Statements of their own, so that each goes by its index.
Result<void> trim(sqlite3* raw, const LineBounds::Trim& bounds) {
  Statement over(raw, "DELETE FROM line WHERE id <= (SELECT max(id) FROM line) - ?");
  over.bind(1, std::int64_t{kLinesKept});
  TRY_VOID(over.step());
  TRY_VOID(expire_lines(raw, milliseconds(bounds.age)));
  return fit_into(raw, bounds.bytes_kept);
}

Result<void> store_lines(sqlite3* raw, const Batch& batch,
                         const std::optional<LineBounds::Trim>& bounds) {
  return database::in_transaction(raw, [&]() -> Result<void> {
    TRY_VOID(insert_all(raw, batch));
    return bounds ? trim(raw, *bounds) : ok();
  });
}

constexpr const char* kBadToken = "InvalidParameterException";

net::Task<Answer> describe_streams(const GroupsContext& logs, Members members) {
  const std::string group = group_named(members);
  const std::string prefix = members.text("logStreamNamePrefix");
  const bool by_time = members.text("orderBy", "LogStreamName") == "LastEventTime";
  const bool descending = members.flag("descending");
  const auto limit = members.number("limit", 1, 50).value_or(50);
  const std::int64_t offset = offset_in(members);
  CO_TRY_VOID(members.finish());
  auto job = [=, arns = logs.arns](sqlite3* raw) -> Answer {
    TRY(const bool there, has_group(raw, group));
    if (!there) return no_group();
    json streams = json::array();
    // A stream that was made has no lines, and one that its lines made has no row.
    Statement select(
        raw,
        std::string("SELECT name, max(made, first), first, last, ingested FROM (SELECT name, "
                    "max(made) AS made, max(first) AS first, max(last) AS last, max(ingested) "
                    "AS ingested FROM (SELECT name, created AS made, 0 AS first, 0 AS last, 0 "
                    "AS ingested FROM log_stream WHERE log_group = ?1 UNION ALL SELECT stream, "
                    "0, min(at), max(at), max(ingested) FROM line WHERE log_group = ?1 GROUP "
                    "BY 1) GROUP BY name) ORDER BY ") +
            (by_time ? "4" : "1") + (descending ? " DESC" : ""));
    select.bind(1, group);
    for (;;) {
      TRY(const bool more, select.step());
      if (!more) break;
      const std::string name = select.text(0);
      if (name.rfind(prefix, 0) != 0) continue;
      streams.push_back({{"logStreamName", name},
                         {"creationTime", select.number(1)},
                         {"arn", arns + group + ":log-stream:" + name},
                         {"storedBytes", 0}});
      if (select.number(3) == 0) continue;
      streams.back().update({{"creationTime", select.number(2)},
                             {"firstEventTimestamp", select.number(2)},
                             {"lastEventTimestamp", select.number(3)},
                             {"lastIngestionTime", select.number(4)}});
    }
    return page_of(streams, "logStreams", offset, limit);
  };
  co_return co_await logs.database.work<json>(std::move(job));
}

Result<Query> read_query(Members& members, const char* to_name) {
  Query query;
  query.group = group_named(members);
  query.from = members.number("startTime", 0, kTimeMax).value_or(0);
  query.to = members.number(to_name, 0, kTimeMax).value_or(kTimeMax);
  query.limit = members.number("limit", 1, kPageMax).value_or(kPageMax);
  const std::string token = members.text("nextToken");
  if (token.empty()) return query;
  query.newest_first = token[0] == 'b';
  const auto number = members.page_token("nextToken", query.newest_first ? "b/" : "f/", kBadToken);
  (query.newest_first ? query.before : query.after) = number.value_or(0);
  return query;
}

net::Task<Answer> get_events(const GroupsContext& logs, Members members) {
  CO_TRY(Query query, read_query(members, "endTime"));
  query.streams = {members.required("logStreamName")};
  const bool from_head = members.flag("startFromHead");
  const std::string token = members.text("nextToken");
  if (token.empty()) query.newest_first = !from_head;
  CO_TRY_VOID(members.finish());
  auto job = [query, token](sqlite3* raw) -> Answer {
    TRY(const Page page, select_lines(raw, query));
    const std::vector<Line>& lines = page.lines;
    if (lines.empty()) {
      TRY(const bool group, has_group(raw, query.group));
      if (!group) return no_group();
      TRY(const bool stream, has_stream(raw, query.group, query.streams[0]));
      if (!stream) return no_stream();
    }
    json events = json::array();
    for (const Line& line : lines) {
      events.push_back(
          {{"timestamp", line.at}, {"message", line.message}, {"ingestionTime", line.ingested}});
    }
    // At an end, the token that led there comes again: so a client knows that it is one.
    std::string forward = "f/" + std::to_string(lines.empty() ? query.after : lines.back().id);
    std::string backward = "b/" + std::to_string(lines.empty() ? query.before : lines.front().id);
    if (lines.empty() && query.before != INT64_MAX) {
      forward = "f/" + std::to_string(std::max<std::int64_t>(query.before - 1, 0));
    }
    if (lines.empty() && query.before == INT64_MAX) {
      backward = "b/" + std::to_string(query.after + 1);
    }
    return json{{"events", events},
                {"nextForwardToken", std::move(forward)},
                {"nextBackwardToken", std::move(backward)}};
  };
  co_return co_await logs.database.work<json>(std::move(job));
}

net::Task<Answer> filter_events(const GroupsContext& logs, Members members) {
  CO_TRY(Query query, read_query(members, "endTime"));
  ++query.to;  // Here AWS's endTime is inclusive.
  query.streams = members.texts("logStreamNames");
  query.stream_prefix = members.text("logStreamNamePrefix");
  CO_TRY(query.pattern, parse_pattern(members.text("filterPattern")));
  CO_TRY_VOID(members.finish());
  auto job = [query](sqlite3* raw) -> Answer {
    TRY(const Page page, select_lines(raw, query));
    const std::vector<Line>& lines = page.lines;
    if (lines.empty() && query.after == 0) {
      TRY(const bool there, has_group(raw, query.group));
      if (!there) return no_group();
    }
    json answer = {{"events", json::array()}, {"searchedLogStreams", json::array()}};
    for (const Line& line : lines) {
      answer["events"].push_back({{"logStreamName", line.stream},
                                  {"timestamp", line.at},
                                  {"message", line.message},
                                  {"ingestionTime", line.ingested},
                                  {"eventId", std::to_string(line.id)}});
    }
    if (page.more) answer["nextToken"] = "f/" + std::to_string(lines.back().id);
    return answer;
  };
  co_return co_await logs.database.work<json>(std::move(job));
}

// A batch of a client, in the order of its times. What is too old or too new is left out, as AWS
// does, and told.
struct NewLines {
  Batch lines;
  json rejected = json::object();
};

Result<NewLines> read_lines(Members& members) {
  constexpr std::size_t kLinesMax = 10'000;
  constexpr std::int64_t kAhead = 2ll * 3600 * 1000;
  const std::int64_t now = milliseconds(SystemClock().wall_now());
  const std::pair<std::string, std::string> stream = {group_named(members),
                                                      members.required("logStreamName")};
  NewLines all;
  std::int64_t before = 0, index = 0;
  for (const json& one : members.list("logEvents")) {
    const auto at = one.at("timestamp").get<std::int64_t>();
    if (at < before || at > kTimeMax) {
      members.problem("Log events in a single PutLogEvents request must be in chronological order.",
                      "InvalidParameterException");
    }
    before = at;
    if (at < now - std::chrono::milliseconds(kRetention).count()) {
      all.rejected["tooOldLogEventEndIndex"] = index + 1;
    } else if (at > now + kAhead) {
      if (all.rejected.find("tooNewLogEventStartIndex") == all.rejected.end()) {
        all.rejected["tooNewLogEventStartIndex"] = index;
      }
    } else {
      all.lines.push_back(
          {stream,
           {WallTime(std::chrono::milliseconds(at)), one.at("message").get<std::string>()}});
    }
    ++index;
  }
  if (index == 0 || index > static_cast<std::int64_t>(kLinesMax)) {
    members.problem("A batch has 1 to 10,000 events", "InvalidParameterException");
  }
  return all;
}

net::Task<Answer> put_events(const GroupsContext& logs, Members members) {
  const std::string group = group_named(members), stream = members.text("logStreamName");
  members.text("sequenceToken");  // Any is right, since AWS gave them up.
  CO_TRY(NewLines all, read_lines(members));
  CO_TRY_VOID(members.finish());
  const auto bounds = logs.bounds.due(all.lines.size(), bytes_of(all.lines));
  auto job = [=, all = std::move(all)](sqlite3* raw) -> Answer {
    TRY(const bool there, has_group(raw, group));
    if (!there) return no_group();
    TRY(const bool has, has_stream(raw, group, stream));
    if (!has) return no_stream();
    TRY_VOID(store_lines(raw, all.lines, bounds));
    json answer = {{"nextSequenceToken", "0"}};
    if (!all.rejected.empty()) answer["rejectedLogEventsInfo"] = all.rejected;
    return answer;
  };
  co_return co_await logs.database.work<json>(std::move(job));
}

constexpr std::pair<std::string_view, Operation> kOperations[] = {
    {"DescribeLogGroups", describe_groups},
    {"DescribeLogStreams", describe_streams},
    {"GetLogEvents", get_events},
    {"FilterLogEvents", filter_events},
    {"CreateLogGroup", create_group},
    {"DeleteLogGroup", delete_group},
    {"PutRetentionPolicy", put_retention},
    {"DeleteRetentionPolicy", delete_retention},
    {"AssociateKmsKey", associate_key},
    {"DisassociateKmsKey", disassociate_key},
    {"CreateLogStream", create_stream},
    {"PutLogEvents", put_events},
    {"TagResource", tag_group},
    {"UntagResource", untag_group},
    {"ListTagsForResource", list_tags},
};

}  // namespace

std::vector<std::string_view> action_names() { return names_in(kOperations); }

Result<std::unique_ptr<Logs>> Logs::open(net::TaskGroup& tasks, const region::Facts& facts,
                                         const std::filesystem::path& file,
                                         std::int64_t bytes_kept) {
  const std::string schema = std::string(kSchema) + kGroupsSchema;
  TRY(auto database,
      database::Database::open(file, database::Durability::relaxed, 1, schema.c_str()));
  return std::unique_ptr<Logs>(new Logs(tasks, facts, std::move(database), bytes_kept));
}

void Logs::enqueue(Stream stream, LogLine line) {
  waiting_bytes_ += bytes_of(stream.first, stream.second, line);
  waiting_.emplace_back(std::move(stream), std::move(line));
}

void Logs::put_lines(std::string group, std::string stream, std::vector<LogLine> lines) {
  for (LogLine& line : lines) {
    if (waiting_bytes_ >= kWaitingBytesMax) {
      ++dropped_[{group, stream}];
    } else {
      enqueue({group, stream}, std::move(line));
    }
  }
  if (std::exchange(writing_, true)) return;
  tasks_.spawn("store log lines", write());
}

net::Task<void> Logs::room_for_lines() {
  while (waiting_bytes_ >= kRoomBytes && !tasks_.stopping()) {
    co_await written_.wait_for(kLookEvery);
  }
}

net::Task<void> Logs::drain(Deadline deadline) {
  while (writing_ && !deadline.passed()) co_await written_.wait(deadline);
}

// In the order they came; not all at once, so that who reads in between need not wait long.
std::vector<Logs::Waiting> Logs::take_batch() {
  if (waiting_bytes_ < kRoomBytes) {
    for (auto& [stream, count] : std::exchange(dropped_, {})) {
      enqueue(stream, {SystemClock().wall_now(), std::to_string(count) +
                                                     " lines were not kept: more came than could "
                                                     "be stored"});
    }
  }
  std::vector<Waiting> batch;
  std::size_t bytes = 0;
  while (!waiting_.empty() && bytes < kBatchBytesMax) {
    const auto& [stream, line] = waiting_.front();
    bytes += bytes_of(stream.first, stream.second, line);
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  waiting_bytes_ -= bytes;
  return batch;
}

std::optional<LineBounds::Trim> LineBounds::due(std::size_t lines, std::size_t bytes) {
  lines_ += lines;
  bytes_ += bytes;
  const Instant now = clock_.now();
  const bool many = lines_ >= kTrimEveryLines || bytes_ >= kTrimEveryBytes;
  if (!many && now - last_ < kTrimEvery) return std::nullopt;
  lines_ = bytes_ = 0;
  last_ = now;
  return Trim{bytes_kept_, age_.now()};
}

net::Task<void> Logs::write() {
  while (!waiting_.empty() || !dropped_.empty()) {
    std::vector<Waiting> batch = take_batch();
    const auto bounds = bounds_.due(batch.size(), bytes_of(batch));
    auto job = [batch = std::move(batch), bounds](sqlite3* raw) {
      return store_lines(raw, batch, bounds);
    };
    const auto stored = co_await database_->work<void>(std::move(job));
    if (stored.has_error()) log::warn("store log lines: {}", stored.error().message);
    written_.notify();
  }
  writing_ = false;
  written_.notify();
}

net::Task<Result<json>> Logs::call(std::string operation, json input) {
  const GroupsContext context{*database_, arns_, bounds_};
  auto running = run_in_table("logs", kOperations, std::move(operation), std::move(input), context);
  co_return co_await std::move(running);
}

net::Task<net::HttpResponse> Logs::serve(net::HttpRequest request) {
  const GroupsContext context{*database_, arns_, bounds_};
  co_return co_await serve_table("logs", kOperations, std::move(request), context);
}

}  // namespace aurora_global::services::logs
