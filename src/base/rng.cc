#include "base/rng.h"

#include <sys/random.h>

#include "base/check.h"
#include "base/hex.h"

namespace aurora_global {

std::uint64_t SystemRandomness::next() {
  std::uint64_t number = 0;
  CHECK(getrandom(&number, sizeof number, 0) == static_cast<ssize_t>(sizeof number));
  return number;
}

std::string SystemRandomness::hex(std::size_t bytes) { return random_hex(bytes); }

std::string SeededRandomness::hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  for (char& byte : raw) byte = static_cast<char>(rng_.below(256));
  return hex_text(raw);
}

std::string random_hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  CHECK(getrandom(raw.data(), raw.size(), 0) == static_cast<ssize_t>(raw.size()));
  return hex_text(raw);
}

std::string random_uuid() {
  std::string hex = random_hex(16);
  hex[12] = '4';  // The version.
  hex[16] = "89ab"[static_cast<unsigned char>(hex[16]) & 3];
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

}  // namespace aurora_global
