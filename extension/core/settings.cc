#include "core/settings.h"

#include <algorithm>
#include <array>

namespace aurora_global::extension {
namespace {

// Lower case, sorted.
constexpr auto kStays = std::to_array<std::string_view>({
    "default_transaction_read_only",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "in_hot_standby",
    "is_superuser",
    "log_duration",
    "log_min_duration_statement",
    "log_statement",
    "seed",
    "transaction_deferrable",
    "transaction_isolation",
    "transaction_read_only",
});

constexpr std::string_view kSessionAuthorization = "session_authorization";
constexpr std::string_view kRole = "role";

bool is_identity(std::string_view name) { return name == kSessionAuthorization || name == kRole; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string quoted_name(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '.') {
      out += "\".\"";
    } else {
      out += c;
      if (c == '"') out += c;
    }
  }
  return out + "\"";
}

}  // namespace

bool travels(std::string_view name) {
  const std::string key = lower(name);
  if (key.starts_with("aurora_global.") || key.starts_with("apg_write_forward.")) return false;
  return !std::binary_search(kStays.begin(), kStays.end(), key);
}

std::string literal(std::string_view text) {
  std::string out = "E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + "'";
}

std::vector<std::string> difference(const Settings& from, const Settings& to) {
  const auto value_in = [](const Settings& settings, std::string_view name) {
    const auto at = settings.find(name);
    return at == settings.end() ? nullptr : &at->second;
  };
  const auto differs = [&](std::string_view name) {
    const Setting* before = value_in(from, name);
    const Setting* after = value_in(to, name);
    return (before == nullptr) != (after == nullptr) ||
           (before != nullptr && before->value != after->value);
  };
  const auto set = [](std::string_view name, const Setting& setting) {
    return "pg_catalog.set_config(" + literal(name) + "," + literal(setting.value) +
           (setting.local ? ",true)" : ",false)");
  };
  std::vector<std::string> resets;
  std::string select;
  for (const auto& [name, setting] : from) {
    if (!is_identity(name) && !to.contains(name)) resets.push_back("RESET " + quoted_name(name));
  }
  for (const auto& [name, setting] : to) {
    if (is_identity(name) || !differs(name)) continue;
    select += (select.empty() ? "SELECT " : ",") + set(name, setting);
  }
  std::vector<std::string> statements;
  const bool changed = !resets.empty() || !select.empty();
  const bool identity = differs(kSessionAuthorization) || differs(kRole);
  if (!changed && !identity) return statements;
  // Only who the session began as may set everything; the role comes last.
  const bool from_other = value_in(from, kSessionAuthorization) != nullptr;
  if (from_other) statements.push_back("RESET session_authorization");
  statements.insert(statements.end(), resets.begin(), resets.end());
  if (!select.empty()) statements.push_back(std::move(select));
  if (const Setting* user = value_in(to, kSessionAuthorization)) {
    statements.push_back("SELECT " + set(kSessionAuthorization, *user));
  }
  if (const Setting* role = value_in(to, kRole)) {
    statements.push_back("SELECT " + set(kRole, *role));
  } else if (value_in(from, kRole) != nullptr) {
    statements.push_back("RESET role");
  }
  return statements;
}

Settings of_startup(const Settings& settings) {
  Settings out;
  for (const auto& [name, setting] : settings) {
    if (setting.startup) out[name] = setting;
  }
  return out;
}

std::string startup_options(const Settings& settings) {
  std::string out;
  for (const auto& [name, setting] : settings) {
    if (!setting.startup || lower(name) == "client_encoding") continue;
    out += " -c " + name + "=";
    for (const char c : setting.value) {
      if (c == ' ' || c == '\\' || c == '\t' || c == '\n') out += '\\';
      out += c;
    }
  }
  return out;
}

std::uint64_t digest(const Settings& settings) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    hash = (hash ^ 0xff) * 0x100000001b3;
  };
  for (const auto& [name, setting] : settings) {
    mix(name);
    mix(setting.value);
  }
  return hash;
}

// name '=' value, with backslash, newline escaped.
std::string encode(const Settings& settings) {
  std::string out;
  for (const auto& [name, setting] : settings) {
    out += name + "=";
    for (const char c : setting.value) {
      if (c == '\\')
        out += "\\\\";
      else if (c == '\n')
        out += "\\n";
      else
        out += c;
    }
    out += '\n';
  }
  return out;
}

Settings decode(std::string_view text) {
  Settings out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    std::string value;
    for (std::size_t i = equals + 1; i < line.size(); ++i) {
      if (line[i] != '\\' || i + 1 == line.size()) {
        value += line[i];
      } else {
        value += line[++i] == 'n' ? '\n' : line[i];
      }
    }
    out[std::string(line.substr(0, equals))] = {std::move(value), false, false};
  }
  return out;
}

}  // namespace aurora_global::extension
