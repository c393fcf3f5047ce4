#include "services/ssm/parameter_store.h"

namespace aurora_global::services::ssm {
namespace {

using database::Statement;

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS parameter(name TEXT NOT NULL, version INTEGER NOT NULL,"
    " type TEXT NOT NULL, value TEXT NOT NULL, key_id TEXT NOT NULL, description TEXT NOT NULL,"
    " pattern TEXT NOT NULL, tier TEXT NOT NULL, data_type TEXT NOT NULL, at INTEGER NOT NULL,"
    " PRIMARY KEY(name, version)) WITHOUT ROWID;";
const std::string kColumns =
    "SELECT name, type, value, key_id, description, pattern, tier, data_type, version, at"
    " FROM parameter ";

Parameter taken_from(const Statement& row) {
  Parameter parameter{row.text(0), row.text(1), row.text(2), row.text(3),
                      row.text(4), row.text(5), row.text(6), row.text(7)};
  parameter.version = row.number(8);
  parameter.at = WallTime(std::chrono::microseconds(row.number(9)));
  return parameter;
}

Result<std::optional<Parameter>> first_of(Statement& select) {
  TRY(const bool found, select.step());
  if (!found) return std::optional<Parameter>();
  return std::optional<Parameter>(taken_from(select));
}

Result<std::optional<Parameter>> newest(sqlite3* database, const std::string& name) {
  Statement select(database, kColumns + "WHERE name = ? ORDER BY version DESC LIMIT 1");
  select.bind(1, name);
  return first_of(select);
}

Error conflict(const char* code, std::string message) {
  return make_error(ErrorKind::conflict, std::move(message), code);
}

Result<void> check_room(sqlite3* database) {
  Statement count(database, "SELECT count(DISTINCT name) FROM parameter");
  TRY_VOID(count.step());
  if (count.number(0) < kParametersMax) return ok();
  return conflict("ParameterLimitExceeded",
                  "You have exceeded the number of parameters for this account: " +
                      std::to_string(kParametersMax));
}

// What a new version of `former` keeps where `next` says nothing.
Result<void> follow(const Parameter& former, Parameter& next) {
  if (next.type.empty()) next.type = former.type;
  if (next.type != former.type) {
    return conflict("HierarchyTypeMismatchException",
                    "Parameter Store doesn't support changing a parameter type: " + former.name +
                        " is a " + former.type);
  }
  if (next.description.empty()) next.description = former.description;
  if (next.tier == "Standard" && former.tier == "Advanced") next.tier = former.tier;
  next.version = former.version + 1;
  return ok();
}

Result<void> insert(sqlite3* database, const Parameter& parameter) {
  Statement insert(database,
                   "INSERT INTO parameter(name, type, value, key_id, description, pattern, tier,"
                   " data_type, version, at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const std::string* texts[] = {&parameter.name,   &parameter.type,        &parameter.value,
                                &parameter.key_id, &parameter.description, &parameter.pattern,
                                &parameter.tier,   &parameter.data_type};
  int at = 0;
  for (const std::string* text : texts) insert.bind(++at, *text);
  insert.bind(++at, parameter.version);
  insert.bind(++at, static_cast<std::int64_t>(parameter.at.time_since_epoch().count()));
  TRY_VOID(insert.step());
  Statement trim(database, "DELETE FROM parameter WHERE name = ? AND version <= ?");
  trim.bind(1, parameter.name);
  trim.bind(2, parameter.version - kVersionsMax);
  TRY_VOID(trim.step());
  return ok();
}

Result<void> put_in(sqlite3* database, Parameter& parameter, bool overwrite) {
  TRY(const auto former, newest(database, parameter.name));
  if (former && !overwrite) {
    return conflict("ParameterAlreadyExists",
                    "The parameter already exists. To overwrite this value, set the overwrite "
                    "option in the request to true.");
  }
  if (former) {
    TRY_VOID(follow(*former, parameter));
  } else {
    TRY_VOID(check_room(database));
    parameter.version = 1;
  }
  return insert(database, parameter);
}

}  // namespace

Result<std::unique_ptr<ParameterStore>> ParameterStore::open(const std::filesystem::path& file) {
  TRY(auto database, database::Database::open(file, database::Durability::full, 1, kSchema));
  return std::unique_ptr<ParameterStore>(new ParameterStore(std::move(database)));
}

net::Task<Result<Parameter>> ParameterStore::put(Parameter parameter, bool overwrite) {
  return database_->work<Parameter>([parameter = std::move(parameter),
                                     overwrite](sqlite3* database) mutable -> Result<Parameter> {
    TRY_VOID(
        database::in_transaction(database, [&] { return put_in(database, parameter, overwrite); }));
    return std::move(parameter);
  });
}

net::Task<Result<std::optional<Parameter>>> ParameterStore::find(std::string name,
                                                                 std::int64_t version) {
  return database_->work<std::optional<Parameter>>(
      [name = std::move(name), version](sqlite3* database) -> Result<std::optional<Parameter>> {
        if (version == 0) return newest(database, name);
        Statement select(database, kColumns + "WHERE name = ? AND version = ?");
        select.bind(1, name);
        select.bind(2, version);
        return first_of(select);
      });
}

net::Task<Result<std::vector<Parameter>>> ParameterStore::list(std::string prefix,
                                                               std::string after) {
  return database_->work<std::vector<Parameter>>(
      [prefix = std::move(prefix),
       after = std::move(after)](sqlite3* database) -> Result<std::vector<Parameter>> {
        Statement select(database, kColumns +
                                       "AS one WHERE name >= ? AND name > ? AND version = (SELECT "
                                       "max(version) FROM parameter WHERE name = one.name) "
                                       "ORDER BY name");
        select.bind(1, prefix);
        select.bind(2, after);
        std::vector<Parameter> found;
        for (;;) {
          TRY(const bool more, select.step());
          if (!more) return found;
          Parameter parameter = taken_from(select);
          if (!parameter.name.starts_with(prefix)) return found;
          found.push_back(std::move(parameter));
        }
      });
}

net::Task<Result<bool>> ParameterStore::remove(std::string name) {
  return database_->work<bool>([name = std::move(name)](sqlite3* database) -> Result<bool> {
    TRY(const auto former, newest(database, name));
    if (!former) return false;
    Statement remove(database, "DELETE FROM parameter WHERE name = ?");
    remove.bind(1, name);
    TRY_VOID(remove.step());
    return true;
  });
}

}  // namespace aurora_global::services::ssm
