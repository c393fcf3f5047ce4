// Messages of the PostgreSQL protocol as bytes: what a relay writes itself, and what it must read.
//
// Source: PostgreSQL 15 manual, chapter 55 "Frontend/Backend Protocol". Pure; knows no sockets.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace aurora_global::extension {

// One message: its type byte and what follows the length word.
struct Message {
  char type = 0;
  std::string_view body;
};

enum class NextMessage { complete, incomplete, corrupt };

// Looks at the first message of `bytes`. `size` is what it takes there, when complete.
NextMessage next_message(std::string_view bytes, Message& message, std::size_t& size);

// Appends frontend messages to a buffer.
class MessageWriter {
 public:
  explicit MessageWriter(std::string& out) : out_(out) {}

  void message(char type, std::string_view body);
  void query(std::string_view sql);
  void parse(std::string_view name, std::string_view sql, std::span<const std::uint32_t> types);
  void execute(std::string_view portal, std::int32_t max_rows);
  void close_statement(std::string_view name);
  void close_portal(std::string_view name);
  void sync() { message('S', {}); }

  // A message written piece by piece; the length is filled in at the end.
  void begin(char type);
  void put_text(std::string_view text);  // With its terminating zero.
  void put_bytes(std::string_view bytes) { out_.append(bytes); }
  void put16(std::int16_t value);
  void put32(std::int32_t value);
  void end();

 private:
  std::string& out_;
  std::size_t start_ = 0;
};

// A field of an ErrorResponse or NoticeResponse body, by its letter ('C': SQLSTATE, 'M': message).
std::optional<std::string_view> error_field(std::string_view body, char field);

// The body with one field replaced; dropped if `value` is nullopt. A field that is not there is
// added only by a value.
std::string with_error_field(std::string_view body, char field,
                             std::optional<std::string_view> value);

// The first zero-terminated string of a body; nullopt if it has no end.
std::optional<std::string_view> first_text(std::string_view body);

}  // namespace aurora_global::extension
