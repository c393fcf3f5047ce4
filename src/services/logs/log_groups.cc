#include "services/logs/log_groups.h"

#include <algorithm>

#include "base/json.h"
#include "services/logs/logs.h"

namespace aurora_global::services::logs {
namespace {

using database::Statement;
using nlohmann::json;

constexpr std::int64_t kGroupsMax = 10'000;
constexpr std::int64_t kStreamsMax = 100'000;  // Of all groups; those that were created.
constexpr std::size_t kTagsMax = 50;
constexpr std::int64_t kDayMs = 24ll * 3600 * 1000;
constexpr std::int64_t kRetentions[] = {1,    3,    5,    7,    14,   30,  60,  90,
                                        120,  150,  180,  365,  400,  545, 731, 1096,
                                        1827, 2192, 2557, 2922, 3288, 3653};

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             SystemClock().wall_now().time_since_epoch())
      .count();
}

Error invalid(std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), "InvalidParameterException");
}

struct Group {
  std::string name, kms_key;
  std::int64_t created = 0, retention = 0;
  json tags = json::object();
};

// Of a group that has no row, for it was made by its lines: what such a row would say.
Result<Group> load_group(sqlite3* raw, const std::string& name) {
  Statement select(raw, "SELECT created, retention, kms_key, tags FROM log_group WHERE name = ?");
  select.bind(1, name);
  TRY(const bool there, select.step());
  Group group;
  group.name = name;
  if (there) {
    group.created = select.number(0);
    group.retention = select.number(1);
    group.kms_key = select.text(2);
    group.tags = parse_json(select.text(3));
    return group;
  }
  Statement oldest(raw, "SELECT at FROM line WHERE log_group = ? ORDER BY at LIMIT 1");
  oldest.bind(1, name);
  TRY(const bool lines, oldest.step());
  if (!lines) return no_group();
  group.created = oldest.number(0);
  return group;
}

Result<void> store_group(sqlite3* raw, const Group& group) {
  Statement put(raw,
                "INSERT OR REPLACE INTO log_group(name, created, retention, kms_key, tags) "
                "VALUES (?, ?, ?, ?, ?)");
  put.bind(1, group.name);
  put.bind(2, group.created);
  put.bind(3, group.retention);
  put.bind(4, group.kms_key);
  put.bind(5, group.tags.dump());
  TRY_VOID(put.step());
  return ok();
}

// Changes a group that is there.
template <typename Change>
net::Task<Answer> change_group(const GroupsContext& logs, std::string name, Change change) {
  auto job = [name = std::move(name), change = std::move(change)](sqlite3* raw) -> Answer {
    TRY(Group group, load_group(raw, name));
    TRY_VOID(change(group));
    TRY_VOID(store_group(raw, group));
    return json::object();
  };
  co_return co_await logs.database.work<json>(std::move(job));
}

Result<void> check_count(sqlite3* raw, const std::string& table, std::int64_t most,
                         const char* message) {
  Statement count(raw, "SELECT count(*) FROM " + table);
  TRY_VOID(count.step());
  if (count.number(0) < most) return ok();
  return make_error(ErrorKind::exhausted, message, "LimitExceededException");
}

Result<void> check_tags(const json& tags) {
  if (tags.size() > kTagsMax) return invalid("A log group has at most 50 tags");
  for (const auto& [key, value] : tags.items()) {
    if (key.rfind("aws:", 0) == 0) return invalid("Tag keys must not begin with aws:");
  }
  return ok();
}

// Of "arn:...:log-group:NAME", with ":*" or without.
std::string group_of_arn(Members& members, const std::string& arns) {
  std::string arn = members.required("resourceArn");
  if (arn.ends_with(":*")) arn.resize(arn.size() - 2);
  if (arn.rfind(arns, 0) == 0) return arn.substr(arns.size());
  members.problem("The resource is no log group of this region: " + arn,
                  "InvalidParameterException");
  return "";
}

Result<Group> read_new_group(Members& members) {
  Group group;
  group.name = group_named(members);
  group.kms_key = members.text("kmsKeyId");
  group.tags = members.pairs("tags");
  group.created = now_ms();
  if (members.text("logGroupClass", "STANDARD") != "STANDARD") {
    members.problem("Log groups are of class STANDARD here", "InvalidParameterException");
  }
  if (members.flag("deletionProtectionEnabled")) {
    members.problem("Log groups cannot be protected from deletion here",
                    "InvalidParameterException");
  }
  TRY_VOID(members.finish());
  TRY_VOID(check_tags(group.tags));
  return group;
}

json shown(sqlite3* raw, const Group& group, const std::string& arns) {
  Statement size(raw, "SELECT sum(length(message)) FROM line WHERE log_group = ?");
  size.bind(1, group.name);
  const bool known = size.step().has_value();
  json shown = {{"logGroupName", group.name},
                {"arn", arns + group.name + ":*"},
                {"logGroupArn", arns + group.name},
                {"logGroupClass", "STANDARD"},
                {"creationTime", group.created},
                {"storedBytes", known ? size.number(0) : 0},
                {"metricFilterCount", 0},
                {"retentionInDays",
                 group.retention > 0 ? group.retention : std::int64_t{kRetention.count() / 24}}};
  if (!group.kms_key.empty()) shown["kmsKeyId"] = group.kms_key;
  return shown;
}

}  // namespace

