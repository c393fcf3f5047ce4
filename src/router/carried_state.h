// What of a session moves with it to another server: read from one, restored on the other.
//
// The extension's aurora_global_session_state() tells (docs/reference/extension.md). All SQL here
// goes through the extended protocol under a reserved name, for it runs in a client's session and
// must leave the unnamed statement alone.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "pgwire/message.h"

namespace aurora_global::router {

struct CarriedState {
  struct Statement {
    std::string name;
    std::string sql;
    bool from_sql = false;  // By PREPARE: `sql` is that whole statement.
    std::vector<std::uint32_t> types;
  };
  std::vector<std::pair<std::string, std::string>> settings;
  std::string session_authorization;  // Empty: as logged in.
  std::string role;                   // Empty: none.
  std::vector<Statement> statements;
  std::vector<std::string> listening;
  // What cannot be carried, for people: "a temporary table"; empty if everything can.
  std::string obstacle;

  bool empty() const {
    return settings.empty() && session_authorization.empty() && role.empty() &&
           statements.empty() && listening.empty();
  }
};

// The question, ended with one Sync; its answer is one row with one column.
pgwire::Bytes ask_for_state();
// Fails with `corrupt`.
Result<CarriedState> parse_carried_state(std::string_view json);

// Statements, each with its Sync, so that one that fails does not take others with it.
struct Batch {
  pgwire::Bytes bytes;
  std::vector<std::string> what;  // For each Sync, for people: "setting search_path".
  void clear() {
    bytes.clear();
    what.clear();
  }
};

// What a standby takes, and what only the writer takes after it.
Batch restore_on_standby(const CarriedState& state);
Batch restore_on_writer(const CarriedState& state);
// Makes a session that had restored another state a fresh one.
Batch forget();

}  // namespace aurora_global::router
