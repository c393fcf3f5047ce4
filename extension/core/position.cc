#include "core/position.h"

#include <charconv>
#include <cstdio>

namespace aurora_global::extension {

std::string encode(const Position& p) {
  char text[112];
  std::snprintf(text, sizeof text, "%llx %llx %x %x %llx %x %x",
                static_cast<unsigned long long>(p.commit),
                static_cast<unsigned long long>(p.catalog), p.timeline, p.epoch,
                static_cast<unsigned long long>(p.settings), p.login, p.pins);
  return text;
}

std::optional<Position> decode_position(std::string_view text) {
  Position p;
  const auto take = [&](auto& value, bool last) {
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (result.ec != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(result.ptr - text.data()));
    if (last) return text.empty();
    if (text.empty() || text[0] != ' ') return false;
    text.remove_prefix(1);
    return true;
  };
  if (!take(p.commit, false) || !take(p.catalog, false) || !take(p.timeline, false) ||
      !take(p.epoch, false) || !take(p.settings, false) || !take(p.login, false) ||
      !take(p.pins, true) || p.pins > pin_all) {
    return std::nullopt;
  }
  return p;
}

}  // namespace aurora_global::extension
