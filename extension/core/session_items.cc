#include "core/session_items.h"

#include <algorithm>
#include <array>
#include <string>

namespace aurora_global::extension {
namespace {

// Each list in lower case, sorted.

// Settable in a session, and no part of it: a transaction has them, or the server shows by them
// what it is. The state of random() cannot be read.
constexpr auto kStays = std::to_array<std::string_view>({
    "aurora_global.session",
    "aurora_global.session_settings",
    "in_hot_standby",
    "is_superuser",
    "seed",
    "transaction_deferrable",
    "transaction_isolation",
    "transaction_read_only",
});

// About the client's connection and who waits for it, and about the log of the server it is at.
constexpr auto kClientSide = std::to_array<std::string_view>({
    "client_connection_check_interval",
    "idle_session_timeout",
    "log_duration",
    "log_min_duration_statement",
    "log_statement",
    "tcp_keepalives_count",
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
    "tcp_user_timeout",
});

constexpr auto kIdentity = std::to_array<std::string_view>({"role", "session_authorization"});

static_assert(std::is_sorted(kStays.begin(), kStays.end()));
static_assert(std::is_sorted(kClientSide.begin(), kClientSide.end()));

template <typename List>
bool lists(const List& list, std::string_view name) {
  return std::binary_search(list.begin(), list.end(), name);
}

}  // namespace

Rule rule_of(std::string_view name, SetBy by) {
  if (by == SetBy::server) return Rule::stays;
  std::string key(name);
  for (char& c : key) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (lists(kStays, key)) return Rule::stays;
  if (by == SetBy::start_up) return Rule::login;
  if (lists(kIdentity, key)) return Rule::identity;
  const bool of_forwarding =
      key.starts_with("aurora_global.") || key.starts_with("apg_write_forward.");
  return of_forwarding || lists(kClientSide, key) ? Rule::client_side : Rule::session;
}

std::string_view name_of(Rule rule) {
  switch (rule) {
    case Rule::stays: return "stays";
    case Rule::login: return "login";
    case Rule::session: return "session";
    case Rule::client_side: return "client side";
    case Rule::identity: return "identity";
  }
  return "";
}

}  // namespace aurora_global::extension
