// "127.0.1.1:4566", "db.example.com:5432": what an address is made of.
#pragma once

#include <string>
#include <string_view>

namespace aurora_global {

struct HostPort {
  std::string host, port;
};

// Splits at the last colon. Without one, all of it is the host and there is no port.
inline HostPort split_host_port(std::string_view address) {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos) return {std::string(address), ""};
  return {std::string(address.substr(0, colon)), std::string(address.substr(colon + 1))};
}

}  // namespace aurora_global
