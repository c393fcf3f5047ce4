#include "base/rng.h"

#include <sys/random.h>

#include <vector>

#include "base/check.h"

namespace aurora_global {

std::string random_hex(std::size_t bytes) {
  std::vector<unsigned char> raw(bytes);
  CHECK(getrandom(raw.data(), raw.size(), 0) == static_cast<ssize_t>(raw.size()));
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes * 2);
  for (const unsigned char byte : raw) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace aurora_global
