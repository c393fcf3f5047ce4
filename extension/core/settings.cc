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
    "session_authorization",
    "transaction_deferrable",
    "transaction_isolation",
    "transaction_read_only",
});

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
  std::vector<std::string> statements;
  for (const auto& [name, setting] : from) {
    if (!to.contains(name)) statements.push_back("RESET " + quoted_name(name));
  }
  std::string select;
  for (const auto& [name, setting] : to) {
    const auto before = from.find(name);
    if (before != from.end() && before->second.value == setting.value) continue;
    select += select.empty() ? "SELECT " : ",";
    select += "pg_catalog.set_config(" + literal(name) + "," + literal(setting.value) +
              (setting.local ? ",true)" : ",false)");
  }
  if (!select.empty()) statements.push_back(std::move(select));
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
      if (c == '\\') out += "\\\\";
      else if (c == '\n') out += "\\n";
      else out += c;
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
