#include "core/session_image.h"

namespace aurora_global::extension {
namespace {

constexpr char kVersion = 3;

class Writer {
 public:
  void number(std::uint64_t value) {
    while (value >= 0x80) {
      out += static_cast<char>(value | 0x80);
      value >>= 7;
    }
    out += static_cast<char>(value);
  }
  void flag(bool value) { out += value ? '\1' : '\0'; }
  void text(std::string_view text) {
    number(text.size());
    out += text;
  }
  void text(const std::optional<std::string>& value) {
    flag(value.has_value());
    if (value) text(std::string_view(*value));
  }
  template <typename List, typename Put>
  void list(const List& items, const Put& put) {
    number(items.size());
    for (const auto& item : items) put(item);
  }
  std::string out;
};

// After the first fault everything is zero and empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (left_.empty()) return fail();
      const auto byte = static_cast<unsigned char>(left_[0]);
      left_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) {
        // One way to write each number.
        if ((byte == 0 && shift > 0) || (shift == 63 && byte > 1)) return fail();
        return value;
      }
    }
    return fail();
  }
  std::uint32_t number32() {
    const std::uint64_t value = number();
    return static_cast<std::uint32_t>(value > UINT32_MAX ? fail() : value);
  }
  bool flag() {
    const std::uint64_t value = number();
    return (value > 1 ? fail() : value) == 1;
  }
  std::string text() {
    const std::uint64_t size = number();
    if (size > left_.size()) {
      fail();
      return {};
    }
    std::string text(left_.substr(0, size));
    left_.remove_prefix(size);
    // PostgreSQL's texts end at the first zero.
    if (text.find('\0') != std::string::npos) fail();
    return text;
  }
  std::optional<std::string> maybe_text() {
    return flag() ? std::optional<std::string>(text()) : std::nullopt;
  }
  template <typename List, typename Take>
  void list(List& items, const Take& take) {
    const std::uint64_t count = number();
    // Every item takes a byte at least.
    if (count > left_.size()) fail();
    for (std::uint64_t i = 0; i < count && good_; ++i) items.push_back(take());
  }
  bool ended_well() const { return good_ && left_.empty(); }
  bool good() const { return good_; }

 private:
  std::uint64_t fail() {
    good_ = false;
    left_ = {};
    return 0;
  }
  std::string_view left_;
  bool good_ = true;
};

void put(Writer& to, const SettingItem& item) {
  to.text(std::string_view(item.name));
  to.text(item.value);
  to.text(item.login);
  to.number(item.login_source);
  to.flag(item.local);
  to.number(item.set_by);
  to.flag(item.placeholder);
}

SettingItem setting(Reader& from) {
  SettingItem item;
  item.name = from.text();
  item.value = from.maybe_text();
  item.login = from.maybe_text();
  item.login_source = from.number32();
  item.local = from.flag();
  item.set_by = from.number32();
  item.placeholder = from.flag();
  return item;
}

void put(Writer& to, const ParseContext& context) {
  to.number(context.user);
  to.list(context.settings, [&](const auto& one) {
    to.text(std::string_view(one.first));
    to.text(std::string_view(one.second));
  });
}

ParseContext parse_context(Reader& from) {
  ParseContext context;
  context.user = from.number32();
  from.list(context.settings, [&] {
    std::string name = from.text();
    return std::pair(std::move(name), from.text());
  });
  return context;
}

void put(Writer& to, const StatementItem& item) {
  to.text(std::string_view(item.name));
  to.text(std::string_view(item.text));
  to.flag(item.from_sql);
  to.list(item.types, [&](std::uint32_t type) { to.number(type); });
  to.flag(item.columns.has_value());
  if (item.columns) {
    to.list(*item.columns, [&](const StatementItem::Column& column) {
      to.text(std::string_view(column.name));
      to.number(column.type);
      to.number(static_cast<std::uint32_t>(column.modifier));
      to.number(column.collation);
    });
  }
  to.number(static_cast<std::uint64_t>(item.prepared_at));
  to.number(item.context);
}

