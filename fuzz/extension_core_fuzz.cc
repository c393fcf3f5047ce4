// What the extension reads from the other server: messages, error bodies, positions, images of
// sessions. No input may crash it, and what it encodes it must read back.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/exchange.h"
#include "core/position.h"
#include "core/session_image.h"
#include "core/session_items.h"
#include "core/wire.h"

namespace {

using namespace aurora_global::extension;

void require(bool condition) {
  if (!condition) std::abort();
}

// The bytes as what a primary says to a relay that has asked for many things.
void converse(std::string_view bytes) {
  Exchange exchange;
  constexpr Request kRequests[] = {Request::parse,   Request::bind,  Request::describe,
                                   Request::execute, Request::close, Request::sync,
                                   Request::query,   Request::call};
  for (std::size_t i = 0; i < bytes.size() && i < 64; ++i) {
    exchange.sent(kRequests[static_cast<unsigned char>(bytes[i]) % std::size(kRequests)],
                  i % 3 == 0 ? Whose::relay : Whose::client, static_cast<int>(i % 4));
  }
  Message message;
  std::size_t size = 0;
  while (next_message(bytes, message, size) == NextMessage::complete) {
    require(size >= 5 && size <= bytes.size());
    exchange.received(message.type, message.body);
    error_field(message.body, 'C');
    with_error_field(message.body, 'M', "text");
    with_error_field(message.body, 'P', std::nullopt);
    first_text(message.body);
    bytes.remove_prefix(size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  converse(bytes);
  if (const auto position = decode_position(bytes)) {
    require(decode_position(encode(*position)) == position);
  }
  if (const auto image = decode_image(bytes)) {
    require(encode(*image) == bytes);
    digest(image->settings);
  }
  if (const auto plain = from_hex(bytes)) require(to_hex(*plain) == bytes);
  startup_options({{"name", std::string(bytes)}});
  rule_of(bytes, SetBy::session);
  return 0;
}
