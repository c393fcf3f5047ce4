#include "pg/parse_context.h"

#include <map>

#include "pg/session.h"

extern "C" {
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "parser/parse_expr.h"
#include "parser/parser.h"
#include "pgtime.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/pg_locale.h"
#include "utils/rls.h"
#include "utils/xml.h"
}

namespace aurora_global::extension {
namespace {

constexpr const char* kSettings[] = {
    "standard_conforming_strings",
    "backslash_quote",
    "escape_string_warning",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "timezone_abbreviations",
    "search_path",
    "array_nulls",
    "transform_null_equals",
    "xmloption",
    "lc_monetary",
    "row_security",
    "session_replication_role",
};

// A session that changes them all the time and prepares all the time forgets the oldest.
constexpr std::size_t kContextsMax = 512;
constexpr std::size_t kChangesMax = 16 * 1024;

// What PostgreSQL's parser looks at, as it stands there.
struct Look {
  bool standard_conforming;
  bool escape_warning;
  bool array_nulls;
  bool null_equals;
  bool row_security;
  int backslash;
  int date_style;
  int date_order;
  int interval_style;
  int xml;
  int replication_role;
  Oid user;
  std::size_t time_zone;
  std::size_t texts;
  friend bool operator==(const Look&, const Look&) = default;
};

struct Change {
  TimestampTz since;
  std::uint32_t context;
};

struct Named {
  TimestampTz prepared_at;
  std::uint32_t context;
};

struct Memory {
  std::vector<ParseContext> contexts;
  std::vector<Change> changes;
  std::map<std::string, Named, std::less<>> named;
  Look look = {};
};

Memory& memory() {
  static auto* kept = new Memory;
  return *kept;
}

std::size_t hash(const char* text) {
  return std::hash<std::string_view>()(text == nullptr ? "" : text);
}

Look look_now() {
  return {standard_conforming_strings,
          escape_string_warning,
          Array_nulls,
          Transform_null_equals,
          row_security,
          backslash_quote,
          DateStyle,
          DateOrder,
          IntervalStyle,
          xmloption,
          SessionReplicationRole,
          GetUserId(),
          hash(session_timezone == nullptr ? "" : pg_get_timezone_name(session_timezone)),
          hash(namespace_search_path) ^ (hash(locale_monetary) << 1)};
}

const ParseContext& context_now() {
  static auto* context = new ParseContext;
  const char* values[std::size(kSettings)];
  for (std::size_t i = 0; i < std::size(kSettings); ++i) {
    const char* value = GetConfigOption(kSettings[i], true, false);
    values[i] = pstrdup(value == nullptr ? "" : value);
  }
  const Oid user = GetUserId();
  contained([&] {
    context->user = user;
    context->settings.clear();
    for (std::size_t i = 0; i < std::size(kSettings); ++i) {
      context->settings.emplace_back(kSettings[i], values[i]);
    }
  });
  return *context;
}

std::uint32_t place_of(const ParseContext& context) {
  auto& contexts = memory().contexts;
  for (std::size_t i = contexts.size(); i-- > 0;) {
    if (contexts[i] == context) return static_cast<std::uint32_t>(i);
  }
  if (contexts.size() >= kContextsMax || memory().changes.size() >= kChangesMax) {
    contexts.clear();
    memory().changes.clear();
    memory().named.clear();
  }
  contexts.push_back(context);
  return static_cast<std::uint32_t>(contexts.size() - 1);
}

// The place of the present context.
std::uint32_t note_now() {
  Memory& m = memory();
  const Look look = look_now();
  if (look == m.look && !m.changes.empty()) return m.changes.back().context;
  const ParseContext& now = context_now();
  return contained([&] {
    const std::uint32_t place = place_of(now);
    m.changes.push_back({GetCurrentStatementStartTimestamp(), place});
    m.look = look;
    return place;
  });
}

}  // namespace

void note_parse(const ParseState* state) {
  // Parse messages; the protocol's other statements, and those of functions, have no name.
  if (ActivePortal == nullptr && state->p_paramref_hook != nullptr) note_now();
}

void note_parse_of(const char* name) {
  PreparedStatement* statement = FetchPreparedStatement(name, false);
  if (statement == nullptr) return;
  const std::uint32_t place = note_now();
  contained([&] { memory().named[name] = {statement->prepare_time, place}; });
}

void note_parsed_elsewhere(const char* name, const ParseContext& context) {
  PreparedStatement* statement = FetchPreparedStatement(name, false);
  if (statement == nullptr) return;
  contained([&] { memory().named[name] = {statement->prepare_time, place_of(context)}; });
}

const ParseContext* parse_context_of(const PreparedStatement* statement) {
  const Memory& m = memory();
  const auto named = m.named.find(std::string_view(statement->stmt_name));
  if (named != m.named.end() && named->second.prepared_at == statement->prepare_time) {
    return &m.contexts[named->second.context];
  }
  return parse_context_at(statement->prepare_time);
}

// Parse messages come one by one, each at a time of its own.
const ParseContext* parse_context_at(TimestampTz time) {
  const Memory& m = memory();
  for (std::size_t i = m.changes.size(); i-- > 0;) {
    if (m.changes[i].since <= time) return &m.contexts[m.changes[i].context];
  }
  return nullptr;
}

bool holds_now(const ParseContext* context) {
  const Memory& m = memory();
  if (context == nullptr) return true;
  if (look_now() == m.look && &m.contexts[m.changes.back().context] == context) return true;
  return *context == context_now();
}

bool parses_the_same_now(const PreparedStatement* statement) {
  return holds_now(parse_context_of(statement));
}

void enter_parse_context(const ParseContext& context, int* nest_level, Oid* user, int* security) {
  *nest_level = NewGUCNestLevel();
  GetUserIdAndSecContext(user, security);
  for (const auto& [name, value] : context.settings) {
    set_config_option(name.c_str(), value.c_str(), PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
                      ERROR, false);
  }
  SetUserIdAndSecContext(context.user, *security | SECURITY_LOCAL_USERID_CHANGE);
}

namespace {

// PostgreSQL gives the user back when a transaction fails, and expects nobody to change it.
Oid user_before = InvalidOid;
int security_before = 0;

void give_user_back(XactEvent event, void*) {
  if (!OidIsValid(user_before)) return;
  if (event == XACT_EVENT_COMMIT) SetUserIdAndSecContext(user_before, security_before);
  if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT) user_before = InvalidOid;
}

}  // namespace

void hold_parse_context(const ParseContext& context) {
  for (const auto& [name, value] : context.settings) {
    set_config_option(name.c_str(), value.c_str(), PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true,
                      ERROR, false);
  }
  if (context.user == GetUserId() || OidIsValid(user_before)) return;
  const Oid session = GetSessionUserId();
  if (context.user != session && !is_member_of_role(session, context.user)) return;
  static bool registered = false;
  if (!registered) RegisterXactCallback(give_user_back, nullptr);
  registered = true;
  GetUserIdAndSecContext(&user_before, &security_before);
  SetUserIdAndSecContext(context.user, security_before | SECURITY_LOCAL_USERID_CHANGE);
}

void leave_parse_context(int nest_level, Oid user, int security) {
  SetUserIdAndSecContext(user, security);
  AtEOXact_GUC(true, nest_level);
}

}  // namespace aurora_global::extension