StatementItem statement(Reader& from) {
  StatementItem item;
  item.name = from.text();
  item.text = from.text();
  item.from_sql = from.flag();
  from.list(item.types, [&] { return from.number32(); });
  if (from.flag()) {
    item.columns.emplace();
    from.list(*item.columns, [&] {
      StatementItem::Column column;
      column.name = from.text();
      column.type = from.number32();
      column.modifier = static_cast<std::int32_t>(from.number32());
      column.collation = from.number32();
      return column;
    });
  }
  item.prepared_at = static_cast<std::int64_t>(from.number());
  item.context = from.number32();
  return item;
}

void put(Writer& to, const std::vector<SettingItem>& settings) {
  to.list(settings, [&](const SettingItem& item) { put(to, item); });
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string encode(const SessionImage& image) {
  Writer to;
  to.out += kVersion;
  to.number(static_cast<std::uint64_t>(image.kind));
  for (const std::uint32_t role : {image.database, image.login, image.session, image.role}) {
    to.number(role);
  }
  to.number(static_cast<std::uint64_t>(image.taken_at));
  to.number(static_cast<std::uint64_t>(image.began_at));
  put(to, image.settings);
  to.list(image.contexts, [&](const ParseContext& context) { put(to, context); });
  to.list(image.statements, [&](const StatementItem& item) { put(to, item); });
  to.flag(image.unnamed.has_value());
  if (image.unnamed) {
    to.text(std::string_view(image.unnamed->encoding));
    to.number(image.unnamed->context);
  }
  to.list(image.channels, [&](const std::string& channel) { to.text(std::string_view(channel)); });
  return std::move(to.out);
}

std::optional<SessionImage> decode_image(std::string_view bytes) {
  if (bytes.empty() || bytes[0] != kVersion) return std::nullopt;
  Reader from(bytes.substr(1));
  SessionImage image;
  const std::uint64_t kind = from.number();
  if (kind > static_cast<std::uint64_t>(SessionImage::Kind::statements)) return std::nullopt;
  image.kind = static_cast<SessionImage::Kind>(kind);
  for (std::uint32_t* role : {&image.database, &image.login, &image.session, &image.role}) {
    *role = from.number32();
  }
  image.taken_at = static_cast<std::int64_t>(from.number());
  image.began_at = static_cast<std::int64_t>(from.number());
  from.list(image.settings, [&] { return setting(from); });
  from.list(image.contexts, [&] { return parse_context(from); });
  from.list(image.statements, [&] { return statement(from); });
  if (from.flag()) {
    std::string encoding = from.text();
    image.unnamed = UnnamedItem{std::move(encoding), from.number32()};
  }
  from.list(image.channels, [&] { return from.text(); });
  if (!from.ended_well()) return std::nullopt;
  const auto good = [&](std::uint32_t context) {
    return context == kUnknownContext || context < image.contexts.size();
  };
  for (const StatementItem& item : image.statements) {
    if (!good(item.context)) return std::nullopt;
  }
  if (image.unnamed && !good(image.unnamed->context)) return std::nullopt;
  return image;
}

std::uint64_t digest(const std::vector<SettingItem>& settings) {
  Writer to;
  for (const SettingItem& item : settings) {
    to.text(std::string_view(item.name));
    to.text(item.value);
    to.text(item.login);
  }
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a.
  for (const char c : to.out) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

std::string to_hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

std::string startup_options(const std::vector<std::pair<std::string, std::string>>& settings) {
  std::string out;
  for (const auto& [name, value] : settings) {
    out += " -c " + name + "=";
    for (const char c : value) {
      if (c == ' ' || c == '\\' || (c >= '\t' && c <= '\r')) out += '\\';
      out += c;
    }
  }
  return out;
}

}  // namespace aurora_global::extension
