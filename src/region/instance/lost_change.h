// One change that was decoded out of WAL, as the SQL that makes it again. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace aurora_global::region {

// What a session sets before it runs such SQL: how texts are to be read, and that effects of
// triggers and of foreign keys are changes of their own.
inline constexpr const char* kLostSession =
    "SET standard_conforming_strings = on;\n"
    "SET client_encoding = 'UTF8';\n"
    "SET datestyle = 'ISO, YMD';\n"
    "SET intervalstyle = 'postgres';\n"
    "SET timezone = 'UTC';\n"
    "SET session_replication_role = 'replica';\n";

struct LostChange {
  std::string kind;           // "insert", "update", "delete", "truncate" or "message".
  std::string schema, table;  // Empty for those that have several, or none.
  std::string sql;            // Without the semicolon.
  std::string why_not;        // It cannot be made again by `sql`, which then only tells of it.
  // Of an insert, an update or a delete: the table, and conditions that find the row that it is of,
  // and the same row afterwards. Empty: nothing in the WAL tells which.
  std::string from, which, becomes;
};

// `line`: what the extension's output plugin says of a change (extension/pg/lost_writes.cc). Throws
// json::exception for one that it would not say.
LostChange lost_change(const nlohmann::json& line);

}  // namespace aurora_global::region
