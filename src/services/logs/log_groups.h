// The log groups themselves: made, kept, tagged and removed with their lines. A group is also made
// by the first line that is stored in it, and so is a stream.
#pragma once

#include <nlohmann/json.hpp>

#include "database/database.h"
#include "region/region.h"
#include "services/json_protocol.h"

namespace aurora_global::services::logs {

inline constexpr const char* kGroupsSchema =
    "CREATE TABLE IF NOT EXISTS log_group(name TEXT PRIMARY KEY, created INTEGER NOT NULL,"
    " retention INTEGER NOT NULL, kms_key TEXT NOT NULL, tags TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS log_stream(log_group TEXT NOT NULL, name TEXT NOT NULL,"
    " created INTEGER NOT NULL, PRIMARY KEY(log_group, name)) WITHOUT ROWID;";

class LineBounds;

// What operations get beside their input.
struct GroupsContext {
  database::Database& database;
  std::string arns;  // "arn:aws:logs:us-east-1:123456789012:log-group:"
  LineBounds& bounds;
};

using Answer = Result<nlohmann::json>;
using Operation = net::Task<Answer> (*)(const GroupsContext&, Members);

net::Task<Answer> create_group(const GroupsContext& logs, Members members);
net::Task<Answer> delete_group(const GroupsContext& logs, Members members);
net::Task<Answer> describe_groups(const GroupsContext& logs, Members members);
net::Task<Answer> put_retention(const GroupsContext& logs, Members members);
net::Task<Answer> delete_retention(const GroupsContext& logs, Members members);
net::Task<Answer> associate_key(const GroupsContext& logs, Members members);
net::Task<Answer> disassociate_key(const GroupsContext& logs, Members members);
net::Task<Answer> create_stream(const GroupsContext& logs, Members members);
net::Task<Answer> tag_group(const GroupsContext& logs, Members members);
net::Task<Answer> untag_group(const GroupsContext& logs, Members members);
net::Task<Answer> list_tags(const GroupsContext& logs, Members members);

// What several operations share.
Result<bool> has_group(sqlite3* database, const std::string& group);
Result<bool> has_stream(sqlite3* database, const std::string& group, const std::string& stream);
Error no_group();
Error no_stream();
// The group that an input names, by name or ARN.
std::string group_named(Members& members);
// Pages of names are counted: a token is how many came before.
std::int64_t offset_in(Members& members);
// One page of `all`, below `name`.
nlohmann::json page_of(const nlohmann::json& all, const char* name, std::int64_t offset,
                       std::int64_t limit);
// Removes what is older than its group keeps it. `now` in milliseconds since 1970.
Result<void> expire_lines(sqlite3* database, std::int64_t now);

}  // namespace aurora_global::services::logs
