// The parts of an HTTP request that signing and dispatch look at. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aurora_global::awsapi {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpMessage {
  std::string method;
  std::string target;  // Path and query, as sent.
  Headers headers;
  std::string body;
};

// First value of a header, names compared without case; "" if there is none.
std::string header(const Headers& headers, std::string_view name);

// RFC 3986: everything but A-Z a-z 0-9 - _ . ~ as %XX.
std::string percent_encode(std::string_view text);
// The reverse; `+` stays. An incomplete escape stays as it is.
std::string percent_decode(std::string_view text);

}  // namespace aurora_global::awsapi
