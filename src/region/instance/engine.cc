#include "region/instance/engine.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "region/instance/engine_sql.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReplayPoll = 1ms;  // Of a server without the extension.
constexpr Duration kEngineQueryLimit = 5s;
// Whose transaction has not ended by now cannot commit it any more: this is for single statements,
// such as one that draws from a sequence.
constexpr Duration kStatementDrain = 50ms;
constexpr std::string_view kObjectInUse = "55006";

// No such function (a volume from before the extension), or no such library.
bool means_no_extension(std::string_view sqlstate) {
  return sqlstate == "42883" || sqlstate == "58P01";
}

// A library that came after the server's start. A server in the middle of a promotion says so, too.
bool may_mean_no_extension(std::string_view sqlstate) {
  return means_no_extension(sqlstate) || sqlstate == "55000";
}

std::string milliseconds_text(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return std::to_string(std::max<std::int64_t>(ms, 0));
}

// A number of the first row; nullopt for NULL, and for what is none.
template <typename T>
std::optional<T> number(const pgclient::Rows& rows, int column) {
  if (rows.is_null(0, column)) return std::nullopt;
  const std::string_view text = rows.text(0, column);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::map<std::string, std::int64_t> counters_in(std::string_view text) {
  std::map<std::string, std::int64_t> counters;
  const auto all = parse_json(text);
  if (!all.is_object()) return counters;
  for (const auto& [name, value] : all.items()) {
    if (value.is_number_integer()) counters[name] = value.get<std::int64_t>();
  }
  return counters;
}

}  // namespace

// In template1, from which every later database gets it, and in the one that initdb made beside it.
net::Task<Result<void>> Engine::create_extension(std::string script, Deadline deadline) {
  if (script.empty()) co_return ok();
  for (const char* database : {"template1", "postgres"}) {
    CO_TRY(auto connection, co_await connect(database, deadline));
    CO_TRY_VOID(co_await connection.execute_simple(script, deadline));
  }
  co_return ok();
}

net::Task<Result<void>> Engine::bootstrap(Bootstrap bootstrap, std::string extension,
                                          Deadline deadline) {
  CO_TRY(auto admin, co_await connect("postgres", deadline));
  CO_TRY_VOID(co_await admin.execute_simple(roles_sql(bootstrap), deadline));
  CO_TRY_VOID(co_await create_extension(extension, deadline));
  CO_TRY_VOID(co_await admin.execute_simple("CREATE DATABASE rdsadmin", deadline));
  const std::string owner = identifier_sql(bootstrap.master_username);
  if (!bootstrap.database.empty() && bootstrap.database != "postgres") {
    const std::string create =
        "CREATE DATABASE " + identifier_sql(bootstrap.database) + " OWNER " + owner;
    CO_TRY_VOID(co_await admin.execute_simple(create, deadline));
  }
  CO_TRY_VOID(co_await admin.execute_simple("ALTER DATABASE postgres OWNER TO " + owner, deadline));
  CO_TRY_VOID(
      co_await admin.execute_simple("REVOKE CONNECT ON DATABASE rdsadmin FROM PUBLIC; GRANT "
                                    "CONNECT ON DATABASE rdsadmin TO rdsrepladmin",
                                    deadline));
  const std::string table =
      "CREATE TABLE global_epoch(epoch bigint PRIMARY KEY, region text NOT NULL, "
      "at timestamptz NOT NULL DEFAULT clock_timestamp())";
  std::vector<pgclient::Param> no_params;
  CO_TRY_VOID(co_await sql(table, no_params, deadline));
  co_return co_await keep_rights(deadline);
}

// What pg_rewind needs of a role that is no superuser (it logs in to rdsadmin, and rights on
// functions are each database's own), and what the routers of other regions check passwords
// against. A role that may copy the whole cluster reads nothing new there.
net::Task<Result<void>> Engine::keep_rights(Deadline deadline) {
  if (rights_kept_) co_return ok();
  std::vector<pgclient::Param> no_params;
  CO_TRY(const auto rows,
         co_await sql("SELECT has_column_privilege('rdsrepladmin', 'pg_authid', 'rolpassword', "
                      "'SELECT') AND has_function_privilege('rdsrepladmin', "
                      "'pg_read_binary_file(text, bigint, bigint, boolean)', 'EXECUTE')",
                      no_params, deadline));
  if (rows.text(0, 0) != "t") {
    CO_TRY_VOID(
        co_await sql("GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean), "
                     "pg_stat_file(text, boolean), pg_read_binary_file(text), "
                     "pg_read_binary_file(text, bigint, bigint, boolean) TO rdsrepladmin",
                     no_params, deadline));
    CO_TRY_VOID(
        co_await sql("GRANT SELECT (rolname, rolsuper, rolpassword, rolvaliduntil) "
                     "ON pg_authid TO rdsrepladmin",
                     no_params, deadline));
  }
  rights_kept_ = true;
  co_return ok();
}

