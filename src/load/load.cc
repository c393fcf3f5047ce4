#include "load/load.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>

#include "base/check.h"

namespace aurora_global::load {
namespace {

using namespace std::chrono_literals;
using pgclient::Param;

constexpr std::string_view kLostConnection = "CONN";
constexpr std::string_view kLateAnswer = "LATE";
constexpr Duration kReplicationPoll = 20ms;

// One of the four statements of a load. `parameters` are types; a stateful session has one more,
// of type text.
struct Statement {
  std::string_view name;
  std::vector<std::string_view> parameters;
  std::string sql;
};

// The ledger's row comes first, and the item changes only together with it: repeating a statement
// with the same operation id does nothing and answers 0. One message, so one round trip.
std::string write_sql(std::string_view type, std::string_view where, std::string_view item) {
  constexpr std::string_view kRegion =
      "coalesce(current_setting('aurora_global.region', true), host(inet_server_addr()))";
  std::string sql =
      "WITH entry AS (INSERT INTO drill_ledger(run, op_id, type, item, region) SELECT ";
  sql.append("$1::text, $2::bigint, '").append(type).append("', $3::bigint, ").append(kRegion);
  sql.append(where).append(" ON CONFLICT DO NOTHING RETURNING 1), item AS (").append(item);
  sql.append(" RETURNING 1) SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM item), ");
  return sql.append(kRegion);
}

// The state of a stateful session is compared by the statement itself, before it changes anything.
std::string state_check(Sessions sessions, std::size_t parameter) {
  if (sessions == Sessions::plain) return "";
  return " WHERE drill_session_check($" + std::to_string(parameter) + "::text)";
}

std::vector<Statement> statements(Sessions sessions) {
  const std::string create = write_sql(
      "create", state_check(sessions, 5),
      "INSERT INTO drill_items(run, id, payload, version, op_id) "
      "SELECT $1::text, $3::bigint, $4::text, 1, $2::bigint FROM entry ON CONFLICT DO NOTHING");
  const std::string update = write_sql(
      "update", state_check(sessions, 5),
      "UPDATE drill_items SET payload = $4::text, version = version + 1, op_id = $2::bigint "
      "FROM entry WHERE run = $1::text AND id = $3::bigint");
  const std::string remove =
      write_sql("delete", state_check(sessions, 4),
                "DELETE FROM drill_items USING entry WHERE run = $1::text AND id = $3::bigint");
  const std::string read =
      "SELECT (SELECT op_id FROM drill_items WHERE run = $1::text AND id = $2::bigint), 1, "
      "coalesce(current_setting('aurora_global.region', true), host(inet_server_addr()))" +
      state_check(sessions, 3);
  return {{"ag_create", {"text", "bigint", "bigint", "text"}, create},
          {"ag_update", {"text", "bigint", "bigint", "text"}, update},
          {"ag_delete", {"text", "bigint", "bigint"}, remove},
          {"ag_read", {"text", "bigint"}, read}};
}

// All four in one message.
std::string prepare_sql() {
  std::string sql;
  for (const Statement& one : statements(Sessions::plain)) {
    sql.append("PREPARE ").append(one.name).append("(");
    for (std::size_t i = 0; i < one.parameters.size(); ++i) {
      sql.append(i == 0 ? "" : ", ").append(one.parameters[i]);
    }
    sql.append(") AS ").append(one.sql).append(";\n");
  }
  return sql;
}

std::string tenant_of(int worker) { return "tenant-" + std::to_string(worker); }

// Neighbours differ, so that one session's state in another's place is noticed.
std::string_view time_zone_of(int worker) {
  constexpr std::array<std::string_view, 4> kZones = {"Asia/Kathmandu", "America/St_Johns",
                                                      "Pacific/Chatham", "Africa/Monrovia"};
  return kZones[static_cast<std::size_t>(worker) % kZones.size()];
}

std::string set_state_sql(int worker) {
  return "SET app.tenant = '" + tenant_of(worker) + "'; SET search_path = drill_session, public; " +
         "SET TIME ZONE '" + std::string(time_zone_of(worker)) + "'; SET ROLE drill_session";
}

// As drill_session_check() puts it together.
std::string expected_state(int worker) {
  return tenant_of(worker) + " " + std::string(time_zone_of(worker)) +
         " drill_session drill_session, public";
}

// The role may do what the load does and nothing else. Loads that prepare at once meet in CREATE.
constexpr std::string_view kSessionObjects = R"sql(
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'drill_session') THEN
    CREATE ROLE drill_session NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
  IF NOT pg_has_role('drill_session', 'MEMBER') THEN GRANT drill_session TO CURRENT_USER; END IF;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON drill_items, drill_ledger TO drill_session;
CREATE OR REPLACE FUNCTION drill_session_check(expected text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
  found text := concat_ws(' ', current_setting('app.tenant', true), current_setting('TimeZone'),
                          current_user, current_setting('search_path'));
BEGIN
  IF found IS DISTINCT FROM expected THEN
    RAISE EXCEPTION 'the session has lost its state: it has ''%'', not ''%''', found, expected
      USING ERRCODE = 'ST001';
  END IF;
  RETURN true;
END $$;
)sql";

constexpr std::string_view kTables = R"sql(
CREATE TABLE IF NOT EXISTS drill_items(
  run text, id bigint, payload text NOT NULL, version bigint NOT NULL, op_id bigint NOT NULL,
  PRIMARY KEY (run, id));
CREATE TABLE IF NOT EXISTS drill_ledger(
  run text, op_id bigint, type text NOT NULL, item bigint NOT NULL, region text,
  written timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (run, op_id));
DELETE FROM drill_items WHERE run IN (
  SELECT DISTINCT run FROM drill_ledger WHERE written < now() - interval '1 day');
DELETE FROM drill_ledger WHERE written < now() - interval '1 day';
)sql";

