#include "router/carried_state.h"

#include <nlohmann/json.hpp>
#include <set>

namespace aurora_global::router {
namespace {

using pgwire::put_bind;
using pgwire::put_close_statement;
using pgwire::put_execute;
using pgwire::put_parse;
using pgwire::put_sync;

constexpr std::string_view kReserved = "_aurora_global";
// A standby starts no transaction with it, so it waits for the promotion.
constexpr std::string_view kIsolation = "default_transaction_isolation";
// What is restored must not be forwarded to the primary meanwhile.
constexpr std::string_view kConsistency = "apg_write_forward.consistency_mode";

void run(Batch& batch, std::string_view sql, const pgwire::Row& parameters, std::string what) {
  put_parse(batch.bytes, kReserved, sql, {});
  put_bind(batch.bytes, kReserved, kReserved, parameters);
  put_execute(batch.bytes, kReserved);
  put_close_statement(batch.bytes, kReserved);
  put_sync(batch.bytes);
  batch.what.push_back(std::move(what));
}

void set(Batch& batch, const std::string& name, const std::string& value) {
  run(batch, "SELECT pg_catalog.set_config($1, $2, false)", {name, value}, "setting " + name);
}

std::string quoted_name(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    out += c;
    if (c == '"') out += c;
  }
  return out + "\"";
}

bool waits_for_writer(std::string_view name) { return name == kIsolation || name == kConsistency; }

// Those that a transaction of its own has; they are no state of the session.
bool of_a_transaction(std::string_view name) {
  static const std::set<std::string_view> kNames = {
      "transaction_isolation", "transaction_read_only", "transaction_deferrable", "is_superuser",
      "in_hot_standby"};
  return kNames.contains(name);
}

void take_settings(const nlohmann::json& settings, CarriedState& state) {
  for (const auto& one : settings) {
    const auto name = one.at("name").get<std::string>();
    const auto value = one.at("setting").get<std::string>();
    // What came with the start-up packet comes with it again.
    if (one.at("startup").get<bool>() || of_a_transaction(name)) continue;
    if (name == "session_authorization") {
      state.session_authorization = value;
    } else if (name == "role") {
      if (value != "none") state.role = value;
    } else {
      state.settings.emplace_back(name, value);
    }
  }
}

}  // namespace

pgwire::Bytes ask_for_state() {
  Batch batch;
  // Of a question that was cancelled the statement is left.
  put_close_statement(batch.bytes, kReserved);
  run(batch, "SELECT pg_catalog.aurora_global_session_state()", {}, "");
  return std::move(batch.bytes);
}

Result<CarriedState> parse_carried_state(std::string_view text) {
  CarriedState state;
  try {
    const auto json = nlohmann::json::parse(text);
    take_settings(json.at("settings"), state);
    for (const auto& one : json.at("prepared_statements")) {
      CarriedState::Statement statement;
      one.at("name").get_to(statement.name);
      one.at("statement").get_to(statement.sql);
      one.at("from_sql").get_to(statement.from_sql);
      for (const auto& type : one.at("parameter_types")) {
        statement.types.push_back(
            type.is_string() ? static_cast<std::uint32_t>(std::stoul(type.get<std::string>()))
                             : type.get<std::uint32_t>());
      }
      if (!statement.name.starts_with(kReserved)) state.statements.push_back(std::move(statement));
    }
    json.at("listening").get_to(state.listening);
    std::vector<std::string> obstacles;
    if (json.at("temporary_objects").get<bool>()) obstacles.push_back("temporary objects");
    if (json.at("advisory_locks").get<int>() > 0) obstacles.push_back("advisory locks");
    if (!json.at("held_cursors").empty()) obstacles.push_back("a cursor WITH HOLD");
    for (const std::string& one : obstacles) {
      state.obstacle += (state.obstacle.empty() ? "" : " and ") + one;
    }
  } catch (const std::exception& error) {  // JSON's and std::stoul's.
    return make_error(ErrorKind::corrupt,
                      std::string("malformed aurora_global_session_state(): ") + error.what());
  }
  return state;
}

Batch restore_on_standby(const CarriedState& state) {
  Batch batch;
  run(batch, "SELECT pg_catalog.set_config('apg_write_forward.consistency_mode', 'off', false)", {},
      "setting apg_write_forward.consistency_mode");
  // As the user who logged in, and before a role takes rights away.
  for (const auto& [name, value] : state.settings) {
    if (!waits_for_writer(name)) set(batch, name, value);
  }
  if (!state.session_authorization.empty()) {
    set(batch, "session_authorization", state.session_authorization);
  }
  if (!state.role.empty()) set(batch, "role", state.role);
  for (const CarriedState::Statement& one : state.statements) {
    if (one.from_sql) {
      run(batch, one.sql, {}, "prepared statement " + one.name);
    } else {
      put_parse(batch.bytes, one.name, one.sql, one.types);
      put_sync(batch.bytes);
      batch.what.push_back("prepared statement " + one.name);
    }
  }
  return batch;
}

Batch restore_on_writer(const CarriedState& state) {
  Batch batch;
  run(batch, "RESET apg_write_forward.consistency_mode", {},
      "setting apg_write_forward.consistency_mode");
  for (const auto& [name, value] : state.settings) {
    if (waits_for_writer(name)) set(batch, name, value);
  }
  for (const std::string& channel : state.listening) {
    run(batch, "LISTEN " + quoted_name(channel), {}, "LISTEN " + channel);
  }
  return batch;
}

Batch forget() {
  Batch batch;
  for (const char* sql : {"RESET SESSION AUTHORIZATION", "RESET ALL", "DEALLOCATE ALL"}) {
    run(batch, sql, {}, sql);
  }
  return batch;
}

}  // namespace aurora_global::router
