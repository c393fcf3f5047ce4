// Reads TOML: the file, and its tables key by key. Every file of ours in that language is read
// here.
//
// A file is somebody's to write, so whatever is wrong with it is an Error with the file, the line
// and what would be right. Nothing is guessed and nothing is left out: unknown keys are errors.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aurora_global::settings {

inline constexpr std::size_t kTomlBytesMax = 1024 * 1024;

// `file` is its name for messages. Fails with `invalid`.
Result<toml::table> parse_toml(std::string_view text, const std::string& file);
// Fails with `not_found` or `invalid`.
Result<toml::table> load_toml(const std::filesystem::path& file);

// Takes the values of one table and remembers the first thing that is wrong, and which keys it was
// asked for. The table outlives it.
class TableReader {
 public:
  // `where`: how messages begin, for instance "router.toml: [[endpoint]]".
  TableReader(const toml::table& table, std::string where)
      : table_(table), where_(std::move(where)) {}

  // A text that is there and not empty.
  void require(std::string_view key, std::string& out);
  // These leave `out` as it is when the key is absent.
  void text(std::string_view key, std::string& out);
  void texts(std::string_view key, std::vector<std::string>& out);
  void flag(std::string_view key, bool& out);
  template <typename Integer>
  void whole(std::string_view key, Integer& out, std::int64_t least, std::int64_t most) {
    if (const auto value = whole_at(key, least, most)) out = static_cast<Integer>(*value);
  }
  void number(std::string_view key, double& out, double least, double most);
  void path(std::string_view key, std::filesystem::path& out);
  void require_path(std::string_view key, std::filesystem::path& out);
  // The [table] or the [[tables]] of this name; nullptr: none. Anything else of that name is wrong.
  const toml::table* table(std::string_view key);
  const toml::array* tables(std::string_view key);

  void fail(std::string_view key, const std::string& what);
  // The first thing that was wrong, an unknown key included.
  Result<void> finish();

 private:
  const toml::node* take(std::string_view key);
  std::optional<std::int64_t> whole_at(std::string_view key, std::int64_t least, std::int64_t most);
  std::string line_of(const toml::node* node) const;

  const toml::table& table_;
  std::string where_;
  std::set<std::string, std::less<>> known_;
  std::string problem_;
};

}  // namespace aurora_global::settings