// A state that passes by itself: starting, stopping, read-only after a demotion, too many clients.
bool worth_retrying(std::string_view sqlstate) {
  const std::string_view in_class = sqlstate.substr(0, 2);
  return in_class == "08" || in_class == "40" || in_class == "57" || in_class == "53" ||
         sqlstate == "25006" || sqlstate == "55P03" || sqlstate == "55000";
}

// The server on this connection is the wrong one, or on its way out.
bool connection_is_stale(std::string_view sqlstate) {
  return sqlstate == "25006" || sqlstate == "57P01" || sqlstate == "57P02" || sqlstate == "57P03";
}

// The server says itself that it does not know: a forwarded write whose primary was lost.
bool outcome_unknown(std::string_view sqlstate) {
  return sqlstate == "08007" || sqlstate == "40003";
}

bool broken(const Error& error) {
  return error.code == pgclient::kSent || error.code == pgclient::kNotSent;
}

std::string payload(Rng& rng, int bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(static_cast<std::size_t>(bytes), '0');
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 16 == 0) bits = rng.next();
    text[i] = kDigits[bits & 15];
    bits >>= 4;
  }
  return text;
}

struct Item {
  std::uint64_t id = 0;
  std::uint64_t last_op = 0;  // 0: as prefilled.
  std::uint64_t session = 0;  // The connection that made it; 0: none of the worker's.
};

constexpr std::size_t kNoItem = static_cast<std::size_t>(-1);

}  // namespace

// One connection and the items that only it changes, so that it knows what they must look like.
struct Load::Worker {
  Worker(int number, std::uint64_t seed) : index(static_cast<std::uint16_t>(number)), rng(seed) {}

  std::uint64_t key(std::uint64_t n) const { return (std::uint64_t{index} << 32) | n; }
  void forget(std::size_t at) {
    items[at] = items.back();
    items.pop_back();
  }

  std::uint16_t index;
  Rng rng;
  std::optional<pgclient::Connection> connection;
  std::uint64_t place = 0;    // Of the connection.
  std::uint64_t session = 0;  // Which connection this is, from 1.
  std::vector<Item> items;
  std::deque<Item> removed;
  std::uint64_t next_item = 0;
  std::uint64_t next_op = 1;
};

struct Load::Operation {
  Record record;
  std::size_t position = kNoItem;  // In Worker::items; only this operation changes them meanwhile.
  std::uint64_t item = 0;
  std::string payload;
  bool maybe_committed = false;
};

bool amounts_reached(const LoadOptions& options, const History& history) {
  const auto& counts = history.counts();
  if (options.operations && counts.all() < *options.operations) return false;
  if (options.acknowledged_writes && counts.acknowledged_writes < *options.acknowledged_writes) {
    return false;
  }
  if (options.duration &&
      history.now() <
          std::chrono::duration_cast<std::chrono::microseconds>(*options.duration).count()) {
    return false;
  }
  return options.operations || options.acknowledged_writes || options.duration;
}

