#include "core/wire.h"

namespace aurora_global::extension {
namespace {

// PostgreSQL's own limit for a message is what a palloc takes.
constexpr std::uint32_t kMessageBytesMax = 0x3fffffff;

std::uint32_t load32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

void store32(char* at, std::uint32_t value) {
  for (int i = 3; i >= 0; --i, value >>= 8) at[i] = static_cast<char>(value & 0xff);
}

}  // namespace

NextMessage next_message(std::string_view bytes, Message& message, std::size_t& size) {
  constexpr std::size_t kHeader = 5;
  if (bytes.size() < kHeader) return NextMessage::incomplete;
  const std::uint32_t length = load32(bytes.substr(1));
  if (length < 4 || length > kMessageBytesMax) return NextMessage::corrupt;
  if (bytes.size() < length + 1) return NextMessage::incomplete;
  message.type = bytes[0];
  message.body = bytes.substr(kHeader, length - 4);
  size = length + 1;
  return NextMessage::complete;
}

void MessageWriter::begin(char type) {
  start_ = out_.size();
  out_ += type;
  out_.append(4, '\0');
}

void MessageWriter::end() {
  store32(out_.data() + start_ + 1, static_cast<std::uint32_t>(out_.size() - start_ - 1));
}

void MessageWriter::put_text(std::string_view text) {
  out_.append(text);
  out_ += '\0';
}

void MessageWriter::put16(std::int16_t value) {
  const auto bits = static_cast<std::uint16_t>(value);
  out_ += static_cast<char>(bits >> 8);
  out_ += static_cast<char>(bits & 0xff);
}

void MessageWriter::put32(std::int32_t value) {
  char bytes[4];
  store32(bytes, static_cast<std::uint32_t>(value));
  out_.append(bytes, sizeof bytes);
}

void MessageWriter::message(char type, std::string_view body) {
  begin(type);
  put_bytes(body);
  end();
}

void MessageWriter::query(std::string_view sql) {
  begin('Q');
  put_text(sql);
  end();
}

void MessageWriter::parse(std::string_view name, std::string_view sql,
                          std::span<const std::uint32_t> types) {
  begin('P');
  put_text(name);
  put_text(sql);
  put16(static_cast<std::int16_t>(types.size()));
  for (const std::uint32_t type : types) put32(static_cast<std::int32_t>(type));
  end();
}

void MessageWriter::execute(std::string_view portal, std::int32_t max_rows) {
  begin('E');
  put_text(portal);
  put32(max_rows);
  end();
}

void MessageWriter::close_statement(std::string_view name) {
  begin('C');
  out_ += 'S';
  put_text(name);
  end();
}

void MessageWriter::close_portal(std::string_view name) {
  begin('C');
  out_ += 'P';
  put_text(name);
  end();
}

std::optional<std::string_view> first_text(std::string_view body) {
  const auto end = body.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return body.substr(0, end);
}

std::optional<std::string_view> error_field(std::string_view body, char field) {
  while (!body.empty() && body[0] != '\0') {
    const char letter = body[0];
    const auto text = first_text(body.substr(1));
    if (!text) return std::nullopt;
    if (letter == field) return text;
    body.remove_prefix(text->size() + 2);
  }
  return std::nullopt;
}

std::string with_error_field(std::string_view body, char field,
                             std::optional<std::string_view> value) {
  std::string out;
  bool placed = false;
  const auto place = [&] {
    if (value && !placed) {
      out += field;
      out.append(*value);
      out += '\0';
    }
    placed = true;
  };
  while (!body.empty() && body[0] != '\0') {
    const auto text = first_text(body.substr(1));
    if (!text) break;
    if (body[0] == field) {
      place();
    } else {
      out.append(body.substr(0, text->size() + 2));
    }
    body.remove_prefix(text->size() + 2);
  }
  place();
  out += '\0';
  return out;
}

}  // namespace aurora_global::extension
