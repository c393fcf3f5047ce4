#include "messages.h"

#include <stdexcept>

namespace aurora_global::sessions {
namespace {

void put_short(std::string& out, std::uint16_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value);
}

void put_number(std::string& out, std::uint32_t value) {
  put_short(out, static_cast<std::uint16_t>(value >> 16));
  put_short(out, static_cast<std::uint16_t>(value));
}

void put_text(std::string& out, std::string_view text) {
  out += text;
  out += '\0';
}

void put_values(std::string& out, const std::vector<Value>& values) {
  put_short(out, static_cast<std::uint16_t>(values.size()));
  for (const Value& value : values) {
    put_number(out, value ? static_cast<std::uint32_t>(value->size()) : ~0U);
    if (value) out += *value;
  }
}

void put_formats(std::string& out, const std::vector<std::int16_t>& formats) {
  put_short(out, static_cast<std::uint16_t>(formats.size()));
  for (const std::int16_t format : formats) put_short(out, static_cast<std::uint16_t>(format));
}

std::string framed(const std::string& body) {
  std::string out;
  put_number(out, static_cast<std::uint32_t>(body.size() + 4));
  return out + body;
}

int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  throw std::invalid_argument(std::string("no hexadecimal digit: ") + digit);
}

}  // namespace

std::string encode(const Message& message) { return message.type + framed(message.body); }

std::string startup_packet(const Parameters& parameters) {
  constexpr std::uint32_t kProtocol3 = 196608;
  std::string body;
  put_number(body, kProtocol3);
  for (const auto& [name, value] : parameters) {
    put_text(body, name);
    put_text(body, value);
  }
  body += '\0';
  return framed(body);
}

std::string cancel_packet(std::uint32_t process_id, std::uint32_t secret) {
  constexpr std::uint32_t kCancelRequest = 80877102;
  std::string body;
  put_number(body, kCancelRequest);
  put_number(body, process_id);
  put_number(body, secret);
  return framed(body);
}

Message query(std::string_view sql) { return {'Q', std::string(sql) + '\0'}; }

Message parse(std::string_view statement, std::string_view sql,
              const std::vector<std::uint32_t>& types) {
  std::string body;
  put_text(body, statement);
  put_text(body, sql);
  put_short(body, static_cast<std::uint16_t>(types.size()));
  for (const std::uint32_t type : types) put_number(body, type);
  return {'P', body};
}

Message bind(std::string_view portal, std::string_view statement, const std::vector<Value>& values,
             const std::vector<std::int16_t>& formats, const std::vector<std::int16_t>& results) {
  std::string body;
  put_text(body, portal);
  put_text(body, statement);
  put_formats(body, formats);
  put_values(body, values);
  put_formats(body, results);
  return {'B', body};
}

Message describe(char what, std::string_view name) {
  return {'D', what + std::string(name) + '\0'};
}

Message execute(std::string_view portal, std::uint32_t max_rows) {
  std::string body;
  put_text(body, portal);
  put_number(body, max_rows);
  return {'E', body};
}

Message close(char what, std::string_view name) { return {'C', what + std::string(name) + '\0'}; }

Message function_call(std::uint32_t oid, const std::vector<Value>& values) {
  std::string body;
  put_number(body, oid);
  put_formats(body, {0});
  put_values(body, values);
  put_short(body, 0);
  return {'F', body};
}

Message bare(char type) { return {type, {}}; }
Message copy_data(std::string_view data) { return {'d', std::string(data)}; }
Message copy_fail(std::string_view reason) { return {'f', std::string(reason) + '\0'}; }

std::string escaped(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char byte : bytes) {
    const auto code = static_cast<unsigned char>(byte);
    if (byte == '\0') {
      out += "\\0";
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\\') {
      out += "\\\\";
    } else if (code < 0x20 || code > 0x7e) {
      out += "\\x";
      out += kDigits[code >> 4];
      out += kDigits[code & 15];
    } else {
      out += byte;
    }
  }
  return out;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) throw std::invalid_argument("a backslash at the end");
    switch (text[i]) {
      case '0': out += '\0'; break;
      case 'n': out += '\n'; break;
      case '\\': out += '\\'; break;
      case 'x':
        if (i + 2 >= text.size()) throw std::invalid_argument("\\x needs two digits");
        out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
        i += 2;
        break;
      default: throw std::invalid_argument(std::string("unknown escape \\") + text[i]);
    }
  }
  return out;
}

std::string field(const Message& error, char letter) {
  std::string_view rest = error.body;
  while (!rest.empty() && rest[0] != '\0') {
    const std::size_t end = rest.find('\0');
    if (end == std::string_view::npos) return {};
    if (rest[0] == letter) return std::string(rest.substr(1, end - 1));
    rest.remove_prefix(end + 1);
  }
  return {};
}

std::uint16_t short_at(std::string_view bytes, std::size_t at) {
  if (at + 2 > bytes.size()) throw std::invalid_argument("a message is too short");
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint32_t>(short_at(bytes, at)) << 16 | short_at(bytes, at + 2);
}

}  // namespace aurora_global::sessions
