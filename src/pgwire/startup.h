// The first packet of a PostgreSQL client, and the answer of a server that cannot serve it.
//
// Source: PostgreSQL 15 manual, 55.2.1 "Start-up" and 55.7 "Message Formats". Pure: bytes in,
// values out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"

namespace aurora_global::pgwire {

using Bytes = std::vector<std::uint8_t>;
using BytesView = std::span<const std::uint8_t>;

// PostgreSQL's own limit for a start-up packet (MAX_STARTUP_PACKET_LENGTH).
inline constexpr std::size_t kStartupBytesMax = 10'000;

struct SslRequest {};
struct GssEncRequest {};
struct CancelRequest {
  std::uint32_t process_id = 0;
  std::uint32_t secret_key = 0;
};
struct StartupMessage {
  std::uint16_t major = 3;
  std::uint16_t minor = 0;
  std::map<std::string, std::string> parameters;
};
using FirstPacket = std::variant<SslRequest, GssEncRequest, CancelRequest, StartupMessage>;

struct ParsedFirstPacket {
  FirstPacket packet;
  std::size_t size = 0;  // Bytes it took.
};

// Nullopt: more bytes are needed. Fails with `corrupt` for what no client of PostgreSQL sends.
Result<std::optional<ParsedFirstPacket>> parse_first_packet(BytesView bytes);

// An ErrorResponse of severity FATAL.
Bytes fatal_error(std::string_view sqlstate, std::string_view message, std::string_view hint = "");

Bytes encode(const CancelRequest& request);

}  // namespace aurora_global::pgwire
