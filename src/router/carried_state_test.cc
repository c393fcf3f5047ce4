// Goal: what a server tells of a session is restored on another in an order that works, and what
// makes no sense is refused.
#include "router/carried_state.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace aurora_global::router {
namespace {

using nlohmann::json;
using Strings = std::vector<std::string>;

json nothing() {
  return {{"settings", json::array()},  {"prepared_statements", json::array()},
          {"listening", json::array()}, {"temporary_objects", false},
          {"advisory_locks", 0},        {"held_cursors", json::array()}};
}

json setting(const char* name, const char* value, bool startup = false) {
  return {{"name", name}, {"setting", value}, {"startup", startup}};
}

json statement(const char* name, const char* sql, bool from_sql, json types) {
  return {{"name", name},
          {"statement", sql},
          {"from_sql", from_sql},
          {"parameter_types", std::move(types)}};
}

struct Sent {
  std::string types;  // Of the messages.
  Strings parses;     // "name: sql" of each Parse.
};

Sent read(const pgwire::Bytes& bytes) {
  Sent sent;
  pgwire::Splitter whole([](char, std::size_t size) { return size; });
  pgwire::BytesView rest(bytes);
  while (!rest.empty()) {
    const auto piece = whole.next(rest);
    if (piece.has_error() || !*piece) {
      ADD_FAILURE() << "the batch ends within a message";
      break;
    }
    sent.types += (*piece)->type;
    if ((*piece)->type == 'P') {
      const auto body = (*piece)->bytes.subspan(pgwire::kHeaderBytes);
      const auto* text = reinterpret_cast<const char*>(body.data());
      const std::string name(text);
      sent.parses.push_back(name + ": " + std::string(text + name.size() + 1));
    }
    rest = rest.subspan((*piece)->bytes.size());
  }
  return sent;
}

TEST(CarriedState, ASessionWithoutStateHasNone) {
  const auto state = parse_carried_state(nothing().dump());
  ASSERT_TRUE(state.has_value());
  EXPECT_TRUE(state->empty());
  EXPECT_EQ(state->obstacle, "");
}

TEST(CarriedState, WhatComesWithTheStartUpPacketIsNotCarried) {
  json told = nothing();
  told["settings"] = {setting("application_name", "psql", true),
                      setting("app.tenant", "7"),
                      setting("transaction_isolation", "serializable"),
                      setting("transaction_read_only", "on"),
                      setting("in_hot_standby", "on"),
                      setting("session_authorization", "alice"),
                      setting("role", "none")};
  const auto state = parse_carried_state(told.dump());
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->settings, (decltype(state->settings){{"app.tenant", "7"}}));
  EXPECT_EQ(state->session_authorization, "alice");
  EXPECT_EQ(state->role, "");
}

TEST(CarriedState, TypesAreNumbersOrTextAndReservedStatementsStayBehind) {
  json told = nothing();
  told["prepared_statements"] = {statement("a", "SELECT $1", false, {23, "25"}),
                                 statement("_aurora_global", "SELECT 1", false, json::array())};
  const auto state = parse_carried_state(told.dump());
  ASSERT_TRUE(state.has_value());
  ASSERT_EQ(state->statements.size(), 1u);
  EXPECT_EQ(state->statements[0].types, (std::vector<std::uint32_t>{23, 25}));
}

TEST(CarriedState, EveryObstacleIsNamed) {
  json told = nothing();
  told["temporary_objects"] = true;
  EXPECT_EQ(parse_carried_state(told.dump())->obstacle, "temporary objects");
  told["advisory_locks"] = 2;
  told["held_cursors"] = {"c"};
  EXPECT_EQ(parse_carried_state(told.dump())->obstacle,
            "temporary objects and advisory locks and a cursor WITH HOLD");
}

TEST(CarriedState, MalformedTextIsRefused) {
  json no_types = nothing();
  no_types["prepared_statements"] = {{{"name", "a"}, {"statement", "x"}, {"from_sql", false}}};
  json odd_type = nothing();
  odd_type["prepared_statements"] = {statement("a", "x", false, {"int"})};
  json odd_locks = nothing();
  odd_locks["advisory_locks"] = "many";
  json no_listening = nothing();
  no_listening.erase("listening");
  for (const std::string& bad :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"), no_types.dump(),
        odd_type.dump(), odd_locks.dump(), no_listening.dump()}) {
    const auto state = parse_carried_state(bad);
    ASSERT_TRUE(state.has_error()) << bad;
    EXPECT_EQ(state.error().kind, ErrorKind::corrupt) << bad;
  }
}

TEST(CarriedState, TheQuestionLeavesTheUnnamedStatementAlone) {
  const Sent sent = read(ask_for_state());
  EXPECT_EQ(sent.types, "CPBECS");  // Close: of one that was cancelled the statement is left.
  EXPECT_EQ(sent.parses,
            Strings{"_aurora_global: SELECT pg_catalog.aurora_global_session_state()"});
}

CarriedState whole() {
  CarriedState state;
  state.settings = {{"default_transaction_isolation", "serializable"}, {"app.tenant", "7"}};
  state.session_authorization = "alice";
  state.role = "auditor";
  state.statements = {{"by_protocol", "SELECT $1", false, {23}},
                      {"by_sql", "PREPARE by_sql AS SELECT 1", true, {}}};
  state.listening = {"odd\"channel"};
  return state;
}

TEST(CarriedState, AStandbyGetsSettingsBeforeRolesAndStatementsLast) {
  const Batch batch = restore_on_standby(whole());
  EXPECT_EQ(batch.what, (Strings{"setting apg_write_forward.consistency_mode", "setting app.tenant",
                                 "setting session_authorization", "setting role",
                                 "prepared statement by_protocol", "prepared statement by_sql"}));
  const Sent sent = read(batch.bytes);
  EXPECT_EQ(sent.types, "PBECSPBECSPBECSPBECSPSPBECS");
  EXPECT_EQ(sent.parses[4], "by_protocol: SELECT $1");
  EXPECT_EQ(sent.parses[5], "_aurora_global: PREPARE by_sql AS SELECT 1");
}

TEST(CarriedState, TheWriterGetsWhatAStandbyRefuses) {
  const Batch batch = restore_on_writer(whole());
  EXPECT_EQ(batch.what, (Strings{"setting apg_write_forward.consistency_mode",
                                 "setting default_transaction_isolation", "LISTEN odd\"channel"}));
  EXPECT_EQ(read(batch.bytes).parses[2], "_aurora_global: LISTEN \"odd\"\"channel\"");
}

TEST(CarriedState, EverySyncHasItsName) {
  for (const Batch& batch : {restore_on_standby(whole()), restore_on_writer(whole()), forget()}) {
    const std::string types = read(batch.bytes).types;
    EXPECT_EQ(static_cast<std::size_t>(std::count(types.begin(), types.end(), 'S')),
              batch.what.size());
  }
}

}  // namespace
}  // namespace aurora_global::router
