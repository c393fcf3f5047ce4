#include "link/config.h"

#include <toml++/toml.h>

#include <set>
#include <sstream>

namespace aurora_global::link {
namespace {

Result<void> refuse_unknown(const toml::table& table, const std::set<std::string_view>& known,
                            const std::string& where) {
  for (const auto& [key, node] : table) {
    if (!known.contains(key.str())) {
      return make_error(ErrorKind::invalid, where + ": unknown key '" + std::string(key.str()) +
                                                "' in line " +
                                                std::to_string(node.source().begin.line));
    }
  }
  return ok();
}

Result<std::string> text_at(const toml::table& table, std::string_view key,
                            const std::string& where) {
  const auto value = table[key].value<std::string>();
  if (!value || value->empty()) {
    return make_error(ErrorKind::invalid, where + ": '" + std::string(key) + "' needs a text");
  }
  return *value;
}

Result<double> number_at(const toml::table& table, std::string_view key, double otherwise,
                         const std::string& where) {
  if (!table.contains(key)) return otherwise;
  const auto value = table[key].value<double>();
  if (!value || !(*value >= 0) || *value > 1e9) {
    return make_error(ErrorKind::invalid,
                      where + ": '" + std::string(key) + "' needs a number that is not negative");
  }
  return *value;
}

}  // namespace

Result<LinkConfig> load_link_config(const std::filesystem::path& file) {
  const std::string where = file.string();
  toml::table root;
  try {
    root = toml::parse_file(where);
  } catch (const toml::parse_error& error) {
    std::ostringstream text;
    text << where << ": " << error.description() << " in line " << error.source().begin.line;
    return make_error(ErrorKind::invalid, text.str());
  }
  TRY_VOID(refuse_unknown(
      root, {"control", "pid_file", "latency_ms", "jitter_ms", "bandwidth_mbit_s", "route"},
      where));
  LinkConfig config;
  TRY(config.control, text_at(root, "control", where));
  TRY(config.pid_file, text_at(root, "pid_file", where));
  TRY(config.latency_ms, number_at(root, "latency_ms", config.latency_ms, where));
  TRY(config.jitter_ms, number_at(root, "jitter_ms", 0, where));
  TRY(config.bandwidth_mbit_s, number_at(root, "bandwidth_mbit_s", 0, where));
  const toml::array* routes = root["route"].as_array();
  if (routes == nullptr) return config;
  for (const toml::node& node : *routes) {
    if (!node.is_table())
      return make_error(ErrorKind::invalid, where + ": route must be [[route]]");
    const toml::table& table = *node.as_table();
    TRY_VOID(
        refuse_unknown(table, {"from", "to", "listen", "target", "source"}, where + ": [[route]]"));
    Route route;
    TRY(route.from, text_at(table, "from", where + ": [[route]]"));
    TRY(route.to, text_at(table, "to", where + ": [[route]]"));
    TRY(route.listen, text_at(table, "listen", where + ": [[route]]"));
    TRY(route.target, text_at(table, "target", where + ": [[route]]"));
    if (table.contains("source")) {
      TRY(route.source, text_at(table, "source", where + ": [[route]]"));
    }
    config.routes.push_back(std::move(route));
  }
  return config;
}

}  // namespace aurora_global::link
