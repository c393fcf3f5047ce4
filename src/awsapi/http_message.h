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

// ASCII in lower case.
std::string lower(std::string_view text);

// First value of a header, names compared without case; "" if there is none.
std::string header(const Headers& headers, std::string_view name);

// RFC 3986: everything but A-Z a-z 0-9 - _ . ~ as %XX.
std::string percent_encode(std::string_view text);
// The reverse; `+` stays. An incomplete escape stays as it is.
std::string percent_decode(std::string_view text);

// How many bytes from the start are valid UTF-8 (RFC 3629); text.size() if all are. JSON and XML
// documents can carry nothing else.
std::size_t valid_utf8_prefix(std::string_view text);
inline bool is_valid_utf8(std::string_view text) { return valid_utf8_prefix(text) == text.size(); }
// With U+FFFD in place of each byte that is no UTF-8.
std::string as_utf8(std::string_view text);
// As much of a client's text as an error shows: whole characters, "..." where it goes on.
std::string shown(std::string_view text);

}  // namespace aurora_global::awsapi
