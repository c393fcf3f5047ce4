// The client's messages of PostgreSQL's protocol, and a form of all messages that people can read.
//
// Written apart from src/pgwire on purpose: a mistake there is not made here a second time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aurora_global::sessions {

// Type and body as they cross the wire, without the length.
struct Message {
  char type = 0;
  std::string body;
  bool operator==(const Message&) const = default;
};

using Parameters = std::vector<std::pair<std::string, std::string>>;
using Value = std::optional<std::string>;

std::string encode(const Message& message);
std::string startup_packet(const Parameters& parameters);
std::string cancel_packet(std::uint32_t process_id, std::uint32_t secret);

Message query(std::string_view sql);
Message parse(std::string_view statement, std::string_view sql,
              const std::vector<std::uint32_t>& types = {});
// `formats` and `results`: none, one for all, or one for each (0: text, 1: binary).
Message bind(std::string_view portal, std::string_view statement, const std::vector<Value>& values,
             const std::vector<std::int16_t>& formats = {},
             const std::vector<std::int16_t>& results = {});
Message describe(char what, std::string_view name);
Message execute(std::string_view portal, std::uint32_t max_rows);
Message close(char what, std::string_view name);
Message function_call(std::uint32_t oid, const std::vector<Value>& values);
Message bare(char type);  // Sync, Flush, CopyDone, Terminate
Message copy_data(std::string_view data);
Message copy_fail(std::string_view reason);

// Everything but printable ASCII is escaped: \0, \n, \\, \xHH.
std::string escaped(std::string_view bytes);
// Throws std::invalid_argument.
std::string unescaped(std::string_view text);

// A field of an ErrorResponse or NoticeResponse; empty if there is none.
std::string field(const Message& error, char letter);
std::uint32_t number_at(std::string_view bytes, std::size_t at);
std::uint16_t short_at(std::string_view bytes, std::size_t at);

}  // namespace aurora_global::sessions