net::Task<Result<void>> prepare_tables(pgclient::Connection& connection, LoadOptions options,
                                       Deadline deadline) {
  CO_TRY_VOID(co_await connection.execute_simple(std::string(kTables), deadline));
  if (options.sessions == Sessions::stateful) {
    CO_TRY_VOID(co_await connection.execute_simple(std::string(kSessionObjects), deadline));
  }
  std::vector<Param> params = {
      options.run, std::to_string(options.concurrency), std::to_string(options.prefill),
      std::to_string(options.payload_bytes), std::to_string(options.first_worker)};
  CO_TRY_VOID(co_await connection.execute(
      "INSERT INTO drill_items(run, id, payload, version, op_id) "
      "SELECT $1, (w::bigint << 32) | n, repeat('0', $4::int), 1, 0 "
      "FROM generate_series($5::int, $5::int + $2::int - 1) w, generate_series(0, $3::int - 1) n "
      "ON CONFLICT DO NOTHING",
      std::move(params), deadline));
  co_return ok();
}

net::Task<Result<void>> await_prepared(pgclient::Connection& connection, LoadOptions options,
                                       Deadline deadline) {
  const std::uint64_t wanted =
      static_cast<std::uint64_t>(options.concurrency) * static_cast<std::uint64_t>(options.prefill);
  const std::vector<Param> params = {options.run, std::to_string(options.first_worker),
                                     std::to_string(options.first_worker + options.concurrency),
                                     std::to_string(wanted)};
  for (;;) {
    auto rows = co_await connection.execute(
        "SELECT count(*) >= $4::bigint FROM drill_items WHERE run = $1 "
        "AND id >= ($2::bigint << 32) AND id < ($3::bigint << 32)",
        params, deadline);
    if (rows.has_error() && rows.error().code != "42P01") co_return rows.error();
    if (rows.has_value() && rows->text(0, 0) == "t") co_return ok();
    if (deadline.passed()) {
      co_return make_error(ErrorKind::timeout, "the rows of the load have not been replicated yet");
    }
    co_await net::sleep_for(kReplicationPoll);
  }
}

Load::Load(boost::asio::any_io_executor executor, LoadOptions options,
           pgclient::Parameters parameters, History& history)
    : executor_(executor),
      options_(std::move(options)),
      parameters_(std::move(parameters)),
      history_(history),
      tasks_(executor) {
  CHECK(options_.concurrency >= 1 && options_.concurrency <= kConcurrencyMax);
  CHECK(options_.first_worker >= 0 &&
        options_.first_worker + options_.concurrency <= kWorkersOfARunMax);
  for (int i = options_.first_worker; i < options_.first_worker + options_.concurrency; ++i) {
    auto worker =
        std::make_unique<Worker>(i, options_.seed * 1'000'003 + static_cast<std::uint64_t>(i));
    for (int n = 0; n < options_.prefill; ++n) {
      worker->items.push_back({worker->key(worker->next_item++)});
    }
    workers_.push_back(std::move(worker));
  }
}

Load::~Load() = default;

void Load::stop() { stopped_ = true; }

bool Load::no_more() const {
  if (ending() || history_.full()) return true;
  if (held_open_) return false;
  // A ticket for each operation, so that a plain count is met exactly.
  const bool only_count =
      options_.operations && !options_.acknowledged_writes && !options_.duration;
  if (only_count) return begun_ >= *options_.operations;
  return amounts_reached(options_, history_);
}

net::Task<Result<void>> Load::run() {
  for (auto& worker : workers_) tasks_.spawn("connect", open(*worker));
  co_await tasks_.join();
  if (fatal_) co_return fatal_->in("connect the load");
  history_.begin();
  for (auto& worker : workers_) tasks_.spawn("load", work(*worker));
  co_await tasks_.join();
  for (auto& worker : workers_) worker->connection.reset();
  if (fatal_) co_return *fatal_;
  co_return ok();
}

// Tries long enough for a database that is just coming up.
net::Task<void> Load::open(Worker& worker) {
  const Deadline deadline = Deadline::in(options_.give_up_after);
  for (;;) {
    const auto connected =
        co_await ensure_connected(worker, deadline.at_most(options_.attempt_timeout));
    if (connected.has_value() || ending()) co_return;
    const Error& error = connected.error();
    const bool no_table_yet = error.code == "42P01";  // At a standby that is a moment behind.
    const bool hopeless =
        !no_table_yet && (error.kind == ErrorKind::denied || error.kind == ErrorKind::invalid);
    if (hopeless || deadline.passed()) {
      if (!fatal_) fatal_ = error;
      stopped_ = true;
      co_return;
    }
    co_await net::sleep_for(options_.backoff_max);
  }
}

