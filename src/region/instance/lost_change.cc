#include "region/instance/lost_change.h"

#include "region/instance/engine_sql.h"

namespace aurora_global::region {
namespace {

using nlohmann::json;

std::string text_in(const json& object, const char* name) {
  return object.at(name).get<std::string>();
}

std::string table_of(const json& change) {
  return identifier_sql(text_in(change, "schema")) + "." + identifier_sql(text_in(change, "table"));
}

std::string value_of(const json& column) {
  return column.contains("value") ? literal_sql(text_in(column, "value")) : "NULL";
}

void append(std::string& list, const char* separator, const std::string& one) {
  if (!list.empty()) list += separator;
  list += one;
}

bool is_key(const json& column) { return column.value("key", false); }

// Without a key the whole row tells which one it is; not every type can be compared, texts can.
std::string condition(const json& columns, bool by_key) {
  std::string all;
  for (const json& column : columns) {
    const std::string name = identifier_sql(text_in(column, "name"));
    if (by_key && is_key(column)) append(all, " AND ", name + " = " + value_of(column));
    if (by_key) continue;
    // As its type writes it: a cast to text may write it otherwise.
    append(all, " AND ",
           column.contains("value") ? "format('%s', " + name + ") = " + value_of(column)
                                    : name + " IS NULL");
  }
  return all;
}

// Of the row that an update or a delete was of. Empty: nothing in the WAL tells which.
std::string where(const json& change) {
  for (const char* image : {"old", "new"}) {
    if (!change.contains(image)) continue;
    std::string by_key = condition(change.at(image), true);
    if (!by_key.empty()) return by_key;
  }
  if (!change.contains("old") || change.at("old").empty()) return "";
  // Of rows that are alike, one.
  return "ctid = (SELECT ctid FROM ONLY " + table_of(change) + " WHERE " +
         condition(change.at("old"), false) + " LIMIT 1)";
}

std::string insert_sql(const json& change) {
  std::string names, values;
  for (const json& column : change.at("new")) {
    if (column.value("generated", false)) continue;
    append(names, ", ", identifier_sql(text_in(column, "name")));
    append(values, ", ", value_of(column));
  }
  const std::string into = "INSERT INTO " + table_of(change);
  if (names.empty()) return into + " DEFAULT VALUES";
  return into + " (" + names + ") OVERRIDING SYSTEM VALUE VALUES (" + values + ")";
}

std::string update_sql(const json& change) {
  std::string set;
  for (const json& column : change.at("new")) {
    // Only where it was changed the old key is told.
    if (is_key(column) && !change.contains("old")) continue;
    // PostgreSQL makes the one itself, and lets nobody change the other.
    if (column.value("generated", false) || column.value("identity", false)) continue;
    append(set, ", ", identifier_sql(text_in(column, "name")) + " = " + value_of(column));
  }
  if (set.empty()) return "";
  return "UPDATE ONLY " + table_of(change) + " SET " + set;
}

std::string truncate_sql(const json& change) {
  std::string tables;
  for (const json& one : change.at("tables")) append(tables, ", ", table_of(one));
  return "TRUNCATE " + tables +
         (change.at("restart_identity").get<bool>() ? " RESTART IDENTITY" : "") +
         (change.at("cascade").get<bool>() ? " CASCADE" : "");
}

std::string kind_of(const json& line) {
  for (const char* kind : {"update", "delete", "truncate", "message"}) {
    if (line.contains(kind)) return kind;
  }
  return "insert";
}

constexpr const char* kNoKey =
    "the table has no primary key and no REPLICA IDENTITY FULL, so nothing tells which row it was";

}  // namespace

LostChange lost_change(const json& line) {
  const std::string kind = kind_of(line);
  const json& change = line.at(kind);
  LostChange made{.kind = kind};
  if (kind == "message") {
    made.sql = "a message of " + std::to_string(change.at("bytes").get<std::uint64_t>()) +
               " bytes for " + literal_sql(text_in(change, "prefix"));
    made.why_not = "it was for who decodes the WAL";
    return made;
  }
  if (kind == "truncate") {
    made.sql = truncate_sql(change);
    made.why_not = "it would take what is there now as well";
    return made;
  }
  made.schema = text_in(change, "schema");
  made.table = text_in(change, "table");
  made.from = table_of(change);
  if (change.contains("new")) made.becomes = condition(change.at("new"), true);
  if (kind == "insert") {
    made.sql = insert_sql(change);
    made.which = made.becomes;
    return made;
  }
  made.sql = kind == "delete" ? "DELETE FROM ONLY " + table_of(change) : update_sql(change);
  // An update that has left every column as it was.
  if (made.sql.empty()) return made;
  made.which = where(change);
  if (made.which.empty()) {
    made.why_not = kNoKey;
  } else {
    made.sql += " WHERE " + made.which;
  }
  return made;
}

}  // namespace aurora_global::region