net::Task<Result<void>> Engine::warm(Deadline deadline) {
  std::vector<pgclient::Param> no_params;
  CO_TRY_VOID(co_await sql_on(moves_, "SELECT 1", no_params, deadline));
  co_return ok();
}

net::Task<Result<std::optional<Lsn>>> Engine::fence(Epoch epoch, model::DrainPolicy policy,
                                                    Deadline deadline) {
  const bool terminate = policy == model::DrainPolicy::terminate;
  std::vector<pgclient::Param> params = {std::to_string(epoch.value),
                                         milliseconds_text(kStatementDrain),
                                         std::string(terminate ? "true" : "false")};
  auto rows = co_await sql_on(moves_, "SELECT aurora_global_fence($1, $2, $3)", params, deadline);
  if (rows.has_value()) {
    CO_TRY(const Lsn position, Lsn::parse(rows->text(0, 0)));
    co_return std::optional<Lsn>(position);
  }
  if (may_mean_no_extension(rows.error().code)) co_return std::optional<Lsn>();
  if (!terminate && rows.error().code == kObjectInUse) {
    co_return make_error(ErrorKind::conflict, rows.error().message);
  }
  co_return rows.error();
}

net::Task<Result<void>> Engine::unfence(Deadline deadline) {
  std::vector<pgclient::Param> no_params;
  const auto lifted = co_await sql_on(
      moves_, "SELECT aurora_global_unfence(e) FROM aurora_global_fenced_epoch() AS e WHERE e <> 0",
      no_params, deadline);
  if (lifted.has_error() && !may_mean_no_extension(lifted.error().code)) co_return lifted.error();
  co_return ok();
}

net::Task<Result<void>> Engine::await_replay(Lsn position, Deadline deadline) {
  const Error late =
      make_error(ErrorKind::timeout, "WAL up to " + position.text() + " was not replayed in time");
  std::vector<pgclient::Param> params = {position.text(), milliseconds_text(deadline.left())};
  const auto waited =
      co_await sql_on(moves_, "SELECT aurora_global_await_replay($1, $2)", params, deadline);
  if (waited.has_value()) co_return waited->text(0, 0) == "t" ? ok() : Result<void>(late);
  if (!may_mean_no_extension(waited.error().code)) co_return waited.error();
  params.pop_back();
  for (;;) {
    CO_TRY(const auto rows, co_await sql_on(moves_, "SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn",
                                            params, deadline));
    if (rows.text(0, 0) == "t") co_return ok();
    if (deadline.passed()) co_return late;
    co_await net::sleep_for(kReplayPoll);
  }
}

// Out of recovery, and not fenced.
net::Task<Result<void>> Engine::open_for_writing(Deadline deadline) {
  std::vector<pgclient::Param> params = {milliseconds_text(deadline.left())};
  const auto opened =
      co_await sql_on(moves_,
                      "SELECT aurora_global_promote($1), (SELECT aurora_global_unfence(e) "
                      "FROM aurora_global_fenced_epoch() AS e WHERE e <> 0)",
                      params, deadline);
  if (opened.has_value() && opened->text(0, 0) == "t") co_return ok();
  if (opened.has_error() && !may_mean_no_extension(opened.error().code)) co_return opened.error();
  params.clear();
  CO_TRY_VOID(co_await sql_on(
      moves_, "SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(false) ELSE true END", params,
      deadline));
  for (;;) {
    CO_TRY(const auto rows,
           co_await sql_on(moves_, "SELECT pg_is_in_recovery()", params, deadline));
    if (rows.text(0, 0) == "f") co_return ok();
    if (deadline.passed()) {
      co_return make_error(ErrorKind::timeout, "the server is still in recovery");
    }
    co_await net::sleep_for(kReplayPoll);
  }
}