net::Task<Result<void>> Load::ensure_connected(Worker& worker, Deadline deadline) {
  if (worker.connection && worker.connection->usable()) co_return ok();
  worker.connection.reset();
  CO_TRY(pgclient::Connection fresh, co_await pgclient::Connection::connect(parameters_, deadline));
  const auto prepared = co_await set_up(fresh, worker.index, deadline);
  if (prepared.has_error()) {
    // Whatever was sent, no operation was.
    Error error = prepared.error();
    if (error.code == pgclient::kSent) error.code = std::string(pgclient::kNotSent);
    co_return error;
  }
  worker.connection.emplace(std::move(fresh));
  worker.place = place_;
  ++worker.session;
  co_return ok();
}

net::Task<Result<void>> Load::set_up(pgclient::Connection& connection, int worker,
                                     Deadline deadline) {
  if (options_.sessions == Sessions::plain) {
    CO_TRY_VOID(co_await connection.execute_simple(prepare_sql(), deadline));
    co_return ok();
  }
  for (const Statement& one : statements(Sessions::stateful)) {
    CO_TRY_VOID(co_await connection.prepare(std::string(one.name), one.sql, deadline));
  }
  CO_TRY_VOID(co_await connection.execute_simple(set_state_sql(worker), deadline));
  co_return ok();
}

net::Task<std::optional<std::int64_t>> Load::next_slot(Worker& worker) {
  if (options_.rate) {
    const double at = static_cast<double>(paced_++) / *options_.rate * 1e6;
    const auto slot = static_cast<std::int64_t>(at);
    while (!no_more()) {
      const std::int64_t wait = slot - history_.now();
      // The planned time counts as the beginning: a stall is felt by all who would have come.
      if (wait <= 0) co_return slot;
      co_await net::sleep_for(std::min<Duration>(std::chrono::microseconds(wait), 100ms));
    }
    co_return std::nullopt;
  }
  if (options_.think > Duration::zero() && worker.next_op > 1) {
    co_await net::sleep_for(options_.think);
  }
  if (no_more()) co_return std::nullopt;
  co_return history_.now();
}

void Load::go_to(pgclient::Parameters parameters) {
  parameters_ = std::move(parameters);
  ++place_;
}

// One attempt: if it fails, the next operation connects, and says so.
net::Task<void> Load::follow(Worker& worker) {
  worker.connection.reset();
  worker.place = place_;
  co_await ensure_connected(worker, Deadline::in(options_.attempt_timeout));
}

net::Task<void> Load::work(Worker& worker) {
  while (!no_more()) {
    if (worker.place != place_) co_await follow(worker);
    const std::optional<std::int64_t> slot = co_await next_slot(worker);
    if (!slot) break;
    ++begun_;
    co_await operate(worker, *slot);
  }
}

Load::Operation Load::choose(Worker& worker) {
  Operation operation;
  OperationType type = OperationType::read;
  switch (options_.operation_type) {
    case OperationMix::create: type = OperationType::create; break;
    case OperationMix::read: type = OperationType::read; break;
    case OperationMix::update: type = OperationType::update; break;
    case OperationMix::remove: type = OperationType::remove; break;
    case OperationMix::mixed: {
      const std::uint64_t dice = worker.rng.below(100);
      type = dice < 20   ? OperationType::create
             : dice < 60 ? OperationType::read
             : dice < 90 ? OperationType::update
                         : OperationType::remove;
      break;
    }
  }
  if (worker.items.empty()) type = OperationType::create;
  operation.record.type = type;
  operation.record.worker = worker.index;
  const std::uint64_t number = worker.next_op++;
  if (is_write(type)) operation.record.op_id = worker.key(number);
  if (type == OperationType::create) {
    operation.item = worker.key(worker.next_item++);
  } else {
    operation.position = worker.rng.below(worker.items.size());
    operation.item = worker.items[operation.position].id;
  }
  if (type == OperationType::create || type == OperationType::update) {
    operation.payload = payload(worker.rng, options_.payload_bytes);
  }
  return operation;
}

