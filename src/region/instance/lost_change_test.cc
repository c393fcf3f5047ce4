// Goal: what is made of a decoded change makes the same change again, whatever names and values it
// has, and says where it cannot.
#include "region/instance/lost_change.h"

#include <gtest/gtest.h>

namespace aurora_global::region {
namespace {

using nlohmann::json;

json column(const char* name, json value, bool key = false) {
  json made = {{"name", name}, {"type", "text"}};
  if (!value.is_null()) made["value"] = std::move(value);
  if (key) made["key"] = true;
  return made;
}

json change(const char* kind, json more) {
  json made = {{"schema", "public"}, {"table", "t"}};
  made.update(more);
  return {{kind, made}};
}

std::string sql(const json& line) {
  const LostChange made = lost_change(line);
  return made.why_not.empty() ? made.sql : "-- " + made.sql;
}

TEST(LostChange, IsMadeAgain) {
  const json id = column("id", "1", true), name = column("name", "it's"),
             none = column("n", nullptr);
  EXPECT_EQ(sql(change("insert", {{"new", {id, name, none}}})),
            "INSERT INTO \"public\".\"t\" (\"id\", \"name\", \"n\") OVERRIDING SYSTEM VALUE VALUES "
            "('1', 'it''s', NULL)");
  EXPECT_EQ(sql(change("insert", {{"new", json::array()}})),
            "INSERT INTO \"public\".\"t\" DEFAULT VALUES");
  EXPECT_EQ(sql(change("update", {{"new", {id, name, none}}})),
            "UPDATE ONLY \"public\".\"t\" SET \"name\" = 'it''s', \"n\" = NULL WHERE \"id\" = '1'");
  EXPECT_EQ(sql(change("update", {{"old", {column("id", "0", true)}}, {"new", {id, name}}})),
            "UPDATE ONLY \"public\".\"t\" SET \"id\" = '1', \"name\" = 'it''s' WHERE \"id\" = '0'");
  EXPECT_EQ(sql(change("delete", {{"old", {id, column("b", "2", true)}}})),
            "DELETE FROM ONLY \"public\".\"t\" WHERE \"id\" = '1' AND \"b\" = '2'");
}

TEST(LostChange, OfATableWithoutKeyTakesTheWholeRowOrIsOnlyTold) {
  const json old = {column("a", "1"), column("j", nullptr)};
  EXPECT_EQ(sql(change("delete", {{"old", old}})),
            "DELETE FROM ONLY \"public\".\"t\" WHERE ctid = (SELECT ctid FROM ONLY "
            "\"public\".\"t\" WHERE "
            "format('%s', \"a\") = '1' AND \"j\" IS NULL LIMIT 1)");
  EXPECT_EQ(sql(change("delete", json::object())), "-- DELETE FROM ONLY \"public\".\"t\"");
  EXPECT_EQ(sql(change("update", {{"new", {column("a", "1")}}})),
            "-- UPDATE ONLY \"public\".\"t\" SET \"a\" = '1'");
}

TEST(LostChange, LeavesOutWhatPostgreSqlMakesItself) {
  json generated = column("g", "2", true), identity = column("i", "7");
  generated["generated"] = true;
  identity["identity"] = true;
  const json row = {column("id", "1", true), generated, identity, column("v", "x")};
  EXPECT_EQ(sql(change("insert", {{"new", row}})),
            "INSERT INTO \"public\".\"t\" (\"id\", \"i\", \"v\") OVERRIDING SYSTEM VALUE VALUES "
            "('1', '7', 'x')");
  EXPECT_EQ(sql(change("update", {{"new", row}})),
            "UPDATE ONLY \"public\".\"t\" SET \"v\" = 'x' WHERE \"id\" = '1' AND \"g\" = '2'");
}

TEST(LostChange, ThatWouldTakeMoreIsOnlyTold) {
  const json tables = {{{"schema", "a"}, {"table", "b"}}, {{"schema", "a"}, {"table", "c"}}};
  EXPECT_EQ(
      sql({{"truncate", {{"cascade", true}, {"restart_identity", true}, {"tables", tables}}}}),
      "-- TRUNCATE \"a\".\"b\", \"a\".\"c\" RESTART IDENTITY CASCADE");
  EXPECT_EQ(sql({{"message", {{"prefix", "p"}, {"bytes", 3}}}}), "-- a message of 3 bytes for 'p'");
}

TEST(LostChange, QuotesWhateverANameHas) {
  json odd = change("insert", {{"new", {column("a\"b", "c\\d\ne")}}});
  odd["insert"]["table"] = "x\"; DROP TABLE y; --";
  EXPECT_EQ(
      sql(odd),
      "INSERT INTO \"public\".\"x\"\"; DROP TABLE y; --\" (\"a\"\"b\") OVERRIDING SYSTEM VALUE "
      "VALUES ('c\\d\ne')");
}

TEST(LostChange, ThatThePluginWouldNotSayIsNoChange) {
  EXPECT_THROW(lost_change({{"insert", {{"schema", "s"}}}}), json::exception);
  EXPECT_THROW(lost_change({{"delete", 5}}), json::exception);
}

}  // namespace
}  // namespace aurora_global::region
