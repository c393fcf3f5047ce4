// What a session is made of, and where each part of it goes: the one definition. Who carries a
// session (a move to another server, write forwarding, the start-up packet) asks it.
//
// Besides settings there are, without a choice to make: prepared statements and LISTEN (they move;
// forwarding makes statements at the primary when they are used), and what ends a move: temporary
// objects, advisory locks, cursors WITH HOLD.
#pragma once

#include <cstdint>
#include <string_view>

namespace aurora_global::extension {

// Of a setting. The order of `Rule` is that of docs/reference/extension.md.
enum class Rule : std::uint8_t {
  stays,        // The server's, or one transaction's.
  login,        // The start-up packet gives it; nothing changes it later.
  session,      // Goes with a move and with forwarding.
  client_side,  // Goes with a move. Forwarding leaves it: it acts where the client is.
  identity,     // As `session`, but after everything else: it takes rights away.
};

// PostgreSQL's GucContext, as far as it matters here.
enum class SetBy : std::uint8_t { server, start_up, session };

Rule rule_of(std::string_view name, SetBy by);
std::string_view name_of(Rule rule);

inline bool moves(Rule rule) {
  return rule == Rule::session || rule == Rule::client_side || rule == Rule::identity;
}
inline bool forwards(Rule rule) { return rule == Rule::session || rule == Rule::identity; }

}  // namespace aurora_global::extension