net::Task<Result<void>> Engine::promote(Epoch epoch, std::string region, Deadline deadline) {
  CO_TRY_VOID(co_await open_for_writing(deadline));
  std::vector<pgclient::Param> values = {std::to_string(epoch.value), region};
  CO_TRY_VOID(co_await sql_on(
      moves_,
      "INSERT INTO global_epoch(epoch, region) VALUES ($1::bigint, $2) ON CONFLICT DO NOTHING",
      values, deadline));
  co_return ok();
}

net::Task<Result<void>> Engine::keep_slots(std::vector<std::string> names, Deadline deadline) {
  std::string list = "{";
  for (const std::string& name : names) list += (list.size() > 1 ? "," : "") + name;
  list += "}";
  std::vector<pgclient::Param> params = {list};
  CO_TRY_VOID(co_await sql(
      "SELECT CASE WHEN w.name IS NULL THEN pg_drop_replication_slot(s.slot_name)::text "
      "ELSE pg_create_physical_replication_slot(w.name)::text END "
      "FROM unnest($1::text[]) AS w(name) "
      "FULL JOIN (SELECT slot_name::text, active FROM pg_replication_slots "
      "WHERE slot_name LIKE 'ag\\_%') AS s ON s.slot_name = w.name "
      "WHERE (w.name IS NULL AND NOT s.active) OR s.slot_name IS NULL",
      params, deadline));
  co_return ok();
}

net::Task<Result<void>> Engine::set_password(std::string role, std::string verifier,
                                             Deadline deadline) {
  std::vector<pgclient::Param> no_params;
  CO_TRY_VOID(
      co_await sql("ALTER ROLE " + identifier_sql(role) + " PASSWORD " + literal_sql(verifier),
                   no_params, deadline));
  co_return ok();
}

net::Task<Result<InstanceState>> Engine::state(Deadline deadline) {
  std::vector<pgclient::Param> no_params;
  auto rows = co_await sql(state_sql(counts_forwarding_), no_params, deadline);
  if (counts_forwarding_ && rows.has_error() && may_mean_no_extension(rows.error().code)) {
    counts_forwarding_ = !means_no_extension(rows.error().code);
    rows = co_await sql(state_sql(false), no_params, deadline);
  }
  if (rows.has_error()) co_return rows.error();
  InstanceState state;
  state.in_recovery = rows->text(0, 0) == "t";
  CO_TRY(state.position, Lsn::parse(rows->is_null(0, 1) ? "0/0" : rows->text(0, 1)));
  CO_TRY(state.received, Lsn::parse(rows->text(0, 2)));
  state.streaming = rows->text(0, 3) == "t";
  state.timeline = number<std::uint32_t>(*rows, 4).value_or(0);
  state.replay_lag_ms = lag_of(*rows, state.in_recovery);
  state.sessions = number<int>(*rows, 6).value_or(0);
  state.forwarding = counters_in(rows->text(0, 7));
  state.fenced_for.value = number<std::uint64_t>(*rows, 8).value_or(0);
  state.replay_paused = rows->text(0, 11) == "t";
  co_return state;
}

// How old what a standby shows may be. A stream that says nothing is no sign of an idle primary:
// replication's own heartbeats come more often than kHeartbeat.
std::int64_t Engine::lag_of(const pgclient::Rows& rows, bool in_recovery) {
  constexpr std::int64_t kHeartbeatMs = 3500;
  if (!in_recovery) return 0;
  const bool behind = rows.text(0, 5) == "t";
  const std::int64_t replayed_ms = number<std::int64_t>(rows, 9).value_or(0);
  const auto heard_ms = number<std::int64_t>(rows, 10);
  const Instant now = SystemClock().now();
  if (behind) return replayed_ms;
  if (heard_ms && *heard_ms <= kHeartbeatMs) {
    in_sync_ = now;
    return 0;
  }
  const auto since_sync =
      in_sync_ ? std::chrono::duration_cast<std::chrono::milliseconds>(now - *in_sync_).count()
               : replayed_ms;
  return std::max<std::int64_t>(heard_ms.value_or(since_sync), 0);
}

net::Task<Result<int>> Engine::clear_the_way_of_replay(Deadline deadline) {
  std::vector<pgclient::Param> no_params;
  const std::string ends =
      "SELECT count(pg_terminate_backend(b.pid)) FROM (" + std::string(blockers_sql()) + ") b";
  CO_TRY(const auto rows, co_await sql(ends, no_params, deadline));
  co_return number<int>(rows, 0).value_or(0);
}

