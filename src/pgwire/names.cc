#include "pgwire/names.h"

#include <algorithm>
#include <cctype>

namespace aurora_global::pgwire {
namespace {

constexpr std::size_t kNameBytesMax = 63;  // NAMEDATALEN - 1.

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The bytes of the character at the front of `text`; 0: it is none of UTF-8.
std::size_t character(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if (!continues(text[i])) return 0;
  }
  // No longer than needed, no surrogate, nothing beyond the last code point.
  if ((first == 0xe0 && at(1) < 0xa0) || (first == 0xed && at(1) > 0x9f) ||
      (first == 0xf0 && at(1) < 0x90) || (first == 0xf4 && at(1) > 0x8f)) {
    return 0;
  }
  return size;
}

bool begins(std::string_view word, std::string_view value, std::size_t at_least) {
  return value.size() >= at_least && value.size() <= word.size() &&
         std::equal(value.begin(), value.end(), word.begin(), [](char a, char b) {
           return std::tolower(static_cast<unsigned char>(a)) == b;
         });
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string kept_name(std::string_view name) {
  if (name.size() <= kNameBytesMax) return std::string(name);
  std::size_t size = kNameBytesMax;
  if (is_utf8(name)) {
    while (continues(name[size])) --size;
  }
  return std::string(name.substr(0, size));
}

std::optional<bool> parse_bool(std::string_view value) {
  // "o" alone may be either.
  if (begins("true", value, 1) || begins("yes", value, 1) || begins("on", value, 2) ||
      value == "1") {
    return true;
  }
  if (begins("false", value, 1) || begins("no", value, 1) || begins("off", value, 2) ||
      value == "0") {
    return false;
  }
  return std::nullopt;
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = character(text);
    if (size == 0) {
      out += '?';
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

}  // namespace aurora_global::pgwire