// One try. nullopt: acknowledged, and the record says by whom.
net::Task<std::optional<Error>> Load::attempt(Worker& worker, Operation& operation,
                                              Deadline deadline) {
  Record& record = operation.record;
  const std::uint64_t session = worker.session;
  const auto connected = co_await ensure_connected(worker, deadline);
  if (connected.has_error()) co_return connected.error();
  if (worker.session != session) ++record.reconnects;
  std::vector<Param> params;
  params.reserve(5);
  params.emplace_back(options_.run);
  std::string statement = "ag_read";
  if (is_write(record.type)) {
    params.emplace_back(std::to_string(record.op_id));
    statement = record.type == OperationType::create   ? "ag_create"
                : record.type == OperationType::update ? "ag_update"
                                                       : "ag_delete";
  }
  params.emplace_back(std::to_string(operation.item));
  if (!operation.payload.empty()) params.emplace_back(operation.payload);
  if (options_.sessions == Sessions::stateful) params.emplace_back(expected_state(worker.index));
  auto rows = co_await worker.connection->execute_prepared(std::move(statement), std::move(params),
                                                           deadline);
  if (rows.has_error()) {
    Error error = rows.error();
    const std::string& state = worker.connection->sqlstate();
    if (error.code == pgclient::kSent || outcome_unknown(error.code)) {
      operation.maybe_committed = is_write(record.type);
    }
    if (broken(error) && !state.empty()) {
      std::snprintf(record.sqlstate, sizeof record.sqlstate, "%s", state.c_str());
    }
    co_return error;
  }
  record.region = history_.region_index(rows->text(0, 2));
  if (is_write(record.type)) {
    record.read_back = rows->text(0, 0) == "0";
    record.stale = !record.read_back && rows->text(0, 1) == "0";  // The row was gone.
  } else {
    const Item& item = worker.items[operation.position];
    record.stale = rows->text(0, 0) != std::to_string(item.last_op);
    record.reconnected = record.stale && item.session != worker.session;
  }
  co_return std::nullopt;
}

net::Task<void> Load::operate(Worker& worker, std::int64_t started) {
  Operation operation = choose(worker);
  Record& record = operation.record;
  record.started = started;
  const Deadline give_up = Deadline::in(options_.give_up_after);
  std::optional<Error> error;
  for (record.attempts = 1;; ++record.attempts) {
    record.sqlstate[0] = '\0';
    error = co_await attempt(worker, operation, give_up.at_most(options_.attempt_timeout));
    if (!error) break;
    const bool lost = broken(*error);
    if (record.sqlstate[0] == '\0') {
      const std::string_view state = !lost                               ? error->code
                                     : error->kind == ErrorKind::timeout ? kLateAnswer
                                                                         : kLostConnection;
      std::snprintf(record.sqlstate, sizeof record.sqlstate, "%.*s", static_cast<int>(state.size()),
                    state.data());
    }
    if (!lost && connection_is_stale(error->code)) worker.connection.reset();
    const bool over = !(lost || worth_retrying(error->code)) || give_up.passed() ||
                      record.attempts > static_cast<std::uint32_t>(options_.retries) ||
                      tasks_.stopping();
    if (over) break;
    const int doublings = static_cast<int>(std::min<std::uint32_t>(record.attempts, 20)) - 1;
    const Duration ceiling =
        std::min<Duration>(options_.backoff_base * (1 << doublings), options_.backoff_max);
    const double part = worker.rng.unit();
    co_await net::sleep_for(std::chrono::duration_cast<Duration>(ceiling * part));
  }
  record.ended = history_.now();
  if (error) record.outcome = operation.maybe_committed ? Outcome::unknown : Outcome::failed;
  worker_learns(worker, operation);
  history_.add(record);
}

// Keeps what the client knows of its items in step with what it was told.
void Load::worker_learns(Worker& worker, const Operation& operation) {
  const Record& record = operation.record;
  if (!is_write(record.type) || record.outcome == Outcome::failed) return;
  const bool known = record.outcome == Outcome::ok;
  if (record.type == OperationType::create) {
    if (!known) return;
    if (worker.items.size() >= kItemsPerWorkerMax) {
      worker.forget(worker.rng.below(worker.items.size()));
    }
    worker.items.push_back({operation.item, record.op_id, worker.session});
    return;
  }
  if (record.type == OperationType::update && known) {
    worker.items[operation.position].last_op = record.op_id;
    worker.items[operation.position].session = worker.session;
    return;
  }
  if (known) {
    worker.removed.push_back({operation.item, record.op_id});
    if (worker.removed.size() > kItemsPerWorkerMax) worker.removed.pop_front();
  }
  worker.forget(operation.position);
}

std::vector<ExpectedItem> Load::expected_items() const {
  std::vector<ExpectedItem> expected;
  for (const auto& worker : workers_) {
    for (const Item& item : worker->items) expected.push_back({item.id, item.last_op, false});
    for (const Item& item : worker->removed) expected.push_back({item.id, item.last_op, true});
  }
  return expected;
}

}  // namespace aurora_global::load
