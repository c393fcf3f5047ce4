// The first packet of a client: read the same whatever follows it, never before it is complete, and
// what a router says back is one whole message.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "pgwire/startup.h"

namespace {

using namespace aurora_global;
using namespace aurora_global::pgwire;

void require(bool condition) {
  if (!condition) std::abort();
}

std::uint32_t u32(BytesView bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes[at + i];
  return value;
}

// In memory of exactly its size, so that a read beyond is seen.
auto parse_copy(BytesView bytes) { return parse_first_packet(Bytes(bytes.begin(), bytes.end())); }

void check_error(std::string_view message) {
  const Bytes error = fatal_error("57P03", message, message);
  require(error.size() > 5 && error[0] == 'E' && u32(error, 1) + 1 == error.size());
  require(error.back() == 0);
}

void check(const StartupMessage& message, std::size_t size) {
  require(message.major == 3);
  std::size_t bytes = 9;
  for (const auto& [name, value] : message.parameters) {
    require(!name.empty());
    require((name + value).find('\0') == std::string::npos);
    bytes += name.size() + value.size() + 2;
    check_error(value);
  }
  require(bytes <= size);  // Less where a name came twice.
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView bytes(data, size);
  const auto result = parse_first_packet(bytes);
  if (result.has_error()) {
    require(result.error().kind == ErrorKind::corrupt && !result.error().message.empty());
    return 0;
  }
  if (!result->has_value()) {
    require(size < 4 || (u32(bytes, 0) > size && u32(bytes, 0) <= kStartupBytesMax));
    return 0;
  }
  const ParsedFirstPacket& parsed = **result;
  require(parsed.size >= 8 && parsed.size <= size && parsed.size <= kStartupBytesMax);
  require(parsed.size == u32(bytes, 0));

  const BytesView packet = bytes.first(parsed.size);
  const auto alone = parse_copy(packet);
  require(alone.has_value() && alone->has_value());
  require((*alone)->size == parsed.size && (*alone)->packet.index() == parsed.packet.index());
  for (const std::size_t less : {parsed.size - 1, parsed.size / 2, std::size_t{3}}) {
    const auto part = parse_copy(packet.first(less));
    require(part.has_value() && !part->has_value());
  }
  if (const auto* message = std::get_if<StartupMessage>(&parsed.packet)) {
    check(*message, parsed.size);
    require(std::get<StartupMessage>((*alone)->packet).parameters == message->parameters);
  } else if (const auto* cancel = std::get_if<CancelRequest>(&parsed.packet)) {
    require(encode(*cancel) == Bytes(packet.begin(), packet.end()));
  }
  return 0;
}
