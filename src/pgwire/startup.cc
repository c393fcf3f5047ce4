#include "pgwire/startup.h"

#include <algorithm>

namespace aurora_global::pgwire {
namespace {

constexpr std::uint32_t kCancelCode = 80877102;
constexpr std::uint32_t kSslCode = 80877103;
constexpr std::uint32_t kGssCode = 80877104;

std::uint32_t read_u32(BytesView bytes, std::size_t at) {
  return (std::uint32_t{bytes[at]} << 24) | (std::uint32_t{bytes[at + 1]} << 16) |
         (std::uint32_t{bytes[at + 2]} << 8) | std::uint32_t{bytes[at + 3]};
}

void write_u32(Bytes& out, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void write_text(Bytes& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
  out.push_back(0);
}

Error corrupt(std::string message) { return make_error(ErrorKind::corrupt, std::move(message)); }

// name\0 value\0 ... \0
Result<StartupMessage> parse_parameters(BytesView body, std::uint32_t version) {
  StartupMessage message;
  message.major = static_cast<std::uint16_t>(version >> 16);
  message.minor = static_cast<std::uint16_t>(version & 0xffff);
  if (message.major != 3) {
    return make_error(ErrorKind::corrupt,
                      "unsupported frontend protocol " + std::to_string(message.major) + "." +
                          std::to_string(message.minor) + ": server supports 3.0 to 3.0",
                      "0A000");
  }
  std::size_t at = 0;
  const auto text = [&]() -> std::optional<std::string> {
    const auto begin = body.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = std::find(begin, body.end(), 0);
    if (end == body.end()) return std::nullopt;
    at = static_cast<std::size_t>(end - body.begin()) + 1;
    return std::string(begin, end);
  };
  for (;;) {
    const auto name = text();
    if (!name) return corrupt("start-up packet without its end");
    if (name->empty()) break;
    auto value = text();
    if (!value) return corrupt("start-up parameter " + *name + " without a value");
    message.parameters[*name] = std::move(*value);
  }
  if (at != body.size()) return corrupt("bytes after the end of the start-up packet");
  return message;
}

}  // namespace

Result<std::optional<ParsedFirstPacket>> parse_first_packet(BytesView bytes) {
  constexpr std::size_t kHead = 8;
  using Parsed = std::optional<ParsedFirstPacket>;
  if (bytes.size() < 4) return Parsed();
  const std::size_t size = read_u32(bytes, 0);
  if (size < kHead || size > kStartupBytesMax) {
    return corrupt("invalid length of start-up packet: " + std::to_string(size));
  }
  if (bytes.size() < size) return Parsed();
  const std::uint32_t code = read_u32(bytes, 4);
  if (code == kSslCode || code == kGssCode) {
    if (size != kHead) return corrupt("encryption request of a wrong length");
    if (code == kSslCode) return Parsed({SslRequest{}, size});
    return Parsed({GssEncRequest{}, size});
  }
  if (code == kCancelCode) {
    if (size != 16) return corrupt("cancel request of a wrong length");
    return Parsed({CancelRequest{read_u32(bytes, 8), read_u32(bytes, 12)}, size});
  }
  TRY(auto message, parse_parameters(bytes.subspan(kHead, size - kHead), code));
  return Parsed({std::move(message), size});
}

Bytes fatal_error(std::string_view sqlstate, std::string_view message, std::string_view hint) {
  Bytes body;
  const auto field = [&](char type, std::string_view text) {
    body.push_back(static_cast<std::uint8_t>(type));
    write_text(body, text);
  };
  field('S', "FATAL");
  field('V', "FATAL");
  field('C', sqlstate);
  field('M', message);
  if (!hint.empty()) field('H', hint);
  body.push_back(0);
  Bytes out = {'E'};
  write_u32(out, static_cast<std::uint32_t>(body.size() + 4));
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

Bytes encode(const CancelRequest& request) {
  Bytes out;
  write_u32(out, 16);
  write_u32(out, kCancelCode);
  write_u32(out, request.process_id);
  write_u32(out, request.secret_key);
  return out;
}

}  // namespace aurora_global::pgwire
