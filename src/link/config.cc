#include "link/config.h"

#include "settings/toml_reader.h"

namespace aurora_global::link {
namespace {

constexpr double kMost = 1e9;
constexpr std::size_t kRoutesMax = 1000;

Result<LinkConfig> read_link_config(const toml::table& root, const std::string& file) {
  LinkConfig config;
  settings::TableReader reader(root, file);
  reader.require_path("control", config.control);
  reader.require_path("pid_file", config.pid_file);
  reader.number("latency_ms", config.latency_ms, 0, kMost);
  reader.number("jitter_ms", config.jitter_ms, 0, kMost);
  reader.number("bandwidth_mbit_s", config.bandwidth_mbit_s, 0, kMost);
  const toml::array* routes = reader.tables("route");
  TRY_VOID(reader.finish());
  if (routes == nullptr) return config;
  if (routes->size() > kRoutesMax) {
    return make_error(ErrorKind::invalid,
                      file + ": more than " + std::to_string(kRoutesMax) + " routes");
  }
  for (const toml::node& node : *routes) {
    Route route;
    settings::TableReader one(*node.as_table(), file + ": [[route]]");
    one.require("from", route.from);
    one.require("to", route.to);
    one.require("listen", route.listen);
    one.require("target", route.target);
    one.text("source", route.source);
    TRY_VOID(one.finish());
    config.routes.push_back(std::move(route));
  }
  return config;
}

}  // namespace

Result<LinkConfig> parse_link_config(std::string_view text, const std::string& file) {
  TRY(const toml::table root, settings::parse_toml(text, file));
  return read_link_config(root, file);
}

Result<LinkConfig> load_link_config(const std::filesystem::path& file) {
  TRY(const toml::table root, settings::load_toml(file));
  return read_link_config(root, file.string());
}

}  // namespace aurora_global::link