Result<bool> has_group(sqlite3* database, const std::string& group) {
  Statement any(database,
                "SELECT 1 FROM log_group WHERE name = ?1 UNION ALL "
                "SELECT 1 FROM (SELECT 1 FROM line WHERE log_group = ?1 LIMIT 1)");
  any.bind(1, group);
  return any.step();
}

Result<bool> has_stream(sqlite3* database, const std::string& group, const std::string& stream) {
  Statement any(database,
                "SELECT 1 FROM log_stream WHERE log_group = ?1 AND name = ?2 UNION ALL "
                "SELECT 1 FROM (SELECT 1 FROM line WHERE log_group = ?1 AND stream = ?2 LIMIT 1)");
  any.bind(1, group);
  any.bind(2, stream);
  return any.step();
}

Error no_group() {
  return make_error(ErrorKind::not_found, "The specified log group does not exist.",
                    "ResourceNotFoundException");
}

Error no_stream() {
  return make_error(ErrorKind::not_found, "The specified log stream does not exist.",
                    "ResourceNotFoundException");
}

std::int64_t offset_in(Members& members) {
  return members.page_token("nextToken", "", "InvalidParameterException").value_or(0);
}

json page_of(const json& all, const char* name, std::int64_t offset, std::int64_t limit) {
  json page = {{name, json::array()}};
  const auto size = static_cast<std::int64_t>(all.size());
  for (std::int64_t i = offset; i < std::min(size, offset + limit); ++i) {
    page[name].push_back(all[static_cast<std::size_t>(i)]);
  }
  if (offset + limit < size) page["nextToken"] = std::to_string(offset + limit);
  return page;
}

std::string group_named(Members& members) {
  std::string name = members.text("logGroupName", members.text("logGroupIdentifier"));
  if (const auto at = name.find(":log-group:"); at != std::string::npos)
    name = name.substr(at + 11);
  if (name.empty()) members.problem("logGroupName is required", "InvalidParameterException");
  return name;
}

Result<void> expire_lines(sqlite3* database, std::int64_t now) {
  Statement old(database, "DELETE FROM line WHERE at < ?");
  old.bind(1, now - std::int64_t{kRetention.count() / 24} * kDayMs);
  TRY_VOID(old.step());
  Statement sooner(database,
                   "DELETE FROM line WHERE id IN (SELECT line.id FROM log_group JOIN line ON "
                   "line.log_group = log_group.name AND line.at < ?1 - log_group.retention * ?2 "
                   "WHERE log_group.retention BETWEEN 1 AND ?3)");
  sooner.bind(1, now);
  sooner.bind(2, kDayMs);
  sooner.bind(3, std::int64_t{kRetention.count() / 24 - 1});
  TRY_VOID(sooner.step());
  return ok();
}

net::Task<Answer> create_group(const GroupsContext& logs, Members members) {
  CO_TRY(Group group, read_new_group(members));
  auto job = [group = std::move(group)](sqlite3* raw) -> Answer {
    TRY(const bool there, has_group(raw, group.name));
    if (there) {
      return make_error(ErrorKind::conflict, "The specified log group already exists",
                        "ResourceAlreadyExistsException");
    }
    TRY_VOID(check_count(raw, "log_group", kGroupsMax, "There are 10,000 log groups"));
    TRY_VOID(store_group(raw, group));
    return json::object();
  };
  co_return co_await logs.database.work<json>(std::move(job));
}

net::Task<Answer> delete_group(const GroupsContext& logs, Members members) {
  const std::string name = group_named(members);
  CO_TRY_VOID(members.finish());
  auto job = [name](sqlite3* raw) -> Answer {
    TRY(const bool there, has_group(raw, name));
    if (!there) return no_group();
    TRY_VOID(database::in_transaction(raw, [&]() -> Result<void> {
      for (const char* sql :
           {"DELETE FROM line WHERE log_group = ?", "DELETE FROM log_stream WHERE log_group = ?",
            "DELETE FROM log_group WHERE name = ?"}) {
        Statement drop(raw, sql);
        drop.bind(1, name);
        TRY_VOID(drop.step());
      }
      return ok();
    }));
    return json::object();
  };
  co_return co_await logs.database.work<json>(std::move(job));
}

