#include "awsapi/http_message.h"

#include <algorithm>
#include <cctype>

namespace aurora_global::awsapi {
namespace {

bool same_name(std::string_view left, std::string_view right) {
  return std::equal(
      left.begin(), left.end(), right.begin(), right.end(),
      [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return "";
}

std::string percent_encode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

std::string percent_decode(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  while (at < text.size()) {
    const unsigned char first = byte(at);
    std::size_t size = 1;
    char32_t value = first;
    if (first >= 0x80) {
      if (first >= 0xC2 && first <= 0xDF) size = 2;
      if (first >= 0xE0 && first <= 0xEF) size = 3;
      if (first >= 0xF0 && first <= 0xF4) size = 4;
      if (size == 1 || at + size > text.size()) return at;
      value = first & (0xFFu >> (size + 1));
      for (std::size_t i = 1; i < size; ++i) {
        if ((byte(at + i) & 0xC0u) != 0x80u) return at;
        value = (value << 6) | (byte(at + i) & 0x3Fu);
      }
      const bool too_long = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
      if (too_long || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return at;
    }
    at += size;
  }
  return at;
}

std::string as_utf8(std::string_view text) {
  std::string out;
  for (;;) {
    const std::size_t valid = valid_utf8_prefix(text);
    out += text.substr(0, valid);
    if (valid == text.size()) return out;
    out += "\xEF\xBF\xBD";
    text.remove_prefix(valid + 1);
  }
}

std::string shown(std::string_view text) {
  constexpr std::size_t kShownMax = 200;
  if (text.size() <= kShownMax) return std::string(text);
  text = text.substr(0, kShownMax);
  return std::string(text.substr(0, valid_utf8_prefix(text))) + "...";
}

}  // namespace aurora_global::awsapi
