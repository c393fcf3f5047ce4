#include "services/sqs/sqs.h"

#include "base/json.h"
#include "base/rng.h"
#include "services/call.h"

namespace aurora_global::services::sqs {
namespace {

using database::Statement;
using nlohmann::json;
using Answer = net::Task<Result<json>>;

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS queue(name TEXT PRIMARY KEY, created INTEGER NOT NULL,"
    " changed INTEGER NOT NULL, attributes TEXT NOT NULL, tags TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS message(id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL,"
    " message_id TEXT NOT NULL, body TEXT NOT NULL, attributes TEXT NOT NULL, sent INTEGER NOT "
    "NULL,"
    " visible INTEGER NOT NULL, receives INTEGER NOT NULL, received INTEGER NOT NULL,"
    " receipt TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS message_visible ON message(queue, visible);"
    "CREATE INDEX IF NOT EXISTS message_sent ON message(queue, sent);";
constexpr std::int64_t kQueuesMax = 1000;
constexpr std::int64_t kMessagesMax = 120'000;  // Of a queue.
constexpr std::size_t kTagsMax = 50;
constexpr Duration kLookEvery = std::chrono::seconds(1);

std::int64_t milliseconds(WallTime at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

std::int64_t now_ms() { return milliseconds(SystemClock().wall_now()); }

Error no_queue() {
  return make_error(ErrorKind::not_found, "The specified queue does not exist.",
                    "QueueDoesNotExist");
}

Result<Queue> load(sqlite3* raw, const std::string& name) {
  Statement select(raw, "SELECT created, changed, attributes, tags FROM queue WHERE name = ?");
  select.bind(1, name);
  TRY(const bool there, select.step());
  if (!there) return no_queue();
  Queue queue;
  queue.name = name;
  queue.created_ms = select.number(0);
  queue.changed_ms = select.number(1);
  parse_json(select.text(2)).get_to(queue.attributes);
  queue.tags = parse_json(select.text(3));
  return queue;
}

Result<void> store(sqlite3* raw, const Queue& queue) {
  Statement put(raw,
                "INSERT OR REPLACE INTO queue(name, created, changed, attributes, tags) VALUES "
                "(?, ?, ?, ?, ?)");
  put.bind(1, queue.name);
  put.bind(2, queue.created_ms);
  put.bind(3, queue.changed_ms);
  put.bind(4, json(queue.attributes).dump());
  put.bind(5, queue.tags.dump());
  TRY_VOID(put.step());
  return ok();
}

Result<std::int64_t> count(sqlite3* raw, const char* sql, const std::string& name,
                           std::int64_t number = 0) {
  Statement select(raw, sql);
  if (!name.empty()) select.bind(1, name);
  if (!name.empty()) select.bind(2, number);
  TRY_VOID(select.step());
  return select.number(0);
}

Result<void> check_tags(const json& tags) {
  if (tags.size() <= kTagsMax) return ok();
  return make_error(ErrorKind::invalid, "A queue has at most 50 tags", "InvalidParameterValue");
}

// `age`: the time that messages are old by.
Result<void> drop_expired(sqlite3* raw, const Queue& queue, WallTime age) {
  Statement old(raw, "DELETE FROM message WHERE queue = ? AND sent < ?");
  old.bind(1, queue.name);
  old.bind(2, milliseconds(age) - queue.number("MessageRetentionPeriod") * 1000);
  TRY_VOID(old.step());
  return ok();
}

Result<std::vector<std::string>> queue_names(sqlite3* raw) {
  std::vector<std::string> names;
  Statement select(raw, "SELECT name FROM queue ORDER BY name");
  for (;;) {
    TRY(const bool more, select.step());
    if (!more) return names;
    names.push_back(select.text(0));
  }
}

struct Bounds {
  std::int64_t bytes;
  WallTime age;
};

// Fails with OverLimit.
Result<void> check_room(sqlite3* raw, const Queue& queue, const Bounds& bounds) {
  TRY(const auto held,
      count(raw, "SELECT count(*) FROM message WHERE queue = ?1 AND ?2 = 0", queue.name));
  if (held >= kMessagesMax) {
    return make_error(ErrorKind::exhausted, "The queue has 120,000 messages", "OverLimit");
  }
  TRY(std::int64_t used, database::bytes_used(raw));
  if (used < bounds.bytes) return ok();
  TRY(const auto names, queue_names(raw));
  for (const std::string& name : names) {
    TRY(const Queue other, load(raw, name));
    TRY_VOID(drop_expired(raw, other, bounds.age));
  }
  TRY(used, database::bytes_used(raw));
  if (used < bounds.bytes) return ok();
  return make_error(ErrorKind::exhausted,
                    "The queues of this region hold " + std::to_string(used) +
                        " bytes, and may hold " + std::to_string(bounds.bytes),
                    "OverLimit");
}

// The queue of an input, by its URL.
std::string queue_named(Sqs& sqs, Members& members) {
  auto name = name_in_url(members.required("QueueUrl"), sqs.account());
  if (name.has_value()) return *name;
  members.problem(name.error().message, name.error().code);
  return "";
}

Answer create_queue(Sqs& sqs, Members members) {
  Queue queue;
  queue.name = members.required("QueueName");
  queue.attributes = members.pairs("Attributes");
  queue.tags = members.pairs("tags");
  queue.created_ms = queue.changed_ms = now_ms();
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(check_name(queue.name));
  CO_TRY_VOID(check_attributes(queue.attributes, sqs.arns()));
  CO_TRY_VOID(check_tags(queue.tags));
  auto job = [queue, url = sqs.url_of(queue.name)](sqlite3* raw) -> Result<json> {
    const auto there = load(raw, queue.name);
    if (there.has_value()) {
      if (is_same(*there, queue.attributes)) return json{{"QueueUrl", url}};
      return make_error(ErrorKind::conflict,
                        "A queue already exists with the same name and a different value for "
                        "attributes.",
                        "QueueNameExists");
    }
    TRY(const std::int64_t queues, count(raw, "SELECT count(*) FROM queue", ""));
    if (queues >= kQueuesMax) {
      return make_error(ErrorKind::exhausted, "There are 1000 queues in this region", "OverLimit");
    }
    TRY_VOID(store(raw, queue));
    return json{{"QueueUrl", url}};
  };
  co_return co_await sqs.work<json>(std::move(job));
}

Answer delete_queue(Sqs& sqs, Members members) {
  const std::string name = queue_named(sqs, members);
  CO_TRY_VOID(members.finish());
  auto job = [name](sqlite3* raw) -> Result<json> {
    TRY_VOID(load(raw, name));
    TRY_VOID(database::in_transaction(raw, [&]() -> Result<void> {
      for (const char* sql :
           {"DELETE FROM message WHERE queue = ?", "DELETE FROM queue WHERE name = ?"}) {
        Statement drop(raw, sql);
        drop.bind(1, name);
        TRY_VOID(drop.step());
      }
      return ok();
    }));
    return json::object();
  };
  co_return co_await sqs.work<json>(std::move(job));
}

Answer get_queue_url(Sqs& sqs, Members members) {
  const std::string name = members.required("QueueName");
  const std::string owner = members.text("QueueOwnerAWSAccountId", sqs.account());
  CO_TRY_VOID(members.finish());
  if (owner != sqs.account()) co_return no_queue();
  auto job = [name, url = sqs.url_of(name)](sqlite3* raw) -> Result<json> {
    TRY_VOID(load(raw, name));
    return json{{"QueueUrl", url}};
  };
  co_return co_await sqs.work<json>(std::move(job));
}

Answer list_queues(Sqs& sqs, Members members) {
  const std::string prefix = members.text("QueueNamePrefix");
  const auto most = members.number("MaxResults", 1, 1000).value_or(1000);
  const auto from = members.page_token("NextToken").value_or(0);
  CO_TRY_VOID(members.finish());
  auto job = [=, &sqs](sqlite3* raw) -> Result<json> {
    json page = json::object();
    TRY(const auto names, queue_names(raw));
    std::int64_t at = 0;
    for (const std::string& name : names) {
      if (name.rfind(prefix, 0) != 0) continue;
      if (at >= from && at < from + most) page["QueueUrls"].push_back(sqs.url_of(name));
      ++at;
    }
    if (from + most < at) page["NextToken"] = std::to_string(from + most);
    return page;
  };
  co_return co_await sqs.work<json>(std::move(job));
}

Answer get_attributes(Sqs& sqs, Members members) {
  const std::string name = queue_named(sqs, members);
  const auto wanted = members.texts("AttributeNames");
  CO_TRY_VOID(members.finish());
  auto job = [=, arns = sqs.arns(), age = sqs.age()](sqlite3* raw) -> Result<json> {
    TRY(const Queue queue, load(raw, name));
    TRY_VOID(drop_expired(raw, queue, age));
    json all = shown_attributes(queue, arns);
    const std::int64_t now = now_ms();
    TRY(const auto visible,
        count(raw, "SELECT count(*) FROM message WHERE queue = ?1 AND visible <= ?2", name, now));
    TRY(const auto hidden,
        count(raw,
              "SELECT count(*) FROM message WHERE queue = ?1 AND visible > ?2 AND receives > 0",
              name, now));
    TRY(const auto delayed,
        count(raw,
              "SELECT count(*) FROM message WHERE queue = ?1 AND visible > ?2 AND receives = 0",
              name, now));
    all["ApproximateNumberOfMessages"] = std::to_string(visible);
    all["ApproximateNumberOfMessagesNotVisible"] = std::to_string(hidden);
    all["ApproximateNumberOfMessagesDelayed"] = std::to_string(delayed);
    json some = json::object();
    for (const std::string& one : wanted) {
      if (one == "All") some = all;
      if (all.contains(one)) some[one] = all[one];
    }
    return some.empty() ? json::object() : json{{"Attributes", some}};
  };
  co_return co_await sqs.work<json>(std::move(job));
}

// Changes a queue that is there.
template <typename Change>
Answer change_queue(Sqs& sqs, std::string name, Change change) {
  auto job = [name = std::move(name), change = std::move(change)](sqlite3* raw) -> Result<json> {
    TRY(Queue queue, load(raw, name));
    TRY_VOID(change(queue));
    TRY_VOID(store(raw, queue));
    return json::object();
  };
  co_return co_await sqs.work<json>(std::move(job));
}

Answer set_attributes(Sqs& sqs, Members members) {
  const std::string name = queue_named(sqs, members);
  const Attributes attributes = members.pairs("Attributes");
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(check_attributes(attributes, sqs.arns()));
  auto changing = change_queue(sqs, name, [attributes](Queue& queue) -> Result<void> {
    for (const auto& [key, value] : attributes) queue.attributes[key] = value;
    queue.changed_ms = now_ms();
    return ok();
  });
  co_return co_await std::move(changing);
}

Answer tag_queue(Sqs& sqs, Members members) {
  const std::string name = queue_named(sqs, members);
  const auto tags = members.pairs("Tags");
  CO_TRY_VOID(members.finish());
  auto changing = change_queue(sqs, name, [tags](Queue& queue) -> Result<void> {
    for (const auto& [key, value] : tags) queue.tags[key] = value;
    return check_tags(queue.tags);
  });
  co_return co_await std::move(changing);
}

Answer untag_queue(Sqs& sqs, Members members) {
  const std::string name = queue_named(sqs, members);
  const auto keys = members.texts("TagKeys");
  CO_TRY_VOID(members.finish());
  auto changing = change_queue(sqs, name, [keys](Queue& queue) -> Result<void> {
    for (const std::string& key : keys) queue.tags.erase(key);
    return ok();
  });
  co_return co_await std::move(changing);
}

Answer list_tags(Sqs& sqs, Members members) {
  const std::string name = queue_named(sqs, members);
  CO_TRY_VOID(members.finish());
  auto job = [name](sqlite3* raw) -> Result<json> {
    TRY(const Queue queue, load(raw, name));
    return queue.tags.empty() ? json::object() : json{{"Tags", queue.tags}};
  };
  co_return co_await sqs.work<json>(std::move(job));
}

// ---- messages

struct NewMessage {
  std::string queue, id, body;
  json attributes;
  std::optional<std::int64_t> delay_s;
};

Result<void> insert(sqlite3* raw, const NewMessage& message, const Bounds& bounds) {
  TRY(const Queue queue, load(raw, message.queue));
  const auto size =
      static_cast<std::int64_t>(message.body.size() + bytes_of_attributes(message.attributes));
  if (size > queue.number("MaximumMessageSize")) {
    return make_error(ErrorKind::invalid,
                      "One or more parameters are invalid. Reason: Message must be shorter than " +
                          std::to_string(queue.number("MaximumMessageSize")) + " bytes.",
                      "InvalidParameterValue");
  }
  TRY_VOID(drop_expired(raw, queue, bounds.age));
  TRY_VOID(check_room(raw, queue, bounds));
  const std::int64_t now = now_ms();
  Statement put(raw,
                "INSERT INTO message(queue, message_id, body, attributes, sent, visible, receives, "
                "received, receipt) VALUES (?, ?, ?, ?, ?, ?, 0, 0, '')");
  put.bind(1, message.queue);
  put.bind(2, message.id);
  put.bind(3, message.body);
  put.bind(4, message.attributes.dump());
  put.bind(5, now);
  put.bind(6, now + message.delay_s.value_or(queue.number("DelaySeconds")) * 1000);
  TRY_VOID(put.step());
  return ok();
}

Answer send_message(Sqs& sqs, Members members) {
  NewMessage message;
  message.queue = queue_named(sqs, members);
  message.id = random_uuid();
  message.body = members.text("MessageBody");
  message.attributes = members.object("MessageAttributes");
  message.delay_s = members.number("DelaySeconds", 0, 900);
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(check_message_attributes(message.attributes));
  if (message.body.empty()) {
    co_return make_error(ErrorKind::invalid, "The request must contain the parameter MessageBody.",
                         "MissingParameter");
  }
  json answer = {{"MessageId", message.id}, {"MD5OfMessageBody", md5_hex(message.body)}};
  const std::string digest = md5_of_attributes(message.attributes);
  if (!digest.empty()) answer["MD5OfMessageAttributes"] = digest;
  const Bounds bounds{sqs.bytes_max(), sqs.age()};
  auto job = [message = std::move(message), bounds](sqlite3* raw) {
    return insert(raw, message, bounds);
  };
  CO_TRY_VOID(co_await sqs.work<void>(std::move(job)));
  sqs.arrived().notify();
  co_return answer;
}

struct Reception {
  std::string queue;
  std::int64_t most = 1;
  std::optional<std::int64_t> visibility_s, wait_s;
  std::vector<std::string> system_attributes, attributes;
};

bool is_wanted(const std::vector<std::string>& wanted, const std::string& name) {
  return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
    const bool prefix = one.ends_with(".*") && name.rfind(one.substr(0, one.size() - 2), 0) == 0;
    return one == "All" || one == ".*" || one == name || prefix;
  });
}

struct Held {
  std::int64_t id = 0, sent = 0, receives = 0, received = 0;
  std::string message_id, body;
  json attributes;
};

json shown(const Held& held, const std::string& receipt, const Reception& reception,
           const std::string& account) {
  json message = {{"MessageId", held.message_id},
                  {"ReceiptHandle", std::to_string(held.id) + "-" + receipt},
                  {"MD5OfBody", md5_hex(held.body)},
                  {"Body", held.body}};
  const json system = {{"SenderId", account},
                       {"SentTimestamp", std::to_string(held.sent)},
                       {"ApproximateReceiveCount", std::to_string(held.receives)},
                       {"ApproximateFirstReceiveTimestamp", std::to_string(held.received)}};
  for (const auto& [name, value] : system.items()) {
    if (is_wanted(reception.system_attributes, name)) message["Attributes"][name] = value;
  }
  json attributes = json::object();
  for (const auto& [name, value] : held.attributes.items()) {
    if (is_wanted(reception.attributes, name)) attributes[name] = value;
  }
  if (!attributes.empty()) {
    message["MessageAttributes"] = attributes;
    message["MD5OfMessageAttributes"] = md5_of_attributes(attributes);
  }
  return message;
}

// What was received too often, and is to be received once more, goes to the dead letters.
Result<void> move_dead_letters(sqlite3* raw, const Queue& queue, std::int64_t now) {
  const auto redrive = queue.redrive();
  if (!redrive || load(raw, redrive->queue).has_error()) return ok();
  Statement move(raw,
                 "UPDATE message SET queue = ?1, visible = ?2, receipt = '' WHERE queue = ?3 AND "
                 "visible <= ?2 AND receives >= ?4");
  move.bind(1, redrive->queue);
  move.bind(2, now);
  move.bind(3, queue.name);
  move.bind(4, redrive->receives_max);
  TRY_VOID(move.step());
  return ok();
}

Result<std::vector<Held>> visible_messages(sqlite3* raw, const std::string& queue, std::int64_t now,
                                           std::int64_t most) {
  std::vector<Held> all;
  Statement select(raw,
                   "SELECT id, sent, receives, received, message_id, body, attributes FROM message "
                   "WHERE queue = ? AND visible <= ? ORDER BY id LIMIT ?");
  select.bind(1, queue);
  select.bind(2, now);
  select.bind(3, most);
  for (;;) {
    TRY(const bool more, select.step());
    if (!more) return all;
    all.push_back({select.number(0), select.number(1), select.number(2), select.number(3),
                   select.text(4), select.text(5), parse_json(select.text(6))});
  }
}

// Hides what it takes for the time of the queue's or the reception's own visibility timeout.
Result<json> receive(sqlite3* raw, const Reception& reception, const std::string& account,
                     WallTime age) {
  const std::int64_t now = now_ms();
  TRY(const Queue queue, load(raw, reception.queue));
  TRY_VOID(drop_expired(raw, queue, age));
  TRY_VOID(move_dead_letters(raw, queue, now));
  const std::int64_t hidden = reception.visibility_s.value_or(queue.number("VisibilityTimeout"));
  json messages = json::array();
  TRY(std::vector<Held> all, visible_messages(raw, reception.queue, now, reception.most));
  for (Held& held : all) {
    const std::string receipt = random_hex(16);
    if (++held.receives == 1) held.received = now;
    Statement hide(raw,
                   "UPDATE message SET visible = ?, receives = ?, received = ?, receipt = ? WHERE "
                   "id = ?");
    hide.bind(1, now + hidden * 1000);
    hide.bind(2, held.receives);
    hide.bind(3, held.received);
    hide.bind(4, receipt);
    hide.bind(5, held.id);
    TRY_VOID(hide.step());
    messages.push_back(shown(held, receipt, reception, account));
  }
  return messages;
}

net::Task<Result<json>> try_receive(Sqs& sqs, Reception reception) {
  auto job = [reception = std::move(reception), account = sqs.account(),
              age = sqs.age()](sqlite3* raw) {
    Result<json> received = json::array();
    const auto done = database::in_transaction(raw, [&]() -> Result<void> {
      received = receive(raw, reception, account, age);
      if (received.has_error()) return received.error();
      return ok();
    });
    if (done.has_error()) return Result<json>(done.error());
    return received;
  };
  co_return co_await sqs.work<json>(std::move(job));
}

Answer receive_message(Sqs& sqs, Members members) {
  Reception reception;
  reception.queue = queue_named(sqs, members);
  reception.most = members.number("MaxNumberOfMessages", 1, 10).value_or(1);
  reception.visibility_s = members.number("VisibilityTimeout", 0, 43'200);
  reception.wait_s = members.number("WaitTimeSeconds", 0, 20);
  reception.attributes = members.texts("MessageAttributeNames");
  reception.system_attributes = members.texts("MessageSystemAttributeNames");
  const auto older = members.texts("AttributeNames");
  reception.system_attributes.insert(reception.system_attributes.end(), older.begin(), older.end());
  CO_TRY_VOID(members.finish());
  if (!reception.wait_s) {
    auto job = [name = reception.queue](sqlite3* raw) -> Result<std::int64_t> {
      TRY(const Queue queue, load(raw, name));
      return queue.number("ReceiveMessageWaitTimeSeconds");
    };
    CO_TRY(reception.wait_s, co_await sqs.work<std::int64_t>(std::move(job)));
  }
  const Deadline limit = Deadline::in(std::chrono::seconds(*reception.wait_s));
  for (;;) {
    auto trying = try_receive(sqs, reception);
    CO_TRY(const json messages, co_await std::move(trying));
    if (!messages.empty()) co_return json{{"Messages", messages}};
    if (limit.passed() || sqs.stopping()) co_return json::object();
    co_await sqs.arrived().wait(limit.at_most(kLookEvery));
  }
}

// "17-receipt"
struct Receipt {
  std::int64_t id = 0;
  std::string secret;
};
Result<Receipt> receipt_in(Members& members) {
  const std::string handle = members.required("ReceiptHandle");
  const auto dash = handle.find('-');
  const std::string digits = handle.substr(0, dash);
  const bool fine = dash != std::string::npos && !digits.empty() && digits.size() <= 15 &&
                    digits.find_first_not_of("0123456789") == std::string::npos;
  if (fine) return Receipt{std::stoll(digits), handle.substr(dash + 1)};
  return make_error(ErrorKind::invalid, "The input receipt handle is invalid.",
                    "ReceiptHandleIsInvalid");
}

// Of a message that was received again since then, or is gone, nothing is changed.
Answer change_message(Sqs& sqs, std::string name, Receipt receipt,
                      std::optional<std::int64_t> visible) {
  auto job = [=](sqlite3* raw) -> Result<json> {
    TRY_VOID(load(raw, name));
    Statement change(raw, visible
                              ? "UPDATE message SET visible = ?4 WHERE queue = ?1 AND id = ?2 "
                                "AND receipt = ?3"
                              : "DELETE FROM message WHERE queue = ?1 AND id = ?2 AND receipt = "
                                "?3");
    change.bind(1, name);
    change.bind(2, receipt.id);
    change.bind(3, receipt.secret);
    if (visible) change.bind(4, *visible);
    TRY_VOID(change.step());
    return json::object();
  };
  co_return co_await sqs.work<json>(std::move(job));
}

Answer delete_message(Sqs& sqs, Members members) {
  const std::string name = queue_named(sqs, members);
  CO_TRY(const Receipt receipt, receipt_in(members));
  CO_TRY_VOID(members.finish());
  auto changing = change_message(sqs, name, receipt, std::nullopt);
  co_return co_await std::move(changing);
}

Answer change_visibility(Sqs& sqs, Members members) {
  const std::string name = queue_named(sqs, members);
  CO_TRY(const Receipt receipt, receipt_in(members));
  const auto seconds = members.number("VisibilityTimeout", 0, 43'200).value_or(0);
  CO_TRY_VOID(members.finish());
  auto changing = change_message(sqs, name, receipt, now_ms() + seconds * 1000);
  auto answer = co_await std::move(changing);
  sqs.arrived().notify();
  co_return answer;
}

Answer purge_queue(Sqs& sqs, Members members) {
  const std::string name = queue_named(sqs, members);
  CO_TRY_VOID(members.finish());
  auto job = [name](sqlite3* raw) -> Result<json> {
    TRY_VOID(load(raw, name));
    Statement drop(raw, "DELETE FROM message WHERE queue = ?");
    drop.bind(1, name);
    TRY_VOID(drop.step());
    return json::object();
  };
  co_return co_await sqs.work<json>(std::move(job));
}

using Operation = Answer (*)(Sqs&, Members);
constexpr std::pair<std::string_view, Operation> kOperations[] = {
    {"CreateQueue", create_queue},
    {"DeleteQueue", delete_queue},
    {"GetQueueUrl", get_queue_url},
    {"ListQueues", list_queues},
    {"GetQueueAttributes", get_attributes},
    {"SetQueueAttributes", set_attributes},
    {"TagQueue", tag_queue},
    {"UntagQueue", untag_queue},
    {"ListQueueTags", list_tags},
    {"SendMessage", send_message},
    {"ReceiveMessage", receive_message},
    {"DeleteMessage", delete_message},
    {"ChangeMessageVisibility", change_visibility},
    {"PurgeQueue", purge_queue},
};

}  // namespace

std::vector<std::string_view> action_names() { return names_in(kOperations); }

Result<std::unique_ptr<Sqs>> Sqs::open(boost::asio::any_io_executor executor,
                                       const region::Facts& facts, std::string base_url,
                                       const std::filesystem::path& file, std::int64_t bytes_max) {
  TRY(auto database, database::Database::open(file, database::Durability::full, 1, kSchema));
  return std::unique_ptr<Sqs>(
      new Sqs(executor, facts, std::move(base_url), std::move(database), bytes_max));
}

void Sqs::stop() {
  stopping_ = true;
  arrived_.notify();
}

Answer Sqs::call(std::string operation, json input) {
  auto running = run_in_table("sqs", kOperations, std::move(operation), std::move(input), *this);
  co_return co_await std::move(running);
}

net::Task<net::HttpResponse> Sqs::serve(net::HttpRequest request) {
  co_return co_await serve_table("sqs", kOperations, std::move(request), *this);
}

}  // namespace aurora_global::services::sqs