net::Task<Answer> describe_groups(const GroupsContext& logs, Members members) {
  const std::string prefix = members.text("logGroupNamePrefix");
  const std::string part = members.text("logGroupNamePattern");
  const auto wanted = members.texts("logGroupIdentifiers");
  const auto limit = members.number("limit", 1, 50).value_or(50);
  const std::int64_t offset = offset_in(members);
  if (!prefix.empty() && !part.empty()) {
    members.problem("logGroupNamePrefix and logGroupNamePattern are mutually exclusive.",
                    "InvalidParameterException");
  }
  CO_TRY_VOID(members.finish());
  auto job = [=, arns = logs.arns](sqlite3* raw) -> Answer {
    json names = json::array();
    Statement select(raw,
                     "SELECT name FROM log_group UNION SELECT DISTINCT log_group FROM line "
                     "ORDER BY 1");
    for (;;) {
      TRY(const bool more, select.step());
      if (!more) break;
      const std::string name = select.text(0);
      const bool named =
          wanted.empty() || std::any_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
            return one == name || one == arns + name || one == arns + name + ":*";
          });
      if (!named || name.rfind(prefix, 0) != 0 || name.find(part) == std::string::npos) continue;
      names.push_back(name);
    }
    json page = page_of(names, "logGroups", offset, limit);
    for (json& one : page["logGroups"]) {
      TRY(const Group group, load_group(raw, one.get<std::string>()));
      one = shown(raw, group, arns);
    }
    return page;
  };
  co_return co_await logs.database.work<json>(std::move(job));
}

net::Task<Answer> put_retention(const GroupsContext& logs, Members members) {
  std::string name = group_named(members);
  const auto days = members.number("retentionInDays", 1, 3653).value_or(0);
  CO_TRY_VOID(members.finish());
  if (std::find(std::begin(kRetentions), std::end(kRetentions), days) == std::end(kRetentions)) {
    co_return invalid("retentionInDays: " + std::to_string(days) +
                      " is none of the numbers of days that can be set");
  }
  co_return co_await change_group(logs, std::move(name), [days](Group& group) -> Result<void> {
    group.retention = days;
    return ok();
  });
}

net::Task<Answer> delete_retention(const GroupsContext& logs, Members members) {
  std::string name = group_named(members);
  CO_TRY_VOID(members.finish());
  co_return co_await change_group(logs, std::move(name), [](Group& group) -> Result<void> {
    group.retention = 0;
    return ok();
  });
}

net::Task<Answer> associate_key(const GroupsContext& logs, Members members) {
  std::string name = group_named(members);
  const std::string key = members.required("kmsKeyId");
  CO_TRY_VOID(members.finish());
  co_return co_await change_group(logs, std::move(name), [key](Group& group) -> Result<void> {
    group.kms_key = key;
    return ok();
  });
}

net::Task<Answer> disassociate_key(const GroupsContext& logs, Members members) {
  std::string name = group_named(members);
  CO_TRY_VOID(members.finish());
  co_return co_await change_group(logs, std::move(name), [](Group& group) -> Result<void> {
    group.kms_key.clear();
    return ok();
  });
}

net::Task<Answer> create_stream(const GroupsContext& logs, Members members) {
  const std::string name = group_named(members), stream = members.required("logStreamName");
  CO_TRY_VOID(members.finish());
  auto job = [=](sqlite3* raw) -> Answer {
    TRY(const bool group, has_group(raw, name));
    if (!group) return no_group();
    TRY(const bool there, has_stream(raw, name, stream));
    if (there) {
      return make_error(ErrorKind::conflict, "The specified log stream already exists",
                        "ResourceAlreadyExistsException");
    }
    TRY_VOID(check_count(raw, "log_stream", kStreamsMax, "There are 100,000 log streams"));
    Statement put(raw, "INSERT INTO log_stream(log_group, name, created) VALUES (?, ?, ?)");
    put.bind(1, name);
    put.bind(2, stream);
    put.bind(3, now_ms());
    TRY_VOID(put.step());
    return json::object();
  };
  co_return co_await logs.database.work<json>(std::move(job));
}

net::Task<Answer> tag_group(const GroupsContext& logs, Members members) {
  std::string name = group_of_arn(members, logs.arns);
  const auto added = members.pairs("tags");
  CO_TRY_VOID(members.finish());
  co_return co_await change_group(logs, std::move(name), [added](Group& group) -> Result<void> {
    for (const auto& [key, value] : added) group.tags[key] = value;
    return check_tags(group.tags);
  });
}

net::Task<Answer> untag_group(const GroupsContext& logs, Members members) {
  std::string name = group_of_arn(members, logs.arns);
  const auto keys = members.texts("tagKeys");
  CO_TRY_VOID(members.finish());
  co_return co_await change_group(logs, std::move(name), [keys](Group& group) -> Result<void> {
    for (const std::string& key : keys) group.tags.erase(key);
    return ok();
  });
}

net::Task<Answer> list_tags(const GroupsContext& logs, Members members) {
  const std::string name = group_of_arn(members, logs.arns);
  CO_TRY_VOID(members.finish());
  auto job = [name](sqlite3* raw) -> Answer {
    TRY(const Group group, load_group(raw, name));
    return json{{"tags", group.tags}};
  };
  co_return co_await logs.database.work<json>(std::move(job));
}

}  // namespace aurora_global::services::logs