net::Task<Result<std::string>> Engine::what_blocks_replay(Deadline deadline) {
  std::vector<pgclient::Param> no_params;
  CO_TRY(const auto rows, co_await sql(blockers_sql(), no_params, deadline));
  std::string text;
  for (int row = 0; row < rows.rows(); ++row) {
    text += (text.empty() ? "" : "; ") + std::string("process ") + std::string(rows.text(row, 0)) +
            " of user " + std::string(rows.text(row, 1)) + " (" + std::string(rows.text(row, 2)) +
            ") has a transaction open for " + std::string(rows.text(row, 3)) + " s";
    if (!rows.text(row, 4).empty()) text += ", on " + std::string(rows.text(row, 4));
  }
  co_return text;
}

net::Task<Result<std::vector<std::string>>> Engine::unlogged_tables(Deadline deadline) {
  std::vector<pgclient::Param> no_params;
  CO_TRY(const auto databases,
         co_await sql("SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate",
                      no_params, deadline));
  std::vector<std::string> names;
  for (int i = 0; i < databases.rows() && names.size() < kNamedMax; ++i) {
    const std::string database(databases.text(i, 0));
    CO_TRY(auto connection, co_await connect(database, deadline));
    CO_TRY(const auto tables,
           co_await connection.execute("SELECT oid::regclass::text FROM pg_class WHERE "
                                       "relpersistence = 'u' AND relkind = 'r' ORDER BY 1",
                                       no_params, deadline));
    for (int row = 0; row < tables.rows() && names.size() < kNamedMax; ++row) {
      names.push_back(database + "." + std::string(tables.text(row, 0)));
    }
  }
  co_return names;
}

net::Task<Result<void>> Engine::checkpoint(Deadline deadline) {
  CO_TRY(auto connection, co_await connect("postgres", deadline));
  CO_TRY_VOID(co_await connection.execute_simple("CHECKPOINT", deadline));
  co_return ok();
}

net::Task<Result<pgclient::Rows>> Engine::sql(std::string text, std::vector<pgclient::Param> params,
                                              Deadline deadline) {
  co_return co_await sql_on(questions_, std::move(text), std::move(params), deadline);
}

net::Task<Result<pgclient::Rows>> Engine::sql_on(Kept& kept, std::string text,
                                                 std::vector<pgclient::Param> params,
                                                 Deadline deadline) {
  CO_TRY(const auto guard, co_await kept.lock.lock(deadline));
  if (!kept.connection || !kept.connection->usable()) {
    kept.connection.reset();
    CO_TRY(auto fresh, co_await connect("rdsadmin", deadline.at_most(kEngineQueryLimit)));
    kept.connection = std::make_shared<pgclient::Connection>(std::move(fresh));
  }
  // Held, for a server that is stopped meanwhile forgets its connections.
  const auto connection = kept.connection;
  auto rows = co_await connection->execute(std::move(text), std::move(params), deadline);
  if (!connection->usable() && kept.connection == connection) kept.connection.reset();
  co_return rows;
}

void Engine::started_anew() {
  counts_forwarding_ = true;
  forget_connections();
}

void Engine::forget_connections() {
  questions_.connection.reset();
  moves_.connection.reset();
}

net::Task<Result<pgclient::Connection>> Engine::connect(std::string database, Deadline deadline) {
  pgclient::Parameters parameters;
  parameters.values = {{"host", socket_dir_.string()},
                       {"port", "5432"},
                       {"user", "rdsadmin"},
                       {"dbname", database},
                       {"application_name", "aurora-global"},
                       // What the daemon asks is about this instance, and nothing else.
                       // So are its limits of time.
                       {"options",
                        "-c apg_write_forward.consistency_mode=off -c statement_timeout=0 "
                        "-c lock_timeout=0 -c idle_session_timeout=0 "
                        "-c idle_in_transaction_session_timeout=0"}};
  co_return co_await pgclient::Connection::connect(std::move(parameters), deadline);
}

net::Task<Result<void>> Engine::answers(Deadline deadline) {
  CO_TRY_VOID(co_await connect("postgres", deadline));
  co_return ok();
}

net::Task<Result<void>> Engine::reload(Deadline deadline) {
  std::vector<pgclient::Param> no_params;
  CO_TRY_VOID(co_await sql("SELECT pg_reload_conf()", no_params, deadline));
  co_return ok();
}

}  // namespace aurora_global::region
