// A session, or a part of it, as bytes that another server restores it from.
//
// Texts are in the encoding of the database, which is the same at both servers. What another end
// sent is read with suspicion: a malformed image is none. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aurora_global::extension {

struct SettingItem {
  std::string name;
  // What the session has SET; nullopt: nothing. In a `block` image: it was RESET.
  std::optional<std::string> value;
  // What RESET goes back to, where ALTER ROLE or ALTER DATABASE said so when the session began.
  std::optional<std::string> login;
  std::uint32_t login_source = 0;  // PostgreSQL's GucSource of that.
  bool local = false;              // Ends with the transaction.
  std::uint32_t set_by = 0;        // The role that has SET it.
  // Its server had no such setting, so that nobody had to have the right to SET it.
  bool placeholder = false;
  friend bool operator==(const SettingItem&, const SettingItem&) = default;
};

// What a statement means depends on the settings and the user it was parsed under.
struct ParseContext {
  std::uint32_t user = 0;
  std::vector<std::pair<std::string, std::string>> settings;
  friend bool operator==(const ParseContext&, const ParseContext&) = default;
};

inline constexpr std::uint32_t kUnknownContext = UINT32_MAX;

struct StatementItem {
  struct Column {
    std::string name;
    std::uint32_t type = 0;
    std::int32_t modifier = -1;
    std::uint32_t collation = 0;
    friend bool operator==(const Column&, const Column&) = default;
  };
  std::string name;
  std::string text;
  bool from_sql = false;  // By PREPARE: `text` is that whole statement.
  std::vector<std::uint32_t> types;
  std::optional<std::vector<Column>> columns;  // Of its result; nullopt: it has none.
  std::int64_t prepared_at = 0;
  std::uint32_t context = kUnknownContext;  // In SessionImage::contexts.
  friend bool operator==(const StatementItem&, const StatementItem&) = default;
};

// The unnamed statement, as far as who carries it does not know it from the client's message.
struct UnnamedItem {
  std::string encoding;  // The client's, when it came.
  std::uint32_t context = kUnknownContext;
  friend bool operator==(const UnnamedItem&, const UnnamedItem&) = default;
};

struct SessionImage {
  enum class Kind : std::uint8_t {
    whole,       // The session becomes this, in every item that moves.
    settings,    // The session's settings become these, as far as forwarding carries them.
    block,       // These settings are changed, in the transaction block that is open.
    statements,  // These statements are made, whatever had their names.
  };
  Kind kind = Kind::whole;
  std::uint32_t database = 0;
  std::uint32_t login = 0;  // The roles: who logged in, the session's user, SET ROLE.
  std::uint32_t session = 0;
  std::uint32_t role = 0;
  std::int64_t taken_at = 0;
  std::int64_t began_at = 0;  // Of a `block`: when it began, which is its now().
  std::vector<SettingItem> settings;
  std::vector<ParseContext> contexts;
  std::vector<StatementItem> statements;
  std::optional<UnnamedItem> unnamed;
  std::vector<std::string> channels;  // LISTEN.
  friend bool operator==(const SessionImage&, const SessionImage&) = default;
};

std::string encode(const SessionImage& image);
std::optional<SessionImage> decode_image(std::string_view bytes);

// Equal for sessions whose settings are: names, values, what RESET goes back to.
std::uint64_t digest(const std::vector<SettingItem>& settings);

// Bytes as hexadecimal digits, which no encoding and no setting changes.
std::string to_hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view text);

// Settings of the start-up packet as the value of libpq's `options`.
std::string startup_options(const std::vector<std::pair<std::string, std::string>>& settings);

}  // namespace aurora_global::extension
