#include "settings/toml_reader.h"

#include <fstream>
#include <sstream>

namespace aurora_global::settings {

Result<toml::table> parse_toml(std::string_view text, const std::string& file) {
  if (text.size() > kTomlBytesMax) {
    return make_error(ErrorKind::invalid,
                      file + ": larger than " + std::to_string(kTomlBytesMax) + " bytes");
  }
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    std::ostringstream what;
    what << file << ": " << error.description() << " in line " << error.source().begin.line;
    return make_error(ErrorKind::invalid, what.str());
  }
}

Result<toml::table> load_toml(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    return make_error(ErrorKind::not_found, file.string() + ": there is no such file");
  }
  std::ifstream in(file, std::ios::binary);
  std::string text;
  char chunk[4096];
  while (in.read(chunk, sizeof chunk) || in.gcount() > 0) {
    text.append(chunk, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kTomlBytesMax) break;
  }
  if (in.bad() || (!in.eof() && text.empty())) {
    return make_error(ErrorKind::invalid, file.string() + ": it cannot be read");
  }
  return parse_toml(text, file.string());
}

const toml::node* TableReader::take(std::string_view key) {
  known_.emplace(key);
  return table_.get(key);
}

std::string TableReader::line_of(const toml::node* node) const {
  const auto line = (node == nullptr ? table_.source() : node->source()).begin.line;
  return line == 0 ? "" : " in line " + std::to_string(line);
}

void TableReader::fail(std::string_view key, const std::string& what) {
  if (!problem_.empty()) return;
  problem_ = where_ + ": '" + std::string(key) + "' " + what + line_of(table_.get(key));
}

void TableReader::require(std::string_view key, std::string& out) {
  const toml::node* node = take(key);
  const auto value = node == nullptr ? std::nullopt : node->value_exact<std::string>();
  if (!value || value->empty()) return fail(key, "needs a text");
  out = *value;
}

void TableReader::text(std::string_view key, std::string& out) {
  const toml::node* node = take(key);
  if (node == nullptr) return;
  const auto value = node->value_exact<std::string>();
  if (!value) return fail(key, "needs a text");
  out = *value;
}

void TableReader::texts(std::string_view key, std::vector<std::string>& out) {
  const toml::node* node = take(key);
  if (node == nullptr) return;
  const toml::array* all = node->as_array();
  const bool right = all != nullptr && (all->empty() || all->is_homogeneous<std::string>());
  if (!right) return fail(key, "needs a list of texts");
  out.clear();
  for (const toml::node& one : *all) out.push_back(one.value_or(std::string()));
}

void TableReader::flag(std::string_view key, bool& out) {
  const toml::node* node = take(key);
  if (node == nullptr) return;
  const auto value = node->value_exact<bool>();
  if (!value) return fail(key, "needs true or false");
  out = *value;
}

std::optional<std::int64_t> TableReader::whole_at(std::string_view key, std::int64_t least,
                                                  std::int64_t most) {
  const toml::node* node = take(key);
  if (node == nullptr) return std::nullopt;
  const auto value = node->value_exact<std::int64_t>();
  if (!value || *value < least || *value > most) {
    fail(key, "needs a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
  }
  return value;
}

void TableReader::number(std::string_view key, double& out, double least, double most) {
  const toml::node* node = take(key);
  if (node == nullptr) return;
  const auto value = node->is_number() ? node->value<double>() : std::nullopt;
  if (!value || !(*value >= least && *value <= most)) {
    std::ostringstream range;
    range << "needs a number from " << least << " to " << most;
    return fail(key, range.str());
  }
  out = *value;
}

void TableReader::path(std::string_view key, std::filesystem::path& out) {
  std::string value = out.string();
  text(key, value);
  out = value;
}

void TableReader::require_path(std::string_view key, std::filesystem::path& out) {
  std::string value;
  require(key, value);
  out = value;
}

const toml::table* TableReader::table(std::string_view key) {
  const toml::node* node = take(key);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) fail(key, "is a table: [" + std::string(key) + "]");
  return node->as_table();
}

const toml::array* TableReader::tables(std::string_view key) {
  const toml::node* node = take(key);
  if (node == nullptr) return nullptr;
  const toml::array* all = node->as_array();
  const bool right = all != nullptr && (all->empty() || all->is_homogeneous<toml::table>());
  if (right) return all;
  fail(key, "is a list of tables: [[" + std::string(key) + "]]");
  return nullptr;
}

Result<void> TableReader::finish() {
  for (const auto& [key, node] : table_) {
    if (known_.contains(key.str())) continue;
    std::string names;
    for (const std::string& name : known_) names += (names.empty() ? "" : ", ") + name;
    if (problem_.empty()) {
      problem_ = where_ + ": unknown key '" + std::string(key.str()) + "'" + line_of(&node) +
                 "; known are: " + names;
    }
  }
  if (!problem_.empty()) return make_error(ErrorKind::invalid, problem_);
  return ok();
}

}  // namespace aurora_global::settings
