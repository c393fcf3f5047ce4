#include "base/ids.h"

#include <charconv>
#include <cstdio>

namespace aurora_global {

std::string Lsn::text() const {
  char buffer[24];
  std::snprintf(buffer, sizeof buffer, "%X/%X", static_cast<unsigned>(value >> 32),
                static_cast<unsigned>(value & 0xffffffffu));
  return buffer;
}

Result<Lsn> Lsn::parse(std::string_view text) {
  const auto slash = text.find('/');
  std::uint32_t high = 0;
  std::uint32_t low = 0;
  const auto part = [](std::string_view digits, std::uint32_t& out) {
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), out, 16);
    return error == std::errc() && end == digits.data() + digits.size() && digits.size() <= 8;
  };
  if (slash == std::string_view::npos || !part(text.substr(0, slash), high) ||
      !part(text.substr(slash + 1), low)) {
    return make_error(ErrorKind::invalid, "not a WAL position (want X/X): " + std::string(text));
  }
  return Lsn{(std::uint64_t{high} << 32) | low};
}

}  // namespace aurora_global
