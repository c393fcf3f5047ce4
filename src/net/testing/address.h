// A loopback address that no other test process is likely to use at the same time.
#pragma once

#include <unistd.h>

#include <string>

namespace aurora_global::net::testing {

inline std::string own_address(int number) {
  const unsigned pid = static_cast<unsigned>(getpid());
  return "127." + std::to_string(130 + pid % 50) + "." + std::to_string((pid / 50) % 250) + "." +
         std::to_string(number) + ":4566";
}

}  // namespace aurora_global::net::testing
